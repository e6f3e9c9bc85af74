import type { Tallied, Tally, TallyOptions } from '../../src/core/tally.ts'

/**
 * What becomes of a call: it is `done`; or the store is `down`; or nobody knows: it was `lost`, or it was `added` and
 * the answer lost, or the answer comes `late`.
 */
export type Outcome = 'done' | 'down' | 'lost' | 'added' | 'late'

interface Asked {
  readonly key: string
  readonly by: number
  readonly options: TallyOptions
  readonly resolve: (tallied: Tallied) => void
}

/** A tally whose answers come one at a time, in the order of the questions, when a test wants them, and as it wants them. */
export class UnsteadyTally implements Tally {
  readonly counts = new Map<string, number>()
  readonly ttls = new Map<string, number>()
  /** What becomes of calls that need not be answered one at a time. */
  outcome: Outcome | undefined = 'done'
  readonly #asked: Asked[] = []
  #late: (() => void)[] = []

  get waiting(): number {
    return this.#asked.length
  }

  add(key: string, by: number, options: TallyOptions): Promise<Tallied> {
    return new Promise((resolve) => {
      this.#asked.push({ key, by, options, resolve })
      if (this.outcome !== undefined) this.answer(this.outcome)
    })
  }

  /** Answers who has waited longest. */
  answer(outcome: Outcome): void {
    const asked = this.#asked.shift()
    if (asked === undefined) return
    const { key, by, options, resolve } = asked
    if (outcome === 'down' || outcome === 'lost') {
      resolve(outcome === 'down' ? 'down' : 'unknown')
      return
    }
    const tallied = this.#count(key, by, options)
    if (outcome === 'late') this.#late.push(() => options.onLate?.(tallied))
    resolve(outcome === 'done' ? tallied : 'unknown')
  }

  /** Lets the answers come that are late. */
  catchUp(): void {
    for (const tell of this.#late.splice(0)) tell()
  }

  /** As a store does that was started anew. */
  forget(): void {
    this.counts.clear()
  }

  /** The one count whose key ends so. */
  countOf(name: string): number {
    return [...this.counts].find(([key]) => key.endsWith(name))?.[1] ?? 0
  }

  #count(key: string, by: number, { ttlMs, atMost }: TallyOptions): number | 'over' {
    const count = (this.counts.get(key) ?? 0) + by
    if (atMost !== undefined && by > 0 && count > atMost) return 'over'
    this.counts.set(key, count)
    this.ttls.set(key, ttlMs)
    return count
  }
}
