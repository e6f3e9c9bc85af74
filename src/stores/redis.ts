import { createHash, randomUUID } from 'node:crypto'
import { messageOf, RepriseError } from '../core/errors.ts'
import { checkName, checkStep, closedError, wholeTtl } from './check.ts'
import { escapeForRedis, globMatcher, patternForRedis } from './glob.ts'
import { parseRedisUrl } from './redis-address.ts'
import { RedisConnection, type RedisTls } from './redis-connection.ts'
import { deleteIfTagged, increment, releaseLease, renewLease, setTagged, untag } from './redis-scripts.ts'
import type { Lease, Selector, SetOptions, Store } from './store.ts'

export interface RedisStoreOptions {
  /** `redis://[user:password@]host[:port][/database][?prefix=app:]`, or `rediss://` for TLS. */
  readonly url: string
  /** What all keys begin with; a colon is added where there is none. Default: the URL's, or `reprise:`. */
  readonly prefix?: string
  /** Default: the URL's. */
  readonly username?: string
  /** Default: the URL's. */
  readonly password?: string
  readonly tls?: RedisTls
  /** How long an attempt to connect may take, in milliseconds. Default: 2,000. */
  readonly connectTimeoutMs?: number
}

/*
 * Keys, after the prefix:
 *
 *   e:KEY    an entry: a header (version 1, the number of its tags, eight bytes of SHA-256 of each), then the value
 *   t:TAG    the keys of the entries with a tag, a sorted set scored by expiry
 *   c:NAME   a counter
 *   l:NAME   a lease: the token of who holds it
 *
 * An entry knows its tags, so that replacing one is a plain SET: what the old one's tags say of it is out of date,
 * and is not believed when the tag is deleted. A key stays in a set until it would have expired.
 * Every command has one key, `setTagged` apart: on a cluster, a prefix in braces ({app}:) keeps all in one slot.
 * A server that evicts should do so by `volatile-ttl`: a tag's set lives as long as its last entry, and so goes last.
 */
const version = 1
const headerBytes = 3
const hashBytes = 8
const maxTags = 65_535

/** How many keys are asked for, and deleted, at a time. */
const chunk = 500

/**
 * Keeps entries in a Redis server (6 or later, or what speaks its protocol) that any number of machines share.
 * The connection is made in the background, again and again: calls fail at once while there is none.
 * @throws RepriseError `invalid-option`, `missing-dependency` without `@redis/client`
 */
export async function redisStore(options: RedisStoreOptions): Promise<Store> {
  const address = parseRedisUrl(options.url)
  if (options.tls !== undefined && !address.isTls) {
    throw new RepriseError('invalid-option', 'tls: expected a rediss:// URL with it, got redis://')
  }
  const username = options.username ?? address.username
  const password = options.password ?? address.password
  const prefix = checkedPrefix(options.prefix ?? address.prefix ?? 'reprise:')
  const { connectTimeoutMs = 2000, tls } = options
  const connection = new RedisConnection(await importRedis(), {
    address,
    connectTimeoutMs,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls })
  })
  return new RedisStore(connection, prefix)
}

class RedisStore implements Store {
  readonly name = 'redis'
  readonly #connection: RedisConnection
  readonly #prefix: string
  #closing: Promise<void> | undefined

  constructor(connection: RedisConnection, prefix: string) {
    this.#connection = connection
    this.#prefix = prefix
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    this.#check(key)
    const reply = await this.#connection.send(['GET', this.#entryKey(key)])
    if (reply === null) return undefined
    if (!Buffer.isBuffer(reply)) throw this.#connection.nonsense('GET')
    const start = reply.length < headerBytes ? headerBytes : headerBytes + hashBytes * reply.readUInt16BE(1)
    // Not written by a store of this kind, or damaged since: given as it is, for whoever knows what a value must be.
    if (reply[0] !== version || start > reply.length) return reply
    return reply.subarray(start)
  }

  async set(key: string, value: Uint8Array, { ttlMs, tags }: SetOptions): Promise<void> {
    this.#check(key)
    for (const tag of tags) checkName('tag', tag)
    const ttl = String(wholeTtl(ttlMs))
    const unique = [...new Set(tags)]
    if (unique.length > maxTags)
      throw new RepriseError('invalid-option', `tags: expected up to ${maxTags}, got ${unique.length}`)
    const entry = encode(value, unique)
    const entryKey = this.#entryKey(key)
    if (unique.length === 0) {
      await this.#connection.send(['SET', entryKey, entry, 'PX', ttl])
    } else {
      await this.#connection.run(setTagged, [entryKey, ...unique.map((tag) => this.#tagKey(tag))], [entry, ttl, key])
    }
  }

