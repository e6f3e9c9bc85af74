import { foreverMs } from '../core/duration.ts'
import type { Tally } from '../core/tally.ts'
import { BudgetCounter, type BudgetCounterOptions } from './budget-counter.ts'
import { type BudgetRule, labelOf } from './budget-rule.ts'

export interface BudgetAccountOptions {
  readonly rule: BudgetRule
  /** The tenant, tag or model, of a budget that each has for itself. */
  readonly who: string | undefined
  readonly key: string
  readonly resetsAtMs: number | undefined
  readonly tally: Tally
  readonly now: () => number
  readonly onOwing: (account: BudgetAccount, isAlone: boolean) => void
  readonly onForgotten: (account: BudgetAccount) => void
}

/** How long a count outlives its period: a call is settled in the one that it was begun in, however long it takes. */
const marginMs = 2 * 86_400_000

/**
 * One budget of one period, of one tenant, tag or model if it is kept for each. In billionths of a dollar.
 * Two counts: what is committed (spent or set aside, and never more than the limit through a reservation), and what of
 * that is spent. What a process had set aside when it was killed stays committed: most likely the calls are billed.
 */
export class BudgetAccount {
  readonly rule: BudgetRule
  readonly who: string | undefined
  readonly key: string
  readonly resetsAtMs: number | undefined
  /** Calls whose price was not known. */
  unpriced = 0
  readonly #committed: BudgetCounter
  readonly #spent: BudgetCounter
  /** Set aside by this process. */
  #reserved = 0

  constructor(options: BudgetAccountOptions) {
    const { rule, who, key, resetsAtMs, tally, now } = options
    this.rule = rule
    this.who = who
    this.key = key
    this.resetsAtMs = resetsAtMs
    const counter = (name: string, addsAgain: boolean, floor: BudgetCounterOptions['floor']): BudgetCounter =>
      new BudgetCounter({
        tally,
        key: `${key}:${name}`,
        addsAgain,
        ttlMs: () => (resetsAtMs === undefined ? foreverMs : Math.max(0, resetsAtMs - now()) + marginMs),
        floor,
        now,
        onOwing: (isAlone) => options.onOwing(this, isAlone),
        onForgotten: () => options.onForgotten(this)
      })
    // It only ever grows, and is never too high: what it misses is taken for set aside, and is committed all the same.
    this.#spent = counter('spent', false, () => this.#spent.known)
    // What is spent is committed, and so is what this process has set aside, as far as the store has been told.
    this.#committed = counter('committed', true, () => this.#spent.count + this.#reserved - this.#committed.owed)
  }

  get label(): string {
    return labelOf(this.rule, this.who)
  }

  /** Sets an amount aside; false when there is not so much left. */
  async reserve(amount: number): Promise<boolean> {
    if ((await this.#committed.add(amount, { atMost: this.rule.limit })) === 'over') return false
    this.#reserved += amount
    return true
  }

  /** Puts what was paid in place of what was set aside. */
  async settle(reserved: number, paid: number): Promise<void> {
    this.#reserved -= reserved
    // One after the other: what is spent must never be more than what is committed, or it would look forgotten.
    if (paid !== reserved) await this.#committed.add(paid - reserved, { above: reserved })
    if (paid > 0) await this.#spent.add(paid)
  }

  /** Where it stands, as the store says or as far as this process knows. */
  async standing(): Promise<{ readonly committed: number; readonly spent: number }> {
    await Promise.all([this.#committed.add(0), this.#spent.add(0)])
    const committed = Math.max(0, this.#committed.count)
    return { committed, spent: Math.min(Math.max(0, this.#spent.count), committed) }
  }

  /** Tells the store what it has not been told; false when it cannot be told now. */
  async tell(): Promise<boolean> {
    return (await this.#committed.tell()) && (await this.#spent.tell())
  }
}
