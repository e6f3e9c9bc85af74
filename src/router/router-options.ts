import type { OpenProviderOptions } from '../providers/open.ts'
import type { BudgetOptions } from './budget.ts'
import type { Condition } from './condition.ts'
import type { PriceTable } from './prices.ts'

export interface RouterOptions {
  /** By the name they go by in routes, answers and errors. */
  readonly providers: Readonly<Record<string, ProviderOptions>>
  /** The first whose `model` fits decides. A model that none fits goes to the first provider that speaks its dialect. */
  readonly routes?: readonly RouteOptions[]
  readonly budgets?: readonly BudgetOptions[]
  /** What a budget does with a call whose price is not known: `refuse` or `allow`. Default: `refuse`. */
  readonly unknownPrice?: 'refuse' | 'allow'
}

export interface ProviderOptions extends OpenProviderOptions {
  /** The most calls that are under way at the same time; the others wait in the order they came. Default: no limit. */
  readonly concurrency?: number
  /** By model; `*` stands for any run of characters, and the first pattern that fits decides. Before the price list. */
  readonly prices?: PriceTable
}

/** Who is asked for a model, and who next. */
export interface RouteOptions {
  /** The model that callers name, or several; `*` stands for any run of characters. */
  readonly model: string | readonly string[]
  /** `provider`, `provider/model`, or with more to say. */
  readonly targets: readonly (string | TargetOptions)[]
  /**
   * `fallback`: in the order they are listed, the next when one has failed. `loadbalance`: one drawn by weight, then the
   * others. Default: `fallback`.
   */
  readonly strategy?: 'fallback' | 'loadbalance'
  readonly retry?: RetryOptions
  /** The statuses on which the next target is asked. Default: 401, 403, 404, 408, 409, 425, 429 and from 500 on. */
  readonly fallbackOn?: readonly number[]
  /**
   * How long all attempts together may take, waiting between them included: to the answer, or to a stream's first
   * event. In milliseconds. Default: 600,000.
   */
  readonly deadlineMs?: number
  readonly breaker?: BreakerRules
  /** Store the answer of a target that is not the model asked for. Default: false, it is served only. */
  readonly storeFallbacks?: boolean
}

export interface TargetOptions {
  /** A provider's name. */
  readonly provider: string
  /** The model it is asked for. Default: the one that the caller named. */
  readonly model?: string
  /** Its share of the draw, from 0 on; 0: only when the others have failed. Default: 1. */
  readonly weight?: number
  /** Targets with a lower number come first, those with equal numbers are drawn by weight. Default: by strategy. */
  readonly order?: number
  /** For which requests it is there at all. Default: for all. */
  readonly when?: Condition
  /** How long to wait for its answer, or a stream's first event, in milliseconds. Default: as its provider waits. */
  readonly timeoutMs?: number
}

export interface RetryOptions {
  /** How often the same target is asked again. Default: 1. */
  readonly attempts?: number
  /** Default: 408, 409, 425, 429 and from 500 on; a connection that fails counts as such. */
  readonly onStatusCodes?: readonly number[]
  /**
   * The longest wait for it, `retry-after` included, in milliseconds; one that wants more is left out so long, at most a
   * minute. Beside another target that can be asked, nobody waits longer than a second. Default: 5,000.
   */
  readonly maxWaitMs?: number
}

/**
 * What counts: connections that fail or break off, timeouts, answers that are none, 429 and statuses from 500 on; a 429
 * that a caller meets with its own credential does not.
 */
export interface BreakerRules {
  /** How many failures in a row leave a target out. Default: 5. */
  readonly failures?: number
  /**
   * For how long at first, in milliseconds; twice as long each time it fails again, up to 30,000. A request that nobody
   * else can answer waits for no longer than at first. Default: 1,000.
   */
  readonly leftOutMs?: number
}
