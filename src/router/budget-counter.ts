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
}

export interface BudgetAdding {
  readonly atMost?: number | undefined
  readonly above?: number
}

/** How often a count is raised again that others change meanwhile. */
const maxRaises = 10

/**
 * One count in the tally, and what to do while the tally does not say: go on from what it last said, keep what it has not
 * been told, and tell it later. What may or may not have been added is added again where the count may rather be too high
 * than too low, and what may or may not have been taken away is then not taken away again.
 *
 * A store may also forget: it was restarted, or had no room for the count. It is found out by a floor that the count
 * cannot be below, and then the count is raised to what this process remembers. Raised, not added: several processes
 * may remember the same.
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
  #raising: Promise<void> | undefined

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
    const { tally, key, ttlMs } = this.#options
    const floorBefore = this.#options.floor()
    const held = by > 0 && !isOwed ? by : 0
    this.#asking += held
    const tallied = await tally.add(key, by, {
      ttlMs: ttlMs(),
      ...(atMost === undefined ? {} : { atMost }),
      onLate: (late) => this.#hearLate(late, by)
    })
    this.#asking -= held
    // Stores answer in the order in which they add: what was heard of before this had been added before it.
    const floor = Math.max(floorBefore, this.#options.floor()) + above
    if (isOwed && (typeof tallied === 'number' || (tallied === 'unknown' && !this.#isAddedAgain(by)))) this.#owed -= by
    if (typeof tallied !== 'number' || this.#isRemembered(tallied, by, floor)) return tallied
    await this.#raise()
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

  /** Takes in what the store says; false when it has forgotten, and then what this process knows is what counts. */
  #isRemembered(tallied: number, by: number, floor: number): boolean {
    const isForgotten = this.#raising !== undefined || tallied - by < floor
    this.#known = isForgotten ? Math.max(this.#known, floor) + by : tallied
    return !isForgotten
  }

  #raise(): Promise<void> {
    if (this.#raising === undefined) {
      this.#options.onForgotten()
      this.#raising = this.#raiseToKnown().finally(() => {
        this.#raising = undefined
      })
    }
    return this.#raising
  }

  /** Adds what is lacking, unless somebody else has added something since it was looked at: then it is looked at again. */
  async #raiseToKnown(): Promise<void> {
    const { tally, key, ttlMs } = this.#options
    for (let raises = 0; raises < maxRaises; raises++) {
      const found = await tally.add(key, 0, { ttlMs: ttlMs() })
      // When the store has gone again, the next answer below the floor leads here again.
      if (typeof found !== 'number') return
      const known = this.#known
      const raised = found >= known ? found : await tally.add(key, known - found, { ttlMs: ttlMs(), atMost: known })
      if (raised === 'over') continue
      if (typeof raised === 'number') this.#known = Math.max(this.#known, raised)
      return
    }
  }
}
