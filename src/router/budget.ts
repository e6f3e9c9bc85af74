import { RepriseError } from '../core/errors.ts'
import { ignore, type Observe } from '../core/events.ts'
import { OverBudgetError } from '../core/over-budget-error.ts'
import type { Tally } from '../core/tally.ts'
import type { BudgetAccount } from './budget-account.ts'
import { BudgetLedger } from './budget-ledger.ts'
import { nanoOf, usdOf } from './budget-money.ts'
import { type BudgetOptions, budgetRules, type Charged } from './budget-rule.ts'
import { processTally } from './budget-tally.ts'

export type { BudgetOptions, Charged } from './budget-rule.ts'

export interface Budgets {
  /** True when there are none: then nothing need be estimated. */
  readonly isEmpty: boolean
  /**
   * Counts together with all who share the store. Default: in this process, until it ends. Meant for the beginning: what
   * was counted before is not carried over.
   */
  countIn(tally: Tally): void
  /**
   * Sets aside what a call is expected to cost, in all budgets it falls under; undefined: its price is not known.
   * @throws OverBudgetError, or RepriseError `price-unknown` where unknown prices are refused
   */
  reserve(call: Charged, estimateUsd: number | undefined): Promise<Reservation>
  /** Where the budgets stand that have been used or need no use to be known. */
  status(): Promise<readonly BudgetStatus[]>
}

/** To be settled exactly once; what is settled again is not counted again. */
export interface Reservation {
  /**
   * Puts what the call has cost in place of what was set aside; undefined: nobody knows, and what was set aside counts.
   * In the period it was set aside in. Never rejects.
   */
  settle(costUsd: number | undefined): Promise<void>
}

export interface BudgetStatus {
  readonly name: string
  /** The tenant, tag or model, of a budget that each has for itself. */
  readonly of?: string
  readonly period: 'total' | 'day' | 'month'
  readonly limitUsd: number
  readonly spentUsd: number
  /** Set aside for calls that are under way, or that nobody has heard of since: their process was killed, or the store failed. */
  readonly reservedUsd: number
  readonly remainingUsd: number
  readonly resetsAtMs?: number
  /** Calls whose price was not known, as far as this process has made them. */
  readonly unpriced: number
}

export interface BudgetsSetup {
  /** What becomes of a call whose price is not known. Default: `refuse`. */
  readonly unknownPrice?: 'refuse' | 'allow' | undefined
  readonly observe?: Observe | undefined
  readonly now?: (() => number) | undefined
}

/** How many accounts the store is asked for at the same time. */
const askedAtOnce = 20

/**
 * Keeps what calls cost within limits. An amount is set aside before a call, in the store and only if it fits there, and
 * settled after it: so all who share the store together exceed a limit by no more than the calls that are under way cost
 * above what was expected. While the store does not answer, each process goes on by itself from what it last knew, and
 * none exceeds a limit alone. A process that is killed in the middle of a call leaves what it had set aside counted.
 * Money is counted in billionths of a dollar, in which sums are exact.
 * @throws RepriseError `invalid-option` naming the budget, what was expected and got
 */
export function budgets(options: readonly BudgetOptions[], setup: BudgetsSetup = {}): Budgets {
  const { unknownPrice = 'refuse', observe = ignore, now = Date.now } = setup
  const rules = budgetRules(options)
  const ledger = new BudgetLedger(processTally(now), observe, now)

  async function reserve(call: Charged, estimateUsd: number | undefined): Promise<Reservation> {
    const accounts = rules.flatMap((rule) => rule.whoOf(call).map((who) => ledger.account(rule, who)))
    const estimate = nanoOf(estimateUsd)
    if (estimate === undefined) return reserveUnpriced(accounts, call)
    const reserved: BudgetAccount[] = []
    for (const account of accounts) {
      if (await account.reserve(estimate)) {
        reserved.push(account)
        continue
      }
      await Promise.all(reserved.map((other) => other.settle(estimate, 0)))
      const { committed, spent } = await account.standing()
      // Others may have given something back since; it was more when it counted.
      const least = estimate > account.rule.limit ? 0 : account.rule.limit - estimate + 1
      throw overBudget(account, { committed: Math.max(committed, least), spent }, estimate)
    }
    return once((paid) => settleAll(accounts, estimate, paid ?? estimate))
  }

  async function reserveUnpriced(accounts: readonly BudgetAccount[], { model }: Charged): Promise<Reservation> {
    const [first] = accounts
    if (first !== undefined && unknownPrice === 'refuse')
      throw new RepriseError(
        'price-unknown',
        `the price of ${model === undefined ? 'what is asked' : JSON.stringify(model)} is not known, and budget ${JSON.stringify(first.rule.name)} counts what ` +
          'it costs: give the model a price in its provider\'s "prices", or let such calls through uncounted with ' +
          '"unknown-price: allow"'
      )
    for (const account of accounts) {
      const standing = await account.standing()
      if (standing.committed >= account.rule.limit) throw overBudget(account, standing, undefined)
    }
    for (const account of accounts) account.unpriced++
    return once(async (paid) => {
      if (paid === undefined) return
      for (const account of accounts) account.unpriced--
      await settleAll(accounts, 0, paid)
    })
  }

  function overBudget(
    account: BudgetAccount,
    { committed, spent }: { readonly committed: number; readonly spent: number },
    estimate: number | undefined
  ): OverBudgetError {
    const { label, rule, resetsAtMs } = account
    const details = {
      budget: label,
      limitUsd: usdOf(rule.limit),
      spentUsd: usdOf(committed),
      reservedUsd: usdOf(committed - spent),
      estimateUsd: estimate === undefined ? undefined : usdOf(estimate),
      resetsAtMs
    }
    return new OverBudgetError(details, now())
  }

  async function status(): Promise<readonly BudgetStatus[]> {
    const used = options.flatMap(({ name, per }) => {
      const rule = rules.find((one) => one.name === name)
      if (rule === undefined) return []
      return per === undefined ? [ledger.account(rule, undefined)] : ledger.used(rule)
    })
    const all: BudgetStatus[] = []
    for (let start = 0; start < used.length; start += askedAtOnce)
      all.push(...(await Promise.all(used.slice(start, start + askedAtOnce).map(statusOf))))
    return all
  }

  return { isEmpty: rules.length === 0, countIn: (tally) => ledger.countIn(tally), reserve, status }
}

async function statusOf(account: BudgetAccount): Promise<BudgetStatus> {
  const { rule, who, resetsAtMs, unpriced } = account
  const { committed, spent } = await account.standing()
  return {
    name: rule.name,
    ...(who === undefined ? {} : { of: who }),
    period: rule.period,
    limitUsd: usdOf(rule.limit),
    spentUsd: usdOf(spent),
    reservedUsd: usdOf(committed - spent),
    remainingUsd: usdOf(Math.max(0, rule.limit - committed)),
    ...(resetsAtMs === undefined ? {} : { resetsAtMs }),
    unpriced
  }
}

async function settleAll(accounts: readonly BudgetAccount[], reserved: number, paid: number): Promise<void> {
  await Promise.all(accounts.map((account) => account.settle(reserved, paid)))
}

function once(settle: (paid: number | undefined) => Promise<void>): Reservation {
  let settled: Promise<void> | undefined
  return {
    settle(costUsd) {
      settled ??= settle(nanoOf(costUsd))
      return settled
    }
  }
}
