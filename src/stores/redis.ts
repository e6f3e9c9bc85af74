import { randomUUID } from 'node:crypto'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { RedisCommand } from '../core/redis-command.ts'
import { checkMark, checkName, checkSelector, checkStep, checkVector, closedError, wholeTtl } from './check.ts'
import { parseRedisUrl } from './redis-address.ts'
import { RedisConnection, type RedisTls } from './redis-connection.ts'
import { RedisDeletions } from './redis-deletions.ts'
import { checkedPrefix, decodeEntry, encodeEntry, encodeVector, RedisKeys } from './redis-layout.ts'
import { increment, releaseLease, renewLease, replaceIndexed, setIndexed } from './redis-scripts.ts'
import { RedisSelection } from './redis-selection.ts'
import { sizeOf } from './redis-size.ts'
import { RedisVectors } from './redis-vectors.ts'
import type { Deletions, Lease, Selector, SetOptions, Store, StoreSize } from './store.ts'

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
  const redis = await importRedis()
  const connect = (): RedisConnection =>
    new RedisConnection(redis, {
      address,
      connectTimeoutMs,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(tls === undefined ? {} : { tls })
    })
  return new RedisStore(connect, prefix)
}

class RedisStore implements Store {
  readonly name = 'redis'
  readonly vectors: RedisVectors
  readonly #connection: RedisConnection
  readonly #connect: () => RedisConnection
  /** For commands of others: a slow one would keep the replies behind it waiting. */
  #others: RedisConnection | undefined
  readonly #keys: RedisKeys
  readonly #deletions: RedisDeletions
  readonly #selection: RedisSelection
  readonly #prefix: string
  #closing: Promise<void> | undefined

  constructor(connect: () => RedisConnection, prefix: string) {
    this.#connection = connect()
    this.#connect = connect
    this.#keys = new RedisKeys(prefix)
    this.vectors = new RedisVectors(this.#connection, connect, this.#keys)
    this.#deletions = new RedisDeletions(this.#connection, this.#keys)
    this.#selection = new RedisSelection(this.#connection, this.#keys, this.#deletions)
    this.#prefix = prefix
  }

  /** A connection of its own is made when this is first read. */
  get redis(): { readonly command: RedisCommand; readonly prefix: string } {
    this.#others ??= this.#connect()
    const others = this.#others
    return { prefix: this.#prefix, command: (args) => this.#command(others, args) }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    this.#check(key)
    const reply = await this.#connection.send(['GET', this.#keys.entry(key)])
    if (reply === null) return undefined
    if (!Buffer.isBuffer(reply)) throw this.#connection.nonsense('GET')
    return decodeEntry(reply)
  }

  async set(
    key: string,
    value: Uint8Array,
    { ttlMs, tags, vector, since }: SetOptions
  ): Promise<Deletions | undefined> {
    this.#check(key)
    for (const tag of tags) checkName('tag', tag)
    checkVector(vector)
    checkMark(since)
    const ttl = String(wholeTtl(ttlMs))
    const unique = [...new Set(tags)]
    const entry = encodeEntry(value, unique)
    const [entryKey, vectorKey] = [this.#keys.entry(key), this.#keys.vector(key)]
    if (vector === undefined && unique.length === 0 && since === undefined) {
      // In this order, so that no vector is ever left to an entry that it was not given with.
      const old = this.#connection.send(['UNLINK', vectorKey])
      await Promise.all([old, this.#connection.send(['SET', entryKey, entry, 'PX', ttl])])
      return undefined
    }
    const keys = [entryKey, vectorKey, this.#keys.mark, ...unique.map((tag) => this.#keys.tag(tag))]
    const args = [entry, ttl, key, since === undefined ? '' : String(since)]
    if (vector !== undefined) {
      keys.push(this.#keys.partition(vector.partition), this.#keys.log)
      args.push(encodeVector(vector.partition, vector.bytes), vector.partition)
    }
    const count = await this.#count('SET', this.#connection.run(setIndexed, keys, args))
    return count === 1 || since === undefined ? undefined : this.#deletions.since(since)
  }

  async replace(
    key: string,
    value: Uint8Array,
    tags: readonly string[],
    beginning: Uint8Array,
    since: number
  ): Promise<boolean> {
    this.#check(key)
    for (const tag of tags) checkName('tag', tag)
    checkMark(since)
    const unique = [...new Set(tags)]
    const keys = [this.#keys.entry(key), this.#keys.mark, ...unique.map((tag) => this.#keys.tag(tag))]
    const args = [encodeEntry(value, unique), Buffer.from(beginning), key, String(since)]
    return (await this.#count('SET', this.#connection.run(replaceIndexed, keys, args))) === 1
  }

  async delete(selector: Selector, deleted: (key: string) => void = () => {}): Promise<number> {
    this.#checkOpen()
    checkSelector(selector)
    return this.#selection.delete(selector, deleted)
  }

  async mark(): Promise<number> {
    this.#checkOpen()
    return this.#deletions.mark()
  }

  async deletedSince(mark: number): Promise<Deletions> {
    this.#checkOpen()
    checkMark(mark)
    return this.#deletions.since(mark)
  }

  async *keys(selector: Selector): AsyncGenerator<readonly string[]> {
    this.#checkOpen()
    for await (const keys of this.#selection.keys(selector)) {
      yield keys
      this.#checkOpen()
    }
  }

  async size(): Promise<StoreSize> {
    this.#checkOpen()
    return sizeOf(this.#connection)
  }

  async increment(key: string, by: number, ttlMs: number, atMost?: number): Promise<number | undefined> {
    this.#check(key)
    checkStep(by, atMost)
    const isBound = atMost !== undefined && by > 0
    const args = [String(by), String(wholeTtl(ttlMs)), ...(isBound ? [String(atMost)] : [])]
    const reply = await this.#connection.run(increment, [this.#keys.counter(key)], args)
    if (isBound && reply === null) return undefined
    if (!Buffer.isBuffer(reply) || !/^-?\d+$/.test(reply.toString())) throw this.#connection.nonsense('INCRBY')
    return Number(reply.toString())
  }

  async lease(key: string, ttlMs: number): Promise<Lease | undefined> {
    this.#check(key)
    const leaseKey = this.#keys.lease(key)
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
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.vectors.end()
    await Promise.all([this.#connection.close(), this.#others?.close()])
  }

  async #command(others: RedisConnection, args: readonly (string | Uint8Array)[]): Promise<unknown> {
    this.#checkOpen()
    return others.send(args.map((arg) => (typeof arg === 'string' ? arg : bufferOf(arg))))
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closedError(this.name)
  }

  #check(key: string): void {
    this.#checkOpen()
    checkName('key', key)
  }

  async #count(command: string, reply: Promise<unknown>): Promise<number> {
    const count = await reply
    if (typeof count !== 'number') throw this.#connection.nonsense(command)
    return count
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
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
