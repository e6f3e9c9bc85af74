import type { EmbeddedDatabase } from './embedded-environment.ts'
import { afterPrefix, kinds, namedKey, sumKey } from './embedded-layout.ts'

interface Sum {
  readonly bytes: number
  readonly entries: number
  /** The last name of those that have been counted among the entries; undefined: all have. */
  readonly countedTo: Buffer | undefined
}

const numberBytes = 8
const none = Buffer.alloc(0)

/**
 * What everything is counted as, in bytes, and how many entries there are. Whoever wrote before there was a number of
 * entries wrote the sum alone: then they are counted once, some in each transaction, while others come and go.
 */
export class EmbeddedSum {
  readonly #database: EmbeddedDatabase

  constructor(database: EmbeddedDatabase) {
    this.#database = database
  }

  get bytes(): number {
    return this.#read().bytes
  }

  /** Undefined while they have not all been counted. */
  get entries(): number | undefined {
    const { entries, countedTo } = this.#read()
    return countedTo === undefined ? entries : undefined
  }

  /** For what is no entry. All that writes is to be called within a transaction. */
  add(bytes: number): void {
    const before = this.#read()
    this.#write({ ...before, bytes: before.bytes + bytes })
  }

  /** For an entry that has come, changed or gone: `entries` is 1, 0 or -1. */
  addEntry(name: Buffer, bytes: number, entries: number): void {
    const before = this.#read()
    const { countedTo } = before
    const isCounted = countedTo === undefined || Buffer.compare(name, countedTo) <= 0
    this.#write({
      bytes: before.bytes + bytes,
      entries: isCounted ? before.entries + entries : before.entries,
      countedTo
    })
  }

  /** Counts so many of the entries that have not been counted; true when there may be more. */
  countSome(limit: number): boolean {
    const { bytes, entries, countedTo } = this.#read()
    if (countedTo === undefined) return false
    const start = Buffer.concat([namedKey(kinds.record, countedTo), Buffer.from([0])])
    const range = { start, end: afterPrefix(Buffer.from([kinds.record])), limit }
    const keys = [...this.#database.getKeys(range)] as Buffer[]
    const last = keys.length < limit ? undefined : keys.at(-1)
    this.#write({ bytes, entries: entries + keys.length, countedTo: last?.subarray(1) })
    return last !== undefined
  }

  #read(): Sum {
    const value = this.#database.getBinary(sumKey)
    if (value === undefined) return { bytes: 0, entries: 0, countedTo: undefined }
    const bytes = value.readDoubleBE(0)
    if (value.length === numberBytes) return { bytes, entries: 0, countedTo: none }
    const countedTo = value.length > 2 * numberBytes ? value.subarray(2 * numberBytes) : undefined
    return { bytes, entries: value.readDoubleBE(numberBytes), countedTo }
  }

  #write({ bytes, entries, countedTo = none }: Sum): void {
    const value = Buffer.allocUnsafe(2 * numberBytes + countedTo.length)
    value.writeDoubleBE(bytes, 0)
    value.writeDoubleBE(entries, numberBytes)
    countedTo.copy(value, 2 * numberBytes)
    this.#database.put(sumKey, value)
  }
}
