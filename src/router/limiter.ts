/** Lets so many calls through at the same time, and the others in the order they came. */
export class Limiter {
  readonly most: number
  #inside = 0
  /** In the order they came; a set, so that one who goes does so without a search. */
  readonly #waiting = new Set<() => void>()

  constructor(most: number) {
    this.most = most
  }

  /**
   * Undefined when there is room: the caller is in. Otherwise whether it got in before `waitMs` were over and before
   * its signal went. Whoever is in calls `leave` exactly once.
   */
  enter(signal: AbortSignal, waitMs: number): Promise<boolean> | undefined {
    if (this.#inside < this.most) {
      this.#inside += 1
      return undefined
    }
    return new Promise((resolve) => {
      const end = (entered: boolean): void => {
        this.#waiting.delete(enterNow)
        clearTimeout(timer)
        signal.removeEventListener('abort', giveUp)
        resolve(entered)
      }
      const enterNow = (): void => end(true)
      const giveUp = (): void => end(false)
      const timer = setTimeout(giveUp, Math.max(0, waitMs))
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.add(enterNow)
      if (signal.aborted) giveUp()
    })
  }

  leave(): void {
    // The place passes from hand to hand, so that nobody who has just come slips in between.
    const [first] = this.#waiting
    if (first === undefined) this.#inside -= 1
    else first()
  }
}
