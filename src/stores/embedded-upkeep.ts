import type { EmbeddedDatabase } from './embedded-environment.ts'
import { kinds } from './embedded-layout.ts'
import { again, type WriteQueue } from './embedded-queue.ts'
import { ReaderWatch } from './embedded-readers.ts'
import { type EmbeddedTree, stepCount } from './embedded-tree.ts'

interface UpkeepOptions {
  readonly maxBytes: number
  readonly touchAfterMs: number
  readonly sweepEveryMs: number
}

/** The most reads that wait to be noted; what is read beyond is noted when it is read again. */
const maxTouched = 20_000
const flushEveryMs = 1000
const watchEveryMs = 1000
/** How many entries are counted in one transaction. */
const countStep = 512

/** What an embedded store does besides, and nobody waits for. */
export class EmbeddedUpkeep {
  readonly #queue: WriteQueue
  readonly #tree: EmbeddedTree
  readonly #readers: ReaderWatch
  readonly #maxBytes: number
  readonly #touchAfterMs: number
  /** When each key was last noted as used, as far as is remembered; and those that wait for it. */
  readonly #touchedMs = new Map<string, number>()
  #untouched: string[] = []
  #obstacle: string | undefined
  #isCounting = false
  readonly #timers: readonly NodeJS.Timeout[]

  constructor(database: EmbeddedDatabase, queue: WriteQueue, tree: EmbeddedTree, options: UpkeepOptions) {
    const { maxBytes, touchAfterMs, sweepEveryMs } = options
    this.#queue = queue
    this.#tree = tree
    this.#readers = new ReaderWatch(database)
    this.#maxBytes = maxBytes
    this.#touchAfterMs = touchAfterMs
    this.#timers = [
      setInterval(() => this.#noteUses(), Math.min(flushEveryMs, touchAfterMs)).unref(),
      setInterval(() => this.#sweep(), sweepEveryMs).unref(),
      setInterval(() => this.#watchReaders(), watchEveryMs).unref()
    ]
  }

  /** Why nothing can be stored for now. */
  get obstacle(): string | undefined {
    return this.#obstacle
  }

  /** Notes that an entry has been read. */
  touch(key: string, nowMs: number): void {
    const touchedMs = this.#touchedMs.get(key)
    if (touchedMs !== undefined && nowMs - touchedMs < this.#touchAfterMs) return
    if (this.#untouched.length >= maxTouched) return
    if (this.#touchedMs.size >= maxTouched) this.#touchedMs.clear()
    this.#touchedMs.set(key, nowMs)
    this.#untouched.push(key)
  }

  /** Counts the entries of a database that was written before their number was kept. */
  async count(): Promise<void> {
    if (this.#isCounting) return
    this.#isCounting = true
    try {
      while (await this.#queue.write(() => this.#tree.sum.countSome(countStep)));
    } catch {
      // Whoever asks for the number again begins where this has ended.
    } finally {
      this.#isCounting = false
    }
  }

  end(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  #noteUses(): void {
    const keys = this.#untouched
    if (keys.length === 0) return
    this.#untouched = []
    let index = 0
    this.#inBackground(() => {
      const nowMs = Date.now()
      const step = keys.slice(index, index + stepCount)
      for (const key of step) this.#tree.touch(Buffer.from(key), nowMs - this.#touchAfterMs, nowMs)
      index += step.length
      return index >= keys.length ? undefined : again
    })
  }

  #sweep(): void {
    if (this.#isSomethingExpired()) this.#inBackground(() => (this.#tree.sweep(Date.now()) ? again : undefined))
  }

  #watchReaders(): void {
    try {
      const pid = this.#readers.stuckProcess()
      const isTooLarge = pid !== undefined && this.#readers.fileBytes() > 2 * this.#maxBytes
      this.#obstacle = isTooLarge
        ? `process ${pid} has stopped while reading, and keeps room from being used again`
        : undefined
    } catch {
      // What ails the database will be said to those who use it.
    }
  }

  /** Asked before writing, so that a store at rest takes no lock. */
  #isSomethingExpired(): boolean {
    try {
      const nowMs = Date.now()
      return [kinds.byExpiry, kinds.limitedByExpiry].some((kind) => this.#tree.expired(kind, nowMs, 1).length > 0)
    } catch {
      return false
    }
  }

  /** When it cannot be done now, it will be the next time. */
  #inBackground(work: () => undefined | typeof again): void {
    this.#queue.write(work).catch(() => {})
  }
}
