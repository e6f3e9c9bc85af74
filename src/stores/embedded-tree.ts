import { beginsWith } from './begins-with.ts'
import { EmbeddedDeletions } from './embedded-deletions.ts'
import type { EmbeddedDatabase } from './embedded-environment.ts'
import {
  afterPrefix,
  bytesOnDisk,
  decodeRecord,
  type EntryRecord,
  encodeEntry,
  encodeRecord,
  hashBytes,
  hashOf,
  kinds,
  limitedBytesOnDisk,
  namedKey,
  nameOfTimed,
  tagKey,
  tagOfKey,
  timeBytes,
  timedKey,
  vectorBytesOnDisk,
  vectorKey
} from './embedded-layout.ts'
import { EmbeddedLog } from './embedded-log.ts'
import { again } from './embedded-queue.ts'
import { EmbeddedSum } from './embedded-sum.ts'
import type { Selector } from './store.ts'

const nothing = Buffer.alloc(0)

/** How many entries one call may touch at most, so that a transaction can be kept short. */
export const stepCount = 64

/** A vector to be put with its entry. */
export interface TreeVector {
  readonly partition: string
  /** As {@link encodeEntry} made it. */
  readonly value: Buffer
}

/** What is done to the tree, all of it within a transaction: every index changes together with what it points to. */
export class EmbeddedTree {
  readonly log: EmbeddedLog
  readonly deletions: EmbeddedDeletions
  readonly sum: EmbeddedSum
  readonly #database: EmbeddedDatabase
  readonly #pageSize: number
  readonly #maxBytes: number

  constructor(database: EmbeddedDatabase, pageSize: number, maxBytes: number) {
    this.#database = database
    this.#pageSize = pageSize
    this.#maxBytes = maxBytes
    this.log = new EmbeddedLog(database, maxBytes)
    this.deletions = new EmbeddedDeletions(database, maxBytes)
    this.sum = new EmbeddedSum(database)
  }

