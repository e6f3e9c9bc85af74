import { RepriseError } from '../core/errors.ts'
import {
  checkMark,
  checkMaxBytes,
  checkName,
  checkSelector,
  checkTags,
  checkVector,
  closedError,
  tooLargeError,
  wholeTtl
} from './check.ts'
import { type Environment, enterEnvironment, readLatest, unreadable } from './embedded-environment.ts'
import { encodeEntry, maxTimeMs, timeBytes } from './embedded-layout.ts'
import { EmbeddedLimited } from './embedded-limited.ts'
import { again } from './embedded-queue.ts'
import { selectedNames } from './embedded-selection.ts'
import { EmbeddedTree } from './embedded-tree.ts'
import { EmbeddedUpkeep } from './embedded-upkeep.ts'
import { EmbeddedVectors } from './embedded-vectors.ts'
import type { Deletions, Lease, Selector, SetOptions, Store, StoreSize } from './store.ts'

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

/** How long one step of a deletion may take: others wait for as long. */
const stepMs = 1.5

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
  const store = new EmbeddedStore(await enterEnvironment(folder, 3 * maxBytes), { ...options, maxBytes })
  // The first mark is a write, and the first request must not wait for one. One that fails is made when it is asked for.
  await store.mark().catch(() => {})
  return store
}

class EmbeddedStore implements Store {
  readonly name = 'embedded'
  readonly vectors: EmbeddedVectors
  readonly #environment: Environment
  readonly #tree: EmbeddedTree
  readonly #limited: EmbeddedLimited
  readonly #upkeep: EmbeddedUpkeep
  readonly #maxBytes: number
  #closing: Promise<void> | undefined

  constructor(environment: Environment, options: EmbeddedStoreOptions & { readonly maxBytes: number }) {
    const { maxBytes, touchAfterMs = 60_000, sweepEveryMs = 10_000 } = options
    const { database, queue, pageSize } = environment
    this.#environment = environment
    this.#tree = new EmbeddedTree(database, pageSize, maxBytes)
    this.vectors = new EmbeddedVectors(database, this.#tree.log)
    this.#limited = new EmbeddedLimited(queue, this.#tree, (key) => this.#check(key))
    this.#upkeep = new EmbeddedUpkeep(database, queue, this.#tree, { maxBytes, touchAfterMs, sweepEveryMs })
    this.#maxBytes = maxBytes
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
    this.#upkeep.touch(key, nowMs)
    return found.subarray(timeBytes, found.length)
  }

  async set(key: string, value: Uint8Array, options: SetOptions): Promise<Deletions | undefined> {
    this.#check(key)
    const { vector, since } = options
    const tags = checkTags(options.tags)
    checkVector(vector)
    checkMark(since)
    const ttl = wholeTtl(options.ttlMs)
    const name = Buffer.from(key)
    const nowMs = Date.now()
    const expiresAtMs = Math.min(nowMs + ttl, maxTimeMs)
    const entry = encodeEntry(value, expiresAtMs)
    const put = vector && { partition: vector.partition, value: encodeEntry(vector.bytes, expiresAtMs) }
    this.#checkRoom(this.#tree.bytesOf(name, entry.length, tags.length, put?.value.length))
    const isStored = await this.#environment.queue.write(() => {
      if (since !== undefined && since !== this.#tree.deletions.mark) return false
      return this.#tree.put(name, entry, tags, nowMs, put) ? true : again
    })
    return isStored || since === undefined ? undefined : this.#deletedSince(since)
  }

  async replace(
    key: string,
    value: Uint8Array,
    newTags: readonly string[],
    beginning: Uint8Array,
    since: number
  ): Promise<boolean> {
    this.#check(key)
    checkMark(since)
    const tags = checkTags(newTags)
    const name = Buffer.from(key)
    const [own, ownBeginning] = [Buffer.from(value), Buffer.from(beginning)]
    this.#checkRoom(this.#tree.bytesOf(name, own.length, tags.length))
    return this.#environment.queue.write(() => {
      if (since !== this.#tree.deletions.mark) return false
      return this.#tree.replace(name, own, tags, ownBeginning, Date.now())
    })
  }

  async delete(selector: Selector, deleted?: (key: string) => void): Promise<number> {
    this.#checkOpen()
    checkSelector(selector)
    const { queue } = this.#environment
    await queue.write(() => this.#tree.announce(selector))
    let count = 0
    for await (const names of this.#select(selector, true)) {
      for (let rest = names; rest.length > 0; ) {
        const { live, left } = await queue.write(() => this.#removeSome(rest, selector))
        for (const name of live) deleted?.(name.toString())
        count += live.length
        rest = left
      }
    }
    return count
  }

  async mark(): Promise<number> {
    this.#checkOpen()
    const { database, queue } = this.#environment
    const { deletions } = this.#tree
    return readLatest(database, () => deletions.mark) ?? queue.write(() => deletions.begin())
  }

  async deletedSince(mark: number): Promise<Deletions> {
    this.#checkOpen()
    checkMark(mark)
    return this.#deletedSince(mark)
  }

  async *keys(selector: Selector): AsyncGenerator<readonly string[]> {
    this.#checkOpen()
    for await (const names of this.#select(selector, false)) yield names.map((name) => name.toString())
  }

  async size(): Promise<StoreSize> {
    this.#checkOpen()
    const { sum } = this.#tree
    const { bytes, entries } = readLatest(this.#environment.database, () => ({
      bytes: sum.bytes,
      entries: sum.entries
    }))
    if (entries === undefined) void this.#upkeep.count()
    return { ...(entries === undefined ? {} : { entries }), bytes, maxBytes: this.#maxBytes }
  }

  increment(key: string, by: number, ttlMs: number, atMost?: number): Promise<number | undefined> {
    return this.#limited.increment(key, by, ttlMs, atMost)
  }

  lease(key: string, ttlMs: number): Promise<Lease | undefined> {
    return this.#limited.lease(key, ttlMs)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#upkeep.end()
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
    this.#checkOpen()
    checkName('key', key)
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closedError(this.name)
  }

  /** @throws RepriseError `body-too-large`, `store-unavailable` */
  #checkRoom(bytes: number): void {
    const most = Math.floor(this.#maxBytes / 4)
    if (bytes > most) throw tooLargeError(this.name, bytes, most)
    const { obstacle } = this.#upkeep
    if (obstacle !== undefined) throw new RepriseError('store-unavailable', obstacle)
  }

  #select(selector: Selector, withExpired: boolean): AsyncIterable<readonly Buffer[]> {
    return selectedNames(this.#environment.database, selector, withExpired, () => this.#checkOpen())
  }

  async #deletedSince(since: number): Promise<Deletions> {
    await this.mark()
    return this.#tree.deletions.since(since)
  }

  /** Removes the first of what was selected; which of them were live, and what is left to be removed. */
  #removeSome(names: readonly Buffer[], selector: Selector) {
    const untilMs = performance.now() + stepMs
    const nowMs = Date.now()
    const live: Buffer[] = []
    for (const [index, name] of names.entries()) {
      // Another entry may be there by now: with other tags, it is not selected any more.
      const record = 'tag' in selector ? this.#tree.removeTagged(name, selector.tag) : this.#tree.remove(name)
      if (record !== undefined && record.expiresAtMs > nowMs) live.push(name)
      if (performance.now() >= untilMs) return { live, left: names.slice(index + 1) }
    }
    return { live, left: [] }
  }
}
