/** As many are told apart, of so many characters each: a provider may say each time something else. */
const mostReasons = 20
const longestReason = 300

/** Why things came to nothing, and how often. */
export class Reasons {
  readonly #times = new Map<string, number>()
  #total = 0

  /** In the order in which they came. */
  get counts(): ReadonlyMap<string, number> {
    return this.#times
  }

  get total(): number {
    return this.#total
  }

  add(why: string, times = 1): void {
    if (times <= 0) return
    this.#total += times
    // A provider's words are shown on a terminal.
    const said = why.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, longestReason)
    const isNew = !this.#times.has(said)
    const reason = isNew && this.#times.size >= mostReasons ? 'other reasons' : said
    this.#times.set(reason, (this.#times.get(reason) ?? 0) + times)
  }
}
