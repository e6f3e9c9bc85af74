import { createHash } from 'node:crypto'
import { foreverMs } from '../core/duration.ts'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { RedisCommand } from '../core/redis-command.ts'
import { runScript } from '../core/redis-script.ts'
import { lengthOf, vectorBytes } from '../core/vector-bytes.ts'
import { numberOf, numbersOf, scoredOf } from './redis-replies.ts'
import { addVector, dropVectors } from './redis-scripts.ts'
import { type PartitionKeys, RedisSweep, stepSize } from './redis-sweep.ts'
import type { Match, VectorIndex } from './vector-index.ts'

export interface RedisVectorsOptions {
  /** Asks the server, as `Store.redis` of the redis store does. The index does not close its connection. */
  readonly command: RedisCommand
  /** What all keys begin with, colon included. */
  readonly prefix: string
  /**
   * How the server keeps numbers: `none`, as 32-bit floats, or `int8`, which takes half the memory and is off by up to
   * 0.002 in similarity at 384 dimensions, and by more at fewer: what lies so near to `minSimilarity` may or may not
   * match. Indexes that differ in it do not see each other's vectors. Default: `none`.
   */
  readonly quantisation?: 'int8' | 'none'
  /** How often what has expired is taken out, in milliseconds. Default: 5,000. */
  readonly sweepEveryMs?: number
  /** The clock that `expiresAtMs` is compared with. Default: `Date.now`. */
  readonly now?: () => number
}

/*
 * Keys, after the prefix, for each partition (the hash is that of its name):
 *
 *   x:{HASH}:f32           a vector set (q8 when quantised): one element for each entry, its id `k` and the entry's key
 *   x:{HASH}:f32:expiries  the same ids, a sorted set scored by expiry
 *
 * The sorted set says what counts: an element that is not in it has expired. So no order of events, and no key that is
 * evicted by itself, makes a vector live on; whoever meets such an element takes it out.
 * Both keys live as long as the last of the vectors, on a cluster in one slot, whatever the prefix has in braces (but
 * for a prefix whose first braces are empty, of which Redis hashes the whole key).
 * The hazards of vector sets, and what is done about them:
 *
 *   attributes can be lost, and a filter that few pass finds nothing   neither is used: what must be the same is in the
 *                                                                      partition's name
 *   VADD with CAS in an append-only file keeps Redis 8 from starting   never sent
 *   a VADD that replaces is told to no replica                         VREM goes before it
 *   zero and NaN are taken, and are half like everything               never sent
 *   the first element fixes length and quantisation                    a partition has one length, and the
 *                                                                      quantisation is in the key's name
 *   a set is evicted as a whole                                        one that has gone is empty
 *   a removal holds the server up                                      few at a time
 *   COUNT widens the search without a bound                            it has one here
 *   ids that look like numbers change their order in some clients      they begin with a letter
 */
const idPrefix = 'k'

/** How many are asked for beside those that are wanted, as some may have expired; and the most that are asked for at all. */
const spare = 16
const mostAsked = 4000

/** What the rounding of 32-bit floats may take from a similarity. */
const rounding = 1e-6

/**
 * Keeps vectors in Redis 8 Vector Sets, shared at once by all who use the server. A neighbour is found by an
 * approximate search (HNSW); its similarity is exact to 1e-6 unless `quantisation` is `int8`. Calls reject with
 * `invalid-option` on a server without vector sets, and otherwise with what `command` rejects with; none has a
 * deadline of its own. Commands of one connection wait for each other: large sets deserve a connection of their own.
 * A set that the server has evicted is an empty one. `close` ends the sweep, and leaves the vectors where they are.
 */
export function redisVectors(options: RedisVectorsOptions): VectorIndex {
  const { sweepEveryMs = 5000 } = options
  if (!(sweepEveryMs > 0 && sweepEveryMs <= 2 ** 31 - 1)) {
    throw new RepriseError(
      'invalid-option',
      `sweepEveryMs: expected milliseconds from above 0 to 2^31 - 1, got ${sweepEveryMs}`
    )
  }
  return new RedisVectors(options, sweepEveryMs)
}

