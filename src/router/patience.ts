import { RepriseError } from '../core/errors.ts'
import type { Caller } from '../core/handler.ts'

/**
 * How long a request may take, and whether anybody still waits for it. There is one controller for all its attempts
 * (a new one only after an attempt has run out of time), and one timer, which runs while an attempt does.
 */
export class Patience {
  readonly deadlineMs: number
  readonly untilMs: number
  readonly #caller: AbortSignal
  #controller = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #ranOut = false

  constructor(caller: Caller, deadlineMs: number) {
    this.deadlineMs = deadlineMs
    this.untilMs = Date.now() + deadlineMs
    this.#caller = caller.signal
    this.#caller.addEventListener('abort', this.#leave)
  }

  /** The caller's own. */
  get signal(): AbortSignal {
    return this.#caller
  }

  get leftMs(): number {
    return this.untilMs - Date.now()
  }

  /** Whether the attempt that was begun last has run out of time. */
  get ranOut(): boolean {
    return this.#ranOut
  }

  /** Throws when nobody waits any more. */
  check(): void {
    if (this.#caller.aborted) throw this.gone()
  }

  gone(cause: unknown = this.#caller.reason): RepriseError {
    return new RepriseError('aborted', 'the caller has gone', { cause })
  }

  /** Begins an attempt: the signal is aborted after `ms`, or when the caller goes. */
  begin(ms: number): AbortSignal {
    if (this.#ranOut) {
      this.#ranOut = false
      this.#controller = new AbortController()
      if (this.#caller.aborted) this.#leave()
    }
    this.#timer = setTimeout(this.#runOut, ms)
    return this.#controller.signal
  }

  /** The answer is there, or has begun. */
  stop(): void {
    clearTimeout(this.#timer)
  }

  /** Nothing more will be asked. A caller's signal may outlive many requests. */
  end(): void {
    this.stop()
    this.#caller.removeEventListener('abort', this.#leave)
  }

  readonly #leave = (): void => this.#controller.abort(this.#caller.reason)

  readonly #runOut = (): void => {
    this.#ranOut = true
    this.#controller.abort()
  }
}
