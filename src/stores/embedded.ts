import { randomBytes } from 'node:crypto'
import { RepriseError } from '../core/errors.ts'
import {
  checkMaxBytes,
  checkName,
  checkStep,
  checkVector,
  closedError,
  isBeyond,
  tooLargeError,
  wholeTtl
} from './check.ts'
import { type Environment, enterEnvironment, unreadable } from './embedded-environment.ts'
import {
  afterPrefix,
  encodeEntry,
  hashOf,
  kinds,
  maxTimeMs,
  namedKey,
  nameOfHashed,
  tagKey,
  timeBytes
} from './embedded-layout.ts'
import { again } from './embedded-queue.ts'
import { ReaderWatch } from './embedded-readers.ts'
import { EmbeddedTree, stepCount } from './embedded-tree.ts'
import { EmbeddedVectors } from './embedded-vectors.ts'
import { globMatcher, literalPrefix } from './glob.ts'
import type { Lease, Selector, SetOptions, Store } from './store.ts'

export interface EmbeddedStoreOptions {
  /** Where the database lies. Made when it is not there, readable for this user only. */
  readonly folder: string
  /**
   * The most that entries may take, indexes included; the file may come to twice that. Default: 1 GiB, at least 1 MiB.
   * Beyond that, when a process is stopped while it reads, writes fail until it goes on.
   */
  readonly maxBytes?: number
  /** How old the note of an entry's last use must be for a read to renew it, in milliseconds. Default: 60,000. */
  readonly touchAfterMs?: number
  /** How often what has expired is looked for, in milliseconds. Default: 10,000. */
  readonly sweepEveryMs?: number
}

/** The most reads that wait to be noted; what is read beyond is noted when it is read again. */
const maxTouched = 20_000
const flushEveryMs = 1000
const watchEveryMs = 1000

/**
 * Keeps entries in a folder that any number of processes of this machine may use at once (LMDB). What is acknowledged
 * survives a crash of the process; the least recently used makes room for the new. Opening waits for other processes
 * that are just writing. One entry may take a quarter of `maxBytes`.
 * A database that is damaged is renamed and begun anew, with a warning of the process: `REPRISE_DAMAGED_STORE`.
 * @throws RepriseError `invalid-option` when the folder cannot be used, `missing-dependency` without `lmdb`
 */
export async function embeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  const { folder, maxBytes = 1024 ** 3 } = options
  checkMaxBytes(maxBytes, 1024 ** 2)
  return new EmbeddedStore(await enterEnvironment(folder, 3 * maxBytes), { ...options, maxBytes })
}

class EmbeddedStore implements Store {
  readonly name = 'embedded'
  readonly vectors: EmbeddedVectors
  readonly #environment: Environment
  readonly #tree: EmbeddedTree
  readonly #readers: ReaderWatch
  readonly #maxBytes: number
  readonly #touchAfterMs: number
  /** When each key was last noted as used, as far as is remembered; and those that wait for it. */
  readonly #touchedMs = new Map<string, number>()
  #untouched: string[] = []
  /** Why nothing can be stored for now. */
  #obstacle: string | undefined
  readonly #timers: readonly NodeJS.Timeout[]
  #closing: Promise<void> | undefined

