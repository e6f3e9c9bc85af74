import { setTimeout as timeOut } from 'node:timers/promises'
import type { Answer } from '../core/answer.ts'
import { RepriseError } from '../core/errors.ts'
import type { Context } from '../core/handler.ts'
import type { Body } from '../wires/body.ts'
import type { WireRequest } from '../wires/wire-request.ts'
import { type Attempt, attempt, type RoutedProvider } from './attempt.ts'
import type { Budgets } from './budget.ts'
import type { Estimator } from './estimate.ts'
import { Failure, Skip } from './failure.ts'
import { Patience } from './patience.ts'
import type { Plan, PlannedTarget } from './plan.ts'
import { decideRetry, type RetryDecision } from './retry.ts'
import { type CrossingBetween, type Spoken, speak } from './spoken.ts'
import { errorOf, type Stop } from './stop.ts'
import type { Target } from './target.ts'

/** What all journeys share. */
export interface JourneyTools {
  readonly providers: ReadonlyMap<string, RoutedProvider>
  targetOf(planned: PlannedTarget, plan: Plan): Target
  readonly budgets: Budgets
  readonly estimator: Estimator
  readonly crossingBetween: CrossingBetween
  /** Waits so many milliseconds; rejects when the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<unknown>
  readonly random: () => number
}

/** The way of one request along its route's targets, until one of them has answered. */
export class Journey {
  readonly #tools: JourneyTools
  readonly #plan: Plan
  readonly #request: WireRequest
  readonly #context: Context
  readonly #patience: Patience
  readonly #stops: readonly Stop[]
  #asked = false
  /** The target that failed last, until another is asked. */
  #failed: Stop | undefined

