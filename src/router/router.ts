import type { Context, Handler } from '../core/handler.ts'
import type { Usage } from '../core/kind.ts'
import type { Provider } from '../providers/provider.ts'
import type { Body } from '../wires/body.ts'
import type { WireContent, WireRequest } from '../wires/wire-request.ts'
import type { Budgets } from './budget.ts'

/** Decides who is asked, at what price, and who next: the last handler of the chain. */
export interface Router {
  /** @throws AllProvidersFailedError, OverBudgetError, ProviderError (where there is one target only), RepriseError */
  readonly ask: Handler<WireRequest, Body>
  /**
   * Where the answer to a request comes from when nothing fails: the address of its first target, and the target's
   * model where that is another than the one asked for. Part of the request's scope: the same name elsewhere is another model.
   */
  addressOf(content: WireContent, context: Pick<Context, 'tags' | 'tenant'>): string
  /** Which targets are there for a request: of those for one model, the same text is the same targets. */
  wayOf(content: WireContent, context: Pick<Context, 'tags' | 'tenant'>): string
  /** Whether a budget, a route or a rule looks at requests' tags: then those with other tags are asked otherwise. */
  readonly readsTags: boolean
  /**
   * What an answer cost that a provider's own interface for batches has given, in US dollars; undefined when that is not
   * known. `said` is the model that the answer names, `asked` the one that was asked for.
   */
  batchPriceOf(provider: string, usage: Usage, asked: string, said: string | undefined): number | undefined
  readonly budgets: Budgets
  /** By name, as they were given. */
  readonly providers: ReadonlyMap<string, Provider>
  /** The targets of routes that have been asked, and whether they are left out at present. */
  status(): readonly TargetStatus[]
  close(): Promise<void>
}

export interface TargetStatus {
  /** `provider/model`, the model that was asked for last where it is the caller's to name. */
  readonly target: string
  readonly state: 'up' | 'left-out'
  /** Until when, in milliseconds since 1970. */
  readonly leftOutUntilMs?: number
}
