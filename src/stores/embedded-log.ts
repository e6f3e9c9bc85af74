import type { EmbeddedDatabase } from './embedded-environment.ts'
import { logBoundsKey, logBytesOnDisk, logKey, timeBytes } from './embedded-layout.ts'

/** That an entry was stored with a vector. */
export interface LogRecord {
  readonly number: number
  readonly partition: string
  readonly key: string
  readonly expiresAtMs: number
}

interface Bounds {
  readonly last: number
  readonly first: number
  /** What the records are counted as. */
  readonly bytes: number
}

const maxRecords = 10_000
/** The part of the store that the log may take: in a small store it is shorter. */
const maxShare = 1 / 16
/** How many old records go for a new one, at most, until the log is within its bounds. */
const trimCount = 16

/** What was stored with a vector lately, numbered without a gap, so that whoever reads on knows when something is missing. */
export class EmbeddedLog {
  readonly #database: EmbeddedDatabase
  readonly #maxBytes: number

  constructor(database: EmbeddedDatabase, storeBytes: number) {
    this.#database = database
    this.#maxBytes = storeBytes * maxShare
  }

  /** What a record of that will be counted as. */
  bytesOf(partition: string, name: Buffer): number {
    return bytesOf(timeBytes + Buffer.byteLength(partition) + 1 + name.length)
  }

  /** Adds a record, within a transaction, and lets the oldest go; by how many bytes the log has grown. */
  append(partition: string, name: Buffer, expiresAtMs: number): number {
    const before = this.#bounds() ?? { last: 0, first: 1, bytes: 0 }
    const value = encodeRecord(partition, name, expiresAtMs)
    const last = before.last + 1
    this.#database.put(logKey(last), value)
    let { first, bytes } = before
    bytes += bytesOf(value.length)
    for (let count = 0; count < trimCount; count++) {
      if (last - first < maxRecords && bytes <= this.#maxBytes) break
      const key = logKey(first++)
      const old = this.#database.getBinary(key)
      if (old === undefined) continue
      this.#database.remove(key)
      bytes -= bytesOf(old.length)
    }
    this.#database.put(logBoundsKey, encodeBounds({ last, first, bytes }))
    return bytes - before.bytes
  }

  /** The number of the last record; 0 when there has never been one. */
  last(): number {
    return this.#database.getBinaryFast(logBoundsKey)?.readUIntBE(0, timeBytes) ?? 0
  }

  /** The oldest records with a number above `number`. */
  after(number: number, limit: number): LogRecord[] {
    const range = this.#database.getRange({ start: logKey(number + 1), end: logKey(this.last() + 1), limit })
    return [...range].map(({ key, value }) => decodeRecord(key as Buffer, value))
  }

  #bounds(): Bounds | undefined {
    const bounds = this.#database.getBinary(logBoundsKey)
    if (bounds === undefined) return undefined
    return { last: bounds.readUIntBE(0, 6), first: bounds.readUIntBE(6, 6), bytes: bounds.readUIntBE(12, 6) }
  }
}

function bytesOf(valueBytes: number): number {
  return logBytesOnDisk(1 + timeBytes, valueBytes)
}

function encodeBounds({ last, first, bytes }: Bounds): Buffer {
  const bounds = Buffer.allocUnsafe(18)
  bounds.writeUIntBE(last, 0, 6)
  bounds.writeUIntBE(first, 6, 6)
  bounds.writeUIntBE(bytes, 12, 6)
  return bounds
}

function encodeRecord(partition: string, name: Buffer, expiresAtMs: number): Buffer {
  const record = Buffer.concat([Buffer.alloc(timeBytes), Buffer.from(`${partition}\0`), name])
  record.writeUIntBE(expiresAtMs, 0, timeBytes)
  return record
}

function decodeRecord(logged: Buffer, record: Buffer): LogRecord {
  const end = record.indexOf(0, timeBytes)
  return {
    number: logged.readUIntBE(1, timeBytes),
    partition: record.toString('utf8', timeBytes, end),
    key: record.toString('utf8', end + 1),
    expiresAtMs: record.readUIntBE(0, timeBytes)
  }
}
