import type { Answer } from './answer.ts'
import type { Event } from './events.ts'
import type { Headers } from './headers.ts'
import type { Mode } from './mode.ts'

/** The one type everything is made of: a request falls through layers until one of them answers. */
export type Handler<Request, Result> = (request: Request, context: Context) => Promise<Answer<Result>>

/** A handler that can also say at once what it need not wait for. */
export interface PeekingHandler<Request, Result> extends Handler<Request, Result> {
  /**
   * The answer, when it can be had without waiting; undefined says nothing, and the request has to be made. Whoever gives
   * a `timing` finds in it how long that took: reading the clock costs as much as a part of the lookup does.
   */
  peek(request: Request, context: Context, timing?: Timing): Answer<Result> | undefined
}

/** How long something took, in milliseconds. */
export interface Timing {
  tookMs: number
}

/** Stands before a handler. */
export interface Layer<Request, Result> {
  readonly name: string
  wrap(next: Handler<Request, Result>): Handler<Request, Result>
}

/** How a request is made. Never part of its key, `scope` apart. */
export interface Context {
  /** Answers are shared only among requests with an equal scope. */
  readonly scope: readonly string[]
  readonly mode: Mode
  /** What the stored answer can later be invalidated by. */
  readonly tags: readonly string[]
  /** How long the answer stays fresh; the layer's own default when absent. */
  readonly ttlMs?: number
  /** How long after that it is served at once while it is asked anew; the layer's own default when absent. */
  readonly staleWhileRevalidateMs?: number
  /** How long after its freshness it may be served when nobody can answer; the layer's own default when absent. */
  readonly graceMs?: number
  /** The share of its time to live after which a hit asks for it anew, above 0; the layer's own default when absent. */
  readonly eagerRefresh?: number
  /** On whose account: budgets count by it. Never shown to a provider. */
  readonly tenant?: string
  /** There is an older answer to fall back on: whoever asks should not wait long for a better one. */
  readonly spare?: true
  /**
   * The store's mark when the request was looked up: what is invalidated from then on must not be answered by anybody
   * who had been asked before. Absent: nobody has looked it up.
   */
  readonly mark?: number
  /** Whether it may be asked together with others, which makes it wait for them; the layer's own default when absent. */
  readonly batch?: boolean
  readonly caller: Caller
  /** Present when the caller wants to see the answer while it is made. */
  readonly onDelta?: (delta: Delta) => void
  /** Told what happens on the way. Must not throw. */
  readonly observe: (event: Event) => void
}

/**
 * Whoever waits for the answer. Its signal, aborted when it has gone, is made when it is first read, as an
 * AbortController's is: making one costs about as much as looking an entry up, and a hit is over before anybody needs it.
 */
export interface Caller {
  readonly signal: AbortSignal
}

/** One event of a streamed answer, as a provider sent it. */
export interface Delta {
  /** The event's name, where the dialect names its events. */
  readonly event?: string
  /** The event's data, unchanged. For a comment, its text. */
  readonly data: string
  /** A comment (`: keep-alive`): passed on, never part of the answer. */
  readonly comment?: true
  /** The headers of the provider's response; with a stream's first event only. */
  readonly headers?: Headers
  /** Who says it, and whether another model than the one asked for; with a stream's first event only. */
  readonly provider?: string
  readonly fallback?: true
  /** Why the cache was not asked; with a stream's first event only. */
  readonly bypass?: string
}

/** Puts `layers` before `last`; the first layer sees a request first. */
export function compose<Request, Result>(
  layers: readonly Layer<Request, Result>[],
  last: Handler<Request, Result>
): Handler<Request, Result> {
  return layers.reduceRight((next, layer) => layer.wrap(next), last)
}
