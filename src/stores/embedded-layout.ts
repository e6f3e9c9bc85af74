import { createHash } from 'node:crypto'

/*
 * All that the store keeps lies in one ordered tree; the first byte of a key says what it is.
 *
 *   e KEY                    an entry: its expiry, then the value as it was given. The only thing that `get` reads.
 *   m KEY                    its record: expiry, when it was last used, what it is counted as, its number of tags, and
 *                            the hash of its vector's partition if it has a vector
 *   x EXPIRY KEY             entries by expiry, for the sweep
 *   r LAST-USED KEY          entries by their last use, for eviction
 *   t HASH-OF-TAG KEY        entries by tag
 *   g KEY NUL HASH-OF-TAG    tags by entry
 *   v HASH-OF-PARTITION KEY  an entry's vector: its expiry, then the bytes as they were given
 *   n NUMBER                 the log of entries stored with a vector: expiry, partition, NUL, key
 *   b                        the log's bounds: the numbers of its last and its first record, and what it is counted as
 *   d MARK                   the log of deletions: by which selector, as JSON
 *   k                        that log's bounds: the mark of its last record, the mark up to which nothing is in it any
 *                            more, how many records there are, and what they are counted as
 *   c NAME, l NAME           a counter, a lease; both with their expiry in front
 *   y EXPIRY KIND NAME       counters and leases by expiry; KIND is c or l
 *   s                        the sum of what all is counted as; then the number of entries; and then, while these are
 *                            being counted for the first time, the KEY of the last one that has been. The sum alone
 *                            was written by those who knew nothing of the number.
 *
 * Times are milliseconds since 1970 in six bytes, big-endian, so that they sort; numbers of the log are six bytes too.
 * Marks have more digits than that: they are doubles, which sort as well while they are not below 0; so are all sums
 * and numbers in the bounds of the log of deletions.
 * A tag and a partition are known by sixteen bytes of their SHA-256, since together with a key they can be longer than
 * LMDB lets a key be.
 */
export const kinds = {
  entry: 0x65,
  record: 0x6d,
  byExpiry: 0x78,
  byUse: 0x72,
  byTag: 0x74,
  tagOf: 0x67,
  vector: 0x76,
  log: 0x6e,
  logBounds: 0x62,
  deletion: 0x64,
  deletionBounds: 0x6b,
  counter: 0x63,
  lease: 0x6c,
  limitedByExpiry: 0x79,
  sum: 0x73
} as const

export const timeBytes = 6
export const hashBytes = 16
export const maxTimeMs = 2 ** 48 - 1
/** Of an entry's key; LMDB refuses to look for one that is much longer. */
export const maxNameBytes = 1024

/** The database's own way with keys: text is the key of an entry; all other keys come ready made. */
export const keyEncoder = {
  writeKey(key: string | Buffer, target: Buffer, position: number): number {
    if (typeof key !== 'string') {
      target.set(key, position)
      return position + key.length
    }
    target[position] = kinds.entry
    return position + 1 + target.write(key, position + 1)
  },
  readKey(source: Buffer, start: number, end: number): Buffer {
    return Buffer.from(source.subarray(start, end))
  }
}

export const sumKey = Buffer.from([kinds.sum])
export const logBoundsKey = Buffer.from([kinds.logBounds])
export const deletionBoundsKey = Buffer.from([kinds.deletionBounds])

/** `kind NAME` */
export function namedKey(kind: number, name: Buffer): Buffer {
  const key = Buffer.allocUnsafe(1 + name.length)
  key[0] = kind
  name.copy(key, 1)
  return key
}

/** `kind TIME NAME` */
export function timedKey(kind: number, timeMs: number, name: Buffer): Buffer {
  const key = Buffer.allocUnsafe(1 + timeBytes + name.length)
  key[0] = kind
  key.writeUIntBE(timeMs, 1, timeBytes)
  name.copy(key, 1 + timeBytes)
  return key
}

/** The name in a `kind TIME NAME`. */
export function nameOfTimed(key: Buffer): Buffer {
  return key.subarray(1 + timeBytes)
}

/** `n NUMBER` */
export function logKey(number: number): Buffer {
  return timedKey(kinds.log, number, Buffer.alloc(0))
}

/** `d MARK` */
export function deletionKey(mark: number): Buffer {
  const key = Buffer.allocUnsafe(9)
  key[0] = kinds.deletion
  key.writeDoubleBE(mark, 1)
  return key
}

/** The mark in a `d MARK`. */
export function markOfDeletion(key: Buffer): number {
  return key.readDoubleBE(1)
}