  /** What an entry is counted as. */
  bytesOf(name: Buffer, entryBytes: number, tagCount: number, vectorBytes?: number): number {
    const bytes = bytesOnDisk(name.length, entryBytes, tagCount, this.#pageSize)
    return vectorBytes === undefined ? bytes : bytes + vectorBytesOnDisk(name.length, vectorBytes, this.#pageSize)
  }

  /**
   * Puts an entry, as {@link encodeEntry} made it, in the place of an older one.
   * False when more calls are needed to make room for it first.
   */
  put(name: Buffer, entry: Buffer, tags: readonly string[], nowMs: number, vector?: TreeVector): boolean {
    const expiresAtMs = entry.readUIntBE(0, timeBytes)
    const bytes = this.bytesOf(name, entry.length, tags.length, vector?.value.length)
    const old = this.recordOf(name)
    const growth = bytes - (old?.bytes ?? 0)
    const logGrowth = vector === undefined ? 0 : this.log.bytesOf(vector.partition, name)
    if (!this.#makeRoom(growth + logGrowth, name, nowMs)) return false
    if (old !== undefined) this.#takeOffIndexes(name, old)
    const partitionHash = vector === undefined ? undefined : hashOf(vector.partition)
    this.#database.put(namedKey(kinds.entry, name), entry)
    this.#writeRecord(name, { expiresAtMs, usedAtMs: nowMs, bytes, tagCount: tags.length, partitionHash })
    this.#database.put(timedKey(kinds.byExpiry, expiresAtMs, name), nothing)
    this.#tag(name, tags)
    let added = growth
    if (vector !== undefined && partitionHash !== undefined) {
      this.#database.put(vectorKey(partitionHash, name), vector.value)
      added += this.log.append(vector.partition, name, expiresAtMs)
    }
    this.sum.addEntry(name, added, old === undefined ? 1 : 0)
    return true
  }

  /**
   * Gives an entry another value and other tags. False when there is none whose value begins so, `again` when more calls
   * are needed to make room for it first.
   */
  replace(
    name: Buffer,
    value: Uint8Array,
    tags: readonly string[],
    beginning: Uint8Array,
    nowMs: number
  ): boolean | typeof again {
    const old = this.recordOf(name)
    const oldEntry = this.#database.getBinary(namedKey(kinds.entry, name))
    if (old === undefined || oldEntry === undefined || old.expiresAtMs <= nowMs) return false
    if (!beginsWith(oldEntry.subarray(timeBytes), beginning)) return false
    const entry = encodeEntry(value, old.expiresAtMs)
    const vector = old.partitionHash && this.#database.getBinary(vectorKey(old.partitionHash, name))
    const bytes = this.bytesOf(name, entry.length, tags.length, vector?.length)
    const growth = bytes - old.bytes
    if (!this.#makeRoom(growth, name, nowMs)) return again
    this.#database.remove(timedKey(kinds.byUse, old.usedAtMs, name))
    this.#untag(name, old.tagCount)
    this.#database.put(namedKey(kinds.entry, name), entry)
    this.#writeRecord(name, { ...old, usedAtMs: nowMs, bytes, tagCount: tags.length })
    this.#tag(name, tags)
    this.sum.addEntry(name, growth, 0)
    return true
  }

  /** Notes in the log that something will be deleted. */
  announce(selector: Selector): void {
    this.sum.add(this.deletions.append(selector))
  }

  /** Removes an entry; its record, if there was one. */
  remove(name: Buffer): EntryRecord | undefined {
    const record = this.recordOf(name)
    if (record === undefined) return undefined
    this.#takeOffIndexes(name, record)
    this.#database.remove(namedKey(kinds.record, name))
    this.#database.remove(namedKey(kinds.entry, name))
    this.sum.addEntry(name, -record.bytes, -1)
    return record
  }

  /** Removes an entry if it has that tag; its record, if it did. */
  removeTagged(name: Buffer, tag: string): EntryRecord | undefined {
    const isTagged = this.#database.getBinary(tagKey(hashOf(tag), name)) !== undefined
    return isTagged ? this.remove(name) : undefined
  }

  recordOf(name: Buffer): EntryRecord | undefined {
    const record = this.#database.getBinary(namedKey(kinds.record, name))
    return record === undefined ? undefined : decodeRecord(record)
  }

  /** Notes that an entry was used, unless that was noted at `sinceMs` or later. */
  touch(name: Buffer, sinceMs: number, nowMs: number): void {
    const record = this.recordOf(name)
    if (record === undefined || record.usedAtMs >= sinceMs) return
    this.#database.remove(timedKey(kinds.byUse, record.usedAtMs, name))
    this.#writeRecord(name, { ...record, usedAtMs: nowMs })
  }

  /** Removes what has expired; true when there may be more. */
  sweep(nowMs: number): boolean {
    const entries = this.expired(kinds.byExpiry, nowMs, stepCount)
    for (const key of entries) if (this.remove(nameOfTimed(key)) === undefined) this.#database.remove(key)
    const limited = this.expired(kinds.limitedByExpiry, nowMs, stepCount)
    for (const key of limited) this.#removeLimited(key)
    return entries.length === stepCount || limited.length === stepCount
  }

  /** The index keys of what has expired, oldest first. */
  expired(kind: number, nowMs: number, limit: number): Buffer[] {
    return this.keys(timedKey(kind, 0, nothing), timedKey(kind, nowMs + 1, nothing), limit)
  }

  /** The keys from `start` up to and without `end`. */
  keys(start: Buffer, end: Buffer, limit: number): Buffer[] {
    return [...this.#database.getKeys({ start, end, limit })] as Buffer[]
  }

  /** A counter or a lease that has not expired: what was put. */
  limited(kind: number, name: Buffer, nowMs: number): { value: Buffer; expiresAtMs: number } | undefined {
    const found = this.#database.getBinary(namedKey(kind, name))
    const expiresAtMs = found?.readUIntBE(0, timeBytes) ?? 0
    return found === undefined || expiresAtMs <= nowMs ? undefined : { value: found.subarray(timeBytes), expiresAtMs }
  }

  putLimited(kind: number, name: Buffer, value: Buffer, expiresAtMs: number): void {
    const key = namedKey(kind, name)
    const old = this.#database.getBinary(key)
    if (old === undefined) this.sum.add(limitedBytesOnDisk(name.length))
    else this.#database.remove(timedKey(kinds.limitedByExpiry, old.readUIntBE(0, timeBytes), key))
    this.#database.put(key, encodeEntry(value, expiresAtMs))
    this.#database.put(timedKey(kinds.limitedByExpiry, expiresAtMs, key), nothing)
  }

  /** Removes a counter or a lease by its place in the index of expiries. */
  #removeLimited(indexKey: Buffer): void {
    const key = nameOfTimed(indexKey)
    this.#database.remove(indexKey)
    const found = this.#database.getBinary(key)
    if (found === undefined) return
    this.#database.remove(key)
    this.sum.add(-limitedBytesOnDisk(key.length - 1))
  }

  #writeRecord(name: Buffer, record: EntryRecord): void {
    this.#database.put(namedKey(kinds.record, name), encodeRecord(record))
    this.#database.put(timedKey(kinds.byUse, record.usedAtMs, name), nothing)
  }

  /** Lets the expired and then the least recently used go, never `spared`. False when there are more to go. */
  #makeRoom(growth: number, spared: Buffer, nowMs: number): boolean {
    let tooMuch = this.sum.bytes + growth - this.#maxBytes
    if (tooMuch <= 0) return true
    const expired = this.expired(kinds.byExpiry, nowMs, stepCount)
    const end = afterPrefix(Buffer.from([kinds.byUse]))
    const victims = expired.length > 0 ? expired : this.keys(timedKey(kinds.byUse, 0, nothing), end, stepCount)
    for (const key of victims) {
      const name = nameOfTimed(key)
      if (name.equals(spared)) continue
      tooMuch -= this.remove(name)?.bytes ?? 0
      if (tooMuch <= 0) return true
    }
    // With nothing left that could go, it is counters that take the room, and an entry more does not matter.
    return victims.length <= 1
  }

  /** Takes away all that leads to an entry: its places in the indexes, its tags and its vector. */
  #takeOffIndexes(name: Buffer, record: EntryRecord): void {
    this.#database.remove(timedKey(kinds.byExpiry, record.expiresAtMs, name))
    this.#database.remove(timedKey(kinds.byUse, record.usedAtMs, name))
    if (record.partitionHash !== undefined) this.#database.remove(vectorKey(record.partitionHash, name))
    this.#untag(name, record.tagCount)
  }

  #tag(name: Buffer, tags: readonly string[]): void {
    for (const tag of tags) {
      const hash = hashOf(tag)
      this.#database.put(tagKey(hash, name), nothing)
      this.#database.put(tagOfKey(name, hash), nothing)
    }
  }

  #untag(name: Buffer, count: number): void {
    if (count === 0) return
    const prefix = tagOfKey(name)
    for (const key of this.keys(prefix, afterPrefix(prefix), count)) {
      this.#database.remove(tagKey(key.subarray(-hashBytes), name))
      this.#database.remove(key)
    }
  }
}
