import type { Answer } from './answer.ts'
import type { Context } from './handler.ts'
import type { Usage } from './kind.ts'

/** How several requests are asked in one call, and their answers told apart again. */
export interface Batching<Request, Result> {
  /**
   * What requests must have in common to be asked together, credentials included; undefined: this one must be asked
   * alone. What it costs to find out is paid by each request that is to be batched, and by no other.
   */
  group(request: Request): string | undefined
  /** Makes one request of two or more of one group. No two calls make the same one. */
  combine(requests: readonly Request[]): Combined<Request, Result>
}

/** How a handler can be asked several requests in one call. */
export interface Together<Request, Result> {
  readonly batching: Batching<Request, Result>
  /** Which of a request's tags the handler looks at: those with others are asked apart. Default: all. */
  readonly tagsThatMatter?: (tags: readonly string[]) => readonly string[]
  /** Whom the handler would ask: requests that go another way are asked apart. Default: all go the same. */
  wayOf?(request: Request, context: Pick<Context, 'tags' | 'tenant'>): string
}

/** Several requests as one. */
export interface Combined<Request, Result> {
  readonly request: Request
  /**
   * What each was told, in the order of the requests: found by what identifies it, never by its place in the answer. The
   * call's tokens and cost are shared out among all of them, and add up. Never throws.
   */
  split(answer: Answer<Result>): readonly Part<Result>[]
}

/** One request's part of a combined answer. */
export type Part<Result> = Told<Result> | Doubtful

export interface Told<Result> {
  /** As its provider would have given it to the request alone, with its share of tokens and cost. */
  readonly answer: Answer<Result>
}

export interface Doubtful {
  /**
   * Why it must be asked alone: `missing`, `empty`, `repeated` (twice, or the same as another's), `mixed` (it holds what
   * belongs to another part or to what is around the parts), `too-long` (longer than the request allows), `tampered` (a
   * part that only checks was not told as it had to be: nothing of the answer is to be trusted), `unreadable` (of the
   * whole answer).
   */
  readonly doubt: string
  /** Its share of the call's tokens, which were spent for nothing; absent when nobody knows them. */
  readonly usage?: Usage
  /** Its share of what the call cost, in US dollars; absent when the price is unknown. */
  readonly costUsd?: number
}