class RedisVectors implements VectorIndex {
  readonly name = 'redis'
  readonly readsStore = false
  readonly #command: RedisCommand
  readonly #prefix: string
  readonly #quantised: boolean
  readonly #now: () => number
  readonly #sweep: RedisSweep
  /** Whether the server has vector sets: asked before the first call, and after each that fails. */
  #checked: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor({ command, prefix, quantisation, now = Date.now }: RedisVectorsOptions, sweepEveryMs: number) {
    this.#command = command
    this.#prefix = prefix
    this.#quantised = quantisation === 'int8'
    this.#now = now
    this.#sweep = new RedisSweep({ command, now, everyMs: sweepEveryMs })
  }

  add(partition: string, key: string, vector: Float32Array, expiresAtMs: number): Promise<void> {
    return this.#ask(async () => {
      const bytes = unitVectorBytes(vector)
      const nowMs = this.#now()
      if (!(expiresAtMs > nowMs)) return this.#remove(partition, [key])
      // A hundred years stand for ever, and keep sums with the clock exact.
      const ttl = String(Math.min(Math.ceil(expiresAtMs - nowMs), foreverMs))
      const expiry = Math.min(expiresAtMs, Number.MAX_SAFE_INTEGER)
      const id = idPrefix + key
      const keys = this.#keysOf(partition)
      const quantisation = this.#quantised ? 'Q8' : 'NOQUANT'
      const args = [id, bytes, String(vector.length), String(expiry), ttl, quantisation]
      const done = numberOf(await runScript(this.#command, addVector, [keys.set, keys.expiries], args), 'EVALSHA')
      if (done < 0) throw lengthError(vector.length, -done)
      this.#sweep.watch(keys, expiry)
    })
  }

  nearest(partition: string, vector: Float32Array, minSimilarity: number, count: number): Promise<readonly Match[]> {
    return this.#ask(async () => {
      const bytes = unitVectorBytes(vector)
      const wanted = Math.min(Math.floor(count), mostAsked)
      if (!(wanted > 0)) return []
      const keys = this.#keysOf(partition)
      // Wider for as long as what has expired stands before what has not.
      for (let asked = wanted + spare; ; asked *= 4) {
        const most = Math.min(asked, mostAsked)
        const near = await this.#near(keys, bytes, vector.length, minSimilarity, most)
        const live = await this.#living(keys, near)
        if (live.length >= wanted || near.length < most || most === mostAsked) return live.slice(0, wanted)
      }
    })
  }

  remove(partition: string, keys: readonly string[]): Promise<void> {
    return this.#ask(() => this.#remove(partition, keys))
  }

  close(): Promise<void> {
    this.#closing ??= this.#sweep.end()
    return this.#closing
  }

  async #ask<Result>(call: () => Promise<Result>): Promise<Result> {
    if (this.#closing !== undefined) throw new RepriseError('store-closed', 'the redis index has been closed')
    this.#checked ??= this.#check()
    try {
      await this.#checked
      return await call()
    } catch (error) {
      // It may be another server by now.
      this.#checked = undefined
      throw error
    }
  }

  /** Not by the version: other servers have their own numbers, and some of them vector sets. */
  async #check(): Promise<void> {
    let reply: unknown
    try {
      reply = await this.#command(['COMMAND', 'INFO', 'VSIM'])
    } catch (error) {
      // A user who may not ask may still be allowed to use them.
      if (messageOf(error).includes('NOPERM')) return
      throw error
    }
    if (Array.isArray(reply) && Array.isArray(reply[0])) return
    throw new RepriseError(
      'invalid-option',
      'vectors: expected a Redis server with vector sets, got one that does not know VSIM: use Redis 8 or later, or the local index'
    )
  }

  /** Matches in the order of their similarity, those that have expired among them. */
  async #near(
    keys: PartitionKeys,
    bytes: Uint8Array,
    dimensions: number,
    minSimilarity: number,
    count: number
  ): Promise<readonly Match[]> {
    let reply: unknown
    try {
      reply = await this.#command(['VSIM', keys.set, 'FP32', bytes, 'WITHSCORES', 'COUNT', String(count)])
    } catch (error) {
      const [, length] = /dimension mismatch.* has (\d+)/.exec(messageOf(error)) ?? []
      throw length === undefined ? error : lengthError(dimensions, Number(length))
    }
    return scoredOf(reply)
      .map(({ id, score }) => ({ key: id.slice(idPrefix.length), similarity: 2 * score - 1 }))
      .filter(({ similarity }) => similarity >= minSimilarity - rounding)
      .map(({ key, similarity }) => ({ key, similarity: Math.min(Math.max(similarity, minSimilarity, -1), 1) }))
      .sort((one, other) => other.similarity - one.similarity)
  }

  /** Those that have not expired; the others are on their way out. */
  async #living(keys: PartitionKeys, matches: readonly Match[]): Promise<readonly Match[]> {
    if (matches.length === 0) return []
    const ids = matches.map(({ key }) => idPrefix + key)
    const reply = await this.#command(['ZMSCORE', keys.expiries, ...ids])
    const expiries = numbersOf(reply, ids.length, 'ZMSCORE')
    const nowMs = this.#now()
    const lives = expiries.map((expiresAtMs) => expiresAtMs !== undefined && expiresAtMs > nowMs)
    const dead = ids.filter((_, index) => !lives[index])
    if (dead.length > 0) this.#sweep.drop(keys, dead)
    return matches.filter((_, index) => lives[index])
  }

  async #remove(partition: string, keys: readonly string[]): Promise<void> {
    const { set, expiries } = this.#keysOf(partition)
    for (let index = 0; index < keys.length; index += stepSize) {
      const ids = keys.slice(index, index + stepSize).map((key) => idPrefix + key)
      // At the end of all time whatever is named has expired, and no room is left for what is not.
      const args = [String(Number.MAX_SAFE_INTEGER), '0', ...ids]
      await runScript(this.#command, dropVectors, [set, expiries], args)
    }
  }

  #keysOf(partition: string): PartitionKeys {
    const hash = createHash('sha256').update(partition).digest('base64url').slice(0, 22)
    const set = `${this.#prefix}x:{${hash}}:${this.#quantised ? 'q8' : 'f32'}`
    return { set, expiries: `${set}:expiries` }
  }
}

function lengthError(got: number, expected: number): RepriseError {
  return new RepriseError(
    'invalid-option',
    `vector: expected ${expected} numbers like the others of its partition, got ${got}`
  )
}

/** The server takes zero and NaN, and then says of them that they are half like everything. */
function unitVectorBytes(vector: Float32Array): Uint8Array {
  if (lengthOf(vector) !== undefined) return vectorBytes(vector)
  throw new RepriseError(
    'invalid-option',
    `vector: expected ${vector.length === 0 ? 'numbers, got none' : `length 1, got ${Math.hypot(...vector)}`}`
  )
}
