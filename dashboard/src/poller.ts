/** How it stands with the gateway. */
export type Connection =
  | { readonly state: 'starting' | 'live' | 'paused' }
  | { readonly state: 'away'; readonly message: string; readonly againAtMs: number }

export interface PollerOptions {
  /** Asks once; what it throws is a failure. */
  readonly ask: (signal: AbortSignal) => Promise<void>
  readonly report: (connection: Connection) => void
  /** How long after an answer the next question comes. */
  readonly everyMs: number
  /** The longest wait after failures; it doubles from `everyMs`. */
  readonly longestMs: number
}

/** Asks again and again: one at a time, later after failures, and not while nobody looks. */
export class Poller {
  readonly #options: PollerOptions
  readonly #stopped = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined
  #asking = false
  #again = false
  #hidden = false
  #failures = 0

  constructor(options: PollerOptions) {
    this.#options = options
  }

  /** Asks at once, or as soon as the question under way is answered. */
  now(): void {
    if (this.#asking) this.#again = true
    else void this.#ask()
  }

  hide(): void {
    this.#hidden = true
    clearTimeout(this.#timer)
    this.#options.report({ state: 'paused' })
  }

  show(): void {
    if (!this.#hidden) return
    this.#hidden = false
    this.now()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#stopped.abort()
  }

  async #ask(): Promise<void> {
    const { ask, report, everyMs, longestMs } = this.#options
    const { signal } = this.#stopped
    if (signal.aborted || this.#hidden) return
    clearTimeout(this.#timer)
    this.#asking = true
    this.#again = false
    let waitMs = everyMs
    let connection: Connection = { state: 'live' }
    try {
      await ask(signal)
      this.#failures = 0
    } catch (error) {
      waitMs = Math.min(longestMs, everyMs * 2 ** this.#failures)
      this.#failures += 1
      const message = error instanceof Error ? error.message : String(error)
      connection = { state: 'away', message, againAtMs: Date.now() + waitMs }
    }
    this.#asking = false
    if (signal.aborted || this.#hidden) return
    report(connection)
    this.#timer = setTimeout(() => void this.#ask(), this.#again ? 0 : waitMs)
  }
}
