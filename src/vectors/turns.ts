import { setImmediate } from 'node:timers'

export interface TurnsOptions {
  /** The longest that work may go on before others get their turn, in milliseconds. */
  readonly sliceMs: number
  /** How long to leave the event loop alone between slices. The process does not stay alive for such work. Default: no time. */
  readonly gapMs?: number
}

interface Job {
  readonly step: () => boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Does work that would hold the event loop in slices, one slice a turn for all jobs together. */
export class Turns {
  readonly #options: TurnsOptions
  #jobs: Job[] = []
  #isDue = false

  constructor(options: TurnsOptions) {
    this.#options = options
  }

  /** Calls `step`, which should take some ten microseconds, until it says that there is no more to do. Rejects when it throws. */
  work(step: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ step, resolve, reject })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#isDue || this.#jobs.length === 0) return
    this.#isDue = true
    const { gapMs } = this.#options
    if (gapMs === undefined) setImmediate(this.#slice)
    else setTimeout(this.#slice, gapMs).unref()
  }

  readonly #slice = (): void => {
    this.#isDue = false
    const endMs = performance.now() + this.#options.sliceMs
    do {
      const job = this.#jobs.shift()
      if (job === undefined) return
      try {
        if (job.step()) job.resolve()
        // Behind the others, so that a long job does not keep a short one waiting.
        else this.#jobs.push(job)
      } catch (error) {
        job.reject(error)
      }
    } while (performance.now() < endMs)
    this.#schedule()
  }
}
