import { setImmediate as nextTurn } from 'node:timers/promises'
import { DeletionLog, maxDeletions, nextMark } from './deletion-log.ts'
import { type EmbeddedDatabase, readLatest } from './embedded-environment.ts'
import { deletionBoundsKey, deletionKey, logBytesOnDisk, markOfDeletion } from './embedded-layout.ts'
import type { Deletions, Selector } from './store.ts'

interface Bounds {
  /** The mark of the last record. */
  readonly last: number
  /** What was deleted up to this mark is not in the log, or no more. */
  readonly forgotten: number
  readonly count: number
  /** What the records are counted as. */
  readonly bytes: number
}

/** The part of the store that the log may take: in a small store it is shorter. */
const maxShare = 1 / 16
/** How many old records go for a new one, at most, until the log is within its bounds. */
const trimCount = 16
/** How many records are read in one turn of the event loop. */
const batch = 256

/** What was deleted lately, by whichever process. */
export class EmbeddedDeletions {
  readonly #database: EmbeddedDatabase
  readonly #maxBytes: number
  /** What has been read of the log. */
  #known = new DeletionLog(0)

  constructor(database: EmbeddedDatabase, storeBytes: number) {
    this.#database = database
    this.#maxBytes = storeBytes * maxShare
  }

  /** The latest mark; undefined while there is none. */
  get mark(): number | undefined {
    return this.#bounds()?.last
  }

  /** Makes the first mark, within a transaction, unless there is one already; the latest. */
  begin(): number {
    return (this.#bounds() ?? this.#begun()).last
  }

  /** Adds a record, within a transaction, and lets the oldest go; by how many bytes the log has grown. */
  append(selector: Selector): number {
    const before = this.#bounds() ?? this.#begun()
    const last = nextMark(before.last)
    const value = Buffer.from(JSON.stringify(selector))
    this.#database.put(deletionKey(last), value)
    let { forgotten } = before
    let count = before.count + 1
    let bytes = before.bytes + bytesOf(value)
    const isTooLong = (): boolean => count > maxDeletions || bytes > this.#maxBytes
    for (const { key, value } of isTooLong() ? this.#records(forgotten, last, trimCount) : []) {
      if (!isTooLong()) break
      this.#database.remove(key)
      forgotten = markOfDeletion(key)
      count--
      bytes -= bytesOf(value)
    }
    this.#database.put(deletionBoundsKey, encodeBounds({ last, forgotten, count, bytes }))
    return bytes - before.bytes
  }

  /** What has been deleted after a mark. Reads what it does not know yet, some in each turn of the event loop. */
  async since(mark: number): Promise<Deletions> {
    while (readLatest(this.#database, () => this.#readSome())) await nextTurn()
    return this.#known.since(mark)
  }

  /** True when there is more. */
  #readSome(): boolean {
    const bounds = this.#bounds()
    if (bounds === undefined) return false
    const { last, forgotten } = bounds
    if (this.#known.mark < forgotten || this.#known.mark > last) this.#known = new DeletionLog(forgotten)
    for (const { key, value } of this.#records(this.#known.mark, last, batch))
      this.#known.add(markOfDeletion(key), JSON.parse(value.toString()) as Selector)
    this.#known.forgetUpTo(forgotten)
    return this.#known.mark < last
  }

  /** The oldest after one mark, up to another. */
  #records(after: number, upTo: number, limit: number): { readonly key: Buffer; readonly value: Buffer }[] {
    const range = { start: deletionKey(after + 1), end: deletionKey(upTo + 1), limit }
    return [...this.#database.getRange(range)].map(({ key, value }) => ({ key: key as Buffer, value }))
  }

  #begun(): Bounds {
    const mark = nextMark(0)
    const bounds = { last: mark, forgotten: mark, count: 0, bytes: 0 }
    this.#database.put(deletionBoundsKey, encodeBounds(bounds))
    return bounds
  }

  #bounds(): Bounds | undefined {
    const bounds = this.#database.getBinary(deletionBoundsKey)
    if (bounds === undefined) return undefined
    const [last = 0, forgotten = 0, count = 0, bytes = 0] = [0, 8, 16, 24].map((at) => bounds.readDoubleBE(at))
    return { last, forgotten, count, bytes }
  }
}

function encodeBounds({ last, forgotten, count, bytes }: Bounds): Buffer {
  const bounds = Buffer.allocUnsafe(32)
  for (const [index, number] of [last, forgotten, count, bytes].entries()) bounds.writeDoubleBE(number, 8 * index)
  return bounds
}

function bytesOf(value: Buffer): number {
  return logBytesOnDisk(9, value.length)
}
