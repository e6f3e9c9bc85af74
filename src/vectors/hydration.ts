import { RepriseError } from '../core/errors.ts'
import type { StoredVector, StoredVectors } from '../core/stored-vectors.ts'
import type { Turns } from './turns.ts'

export interface HydrationOptions {
  readonly stored: StoredVectors
  /** The partition's name. */
  readonly name: string
  readonly turns: Turns
  /** Takes a vector in. Called in slices that do not hold the event loop. */
  readonly keep: (vector: StoredVector) => void
}

/** How many vectors are taken in before the clock is looked at: 16 take some 30 microseconds. */
const perStep = 16
/** A store that gives nothing for so long is not waited for any more. */
const stallMs = 10_000

/** Reads a partition from the store, in the background. */
export class Hydration {
  /** Since when, by `performance.now()`. */
  readonly startedAtMs = performance.now()
  /** When it has ended: with nothing, or with why not all was read. Never rejects. */
  readonly done: Promise<unknown>
  /** Keys that were added or removed since it began: what was read of them is older, and is left alone. */
  readonly touched = new Set<string>()
  #ended = false
  #isLate = false

  constructor(options: HydrationOptions) {
    this.done = this.#read(options).catch((error: unknown) => error)
  }

  /** Reads no further. */
  end(): void {
    this.#ended = true
  }

  /** Waits until it has ended, but no longer than until `withinMs` after it began. */
  async wait(withinMs: number): Promise<void> {
    const leftMs = withinMs - (performance.now() - this.startedAtMs)
    if (leftMs <= 0 || this.#isLate) return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        // Timers may come a little early, and then there would be something left to wait for the next time.
        this.#isLate = true
        resolve()
      }, leftMs)
    })
    await Promise.race([this.done, late])
    clearTimeout(timer)
  }

  async #read({ stored, name, turns, keep }: HydrationOptions): Promise<void> {
    const batches = stored.read(name)[Symbol.asyncIterator]()
    try {
      for (;;) {
        const { done, value: batch } = await soon(batches.next())
        if (done === true || this.#ended) return
        let next = 0
        await turns.work(() => {
          for (const end = Math.min(next + perStep, batch.length); next < end && !this.#ended; next++) {
            const vector = batch[next]
            if (vector !== undefined && !this.touched.has(vector.key)) keep(vector)
          }
          return next === batch.length || this.#ended
        })
      }
    } finally {
      // Not waited for: one that has stalled may never end.
      batches.return?.()?.catch(() => undefined)
    }
  }
}

function soon<Result>(promise: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new RepriseError('store-timeout', `the store gave no vectors for ${stallMs} ms`)),
      stallMs
    ).unref()
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
