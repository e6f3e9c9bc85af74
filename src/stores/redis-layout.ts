import { createHash } from 'node:crypto'
import { RepriseError } from '../core/errors.ts'

/*
 * Keys, after the prefix:
 *
 *   e:KEY         an entry: a header (version 1, the number of its tags, eight bytes of SHA-256 of each), then the value
 *   t:TAG         the keys of the entries with a tag, a sorted set scored by expiry
 *   v:KEY         an entry's vector: eight bytes of SHA-256 of its partition, then the bytes as they were given
 *   p:PARTITION   the keys of the entries with a vector in it, a sorted set scored by expiry
 *   n:            the log of entries stored with a vector, a stream: partition, key, expiry, the record before
 *   d:            the log of deletions, a sorted set scored by mark: the mark, the one before it, and the selector
 *   d:mark        the latest deletion's mark; it does not expire
 *   c:NAME        a counter
 *   l:NAME        a lease: the token of who holds it
 *   x:...         what the index in Redis keeps (vectors/redis.ts)
 *
 * An entry knows its tags, and a vector its partition, so that replacing an entry need not read the old one: what the
 * sorted sets say of that is out of date, and is not believed. A key stays in a set until it would have expired, or
 * until somebody finds that it is no longer a member.
 * Most scripts have several keys: on a cluster, a prefix in braces ({app}:) keeps all in one slot.
 * A server that evicts should do so by `volatile-ttl`: a sorted set lives as long as its last entry, and so goes last.
 */
/** What an entry begins with. */
export const version = 1
const headerBytes = 3
const hashBytes = 8
const maxTags = 65_535

/** How many records the log keeps; the server may keep some more. */
export const logRecords = 10_000
/** How long the log stays when nothing is added to it: a week. */
export const logLastsMs = 604_800_000
/** What stands for the record before the first. */
export const noRecord = '0-0'

/** How many deletions are remembered. */
export const deletionRecords = 10_000
/** How long they are when nothing more is deleted: thirty days. */
export const deletionsLastMs = 2_592_000_000

/** Where a store's things lie. */
export class RedisKeys {
  readonly log: string
  readonly deletions: string
  readonly mark: string
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = prefix
    this.log = `${prefix}n:`
    this.deletions = `${prefix}d:`
    this.mark = `${prefix}d:mark`
  }

  entry(key: string): string {
    return `${this.#prefix}e:${key}`
  }

  tag(tag: string): string {
    return `${this.#prefix}t:${tag}`
  }

  vector(key: string): string {
    return `${this.#prefix}v:${key}`
  }

  partition(partition: string): string {
    return `${this.#prefix}p:${partition}`
  }

  counter(name: string): string {
    return `${this.#prefix}c:${name}`
  }

  lease(name: string): string {
    return `${this.#prefix}l:${name}`
  }
}

/**
 * The prefix with a colon at its end.
 * @throws RepriseError `invalid-option`
 */
export function checkedPrefix(text: string): string {
  const prefix = text.endsWith(':') ? text : `${text}:`
  // A part that is one of the store's own letters would make one store's keys look like another's.
  if (/^[\w.{}:-]{2,128}$/.test(prefix) && !/(^|:)[etvpndclx]:/.test(prefix)) return prefix
  throw new RepriseError(
    'invalid-option',
    `prefix: expected letters, digits, '.', '_', '-', '{', '}' and ':', and no part that is e, t, v, p, n, d, c, l or x, got ${JSON.stringify(text)}`
  )
}

/** @throws RepriseError `invalid-option` for more tags than there is room for */
export function encodeEntry(value: Uint8Array, tags: readonly string[]): Buffer {
  if (tags.length > maxTags)
    throw new RepriseError('invalid-option', `tags: expected up to ${maxTags}, got ${tags.length}`)
  const entry = Buffer.allocUnsafe(headerBytes + hashBytes * tags.length + value.length)
  entry[0] = version
  entry.writeUInt16BE(tags.length, 1)
  tags.forEach((tag, index) => {
    hashOf(tag).copy(entry, headerBytes + hashBytes * index)
  })
  entry.set(value, headerBytes + hashBytes * tags.length)
  return entry
}

/** An entry's value. */
export function decodeEntry(entry: Buffer): Buffer {
  const start = entry.length < headerBytes ? headerBytes : headerBytes + hashBytes * entry.readUInt16BE(1)
  // Not written by a store of this kind, or damaged since: given as it is, for whoever knows what a value must be.
  return entry[0] !== version || start > entry.length ? entry : entry.subarray(start)
}

export function encodeVector(partition: string, bytes: Uint8Array): Buffer {
  return Buffer.concat([hashOf(partition), bytes])
}

/** A vector's bytes; undefined when it is not in the partition of that hash. */
export function decodeVector(partitionHash: Buffer, vector: Buffer): Buffer | undefined {
  return vector.subarray(0, hashBytes).equals(partitionHash) ? vector.subarray(hashBytes) : undefined
}

/** What a tag or a partition is known by. */
export function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, hashBytes)
}
