import { RepriseError } from './errors.ts'
import type { Observe } from './events.ts'

export interface BreakerOptions {
  /** What stands behind it, for events: `store`. */
  readonly part: string
  /** The longest a call may take, in milliseconds. */
  readonly deadlineMs: number
  readonly observe: Observe
  /** A harmless call that shows whether the part is back. */
  readonly probe: () => Promise<unknown>
}

/** How many failures in a row, each answered in time, leave the part out. One that is late does so alone. */
const failuresToOpen = 5
const firstProbeMs = 100
const longestProbeMs = 1000

/**
 * Keeps a dead part out of the way. A call that misses its deadline opens the breaker at once; while it is open
 * calls fail without being made. Callers never pay for finding out whether the part is back: a probe beside the
 * traffic does, at 100 ms and then ever more rarely up to once a second, and closes the breaker by itself.
 */
export class Breaker {
  readonly #options: BreakerOptions
  #open = false
  #failures = 0
  #probeTimer: NodeJS.Timeout | undefined
  #ended = false

  constructor(options: BreakerOptions) {
    this.#options = options
  }

  get isOpen(): boolean {
    return this.#open
  }

  /**
   * Makes a call, about an entry of that kind if it is about one. Rejects with its error, with `store-timeout`, or with
   * `store-unavailable` while open.
   */
  async run<Result>(operation: string, call: () => Promise<Result>, kind?: string): Promise<Result> {
    if (this.#open) throw new RepriseError('store-unavailable', `${this.#options.part}: left out after failures`)
    try {
      const result = await withDeadline(call(), this.#options.deadlineMs)
      this.#failures = 0
      return result
    } catch (error) {
      const late = error instanceof RepriseError && error.code === 'store-timeout'
      // What cannot succeed later either (a value too large for the store) says nothing of the store's health.
      if (!(error instanceof RepriseError) || error.retryable) this.#failures += 1
      const about = kind === undefined ? {} : { kind }
      this.#options.observe({ type: 'failed', part: this.#options.part, operation, error: asError(error), ...about })
      if (late || this.#failures >= failuresToOpen) this.#leaveOut(asError(error))
      throw error
    }
  }

  end(): void {
    this.#ended = true
    clearTimeout(this.#probeTimer)
  }

  #leaveOut(error: Error): void {
    if (this.#open || this.#ended) return
    this.#open = true
    this.#options.observe({ type: 'opened', part: this.#options.part, error })
    this.#probeAfter(firstProbeMs)
  }

  #probeAfter(waitMs: number): void {
    this.#probeTimer = setTimeout(async () => {
      try {
        await withDeadline(this.#options.probe(), this.#options.deadlineMs)
      } catch {
        if (!this.#ended) this.#probeAfter(Math.min(waitMs * 2, longestProbeMs))
        return
      }
      this.#open = false
      this.#failures = 0
      this.#options.observe({ type: 'closed', part: this.#options.part })
    }, waitMs).unref()
  }
}

/**
 * The promise's outcome, or `store-timeout` after `deadlineMs`.
 * When the timer fires, what has arrived meanwhile is still looked at once: after our own process was busy
 * the timer comes first, and the answer that came in time would count as late.
 */
function withDeadline<Result>(promise: Promise<Result>, deadlineMs: number): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      setImmediate(() => reject(new RepriseError('store-timeout', `no answer within ${deadlineMs} ms`)))
    }, deadlineMs)
    promise.then(
      (result) => {
        clearTimeout(timer)
        resolve(result)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(asError(error))
      }
    )
  })
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
