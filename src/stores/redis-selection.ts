import { escapeForRedis, globMatcher, patternForRedis } from './glob.ts'
import type { RedisConnection } from './redis-connection.ts'
import type { RedisDeletions } from './redis-deletions.ts'
import { hashOf, type RedisKeys } from './redis-layout.ts'
import { membersOf, pagesOf } from './redis-scan.ts'
import { deleteOne, deleteTagged, deleteThese, findTagged } from './redis-scripts.ts'
import type { Selector } from './store.ts'

/**
 * How many entries a script looks at: a server does nothing else meanwhile, and after it whatever others have asked of it.
 * For the same reason no script is sent before the last one has answered.
 */
const entriesAtOnce = 50

/** A tag's keys cost as much as there are in its set; those of a prefix or a pattern a look at every key of the server. */
export class RedisSelection {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  readonly #deletions: RedisDeletions

  constructor(connection: RedisConnection, keys: RedisKeys, deletions: RedisDeletions) {
    this.#connection = connection
    this.#keys = keys
    this.#deletions = deletions
  }

  /** The keys of what is there. One may come twice if the server has made room and so shrunk its table meanwhile. */
  async *keys(selector: Selector): AsyncGenerator<readonly string[]> {
    for await (const keys of this.#pages(selector)) {
      const found: string[] = []
      for (const batch of batchesOf(keys)) found.push(...(await this.#live(selector, batch)))
      if (found.length > 0) yield found
    }
  }

  async delete(selector: Selector, deleted: (key: string) => void): Promise<number> {
    if ('key' in selector) return this.#deleteKey(selector.key, deleted)
    await this.#deletions.announce(selector)
    let count = 0
    for await (const keys of this.#pages(selector)) {
      for (const batch of batchesOf(keys)) {
        const gone = await this.#deleteBatch(selector, batch)
        for (const key of gone) deleted(key)
        count += gone.length
      }
    }
    return count
  }

  async #deleteKey(key: string, deleted: (key: string) => void): Promise<number> {
    const { mark, deletions } = this.#keys
    const keys = [mark, deletions, this.#keys.entry(key), this.#keys.vector(key)]
    const count = await this.#connection.run(deleteOne, keys, [JSON.stringify({ key })])
    if (typeof count !== 'number') throw this.#connection.nonsense('UNLINK')
    if (count > 0) deleted(key)
    return count
  }

  /** The keys that may be among those selected. */
  async *#pages(selector: Selector): AsyncGenerator<readonly string[]> {
    if ('key' in selector) {
      yield [selector.key]
    } else if ('tag' in selector) {
      for await (const members of membersOf(this.#connection, this.#keys.tag(selector.tag)))
        yield members.filter((_, at) => at % 2 === 0).map(String)
    } else {
      const isPattern = 'pattern' in selector
      const matches = isPattern ? globMatcher(selector.pattern) : () => true
      const prefix = 'prefix' in selector ? selector.prefix : ''
      const start = this.#keys.entry('')
      const match =
        escapeForRedis(start) + (isPattern ? patternForRedis(selector.pattern) : `${escapeForRedis(prefix)}*`)
      for await (const page of pagesOf(this.#connection, ['SCAN'], ['MATCH', match]))
        yield page.map((key) => key.toString().slice(start.length)).filter(matches)
    }
  }

  /** Those of some keys that are there, and bear the tag if one is meant. */
  async #live(selector: Selector, keys: readonly string[]): Promise<readonly string[]> {
    if ('key' in selector) {
      const count = await this.#connection.send(['EXISTS', this.#keys.entry(selector.key)])
      return count === 1 ? keys : []
    }
    // What a server finds by a pattern is there.
    if (!('tag' in selector)) return keys
    const entries = keys.map((key) => this.#keys.entry(key))
    return this.#chosen(keys, this.#connection.run(findTagged, entries, [hashOf(selector.tag)]))
  }

  #deleteBatch(selector: Selector, keys: readonly string[]): Promise<readonly string[]> {
    const both = keys.flatMap((key) => [this.#keys.entry(key), this.#keys.vector(key)])
    if (!('tag' in selector)) return this.#chosen(keys, this.#connection.run(deleteThese, both, []))
    const args = [hashOf(selector.tag), ...keys]
    return this.#chosen(keys, this.#connection.run(deleteTagged, [this.#keys.tag(selector.tag), ...both], args))
  }

  /** The keys that a script has named by their places. */
  async #chosen(keys: readonly string[], places: Promise<unknown>): Promise<readonly string[]> {
    const reply = await places
    if (!Array.isArray(reply)) throw this.#connection.nonsense('EVALSHA')
    return reply.map((place: unknown) => {
      const key = keys[Number(place) - 1]
      if (key === undefined) throw this.#connection.nonsense('EVALSHA')
      return key
    })
  }
}

function* batchesOf(keys: readonly string[]): Generator<readonly string[]> {
  for (let index = 0; index < keys.length; index += entriesAtOnce) yield keys.slice(index, index + entriesAtOnce)
}
