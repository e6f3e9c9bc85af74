import type { Context } from '../core/handler.ts'
import type { WireContent } from '../wires/wire-request.ts'
import type { BreakerRules, RetryOptions, RouterOptions } from './router-options.ts'

/** Who is asked for one request, in order. */
export interface Plan {
  /** The model that the caller named; empty where it named none. */
  readonly model: string
  /** At least one. */
  readonly targets: readonly PlannedTarget[]
  /** Where its answer comes from when nothing fails; see `Router.addressOf`. */
  readonly address: string
  readonly retry: Required<RetryOptions>
  readonly fallsBackOn: (status: number) => boolean
  readonly deadlineMs: number
  readonly breaker: Required<BreakerRules>
  readonly storeFallbacks: boolean
}

export interface PlannedTarget {
  /** A provider's name. */
  readonly provider: string
  /** The model it is asked for. */
  readonly model: string
  /** Another model than the one asked for: none of those that are first in their route. */
  readonly isFallback: boolean
  readonly timeoutMs: number | undefined
}

export interface Planner {
  /** @throws RepriseError `no-suitable-target` when no provider is there for the request at all */
  planOf(content: WireContent, context: Pick<Context, 'tags' | 'tenant'>): Plan
  /** The plan's address, without drawing lots. */
  addressOf(content: WireContent, context: Pick<Context, 'tags' | 'tenant'>): string
}

/** What the planner must know of a provider. */
export interface PlannedProvider {
  readonly name: string
  readonly baseUrl: string
  /** The names of the wires that it speaks. */
  readonly wires: readonly string[]
}

/** Reads the routes. @throws RepriseError `invalid-option` naming the route, what was expected and got */
export function planner(
  _options: Pick<RouterOptions, 'routes'>,
  _providers: ReadonlyMap<string, PlannedProvider>,
  _random: () => number = Math.random
): Planner {
  throw new Error('being built')
}
