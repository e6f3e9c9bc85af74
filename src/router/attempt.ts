import type { Answer } from '../core/answer.ts'
import { ProviderError, RepriseError } from '../core/errors.ts'
import type { Context, Delta } from '../core/handler.ts'
import { isObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'
import { isAnswer } from '../providers/is-answer.ts'
import type { Provider } from '../providers/provider.ts'
import type { Body } from '../wires/body.ts'
import type { WireContent } from '../wires/wire-request.ts'
import type { Budgets, Reservation } from './budget.ts'
import { crossedAnswer, crossedError, crossedStream } from './crossed.ts'
import type { Estimator } from './estimate.ts'
import { Failure, failureOf, Skip } from './failure.ts'
import type { Limiter } from './limiter.ts'
import type { Patience } from './patience.ts'
import type { PlannedTarget } from './plan.ts'
import type { PriceOptions } from './prices.ts'
import { setAside } from './set-aside.ts'
import type { Spoken } from './spoken.ts'
import type { Target } from './target.ts'

/** A provider, and what the router keeps for it. */
export interface RoutedProvider {
  readonly provider: Pick<Provider, 'name' | 'wires' | 'ask'>
  /** `said`: the model that the provider says it used; `asked`: the one it was asked for. */
  readonly priceOf: (
    said: string | undefined,
    asked: string,
    usage: Usage,
    options?: Pick<PriceOptions, 'batch'>
  ) => number | undefined
  readonly limiter: Limiter | undefined
  /** Callers pay it with their own credentials: one caller's rate limit is none of the others' business. */
  readonly passesCredential: boolean
}

/** One attempt: who is asked what, and for whom. */
export interface Attempt {
  readonly planned: PlannedTarget
  readonly routed: RoutedProvider
  readonly target: Target
  readonly spoken: Spoken
  /** The caller's own request. */
  readonly content: WireContent
  /** How many answers it asks for in one. */
  readonly answers: number
  readonly context: Context
  readonly patience: Patience
  /** There are other targets, which could be asked instead as long as the caller has seen nothing. */
  readonly hasOthers: boolean
  /** Nobody else can be asked: a target that is left out is tried sooner. */
  readonly inNeed: boolean
  readonly storable: boolean
  readonly budgets: Budgets
  readonly estimator: Estimator
  /** The longest that is waited for what other calls have set aside, in milliseconds. */
  readonly maxWaitMs: number
  /** Waits so many milliseconds; rejects when the caller has gone. */
  wait(ms: number): Promise<void>
  /** Called when the provider is about to be asked. */
  onAsk(): void
}

type Outcome = Answer<Body> | Failure | Skip

const firstPauseMs = 20
const longestPauseMs = 500

/**
 * Asks a target once. Throws only when the caller has gone, or when something of our own is broken. A budget of which
 * what is missing is only set aside for calls under way is waited for, without a place in the queue: it may well suffice.
 */
export async function attempt(one: Attempt): Promise<Outcome> {
  const { context, patience, maxWaitMs } = one
  for (let waitedMs = 0, pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    const outcome = await attemptAtOnce(one)
    if (!(outcome instanceof Skip && outcome.comesFree) || context.spare) return outcome
    waitedMs += pauseMs
    if (waitedMs > Math.min(maxWaitMs, patience.leftMs)) return outcome
    await one.wait(pauseMs)
  }
}

async function attemptAtOnce(one: Attempt): Promise<Outcome> {
  const { planned, target, routed, patience } = one
  const { limiter } = routed
  const leftOut = one.inNeed ? target.leftOutInNeed : target.leftOut
  if (leftOut !== undefined) return leftOut
  const entering = limiter?.enter(patience.signal, Math.min(planned.timeoutMs ?? patience.leftMs, patience.leftMs))
  if (limiter === undefined || entering === undefined || (await entering)) {
    try {
      return one.budgets.isEmpty ? await ask(one) : await askWithin(one)
    } finally {
      limiter?.leave()
    }
  }
  patience.check()
  const reason = `${limiter.most} calls are under way, as many as are allowed, and none ended in time`
  const error = new RepriseError('provider-timeout', `${target.name}: ${reason}`)
  return new Failure('timeout', error, { reason, costUsd: 0, counts: false, status: 504 })
}

/** Asks with what the call may cost set aside in the budgets. */
async function askWithin(one: Attempt): Promise<Outcome> {
  const { target, spoken, patience, estimator, answers } = one
  const { json } = spoken.request.content
  const reservation = await setAside(one)
  if (reservation instanceof Skip) return reservation
  let costUsd: number | undefined = patience.signal.aborted ? 0 : undefined
  try {
    patience.check()
    const outcome = await ask(one)
    if (outcome instanceof Skip) costUsd = 0
    else if (outcome instanceof Failure) costUsd = outcome.answer?.origin.costUsd ?? outcome.costUsd
    else {
      costUsd = outcome.origin.costUsd
      const { usage } = outcome.origin
      if (usage !== undefined) estimator.learn(target.name, json, usage, answers)
    }
    return outcome
  } finally {
    await settle(reservation, costUsd, one)
  }
}

/** An answer that has been paid for is not lost because its price could not be written down. */
async function settle(reservation: Reservation, costUsd: number | undefined, { context }: Attempt): Promise<void> {
  try {
    await reservation.settle(costUsd)
  } catch (error) {
    const reason = error instanceof Error ? error : new Error(String(error))
    context.observe({ type: 'failed', part: 'budgets', operation: 'settle', error: reason })
  }
}

async function ask(one: Attempt): Promise<Outcome> {
  const { planned, target, context, inNeed } = one
  let asked = false
  const charge = (model: string, costUsd: number | undefined): void =>
    context.observe({ type: 'charged', target: target.name, model, costUsd })
  try {
    const outcome = await target.call(
      (onBegun) => {
        asked = true
        one.onAsk()
        return exchange(one, onBegun)
      },
      context.observe,
      inNeed
    )
    if (outcome instanceof Skip) return outcome
    const answer = outcome instanceof Failure ? outcome.answer : outcome
    if (answer !== undefined) charge(answer.origin.model ?? planned.model, answer.origin.costUsd)
    else if (outcome instanceof Failure && outcome.costUsd === undefined) charge(planned.model, undefined)
    return outcome
  } catch (error) {
    if (asked) charge(planned.model, undefined)
    throw error
  }
}

async function exchange(one: Attempt, onBegun: () => void): Promise<Answer<Body> | Failure> {
  const { planned, routed, target, spoken, content, patience } = one
  const { leftMs, deadlineMs } = patience
  const limitMs = Math.min(planned.timeoutMs ?? leftMs, leftMs)
  const listener = new Listener(one, onBegun)
  try {
    const signal = patience.begin(limitMs)
    const said = await routed.provider.ask(spoken.request, listener.contextFor(signal))
    if (listener.begun) listener.end()
    const answer = dressed(said, one)
    if (!listener.begun && !isAnswer(spoken.request.content, said.value)) {
      const reason = 'answered with something that is no answer'
      const error = new RepriseError('provider-malformed', `${target.name} ${reason}`)
      return new Failure('malformed', error, { reason, answer, seen: listener.seen })
    }
    return spoken.crossing === undefined ? answer : crossedAnswer(answer, spoken.crossing, content)
  } catch (error) {
    if (listener.stumbled !== undefined) throw listener.stumbled.error
    if (patience.signal.aborted)
      throw error instanceof RepriseError && error.code === 'aborted' ? error : patience.gone(error)
    if (patience.ranOut) {
      const reason = `gave no answer within ${limitMs} ms`
      const late = new RepriseError('provider-timeout', `${target.name} ${reason}`, { cause: error })
      // What was left of the deadline by others says nothing of the one who got the rest.
      const counts = limitMs === planned.timeoutMs || limitMs > deadlineMs / 2
      return new Failure('timeout', late, { reason, seen: listener.seen, counts, status: 504 })
    }
    // The stream has closed: what is still to be told is that it should not have.
    if (listener.seen && error instanceof RepriseError && error.code === 'provider-malformed') listener.end()
    const own = error instanceof ProviderError && spoken.crossing !== undefined ? crossedError(error, content) : error
    return failureOf(own, listener.seen, routed.passesCredential)
  } finally {
    patience.stop()
  }
}

/** The answer with what the router knows of it. */
function dressed({ value, origin }: Answer<Body>, { planned, routed, storable }: Attempt): Answer<Body> {
  const { model, usage } = origin
  const costUsd = usage === undefined ? undefined : routed.priceOf(model, planned.model, usage)
  return {
    value,
    origin: {
      ...origin,
      provider: routed.provider.name,
      ...(costUsd === undefined ? {} : { costUsd }),
      ...(planned.isFallback ? { fallback: true } : {}),
      ...(storable ? {} : { storable: false })
    }
  }
}

/** Hears a provider's stream, and passes it on to the caller, in the caller's dialect. */
class Listener {
  /** An event of the answer has come. */
  begun = false
  /** Something has gone to the caller. */
  seen = false
  /** What the caller has thrown when it was told something: no provider's fault. */
  stumbled: { readonly error: unknown } | undefined
  readonly #one: Attempt
  readonly #onBegun: () => void
  readonly #pass: { add(delta: Delta): void; end?(): void }
  #headers: Delta['headers']

  constructor(one: Attempt, onBegun: () => void) {
    this.#one = one
    this.#onBegun = onBegun
    const { crossing } = one.spoken
    const tell = (delta: Delta): void => this.#tell(delta)
    this.#pass = crossing === undefined ? { add: tell } : crossedStream(crossing, one.content, tell)
  }

  /** The provider's stream has closed. */
  end(): void {
    this.#pass.end?.()
  }

  contextFor(signal: AbortSignal): Context {
    const { content, context } = this.#one
    const listens = content.stream || context.onDelta !== undefined
    return { ...context, caller: { signal }, ...(listens ? { onDelta: (delta) => this.#hear(delta) } : {}) }
  }

  /**
   * Comments before the first event keep a connection alive and are not the answer's beginning. With others to ask
   * they are left out, since what the caller has seen would bind it to this target; with a single target they pass.
   * Likewise an error as the first event: with others to ask it is a failure like any other.
   */
  #hear(delta: Delta): void {
    this.#headers ??= delta.headers
    if (!this.begun) {
      const { hasOthers, patience } = this.#one
      if (delta.comment && hasOthers) return
      if (!delta.comment) {
        if (hasOthers && !this.seen && isError(delta))
          throw new RepriseError('provider-malformed', `the stream began with an error: ${delta.data.slice(0, 200)}`)
        this.begun = true
        patience.stop()
        this.#onBegun()
      }
    }
    const headers = this.#headers
    this.#pass.add(headers === undefined || delta.headers !== undefined ? delta : { ...delta, headers })
    this.#headers = undefined
  }

  #tell(delta: Delta): void {
    const { context, planned, routed } = this.#one
    const { onDelta } = context
    // A stream that is only gathered can still be had from somebody else.
    if (onDelta === undefined) return
    const { name: provider } = routed.provider
    const told: Delta = this.seen ? delta : { ...delta, provider, ...(planned.isFallback ? { fallback: true } : {}) }
    this.seen = true
    try {
      onDelta(told)
    } catch (error) {
      this.stumbled = { error }
      throw error
    }
  }
}

/** Either dialect's report of a failure in a stream. */
function isError({ event, data }: Delta): boolean {
  if (event !== 'error' && !data.includes('"error"')) return false
  try {
    const json: unknown = JSON.parse(data)
    return isObject(json) && (json['type'] === 'error' || isObject(json['error']))
  } catch {
    return false
  }
}