/** `t HASH KEY` */
export function tagKey(tagHash: Buffer, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from([kinds.byTag]), tagHash, name])
}

/** `v HASH KEY`; without a name, what all of a partition's begin with. */
export function vectorKey(partitionHash: Buffer, name: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from([kinds.vector]), partitionHash, name])
}

/** The name in a `t HASH KEY` or a `v HASH KEY`. */
export function nameOfHashed(key: Buffer): Buffer {
  return key.subarray(1 + hashBytes)
}

/** `g KEY NUL HASH`; without a hash, what all of an entry's begin with. */
export function tagOfKey(name: Buffer, tagHash: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from([kinds.tagOf]), name, Buffer.from([0]), tagHash])
}

/** What a tag or a partition is known by. */
export function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, hashBytes)
}

/** The first key after all that begin with `prefix`. */
export function afterPrefix(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix)
  for (let index = end.length - 1; index >= 0; index--) {
    const byte = end[index] ?? 0
    if (byte < 0xff) {
      end[index] = byte + 1
      return end.subarray(0, index + 1)
    }
  }
  return Buffer.alloc(16, 0xff)
}

export interface EntryRecord {
  readonly expiresAtMs: number
  readonly usedAtMs: number
  /** What the entry is counted as, in bytes. */
  readonly bytes: number
  readonly tagCount: number
  /** Of its vector, if it has one. */
  readonly partitionHash: Buffer | undefined
}

const recordBytes = 22

export function encodeRecord({ expiresAtMs, usedAtMs, bytes, tagCount, partitionHash }: EntryRecord): Buffer {
  const record = Buffer.allocUnsafe(recordBytes + (partitionHash?.length ?? 0))
  record.writeUIntBE(expiresAtMs, 0, 6)
  record.writeUIntBE(usedAtMs, 6, 6)
  record.writeUIntBE(bytes, 12, 6)
  record.writeUInt32BE(tagCount, 18)
  partitionHash?.copy(record, recordBytes)
  return record
}

export function decodeRecord(record: Buffer): EntryRecord {
  return {
    expiresAtMs: record.readUIntBE(0, 6),
    usedAtMs: record.readUIntBE(6, 6),
    bytes: record.readUIntBE(12, 6),
    tagCount: record.readUInt32BE(18),
    partitionHash: record.length > recordBytes ? record.subarray(recordBytes) : undefined
  }
}

/** A value with its expiry in front, in bytes of its own: the caller may do with the value what it likes. */
export function encodeEntry(value: Uint8Array, expiresAtMs: number): Buffer {
  const entry = Buffer.allocUnsafe(timeBytes + value.length)
  entry.writeUIntBE(expiresAtMs, 0, timeBytes)
  entry.set(value, timeBytes)
  return entry
}

/** How many bytes of the file an entry takes, its places in the indexes included. */
export function bytesOnDisk(nameBytes: number, entryBytes: number, tagCount: number, pageSize: number): number {
  const node = 8 + 1 + nameBytes + entryBytes
  // What fills more than half a page goes into pages of its own, each beginning with 24 bytes of LMDB's.
  const isBig = node > (pageSize - 24) / 2 - 2
  const ownPages = isBig ? Math.ceil((entryBytes + 24) / pageSize) * pageSize : 0
  const inTree = (isBig ? 33 + nameBytes : node) + 3 * (nameBytes + 20) + 24 + tagCount * 2 * (nameBytes + 28)
  // Pages of the tree are two thirds full after entries have come and gone in any order.
  return ownPages + Math.ceil(inTree * 1.5)
}

/** How many bytes of the file a vector takes, its share of its entry's record included. */
export function vectorBytesOnDisk(nameBytes: number, valueBytes: number, pageSize: number): number {
  const keyBytes = 1 + hashBytes + nameBytes
  const node = 8 + keyBytes + valueBytes
  const room = pageSize - 24
  if (node > room / 2 - 2) {
    return Math.ceil((valueBytes + 24) / pageSize) * pageSize + Math.ceil((32 + keyBytes + hashBytes) * 1.5)
  }
  // Vectors are mostly of one size, and of large ones only two or three fit into a page, or one and a half after a while.
  return Math.ceil((pageSize / Math.floor(room / (node + 2)) + hashBytes) * 1.5)
}

/** How many bytes of the file a record of a log takes: written in order, pages are left half full. */
export function logBytesOnDisk(keyBytes: number, valueBytes: number): number {
  return 2 * (8 + keyBytes + valueBytes)
}

/** How many bytes of the file a counter or a lease takes. */
export function limitedBytesOnDisk(nameBytes: number): number {
  return Math.ceil((2 * nameBytes + 80) * 1.5)
}