  constructor(tools: JourneyTools, plan: Plan, request: WireRequest, context: Context) {
    this.#tools = tools
    this.#plan = plan
    this.#request = request
    this.#context = context
    this.#stops = plan.targets.map((planned) => ({
      planned,
      target: tools.targetOf(planned, plan),
      routed: known(tools.providers, planned.provider),
      spoken: undefined,
      outcome: undefined,
      owedAtMs: undefined,
      tries: 0
    }))
    this.#patience = new Patience(context.caller, plan.deadlineMs)
  }

  async go(): Promise<Answer<Body>> {
    try {
      this.#patience.check()
      for (const stop of this.#stops) {
        if (this.#patience.leftMs <= 0) break
        const answer = await this.#visit(stop)
        if (answer !== undefined) return answer
      }
      const late = await this.#return()
      if (late === undefined) throw errorOf(this.#stops, this.#plan, this.#asked)
      return late
    } finally {
      this.#patience.end()
    }
  }

  /** Asks a target, and asks it again as its route says. */
  async #visit(stop: Stop): Promise<Answer<Body> | undefined> {
    const { target } = stop
    for (let made = 1; ; made++) {
      const outcome = await this.#ask(stop)
      if (outcome instanceof Skip) return undefined
      if (!(outcome instanceof Failure)) return outcome
      const { again, waitMs } = this.#decideRetry(stop, outcome, made)
      if (again !== 'now') {
        if (again === 'later') stop.owedAtMs = Math.max(Date.now() + waitMs, target.triableAtMs)
        this.#endUnlessNext(stop, outcome)
        return undefined
      }
      this.#context.observe({ type: 'retried', target: target.name, waitMs, reason: outcome.reason })
      await this.#sleep(waitMs)
    }
  }

  #decideRetry(stop: Stop, failure: Failure, made: number): RetryDecision {
    const { target } = stop
    const decision = decideRetry(failure, this.#plan.retry, {
      made,
      leftMs: this.#patience.leftMs,
      hasNext: this.#hasNext(stop),
      hasSpare: this.#context.spare === true,
      random: this.#tools.random
    })
    if (decision.again === 'now') return target.leftOut === undefined ? decision : { ...decision, again: 'later' }
    leaveAlone(target, failure)
    return decision
  }

  #hasNext(stop: Stop): boolean {
    return this.#stops.slice(this.#stops.indexOf(stop) + 1).some(({ target }) => target.leftOut === undefined)
  }

  /** Asks a target once; the stop remembers what came of it. */
  async #ask(stop: Stop, inNeed = false): Promise<Answer<Body> | Failure | Skip> {
    const spoken = this.#speak(stop)
    const outcome = spoken instanceof Skip ? spoken : await attempt(this.#attemptAt(stop, spoken, inNeed))
    if (outcome instanceof Skip) {
      const { reason, detail } = outcome
      if (!(stop.outcome instanceof Failure)) stop.outcome = outcome
      if (reason === 'left-out') stop.owedAtMs = stop.target.triableAtMs
      this.#context.observe({ type: 'skipped', target: stop.target.name, reason, detail })
    } else if (outcome instanceof Failure) {
      stop.outcome = outcome
      stop.tries += 1
      this.#failed = stop
      // Law of the house: after the first delta nothing is asked again.
      if (outcome.seen) throw outcome.error
      // With nobody else to ask, what the provider said is passed on as it came, whatever it is; but not in a dialect
      // that the caller does not speak.
      if (this.#stops.length === 1 && stop.spoken?.crossing === undefined && outcome.answer !== undefined)
        return outcome.answer
    }
    return outcome
  }

  #speak(stop: Stop): Spoken | Skip {
    if (stop.spoken !== undefined) return stop.spoken
    const { planned, routed } = stop
    const spoken = speak(this.#request, planned, routed.provider, this.#tools.crossingBetween)
    if ('unsuitable' in spoken) return new Skip('unsuitable', spoken.unsuitable)
    stop.spoken = spoken
    return spoken
  }

  #attemptAt(stop: Stop, spoken: Spoken, inNeed: boolean): Attempt {
    const { planned, routed, target } = stop
    const { budgets, estimator } = this.#tools
    return {
      planned,
      routed,
      target,
      spoken,
      content: this.#request.content,
      answers: this.#request.together?.answers ?? 1,
      context: this.#context,
      patience: this.#patience,
      hasOthers: this.#stops.length > 1,
      inNeed,
      storable: !planned.isFallback || this.#plan.storeFallbacks,
      budgets,
      estimator,
      maxWaitMs: this.#plan.retry.maxWaitMs,
      wait: (ms) => this.#sleep(ms),
      onAsk: () => this.#onAsk(stop)
    }
  }

  #onAsk({ target }: Stop): void {
    this.#asked = true
    const from = this.#failed
    if (from === undefined || from.target === target) return
    this.#failed = undefined
    const reason = from.outcome instanceof Failure ? from.outcome.reason : ''
    this.#context.observe({ type: 'fell-back', from: from.target.name, to: target.name, reason })
  }

  /**
   * What a target says of the request itself is thrown as it is: no other would take it. Unless it was carried over, or
   * is for another model than the one asked for: then it says nothing of what was asked.
   */
  #endUnlessNext(stop: Stop, { kind, status, error }: Failure): void {
    const isItsOwn = !stop.planned.isFallback && stop.spoken?.crossing === undefined
    if (isItsOwn && kind === 'refused' && status !== undefined && !this.#plan.fallsBackOn(status)) throw error
  }

  /**
   * Nobody has answered: goes back to those who were left out or put off, the first to be ready first, and asks each
   * once more, unless an older answer is at hand. One that is left out for longer than anybody waits is tried all the
   * same, by one of those who need it: it may be back long before its time is over.
   */
  async #return(): Promise<Answer<Body> | undefined> {
    if (this.#context.spare !== undefined) return undefined
    const lastMs = Math.min(Date.now() + this.#plan.retry.maxWaitMs, this.#patience.untilMs)
    for (;;) {
      const startMs = Date.now()
      const stop = this.#firstReady()
      const readyMs = stop?.owedAtMs
      if (stop === undefined || readyMs === undefined || readyMs > lastMs || startMs >= lastMs) return undefined
      if (!this.#isWorthWaiting(lastMs)) return undefined
      const { target, outcome } = stop
      if (target.trial !== undefined) await this.#trial(target.trial, lastMs - startMs)
      else if (readyMs > startMs) await this.#sleep(readyMs - startMs)
      this.#patience.check()
      stop.owedAtMs = target.triableAtMs
      // Another call has just tried it in vain, or is trying it.
      if (target.leftOutInNeed !== undefined) {
        if (target.trial === undefined) stop.tries += 1
        continue
      }
      stop.owedAtMs = undefined
      const reason = outcome instanceof Failure ? outcome.reason : (outcome?.detail ?? '')
      this.#context.observe({ type: 'retried', target: target.name, waitMs: Date.now() - startMs, reason })
      const again = await this.#ask(stop, true)
      if (again instanceof Failure) {
        leaveAlone(target, again)
        this.#endUnlessNext(stop, again)
      } else if (!(again instanceof Skip)) return again
    }
  }

  /** Somebody has not been tried as often as the route says, or will be let back in before the time is over. */
  #isWorthWaiting(lastMs: number): boolean {
    const { attempts } = this.#plan.retry
    return this.#stops.some(
      ({ owedAtMs, tries, target }) => owedAtMs !== undefined && (tries <= attempts || target.leftOutUntilMs <= lastMs)
    )
  }

  #firstReady(): Stop | undefined {
    let first: Stop | undefined
    for (const stop of this.#stops) {
      if (stop.owedAtMs !== undefined && stop.owedAtMs < (first?.owedAtMs ?? Number.POSITIVE_INFINITY)) first = stop
    }
    return first
  }

  /** Waits until the call that tries a target has shown whether it is back. */
  async #trial(trial: Promise<unknown>, mostMs: number): Promise<void> {
    const waiting = new AbortController()
    const given = AbortSignal.any([this.#patience.signal, waiting.signal])
    const decided = trial.then(ignore, ignore)
    await Promise.race([decided, this.#tools.sleep(mostMs, given).then(ignore, ignore)])
    waiting.abort()
    this.#patience.check()
  }

  async #sleep(ms: number): Promise<void> {
    try {
      await this.#tools.sleep(ms, this.#patience.signal)
    } catch (error) {
      throw this.#patience.signal.aborted ? this.#patience.gone() : error
    }
  }
}

/** For as long as it has asked for. */
function leaveAlone(target: Target, failure: Failure): void {
  if (failure.counts && failure.retryAfterMs !== undefined) target.pause(failure.retryAfterMs, failure)
}

/** Waits in real time. */
export function sleep(ms: number, signal: AbortSignal): Promise<unknown> {
  return timeOut(ms, undefined, { signal })
}

function known(providers: JourneyTools['providers'], name: string): RoutedProvider {
  const provider = providers.get(name)
  if (provider === undefined) throw new RepriseError('internal', `a route leads to ${name}, which is no provider here`)
  return provider
}

function ignore(): void {}
