import { setImmediate as nextTurn } from 'node:timers/promises'
import type { StoredVector, StoredVectors, VectorListener } from '../core/stored-vectors.ts'
import { checkName, closedError } from './check.ts'
import { type EmbeddedDatabase, readLatest } from './embedded-environment.ts'
import { afterPrefix, hashOf, timeBytes, vectorKey } from './embedded-layout.ts'
import type { EmbeddedLog } from './embedded-log.ts'
import { VectorListeners } from './vector-listeners.ts'

/** How often the log is looked at while somebody follows: a single read when there is nothing new. */
const lookEveryMs = 20
/** How many records of the log are read in one turn of the event loop. */
const batch = 256
/** How many vectors are read in one turn of the event loop, and for how long: where the disk is slow, there may be but few. */
const mostATurn = 512
const turnMs = 1
/** What is read of a partition is copied into pieces of memory of this size: one for each vector would be work for the collector. */
const slabBytes = 65_536
/** Of so many partitions it is remembered what their keys begin with. */
const mostPrefixes = 1024

interface Reading {
  readonly vectors: readonly StoredVector[]
  /** Where to go on; undefined at the end. */
  readonly next: Buffer | undefined
}

/** The vectors in an embedded store's tree, and what its log says of new ones, whichever process wrote them. */
export class EmbeddedVectors implements StoredVectors {
  readonly #database: EmbeddedDatabase
  readonly #log: EmbeddedLog
  readonly #listeners = new VectorListeners()
  /** The last record of the log that was told; undefined while it could not be read. */
  #position: number | undefined
  #looking: NodeJS.Timeout | undefined
  #isTelling = false
  #ended = false
  /** What the keys of a partition's vectors begin with. */
  readonly #prefixes = new Map<string, Buffer>()

  constructor(database: EmbeddedDatabase, log: EmbeddedLog) {
    this.#database = database
    this.#log = log
  }

  async get(partition: string, key: string): Promise<Uint8Array | undefined> {
    const bytes = this.peek(partition, key)
    return bytes === undefined ? undefined : Buffer.from(bytes)
  }

  peek(partition: string, key: string): Uint8Array | undefined {
    this.#check(partition)
    checkName('key', key)
    const stored = Buffer.concat([this.#prefixOf(partition), Buffer.from(key)])
    const found = readLatest(this.#database, () => this.#database.getBinaryFast(stored))
    if (found === undefined || found.readUIntBE(0, timeBytes) <= Date.now()) return undefined
    return found.subarray(timeBytes, found.length)
  }

  async *read(partition: string): AsyncGenerator<readonly StoredVector[]> {
    this.#check(partition)
    const prefix = this.#prefixOf(partition)
    const end = afterPrefix(prefix)
    const slabs = new Slabs()
    for (let start: Buffer | undefined = prefix; start !== undefined; ) {
      this.#check(partition)
      const from: Buffer = start
      const { vectors, next } = readLatest(this.#database, () => this.#readSome(from, end, prefix.length, slabs))
      if (vectors.length > 0) yield vectors
      start = next
      if (start !== undefined) await nextTurn()
    }
  }

  follow(listener: VectorListener): () => void {
    if (this.#ended) throw closedError('embedded')
    if (this.#listeners.size === 0) {
      this.#position = this.#last()
      this.#looking = setInterval(() => void this.#look(), lookEveryMs).unref()
    }
    return this.#listeners.add(listener, () => {
      if (this.#listeners.size === 0) clearInterval(this.#looking)
    })
  }

  /** Reads nothing more. */
  end(): void {
    this.#ended = true
    this.#listeners.clear()
    clearInterval(this.#looking)
  }

  #check(partition: string): void {
    if (this.#ended) throw closedError('embedded')
    checkName('partition', partition)
  }

  #prefixOf(partition: string): Buffer {
    let prefix = this.#prefixes.get(partition)
    if (prefix === undefined) {
      if (this.#prefixes.size === mostPrefixes) this.#prefixes.clear()
      prefix = vectorKey(hashOf(partition))
      this.#prefixes.set(partition, prefix)
    }
    return prefix
  }

  /** Reads for as long as one turn may take. */
  #readSome(start: Buffer, end: Buffer, nameAt: number, slabs: Slabs): Reading {
    const endMs = performance.now() + turnMs
    const nowMs = Date.now()
    const vectors: StoredVector[] = []
    for (const key of this.#database.getKeys({ start, end }) as Iterable<Buffer>) {
      // In memory that the next value is read into.
      const value = this.#database.getBinaryFast(key)
      const expiresAtMs = value?.readUIntBE(0, timeBytes) ?? 0
      if (value !== undefined && expiresAtMs > nowMs) {
        const bytes = slabs.copyOf(value, timeBytes, value.length)
        vectors.push({ key: key.toString('utf8', nameAt), bytes, expiresAtMs })
      }
      if (vectors.length === mostATurn || performance.now() >= endMs)
        return { vectors, next: Buffer.concat([key, Buffer.from([0])]) }
    }
    return { vectors, next: undefined }
  }

  async #look(): Promise<void> {
    if (this.#isTelling) return
    this.#isTelling = true
    try {
      while (this.#tellSome()) await nextTurn()
    } catch {
      // What ails the database will be said to those who use it; the next look begins where this one ended.
    } finally {
      this.#isTelling = false
    }
  }

  /** Tells what came next in the log; true when there may be more. */
  #tellSome(): boolean {
    if (this.#listeners.size === 0) return false
    const last = this.#last()
    const position = this.#position
    if (last === undefined || last === position) return false
    const records = position === undefined ? [] : readLatest(this.#database, () => this.#log.after(position, batch))
    if (position === undefined || records[0]?.number !== position + 1) {
      // Before it is said, so that nothing can come between what is read anew and what is told from here on.
      this.#position = last
      this.#listeners.lost()
      return false
    }
    for (const { number, partition, key, expiresAtMs } of records) {
      this.#position = number
      this.#listeners.stored(partition, key, expiresAtMs)
    }
    return records.length === batch
  }

  /** The log's last number; undefined when it cannot be read. */
  #last(): number | undefined {
    try {
      const last = readLatest(this.#database, () => this.#log.last())
      // Whoever is stopped while he holds on to what he reads makes the file grow, and this reads all the time.
      this.#database.resetReadTxn()
      return last
    } catch {
      return undefined
    }
  }
}

/** Memory for many small things that are let go together. */
class Slabs {
  #slab = Buffer.alloc(0)
  #used = 0

  /** A copy of a part of `source`, from where 32-bit numbers may be looked at. */
  copyOf(source: Buffer, from: number, to: number): Buffer {
    const length = to - from
    if (this.#used + length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(length, slabBytes))
      this.#used = 0
    }
    const start = this.#used
    this.#used += Math.ceil(length / 4) * 4
    source.copy(this.#slab, start, from, to)
    return this.#slab.subarray(start, start + length)
  }
}
