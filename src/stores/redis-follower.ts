import { setTimeout as delay } from 'node:timers/promises'
import type { VectorListener } from '../core/stored-vectors.ts'
import type { RedisConnection } from './redis-connection.ts'
import { noRecord } from './redis-layout.ts'

/** How long the server is asked to wait for news: shorter than a connection may be silent. */
const blockMs = 1000
/** How many records come at a time. */
const batch = 500
const firstWaitMs = 50
const longestWaitMs = 1000

interface LogRecord {
  readonly id: string
  readonly partition: string
  readonly key: string
  readonly expiresAtMs: number
  /** The record before it. */
  readonly after: string
}

/** The number of a log's last record; that of no record when there is none. */
export async function lastRecord(connection: RedisConnection, log: string): Promise<string> {
  const reply = await connection.send(['XREVRANGE', log, '+', '-', 'COUNT', '1'])
  const records = decodeRecords(reply)
  if (records === undefined) throw connection.nonsense('XREVRANGE')
  return records[0]?.id ?? noRecord
}

/**
 * Reads on in a store's log for as long as it is wanted, by a connection of its own. Whatever fails is tried again, and
 * whatever may have been missed meanwhile is said.
 */
export class RedisFollower {
  readonly #connection: RedisConnection
  readonly #log: string
  readonly #listener: VectorListener
  #ended = false

  /** `from` is the record after which to begin; when that cannot be known, everything may have been missed. */
  constructor(connection: RedisConnection, log: string, listener: VectorListener, from: Promise<string>) {
    this.#connection = connection
    this.#log = log
    this.#listener = listener
    void this.#run(from)
  }

  end(): void {
    this.#ended = true
    this.#connection.drop()
  }

  async #run(from: Promise<string>): Promise<void> {
    let position = await from.catch(() => undefined)
    let waitMs = firstWaitMs
    while (!this.#ended) {
      try {
        const last = await lastRecord(this.#connection, this.#log)
        waitMs = firstWaitMs
        if (position === undefined || isBefore(last, position)) {
          // Nothing was known, or the log has gone, and perhaps begun anew.
          position = last
          this.#lost()
        }
        for (let records = await this.#next(position); records.length > 0; records = await this.#next(position)) {
          for (const { id, partition, key, expiresAtMs, after } of records) {
            // What came in between was no longer in the log when it was asked for.
            if (after !== position) this.#lost()
            position = id
            if (!this.#ended) this.#listener.stored(partition, key, expiresAtMs)
          }
        }
      } catch {
        await delay(waitMs, undefined, { ref: false })
        waitMs = Math.min(waitMs * 2, longestWaitMs)
      }
    }
  }

  #lost(): void {
    if (!this.#ended) this.#listener.lost()
  }

  /** The records after one, waited for; none when there is no news. */
  async #next(after: string): Promise<readonly LogRecord[]> {
    const options = ['COUNT', String(batch), 'BLOCK', String(blockMs)]
    const reply = await this.#connection.send(['XREAD', ...options, 'STREAMS', this.#log, after])
    if (reply === null) return []
    // By the name of the stream.
    const records = decodeRecords(Object.values(reply as object)[0])
    if (records === undefined) throw this.#connection.nonsense('XREAD')
    return records
  }
}

/** Of each record its number, and names and values in turn. Undefined: these are no records. */
function decodeRecords(reply: unknown): readonly LogRecord[] | undefined {
  if (!Array.isArray(reply) || !reply.every((record) => Array.isArray(record) && Array.isArray(record[1])))
    return undefined
  return (reply as readonly (readonly [unknown, readonly unknown[]])[]).map(decodeRecord)
}

function decodeRecord([id, fields]: readonly [unknown, readonly unknown[]]): LogRecord {
  const texts = fields.map(String)
  const field = (name: string): string => {
    const at = texts.findIndex((text, index) => index % 2 === 0 && text === name)
    return texts[at + 1] ?? ''
  }
  return {
    id: String(id),
    partition: field('partition'),
    key: field('key'),
    expiresAtMs: Number(field('expiry')),
    after: field('after')
  }
}

/** Numbers of records are a time and a count: `1526919030474-55`. */
function isBefore(a: string, b: string): boolean {
  const [aTime = 0, aCount = 0] = a.split('-').map(Number)
  const [bTime = 0, bCount = 0] = b.split('-').map(Number)
  return aTime < bTime || (aTime === bTime && aCount < bCount)
}
