import type { RedisCommand } from '../core/redis-command.ts'
import { runScript } from '../core/redis-script.ts'
import { numberOf } from './redis-replies.ts'
import { dropVectors } from './redis-scripts.ts'

/** Where a partition's vectors lie, and when each of them expires. */
export interface PartitionKeys {
  readonly set: string
  readonly expiries: string
}

export interface RedisSweepOptions {
  readonly command: RedisCommand
  readonly everyMs: number
  readonly now: () => number
}

/** How many vectors go in one step: each keeps the server busy for 0.2 ms, and nobody is answered meanwhile. */
export const stepSize = 20

/** How many partitions are remembered; those beyond are tidied when they are read, and go when all in them has expired. */
const maxWatched = 10_000

/**
 * Takes expired vectors out of the server, beside the requests and in small steps. A partition is looked at when the
 * first of its vectors that this process knows of is due. That a step fails is told to nobody: it is tried again at
 * the next turn, and whoever uses the index learns of it by their own calls.
 */
export class RedisSweep {
  readonly #options: RedisSweepOptions
  /** When there is something to do, by the set's key. */
  readonly #due = new Map<string, { readonly keys: PartitionKeys; readonly atMs: number }>()
  readonly #dropping = new Map<string, Promise<void>>()
  readonly #timer: NodeJS.Timeout
  #sweeping: Promise<void> | undefined
  #ended = false

  constructor(options: RedisSweepOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#sweep(), options.everyMs).unref()
  }

  /** Remembers that a vector of the partition expires then. */
  watch(keys: PartitionKeys, atMs: number): void {
    const known = this.#due.get(keys.set)
    if (known !== undefined && known.atMs <= atMs) return
    this.#due.set(keys.set, { keys, atMs })
    if (this.#due.size > maxWatched) this.#due.delete(this.#due.keys().next().value ?? '')
  }

  /** Takes these out, if they have expired, and others with them; in the background, one step at a time for a partition. */
  drop(keys: PartitionKeys, ids: readonly string[]): void {
    if (this.#ended || this.#dropping.has(keys.set)) return
    const dropped = this.#step(keys, ids.slice(0, stepSize))
      .then(() => {})
      .catch(() => {})
      .finally(() => this.#dropping.delete(keys.set))
    this.#dropping.set(keys.set, dropped)
  }

  /** Begins nothing new, and waits for the steps under way. */
  async end(): Promise<void> {
    this.#ended = true
    clearInterval(this.#timer)
    await Promise.all([this.#sweeping, ...this.#dropping.values()])
  }

  #sweep(): void {
    this.#sweeping ??= this.#sweepDue()
      .catch(() => {})
      .finally(() => {
        this.#sweeping = undefined
      })
  }

  async #sweepDue(): Promise<void> {
    const nowMs = this.#options.now()
    for (const { keys, atMs } of [...this.#due.values()]) {
      if (atMs > nowMs) continue
      while (!this.#ended && (await this.#step(keys, [])) === stepSize) {}
    }
  }

  /** How many went. */
  async #step(keys: PartitionKeys, ids: readonly string[]): Promise<number> {
    const { command, now } = this.#options
    const args = [String(now()), String(stepSize), ...ids]
    const reply = await runScript(command, dropVectors, [keys.set, keys.expiries], args)
    const [gone, nextAtMs] = Array.isArray(reply) ? reply : []
    this.#due.delete(keys.set)
    if (nextAtMs !== undefined && nextAtMs !== null) this.watch(keys, numberOf(nextAtMs, 'ZRANGE'))
    return numberOf(gone, 'EVALSHA')
  }
}
