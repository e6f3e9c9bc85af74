import { setImmediate as nextTurn } from 'node:timers/promises'
import type { StoredVector, StoredVectors, VectorListener } from '../core/stored-vectors.ts'
import { checkName, closedError } from './check.ts'
import { type EmbeddedDatabase, readLatest } from './embedded-environment.ts'
import { afterPrefix, hashOf, nameOfHashed, timeBytes, vectorKey } from './embedded-layout.ts'
import type { EmbeddedLog } from './embedded-log.ts'
import { VectorListeners } from './vector-listeners.ts'

/** How often the log is looked at while somebody follows: a single read when there is nothing new. */
const lookEveryMs = 20
/** How much is read in one turn of the event loop. */
const batch = 256

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
    const stored = vectorKey(hashOf(partition), Buffer.from(key))
    const found = readLatest(this.#database, () => this.#database.getBinaryFast(stored))
    if (found === undefined || found.readUIntBE(0, timeBytes) <= Date.now()) return undefined
    return found.subarray(timeBytes, found.length)
  }

  async *read(partition: string): AsyncGenerator<readonly StoredVector[]> {
    this.#check(partition)
    const prefix = vectorKey(hashOf(partition))
    const end = afterPrefix(prefix)
    let start = prefix
    for (;;) {
      this.#check(partition)
      const found = readLatest(this.#database, () => [...this.#database.getRange({ start, end, limit: batch })])
      const nowMs = Date.now()
      const stored = found.map(({ key, value }) => toStored(key as Buffer, value))
      const live = stored.filter(({ expiresAtMs }) => expiresAtMs > nowMs)
      if (live.length > 0) yield live
      const last = found.at(-1)?.key as Buffer | undefined
      if (last === undefined || found.length < batch) return
      start = Buffer.concat([last, Buffer.from([0])])
      await nextTurn()
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

function toStored(stored: Buffer, value: Buffer): StoredVector {
  return {
    key: nameOfHashed(stored).toString(),
    bytes: value.subarray(timeBytes),
    expiresAtMs: value.readUIntBE(0, timeBytes)
  }
}
