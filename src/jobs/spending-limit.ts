/** Rounding of sums must not stop what fits exactly. In US dollars. */
const tolerance = 1e-9

/**
 * What may be spent, in US dollars. What a request costs is known when it is answered: each that is under way is taken to
 * cost as much as the dearest so far, and until a first price is known there is one under way at a time. More than the
 * limit can only be spent by requests that are dearer than all before them.
 */
export class SpendingLimit {
  readonly limitUsd: number
  #spentUsd = 0
  #dearestUsd: number | undefined
  #underWay = 0

  constructor(limitUsd: number) {
    this.limitUsd = limitUsd
  }

  get spentUsd(): number {
    return this.#spentUsd
  }

  /** The most that one request has cost so far; undefined: none has cost anything yet. */
  get dearestUsd(): number | undefined {
    return this.#dearestUsd
  }

  /** Sets aside what a request may cost; false when that may be too much as things stand. */
  begin(): boolean {
    const fits =
      this.#dearestUsd === undefined
        ? this.#underWay === 0 && this.#spentUsd < this.limitUsd
        : this.#spentUsd + (this.#underWay + 1) * this.#dearestUsd <= this.limitUsd + tolerance
    if (fits) this.#underWay += 1
    return fits
  }

  /** Settles one that was begun: 0 for what cost nothing, a hit or a failure. */
  end(costUsd: number): void {
    this.#underWay -= 1
    this.#spentUsd += costUsd
    if (costUsd > (this.#dearestUsd ?? 0)) this.#dearestUsd = costUsd
  }
}
