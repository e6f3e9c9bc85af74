/** Decides where similarity alone cannot: a model that reads both texts, or any function. */
export interface Verifier {
  /** For people: `openai:gpt-4o-mini`. */
  readonly name: string
  /** True only when the answer to `answered` is right for `asked` too. What it throws counts as a no. */
  verify(asked: string, answered: string): Promise<boolean>
  /** The longest that it may take, in milliseconds; later counts as a no. Default: 2,000. */
  readonly deadlineMs?: number
}
