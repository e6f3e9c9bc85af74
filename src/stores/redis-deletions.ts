import type { RedisConnection } from './redis-connection.ts'
import { deletionRecords, type RedisKeys } from './redis-layout.ts'
import { announceDeletion, beginMarks } from './redis-scripts.ts'
import type { Deletions, Selector } from './store.ts'

interface Deletion {
  readonly mark: number
  /** The mark before it; not a number where there was none. */
  readonly after: number
  readonly selector: Selector
}

/** A server's log of what has been deleted, by whichever process or machine. */
export class RedisDeletions {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  /** The end of the log without gaps, as it was last read: who asks for old marks again and again reads only on. */
  #read: readonly Deletion[] = []

  constructor(connection: RedisConnection, keys: RedisKeys) {
    this.#connection = connection
    this.#keys = keys
  }

  async mark(): Promise<number> {
    const { mark, deletions } = this.#keys
    const reply = await this.#connection.send(['GET', mark])
    const known = markOf(reply) ?? markOf(await this.#connection.run(beginMarks, [mark, deletions], []))
    if (known === undefined) throw this.#connection.nonsense('GET')
    return known
  }

  async announce(selector: Selector): Promise<void> {
    await this.#connection.run(announceDeletion, [this.#keys.mark, this.#keys.deletions], [JSON.stringify(selector)])
  }

  async since(mark: number): Promise<Deletions> {
    const from = this.#read.at(-1)?.mark ?? 0
    // The latest mark first: what the log has then is not older.
    const [latest, records] = await Promise.all([this.mark(), this.#after(from)])
    // Unless the rest has been found to be lost meanwhile.
    if (from === 0 || this.#read.length > 0) this.#take(from, latest, records)
    const last = this.#read.at(-1)?.mark ?? latest
    if (mark === last) return { mark, selectors: [] }
    const at = this.#read.findIndex(({ after }) => after === mark)
    return { mark: last, selectors: at < 0 ? undefined : this.#read.slice(at).map(({ selector }) => selector) }
  }

  /** Adds what has been read, without what somebody else has added meanwhile. */
  #take(from: number, latest: number, records: readonly (Deletion | undefined)[]): void {
    const known = this.#read.at(-1)?.mark ?? 0
    const all = [...this.#read]
    // Somebody else may have read further than this.
    let isNewer = known !== from
    for (const record of records) {
      if (record !== undefined && record.mark <= known) continue
      // Something is missing before this one, or cannot be read: nobody knows any more what came earlier.
      if (record === undefined || record.after !== all.at(-1)?.mark) all.length = 0
      if (record !== undefined) all.push(record)
      isNewer = true
    }
    const last = all.at(-1)?.mark ?? latest
    // A log that does not reach the latest mark has been lost, or what is known is of another that has been.
    this.#read = (isNewer ? last >= latest : last === latest) ? all.slice(-deletionRecords) : []
  }

  async #after(mark: number): Promise<readonly (Deletion | undefined)[]> {
    const reply = await this.#connection.send(['ZRANGEBYSCORE', this.#keys.deletions, `(${mark}`, '+inf'])
    if (!Array.isArray(reply)) throw this.#connection.nonsense('ZRANGEBYSCORE')
    return reply.map(decodeDeletion)
  }
}

/** A mark as Redis has it: text, because a client may read large numbers inexactly. */
function markOf(reply: unknown): number | undefined {
  return Buffer.isBuffer(reply) && /^\d{1,16}$/.test(reply.toString()) ? Number(reply.toString()) : undefined
}

/** A record: its mark, the one before it, and the selector. Undefined when it is not one of this store's. */
function decodeDeletion(record: unknown): Deletion | undefined {
  const [, mark, after, selector = ''] = /^(\d+) (\d*) (.*)$/s.exec(String(record)) ?? []
  try {
    return { mark: Number(mark), after: Number(after || Number.NaN), selector: JSON.parse(selector) as Selector }
  } catch {
    return undefined
  }
}
