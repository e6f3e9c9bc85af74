import { LRUCache } from 'lru-cache'
import type { Observe } from '../core/events.ts'
import type { Tally } from '../core/tally.ts'
import { BudgetAccount } from './budget-account.ts'
import { periodAt } from './budget-period.ts'
import { type BudgetRule, countedUnder } from './budget-rule.ts'

/** How many accounts are remembered; the others are in the store. */
const maxAccounts = 10_000
/** How long until the store is told again what it could not be told, at first and at most. */
const firstTellMs = 250
const longestTellMs = 5000

/** The accounts that are in use, and those that the store has to be told of. */
export class BudgetLedger {
  readonly #observe: Observe
  readonly #now: () => number
  readonly #accounts = new LRUCache<string, BudgetAccount>({ max: maxAccounts })
  /** The store has not been told all that these have counted. */
  readonly #owing = new Set<BudgetAccount>()
  #tally: Tally
  #isAlone = false
  #telling: NodeJS.Timeout | undefined

  constructor(tally: Tally, observe: Observe, now: () => number) {
    this.#tally = tally
    this.#observe = observe
    this.#now = now
  }

  /** From here on. What is under way is settled where it was set aside. */
  countIn(tally: Tally): void {
    if (tally === this.#tally) return
    this.#tally = tally
    this.#accounts.clear()
    this.#owing.clear()
  }

  /** The account of the current period. */
  account(rule: BudgetRule, who: string | undefined): BudgetAccount {
    const { name, endsAtMs: resetsAtMs } = periodAt(rule.period, this.#now())
    const key = countedUnder(rule, name, who)
    const tally = this.#tally
    // One that owes something is known, however many others have been used since.
    let account = this.#accounts.get(key) ?? [...this.#owing].find((owing) => owing.key === key)
    account ??= new BudgetAccount({
      rule,
      who,
      key,
      resetsAtMs,
      tally,
      now: this.#now,
      onOwing: (owing, isAlone) => {
        if (tally === this.#tally) this.#owe(owing, isAlone)
      },
      onForgotten: ({ label }) =>
        this.#fail('remember', `the store has forgotten what was counted for ${label}, and is told again`)
    })
    this.#accounts.set(key, account)
    return account
  }

  /** The accounts of the current period that this process has used. */
  used(rule: BudgetRule): readonly BudgetAccount[] {
    const { endsAtMs } = periodAt(rule.period, this.#now())
    return [...this.#accounts.values()].filter((account) => account.rule === rule && account.resetsAtMs === endsAtMs)
  }

  #owe(account: BudgetAccount, isAlone: boolean): void {
    this.#owing.add(account)
    this.#tellAfter(firstTellMs)
    if (!isAlone || this.#isAlone) return
    this.#isAlone = true
    this.#fail('count', 'the store does not count: budgets are counted in this process until it does again')
  }

  #tellAfter(waitMs: number): void {
    this.#telling ??= setTimeout(async () => {
      const isTold = await this.#tellAll()
      this.#telling = undefined
      if (!isTold) this.#tellAfter(Math.min(2 * waitMs, longestTellMs))
      else if (this.#owing.size > 0) this.#tellAfter(firstTellMs)
      else this.#isAlone = false
    }, waitMs).unref()
  }

  /** One after the other, so that a store that has just come back is not overrun. */
  async #tellAll(): Promise<boolean> {
    for (const account of [...this.#owing]) {
      // Taken off first, so that what is owed meanwhile puts it on again.
      this.#owing.delete(account)
      if (await account.tell()) continue
      this.#owing.add(account)
      return false
    }
    return true
  }

  #fail(operation: string, message: string): void {
    this.#observe({ type: 'failed', part: 'budgets', operation, error: new Error(message) })
  }
}