  async delete(selector: Selector): Promise<number> {
    if (this.#closing !== undefined) throw closedError(this.name)
    if ('key' in selector) return this.#count('UNLINK', this.#connection.send(['UNLINK', this.#entryKey(selector.key)]))
    if ('tag' in selector) return this.#deleteTag(selector.tag)
    if ('pattern' in selector)
      return this.#deleteMatching(patternForRedis(selector.pattern), globMatcher(selector.pattern))
    return this.#deleteMatching(`${escapeForRedis('prefix' in selector ? selector.prefix : '')}*`, () => true)
  }

  async increment(key: string, by: number, ttlMs: number): Promise<number> {
    this.#check(key)
    checkStep(by)
    const args = [String(by), String(wholeTtl(ttlMs))]
    return this.#count('INCRBY', this.#connection.run(increment, [`${this.#prefix}c:${key}`], args))
  }

  async lease(key: string, ttlMs: number): Promise<Lease | undefined> {
    this.#check(key)
    const leaseKey = `${this.#prefix}l:${key}`
    const token = randomUUID()
    const reply = await this.#connection.send(['SET', leaseKey, token, 'NX', 'PX', String(wholeTtl(ttlMs))])
    if (reply === null) return undefined
    return {
      renew: async (againMs) => {
        this.#check(key)
        const renewed = this.#connection.run(renewLease, [leaseKey], [token, String(wholeTtl(againMs))])
        return (await this.#count('PEXPIRE', renewed)) === 1
      },
      release: async () => {
        this.#check(key)
        await this.#connection.run(releaseLease, [leaseKey], [token])
      }
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#connection.close()
    return this.#closing
  }

  #check(key: string): void {
    if (this.#closing !== undefined) throw closedError(this.name)
    checkName('key', key)
  }

  #entryKey(key: string): string {
    return `${this.#prefix}e:${key}`
  }

  #tagKey(tag: string): string {
    return `${this.#prefix}t:${tag}`
  }

  async #count(command: string, reply: Promise<unknown>): Promise<number> {
    const count = await reply
    if (typeof count !== 'number') throw this.#connection.nonsense(command)
    return count
  }

  /** Costs as much as there are keys in the tag's set. */
  async #deleteTag(tag: string): Promise<number> {
    const tagKey = this.#tagKey(tag)
    const hash = hashOf(tag)
    let count = 0
    for await (const page of this.#pages((cursor) => ['ZSCAN', tagKey, cursor, 'COUNT', String(chunk)])) {
      // A small set comes whole, however little was asked for.
      for (let index = 0; index < page.length; index += 2 * chunk) {
        const members = page.slice(index, index + 2 * chunk)
        const keys = members.filter((_, at) => at % 2 === 0)
        const deleted = keys.map((key) =>
          this.#count('UNLINK', this.#connection.run(deleteIfTagged, [this.#entryKey(key.toString())], [hash]))
        )
        for (const one of await Promise.all(deleted)) count += one
        // Only now: had this failed half way, asking again would find the rest. Only with the score that was seen: an
        // entry that was set meanwhile keeps its place.
        await this.#connection.run(untag, [tagKey], members)
      }
    }
    return count
  }

  /** Looks at every key of the server: for administration, not for requests. */
  async #deleteMatching(pattern: string, matches: (key: string) => boolean): Promise<number> {
    const start = this.#entryKey('')
    const match = escapeForRedis(start) + pattern
    let count = 0
    for await (const page of this.#pages((cursor) => ['SCAN', cursor, 'MATCH', match, 'COUNT', String(chunk)])) {
      const keys = page.map(String).filter((key) => matches(key.slice(start.length)))
      const deleted = keys.map((key) => this.#count('UNLINK', this.#connection.send(['UNLINK', key])))
      for (const one of await Promise.all(deleted)) count += one
    }
    return count
  }

  async *#pages(command: (cursor: string) => readonly string[]): AsyncGenerator<readonly Buffer[]> {
    let cursor = '0'
    do {
      const args = command(cursor)
      const reply = await this.#connection.send(args)
      if (!Array.isArray(reply) || !Array.isArray(reply[1])) throw this.#connection.nonsense(args[0] ?? '')
      cursor = String(reply[0])
      yield reply[1] as readonly Buffer[]
    } while (cursor !== '0')
  }
}

function encode(value: Uint8Array, tags: readonly string[]): Buffer {
  const entry = Buffer.allocUnsafe(headerBytes + hashBytes * tags.length + value.length)
  entry[0] = version
  entry.writeUInt16BE(tags.length, 1)
  tags.forEach((tag, index) => {
    hashOf(tag).copy(entry, headerBytes + hashBytes * index)
  })
  entry.set(value, headerBytes + hashBytes * tags.length)
  return entry
}

function hashOf(tag: string): Buffer {
  return createHash('sha256').update(tag).digest().subarray(0, hashBytes)
}

function checkedPrefix(text: string): string {
  const prefix = text.endsWith(':') ? text : `${text}:`
  // A part that is one of the store's own letters would make one store's keys look like another's.
  if (/^[\w.{}:-]{2,128}$/.test(prefix) && !/(^|:)[etcl]:/.test(prefix)) return prefix
  throw new RepriseError(
    'invalid-option',
    `prefix: expected letters, digits, '.', '_', '-', '{', '}' and ':', and no part that is e, t, c or l, got ${JSON.stringify(text)}`
  )
}

async function importRedis(): Promise<typeof import('@redis/client')> {
  try {
    return await import('@redis/client')
  } catch (error) {
    throw new RepriseError(
      'missing-dependency',
      `the redis store needs the package @redis/client, which cannot be loaded (${messageOf(error)}): npm install @redis/client`,
      { cause: error }
    )
  }
}