  constructor(environment: Environment, options: EmbeddedStoreOptions & { readonly maxBytes: number }) {
    const { maxBytes, touchAfterMs = 60_000, sweepEveryMs = 10_000 } = options
    this.#environment = environment
    this.#tree = new EmbeddedTree(environment.database, environment.pageSize, maxBytes)
    this.vectors = new EmbeddedVectors(environment.database, this.#tree.log)
    this.#readers = new ReaderWatch(environment.database)
    this.#maxBytes = maxBytes
    this.#touchAfterMs = touchAfterMs
    this.#timers = [
      setInterval(() => this.#noteUses(), Math.min(flushEveryMs, touchAfterMs)).unref(),
      setInterval(() => this.#sweep(), sweepEveryMs).unref(),
      setInterval(() => this.#watchReaders(), watchEveryMs).unref()
    ]
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const value = this.peek(key)
    return value === undefined ? undefined : Buffer.from(value)
  }

  peek(key: string): Uint8Array | undefined {
    this.#check(key)
    const found = this.#read(key)
    if (found === undefined) return undefined
    const nowMs = Date.now()
    if (found.readUIntBE(0, timeBytes) <= nowMs) return undefined
    this.#touch(key, nowMs)
    return found.subarray(timeBytes, found.length)
  }

  async set(key: string, value: Uint8Array, { ttlMs, tags, vector }: SetOptions): Promise<void> {
    this.#check(key)
    for (const tag of tags) checkName('tag', tag)
    checkVector(vector)
    const ttl = wholeTtl(ttlMs)
    const name = Buffer.from(key)
    const unique = [...new Set(tags)]
    const nowMs = Date.now()
    const expiresAtMs = Math.min(nowMs + ttl, maxTimeMs)
    const entry = encodeEntry(value, expiresAtMs)
    const put = vector && { partition: vector.partition, value: encodeEntry(vector.bytes, expiresAtMs) }
    const bytes = this.#tree.bytesOf(name, entry.length, unique.length, put)
    const most = Math.floor(this.#maxBytes / 4)
    if (bytes > most) throw tooLargeError(this.name, bytes, most)
    if (this.#obstacle !== undefined) throw new RepriseError('store-unavailable', this.#obstacle)
    await this.#environment.queue.write(() => (this.#tree.put(name, entry, unique, nowMs, put) ? undefined : again))
  }

  async delete(selector: Selector): Promise<number> {
    if (this.#closing !== undefined) throw closedError(this.name)
    if ('key' in selector) {
      const name = Buffer.from(selector.key)
      return this.#environment.queue.write(() => this.#removeLive(name))
    }
    if ('tag' in selector) return this.#deleteRange(tagKey(hashOf(selector.tag), Buffer.alloc(0)), nameOfHashed)
    const prefix = 'prefix' in selector ? selector.prefix : 'pattern' in selector ? literalPrefix(selector.pattern) : ''
    const range = namedKey(kinds.record, Buffer.from(prefix))
    if (!('pattern' in selector)) return this.#deleteRange(range, (key) => key.subarray(1))
    const matches = globMatcher(selector.pattern)
    return this.#deleteRange(range, (key) => {
      const name = key.subarray(1)
      return matches(name.toString()) ? name : undefined
    })
  }

  async increment(key: string, by: number, ttlMs: number, atMost?: number): Promise<number | undefined> {
    this.#check(key)
    checkStep(by, atMost)
    const ttl = wholeTtl(ttlMs)
    const name = Buffer.from(key)
    return this.#environment.queue.write(() => {
      const nowMs = Date.now()
      const counter = this.#tree.limited(kinds.counter, name, nowMs)
      const before = counter?.value.readDoubleBE(0) ?? 0
      if (isBeyond(before, by, atMost)) return undefined
      const count = before + by
      const value = Buffer.allocUnsafe(8)
      value.writeDoubleBE(count)
      this.#tree.putLimited(kinds.counter, name, value, counter?.expiresAtMs ?? Math.min(nowMs + ttl, maxTimeMs))
      return count
    })
  }

  async lease(key: string, ttlMs: number): Promise<Lease | undefined> {
    this.#check(key)
    const ttl = wholeTtl(ttlMs)
    const name = Buffer.from(key)
    const token = randomBytes(16)

    /** Puts the lease down for as long, if `mayHold` agrees to who holds it now. */
    const hold = (forMs: number, mayHold: (holder: Buffer | undefined) => boolean): Promise<boolean> =>
      this.#environment.queue.write(() => {
        const nowMs = Date.now()
        if (!mayHold(this.#tree.limited(kinds.lease, name, nowMs)?.value)) return false
        this.#tree.putLimited(kinds.lease, name, token, Math.min(nowMs + forMs, maxTimeMs))
        return true
      })
    const isMine = (holder: Buffer | undefined): boolean => holder?.equals(token) === true

    if (!(await hold(ttl, (holder) => holder === undefined))) return undefined
    return {
      renew: async (againMs) => {
        this.#check(key)
        return hold(wholeTtl(againMs), isMine)
      },
      release: async () => {
        this.#check(key)
        // Held for no time at all is held no more; the sweep takes it away.
        await hold(0, isMine)
      }
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    this.vectors.end()
    await this.#environment.leave()
  }

  /** The entry, in bytes that the next read overwrites. */
  #read(key: string): Buffer | undefined {
    const { database } = this.#environment
    // As `readLatest` does, without a function for each of these reads: there is no shorter way than this one.
    try {
      database.resetReadTxn()
      return database.getBinaryFast(key)
    } catch (error) {
      throw unreadable(error)
    }
  }

  #check(key: string): void {
    if (this.#closing !== undefined) throw closedError(this.name)
    checkName('key', key)
  }

  #removeLive(name: Buffer): number {
    const record = this.#tree.remove(name)
    return record !== undefined && record.expiresAtMs > Date.now() ? 1 : 0
  }

  /** Deletes the entries that a range of keys points to, a few in each transaction. */
  async #deleteRange(prefix: Buffer, nameIn: (key: Buffer) => Buffer | undefined): Promise<number> {
    const end = afterPrefix(prefix)
    let start = prefix
    let count = 0
    return this.#environment.queue.write(() => {
      const keys = this.#tree.keys(start, end, stepCount)
      for (const key of keys) {
        const name = nameIn(key)
        if (name !== undefined) count += this.#removeLive(name)
      }
      const last = keys.at(-1)
      if (last === undefined || keys.length < stepCount) return count
      start = Buffer.concat([last, Buffer.from([0])])
      return again
    })
  }

  #touch(key: string, nowMs: number): void {
    const touchedMs = this.#touchedMs.get(key)
    if (touchedMs !== undefined && nowMs - touchedMs < this.#touchAfterMs) return
    if (this.#untouched.length >= maxTouched) return
    if (this.#touchedMs.size >= maxTouched) this.#touchedMs.clear()
    this.#touchedMs.set(key, nowMs)
    this.#untouched.push(key)
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

  /** For what nobody waits for; when it cannot be done now, it will be the next time. */
  #inBackground(work: () => undefined | typeof again): void {
    this.#environment.queue.write(work).catch(() => {})
  }
}
