import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhenResult
} from 'cockatiel'
import type { Answer } from '../core/answer.ts'
import type { Observe } from '../core/events.ts'
import type { Body } from '../wires/body.ts'
import { Failure, Skip } from './failure.ts'
import type { TargetStatus } from './router.ts'
import type { BreakerRules } from './router-options.ts'

/** Makes the call; tells when its answer has begun. */
export type Exchange = (onBegun: () => void) => Promise<Answer<Body> | Failure>

const longestBreakMs = 30_000
/**
 * The longest that one `retry-after` is remembered for. Asking somewhat too early costs one quick refusal; believing
 * a provider that says "tomorrow" would leave it out until then, whatever its operator does about it.
 */
const longestPauseMs = 60_000

/** One provider's model, and whether it is fit to be asked: shared by all requests. */
export class Target {
  /** `provider/model`. */
  readonly name: string
  readonly #policy: CircuitBreakerPolicy
  /** Until when the target itself has asked to be left alone. */
  #pausedUntilMs = 0
  #brokenUntilMs = 0
  /** From when on it may be tried all the same. */
  #triableAtMs = 0
  #last: Failure | undefined
  #change: { readonly type: 'opened' | 'closed'; readonly error?: Error } | undefined
  #trial: Promise<unknown> | undefined

  constructor(name: string, { failures, leftOutMs }: Required<BreakerRules>) {
    this.name = name
    let breaks = 0
    this.#policy = circuitBreaker(
      handleWhenResult((outcome) => outcome instanceof Failure && outcome.counts),
      {
        breaker: new ConsecutiveBreaker(failures),
        // That it is left out for longer each time is seen to here: whoever has nobody else to ask may try it before.
        halfOpenAfter: leftOutMs
      }
    )
    this.#policy.onBreak((reason) => {
      const nowMs = Date.now()
      this.#triableAtMs = nowMs + leftOutMs
      // One that was tried before its time and in vain is not left out for longer because of it.
      if (nowMs >= this.#brokenUntilMs) {
        this.#brokenUntilMs = nowMs + Math.min(leftOutMs * 2 ** breaks, Math.max(longestBreakMs, leftOutMs))
        breaks += 1
      }
      const failure = 'value' in reason && reason.value instanceof Failure ? reason.value : undefined
      this.#last = failure
      this.#change = failure === undefined ? { type: 'opened' } : { type: 'opened', error: failure.error }
    })
    this.#policy.onReset(() => {
      breaks = 0
      this.#brokenUntilMs = 0
      this.#triableAtMs = 0
      this.#change = { type: 'closed' }
    })
  }

  /** Until when it is left out, in milliseconds since 1970; in the past: it is not. */
  get leftOutUntilMs(): number {
    return Math.max(this.#pausedUntilMs, this.#brokenUntilMs)
  }

  /**
   * From when on one who has nobody else to ask may try it: as soon after a failure as after the first. It is back long
   * before its time is over, perhaps, and a refusal now is as bad as one from it.
   */
  get triableAtMs(): number {
    return Math.max(this.#pausedUntilMs, this.#triableAtMs)
  }

  /** Settles when the one call that finds out whether a broken target is back has done so; undefined: there is none. */
  get trial(): Promise<unknown> | undefined {
    return this.#trial
  }

  /** Why it is not asked now. */
  get leftOut(): Skip | undefined {
    return this.#leftOutUntil(this.leftOutUntilMs)
  }

  /** Why it is not asked now, by one who has nobody else to ask. */
  get leftOutInNeed(): Skip | undefined {
    return this.#leftOutUntil(this.triableAtMs)
  }

  #leftOutUntil(untilMs: number): Skip | undefined {
    if (untilMs <= Date.now() && this.#trial === undefined) return undefined
    const waitMs = this.leftOutUntilMs - Date.now()
    const until = this.#trial === undefined ? `for ${waitMs} ms more` : 'until another call has tried it'
    const why = this.#last === undefined ? '' : `, since it ${failed(this.#last)}`
    const status = this.#last?.status
    return new Skip('left-out', `left out ${until}${why}`, status === undefined ? {} : { status })
  }

  get status(): TargetStatus {
    const { name } = this
    if (this.leftOut === undefined) return { target: name, state: 'up' }
    return this.#trial === undefined
      ? { target: name, state: 'left-out', leftOutUntilMs: this.leftOutUntilMs }
      : { target: name, state: 'left-out' }
  }

  /** Leaves it out for as long as it has asked for, at most a minute. */
  pause(ms: number, failure: Failure): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, Date.now() + Math.min(ms, longestPauseMs))
    this.#last = failure
  }

  /**
   * Makes a call, unless the target is left out (`inNeed`: for one who has nobody else to ask). After a break one call alone is let through; the others are told so,
   * and may wait for `trial`. That one decides when its answer begins: nobody waits for a stream's end. When its caller
   * goes before that, the target is let back in, and the first failure leaves it out again.
   */
  async call(exchange: Exchange, observe: Observe, inNeed = false): Promise<Answer<Body> | Failure | Skip> {
    const leftOut = inNeed ? this.leftOutInNeed : this.leftOut
    if (leftOut !== undefined) return leftOut
    try {
      if (this.#policy.state === CircuitState.Closed) return await this.#policy.execute(() => exchange(ignoreBegin))
      return await this.#try(exchange)
    } catch (error) {
      if (error instanceof BrokenCircuitError) return this.leftOut ?? new Skip('left-out', 'left out')
      throw error
    } finally {
      this.#tell(observe)
    }
  }

  async #try(exchange: Exchange): Promise<Answer<Body> | Failure> {
    const trial = this.#policy.execute(async () => {
      let begin = ignoreBegin
      const begun = new Promise<void>((resolve) => {
        begin = resolve
      })
      const whole = exchange(begin)
      return (await Promise.race([begun, whole])) ?? { rest: whole }
    })
    this.#trial = trial
    let outcome: Awaited<typeof trial>
    try {
      outcome = await trial
    } finally {
      this.#trial = undefined
    }
    return 'rest' in outcome ? outcome.rest : outcome
  }

  #tell(observe: Observe): void {
    const change = this.#change
    if (change === undefined) return
    this.#change = undefined
    observe({ part: this.name, ...change })
  }
}

function ignoreBegin(): void {}

function failed({ kind, reason }: Failure): string {
  return kind === 'refused' ? reason : `failed: ${reason}`
}
