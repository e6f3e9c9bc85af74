import type { Random } from './seeded.ts'

export interface Delay {
  /** From the request to the first token, in milliseconds. */
  readonly firstTokenMs: number
  /** From one token to the next, in milliseconds. */
  readonly perTokenMs: number
  /** By which part of itself each wait may be longer or shorter, from 0 to 1; follows from the request. Default: 0. */
  readonly jitter?: number
}

/** Waits as long as a model would take; not at all without a delay, or when the caller has gone. */
export class Pace {
  readonly #delay: Delay | undefined
  readonly #random: Random
  readonly #signal: AbortSignal
  readonly #startedAt = performance.now()
  #dueMs = 0

  constructor(delay: Delay | undefined, random: Random, signal: AbortSignal) {
    this.#delay = delay
    this.#random = random
    this.#signal = signal
  }

  /** Until the first token is there. */
  async begin(): Promise<void> {
    await this.#wait(this.#delay?.firstTokenMs ?? 0)
  }

  /** Until `count` more tokens are there. Waits are measured from the start, so that short ones do not add up to too much. */
  async tokens(count: number): Promise<void> {
    await this.#wait((this.#delay?.perTokenMs ?? 0) * count)
  }

  async #wait(ms: number): Promise<void> {
    if (ms === 0 || this.#signal.aborted) return
    const jitter = this.#delay?.jitter ?? 0
    this.#dueMs += ms * (1 + jitter * (2 * this.#random() - 1))
    const left = this.#startedAt + this.#dueMs - performance.now()
    if (left <= 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, left)
      const signal = this.#signal
      signal.addEventListener('abort', done, { once: true })
      function done() {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
    })
  }
}
