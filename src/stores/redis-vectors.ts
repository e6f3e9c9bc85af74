import type { StoredVector, StoredVectors, VectorListener } from '../core/stored-vectors.ts'
import { checkName, closedError } from './check.ts'
import type { RedisConnection } from './redis-connection.ts'
import { lastRecord, RedisFollower } from './redis-follower.ts'
import { decodeVector, hashOf, type RedisKeys } from './redis-layout.ts'
import { membersOf } from './redis-scan.ts'
import { untag } from './redis-scripts.ts'
import { VectorListeners } from './vector-listeners.ts'

/** The vectors on a Redis server, and what its log says of new ones, whichever machine stored them. */
export class RedisVectors implements StoredVectors {
  readonly #connection: RedisConnection
  readonly #connect: () => RedisConnection
  readonly #keys: RedisKeys
  readonly #listeners = new VectorListeners()
  #follower: RedisFollower | undefined
  #ended = false

  /** `connect` makes a connection for following alone: one that waits for news answers nothing else. */
  constructor(connection: RedisConnection, connect: () => RedisConnection, keys: RedisKeys) {
    this.#connection = connection
    this.#connect = connect
    this.#keys = keys
  }

  async get(partition: string, key: string): Promise<Uint8Array | undefined> {
    this.#check(partition)
    checkName('key', key)
    return this.#get(hashOf(partition), key)
  }

  async *read(partition: string): AsyncGenerator<readonly StoredVector[]> {
    this.#check(partition)
    const set = this.#keys.partition(partition)
    const hash = hashOf(partition)
    for await (const members of membersOf(this.#connection, set)) {
      const found = await Promise.all(
        members.filter((_, at) => at % 2 === 0).map((member) => this.#get(hash, member.toString()))
      )
      const gone: Buffer[] = []
      const live: StoredVector[] = []
      found.forEach((bytes, at) => {
        const [member, score] = members.slice(2 * at, 2 * at + 2) as [Buffer, Buffer]
        if (bytes === undefined) gone.push(member, score)
        else live.push({ key: member.toString(), bytes, expiresAtMs: Number(score) })
      })
      // Deleted, evicted, or in another partition now. That it cannot be tidied up keeps nobody from reading.
      if (gone.length > 0) await this.#connection.run(untag, [set], gone).catch(() => {})
      if (live.length > 0) yield live
      this.#check(partition)
    }
  }

  follow(listener: VectorListener): () => void {
    if (this.#ended) throw closedError('redis')
    // Asked on the connection that everything else is asked on: what is read after this is not older.
    this.#follower ??= new RedisFollower(
      this.#connect(),
      this.#keys.log,
      this.#listeners,
      lastRecord(this.#connection, this.#keys.log)
    )
    return this.#listeners.add(listener, () => {
      if (this.#listeners.size === 0) this.#stopFollowing()
    })
  }

  end(): void {
    this.#ended = true
    this.#listeners.clear()
    this.#stopFollowing()
  }

  #stopFollowing(): void {
    this.#follower?.end()
    this.#follower = undefined
  }

  async #get(partitionHash: Buffer, key: string): Promise<Buffer | undefined> {
    const reply = await this.#connection.send(['GET', this.#keys.vector(key)])
    if (reply === null) return undefined
    if (!Buffer.isBuffer(reply)) throw this.#connection.nonsense('GET')
    return decodeVector(partitionHash, reply)
  }

  #check(partition: string): void {
    if (this.#ended) throw closedError('redis')
    checkName('partition', partition)
  }
}
