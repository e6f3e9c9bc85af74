import type { Tallied, Tally } from '../core/tally.ts'

export interface BudgetCounterOptions {
  readonly tally: Tally
  readonly key: string
  /** How long the count lives if it is made now, in milliseconds. */
  readonly ttlMs: () => number
  /** Add again what may have been lost: the count is rather too high than too low. If not, the other way round. */
  readonly addsAgain: boolean
  /** What the count in the store cannot be below, unless the store has forgotten it. */
  readonly floor: () => number
  /** Told when there is something that the store has to be told, and whether that is for want of its answer. */
  readonly onOwing: (isAlone: boolean) => void
  readonly onForgotten: () => void
  readonly now: () => number
}

export interface BudgetAdding {
  readonly atMost?: number | undefined
  readonly above?: number
}

/** For how long it is left to others to give back what the store has forgotten. */
const patienceMs = 1000
/** How often a count is raised again that others change meanwhile. */
const maxRaises = 10

/**
 * One count in the tally, and what to do while the tally does not say: go on from what it last said, keep what it has not
 * been told, and tell it later. What may or may not have been added is added again where the count may rather be too high
 * than too low, and what may or may not have been taken away is then not taken away again.
 *
 * A store may also forget: it was started anew, or had no room for the count. It is found out by a floor that the count
 * cannot be below, and then this process goes by what it remembers, and the count is given back to the store.
 */
export class BudgetCounter {
  readonly #options: BudgetCounterOptions
  /** What the store has last said. */
  #known = 0
  /** What the store has not been told. */
  #owed = 0
  /** What the store is just being asked to add. */
  #asking = 0
  #telling: Promise<boolean> | undefined
  #givingBack: Promise<void> | undefined
  /** Since when less is there than there must be. */
  #forgottenAtMs: number | undefined

  constructor(options: BudgetCounterOptions) {
    this.#options = options
  }

  get known(): number {
    return this.#known
  }

  get owed(): number {
    return this.#owed
  }

  /** As far as this process knows. */
  get count(): number {
    return this.#known + this.#owed
  }

  /**
   * Adds, and gives the new count; `over` when `by` is above 0 and it would be more than `atMost`. 0 only looks.
   * `above` is what the count cannot be below besides the floor, before this is added.
   */
  async add(by: number, { atMost, above = 0 }: BudgetAdding = {}): Promise<number | 'over'> {
    if (!(await this.tell())) return this.#addAlone(by, atMost)
    const tallied = await this.#ask(by, { atMost, above })
    if (tallied === 'unknown' && !this.#isAddedAgain(by)) return this.count
    return tallied === 'down' || tallied === 'unknown' ? this.#addAlone(by, atMost) : tallied
  }

  /** Tells the store what it has not been told; false when it cannot be told now. */
  async tell(): Promise<boolean> {
    while (this.#owed !== 0) {
      this.#telling ??= this.#ask(this.#owed, { isOwed: true })
        .then((tallied) => typeof tallied === 'number')
        .finally(() => {
          this.#telling = undefined
        })
      if (!(await this.#telling)) return false
    }
    return true
  }

  #addAlone(by: number, atMost: number | undefined): number | 'over' {
    // What is on its way counts too: it may be there already.
    if (atMost !== undefined && by > 0 && this.count + this.#asking + by > atMost) return 'over'
    if (by !== 0) this.#owe(by, true)
    return this.count
  }

  async #ask(by: number, { atMost, above = 0, isOwed = false }: BudgetAdding & { isOwed?: boolean }): Promise<Tallied> {
    const floorBefore = this.#options.floor()
    const held = by > 0 && !isOwed ? by : 0
    this.#asking += held
    const tallied = await this.#tally(by, atMost, (late) => this.#hearLate(late, by))
    this.#asking -= held
    // Stores answer in the order in which they add: what was heard of before this had been added before it.
    const floor = Math.max(floorBefore, this.#options.floor()) + above
    if (isOwed && (typeof tallied === 'number' || (tallied === 'unknown' && !this.#isAddedAgain(by)))) this.#owed -= by
    if (typeof tallied !== 'number') return tallied
    const before = tallied - by
    if (before >= floor && this.#givingBack === undefined) {
      this.#known = tallied
      this.#forgottenAtMs = undefined
      return tallied
    }
    // It has forgotten, and what this process knows is what counts.
    const remembered = Math.max(this.#known, floor)
    this.#known = remembered + by
    await this.#giveBack(before, by, remembered)
    if (atMost === undefined || by <= 0 || this.count <= atMost) return this.#known
    // It was added to a count that should not have had room for it.
    await this.add(-by)
    return 'over'
  }

  #isAddedAgain(by: number): boolean {
    return this.#options.addsAgain && by > 0
  }

  /** What had been taken for lost was not. The count that came with it is perhaps an old one. */
  #hearLate(late: number | 'over', by: number): void {
    if (late === 'over' || !this.#isAddedAgain(by)) return
    this.#known += by
    this.#owe(-by, false)
  }

  #owe(by: number, isAlone: boolean): void {
    this.#owed += by
    this.#options.onOwing(isAlone)
  }

  /**
   * Gives the store back what it has forgotten. Whoever comes first, and so finds nothing at all, adds what it remembers,
   * since all that comes after is added to that. The others leave it to the first; only if what they know is not there
   * for a while, they raise the count to that.
   */
  #giveBack(before: number, by: number, remembered: number): Promise<void> {
    if (this.#givingBack !== undefined) return this.#givingBack
    const { now, onForgotten } = this.#options
    if (this.#forgottenAtMs === undefined) onForgotten()
    this.#forgottenAtMs ??= now()
    const isFirst = before === 0
    if (!isFirst && now() - this.#forgottenAtMs < patienceMs) return Promise.resolve()
    // Who only looked, and has added nothing, is first only if it still is when it adds.
    const giving = isFirst ? this.#tally(remembered, by === 0 ? remembered : undefined) : this.#raise()
    this.#givingBack = giving
      .then((tallied) => {
        // If it was not added, the next answer below the floor leads here again.
        if (typeof tallied === 'number') this.#known = Math.max(this.#known, tallied)
      })
      .finally(() => {
        this.#givingBack = undefined
      })
    return this.#givingBack
  }

  /** Adds what is lacking, unless somebody else has added something since it was looked at: then it is looked at again. */
  async #raise(): Promise<Tallied> {
    for (let raises = 0; raises < maxRaises; raises++) {
      const found = await this.#tally(0)
      const known = this.#known
      if (typeof found !== 'number' || found >= known) return found
      const raised = await this.#tally(known - found, known)
      if (raised !== 'over') return raised
    }
    return 'over'
  }

  #tally(by: number, atMost?: number, onLate?: (tallied: number | 'over') => void): Promise<Tallied> {
    const { tally, key, ttlMs } = this.#options
    return tally.add(key, by, {
      ttlMs: ttlMs(),
      ...(atMost === undefined ? {} : { atMost }),
      ...(onLate === undefined ? {} : { onLate })
    })
  }
}
