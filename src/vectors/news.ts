import type { StoredVectors, VectorListener } from '../core/stored-vectors.ts'
import type { Turns } from './turns.ts'

/** An entry that was stored with a vector, by whomever. */
export interface NewEntry {
  readonly partition: string
  readonly key: string
  readonly expiresAtMs: number
}

export interface NewsOptions {
  readonly stored: StoredVectors
  readonly turns: Turns
  /** Whether anybody wants to know of this partition. */
  readonly isHeld: (partition: string) => boolean
  /** Whether there is anything new in it; if not, its vector is not fetched. */
  readonly isNew: (entry: NewEntry) => boolean
  /** Takes in what the store has of it: its vector's bytes, good until this returns, or undefined when it has gone. */
  readonly keep: (entry: NewEntry, bytes: Uint8Array | undefined) => void
  /** Something of this partition could not be taken in. */
  readonly missed: (partition: string, error?: unknown) => void
  /** Something may have been missed of all partitions. */
  readonly lost: () => void
}

/** How long to wait before an entry is fetched: whoever stores one in this process adds its vector right afterwards. */
const waitMs = 5
const atOnce = 32
/** With more than these it is better to read the partitions again. */
const mostWaiting = 10_000

/** Hears from the store what has been stored, and fetches those vectors that are not known yet. */
export class News implements VectorListener {
  readonly #options: NewsOptions
  readonly #waiting = new Map<string, NewEntry>()
  #timer: NodeJS.Timeout | undefined
  #isFetching = false
  #ended = false

  constructor(options: NewsOptions) {
    this.#options = options
  }

  stored(partition: string, key: string, expiresAtMs: number): void {
    if (this.#ended || !this.#options.isHeld(partition)) return
    this.#waiting.set(`${partition}\0${key}`, { partition, key, expiresAtMs })
    if (this.#waiting.size > mostWaiting) {
      for (const name of new Set([...this.#waiting.values()].map((entry) => entry.partition)))
        this.#options.missed(name)
      this.#waiting.clear()
    }
    if (!this.#isFetching) this.#timer ??= setTimeout(() => this.#fetchAll(), waitMs).unref()
  }

  lost(): void {
    if (!this.#ended) this.#options.lost()
  }

  end(): void {
    this.#ended = true
    clearTimeout(this.#timer)
    this.#waiting.clear()
  }

  async #fetchAll(): Promise<void> {
    this.#timer = undefined
    this.#isFetching = true
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, atOnce)
      for (const [name] of batch) this.#waiting.delete(name)
      const entries = batch.map(([, entry]) => entry).filter(this.#options.isNew)
      try {
        await this.#fetch(entries)
      } catch (error) {
        for (const name of new Set(entries.map(({ partition }) => partition))) this.#options.missed(name, error)
      }
    }
    this.#isFetching = false
  }

  async #fetch(entries: readonly NewEntry[]): Promise<void> {
    const { stored, turns, keep } = this.#options
    const fetched =
      stored.peek === undefined
        ? await Promise.all(entries.map(({ partition, key }) => stored.get(partition, key)))
        : undefined
    let next = 0
    await turns.work(() => {
      const entry = this.#ended ? undefined : entries[next]
      if (entry === undefined) return true
      keep(entry, fetched === undefined ? stored.peek?.(entry.partition, entry.key) : fetched[next])
      next += 1
      return next === entries.length
    })
  }
}
