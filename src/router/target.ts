import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  DelegateBackoff,
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
  #leftOutUntilMs = 0
  #last: Failure | undefined
  #change: { readonly type: 'opened' | 'closed'; readonly error?: Error } | undefined
  #trial: Promise<unknown> | undefined

  constructor(name: string, { failures, leftOutMs }: Required<BreakerRules>) {
    this.name = name
    let breakMs = leftOutMs
    this.#policy = circuitBreaker(
      handleWhenResult((outcome) => outcome instanceof Failure && outcome.counts),
      {
        breaker: new ConsecutiveBreaker(failures),
        halfOpenAfter: new DelegateBackoff(({ attempt }: { readonly attempt: number }) => {
          breakMs = Math.min(leftOutMs * 2 ** (attempt - 1), Math.max(longestBreakMs, leftOutMs))
          return breakMs
        })
      }
    )
    this.#policy.onBreak((reason) => {
      this.#leftOutUntilMs = Math.max(this.#leftOutUntilMs, Date.now() + breakMs)
      const failure = 'value' in reason && reason.value instanceof Failure ? reason.value : undefined
      this.#last = failure
      this.#change = failure === undefined ? { type: 'opened' } : { type: 'opened', error: failure.error }
    })
    this.#policy.onReset(() => {
      this.#change = { type: 'closed' }
    })
  }

  /** Until when it is left out, in milliseconds since 1970; in the past: it is not. */
  get leftOutUntilMs(): number {
    return this.#leftOutUntilMs
  }

  /** Settles when the one call that finds out whether a broken target is back has done so; undefined: there is none. */
  get trial(): Promise<unknown> | undefined {
    return this.#trial
  }

  /** Why it is not asked now. */
  get leftOut(): Skip | undefined {
    const waitMs = this.#leftOutUntilMs - Date.now()
    if (waitMs <= 0 && this.#trial === undefined) return undefined
    const until = this.#trial === undefined ? `for ${waitMs} ms more` : 'until another call has tried it'
    const why = this.#last === undefined ? '' : `, since it ${failed(this.#last)}`
    const status = this.#last?.status
    return new Skip('left-out', `left out ${until}${why}`, status === undefined ? {} : { status })
  }

  get status(): TargetStatus {
    const { name } = this
    if (this.leftOut === undefined) return { target: name, state: 'up' }
    return this.#trial === undefined
      ? { target: name, state: 'left-out', leftOutUntilMs: this.#leftOutUntilMs }
      : { target: name, state: 'left-out' }
  }

  /** Leaves it out for as long as it has asked for, at most a minute. */
  pause(ms: number, failure: Failure): void {
    this.#leftOutUntilMs = Math.max(this.#leftOutUntilMs, Date.now() + Math.min(ms, longestPauseMs))
    this.#last = failure
  }

  /**
   * Makes a call, unless the target is left out. After a break one call alone is let through; the others are told so,
   * and may wait for `trial`. That one decides when its answer begins: nobody waits for a stream's end. When its caller
   * goes before that, the target is let back in, and the first failure leaves it out again.
   */
  async call(exchange: Exchange, observe: Observe): Promise<Answer<Body> | Failure | Skip> {
    const { leftOut } = this
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
