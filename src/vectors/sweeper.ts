import type { HeldPartition } from './held-partition.ts'
import type { Turns } from './turns.ts'

export interface SweeperOptions {
  readonly partitions: () => Iterable<HeldPartition>
  readonly turns: Turns
  readonly now: () => number
}

const everyMs = 5000
/** How many vectors are looked at before the clock is. */
const perStep = 500

/** Takes out what has expired, a little at a time, in the background. */
export class Sweeper {
  readonly #options: SweeperOptions
  readonly #timer: NodeJS.Timeout
  #isSweeping = false
  #ended = false

  constructor(options: SweeperOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.#sweep(), everyMs).unref()
  }

  end(): void {
    this.#ended = true
    clearInterval(this.#timer)
  }

  async #sweep(): Promise<void> {
    if (this.#isSweeping) return
    this.#isSweeping = true
    const { partitions, turns, now } = this.#options
    const left = [...partitions()].filter(({ partition }) => partition.count > 0)
    let from = Number.MAX_SAFE_INTEGER
    await turns.work(() => {
      const last = left.at(-1)
      if (last === undefined || this.#ended) return true
      from = last.partition.expire(now(), from, perStep)
      if (from < 0) {
        left.pop()
        from = Number.MAX_SAFE_INTEGER
      }
      return false
    })
    this.#isSweeping = false
  }
}
