/** A text as guards look at it: taken apart once, however many compare it. */
export interface GuardedText {
  readonly text: string
}
