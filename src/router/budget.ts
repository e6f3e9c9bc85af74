import type { Tally } from '../core/tally.ts'

/** What may be spent. Money in US dollars. */
export interface BudgetOptions {
  /** For errors and lists; also what it is counted under. Unique. */
  readonly name: string
  readonly limitUsd: number
  /** When it begins anew: never, at midnight, or on the first of the month (UTC). Default: `total`. */
  readonly period?: 'total' | 'day' | 'month'
  /** Counts only calls of these tenants, tags or models; `*` stands for any run of characters. Default: all. */
  readonly tenant?: string
  readonly tag?: string
  readonly model?: string
  /** Each tenant, tag or model has a budget of its own. Default: all that fit share one. */
  readonly per?: 'tenant' | 'tag' | 'model'
}

/** Whose call it is. */
export interface Charged {
  readonly tenant: string | undefined
  readonly tags: readonly string[]
  /** The model that is asked. */
  readonly model: string
}

export interface Budgets {
  /** True when there are none: then nothing need be estimated. */
  readonly isEmpty: boolean
  /** Counts together with all who share the store. Default: in this process, until it ends. */
  countIn(tally: Tally): void
  /**
   * Sets aside what a call is expected to cost, in all budgets it falls under; undefined: its price is not known.
   * @throws OverBudgetError, or RepriseError `price-unknown` where unknown prices are refused
   */
  reserve(call: Charged, estimateUsd: number | undefined): Promise<Reservation>
  /** Where the budgets stand that have been used or need no use to be known. */
  status(): Promise<readonly BudgetStatus[]>
}

/** To be settled exactly once. */
export interface Reservation {
  /** Puts what the call has cost in place of what was set aside; undefined: nobody knows, and what was set aside counts. */
  settle(costUsd: number | undefined): Promise<void>
}

export interface BudgetStatus {
  readonly name: string
  /** The tenant, tag or model, of a budget that each has for itself. */
  readonly of?: string
  readonly period: 'total' | 'day' | 'month'
  readonly limitUsd: number
  readonly spentUsd: number
  /** Set aside for calls that are under way. */
  readonly reservedUsd: number
  readonly remainingUsd: number
  readonly resetsAtMs?: number
  /** Calls whose price was not known, as far as this process has made them. */
  readonly unpriced: number
}
