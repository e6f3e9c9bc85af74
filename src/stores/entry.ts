import { randomFillSync } from 'node:crypto'
import { crc32, gunzipSync, gzipSync } from 'node:zlib'
import { isObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'
import { isSealed, type Seal } from './seal.ts'

/** A stored answer, and what must be known of it. */
export interface Entry {
  /** The key it was stored under, written inside too: an entry that turns up under another key is corrupt. */
  readonly key: string
  readonly kind: string
  readonly storedAtMs: number
  /** Fresh before this instant. A hit never moves it. */
  readonly freshUntilMs: number
  /** A hit from this instant on asks for it anew, fresh as it is. Absent: none does. */
  readonly eagerFromMs?: number
  /** After its freshness and before this instant it is served at once, and asked anew. Absent: it is not. */
  readonly revalidateUntilMs?: number
  /** After its freshness and before this instant it is served when nobody can answer. Absent: until it expires. */
  readonly graceUntilMs?: number
  /** Of no use from this instant on. After the end of its other windows it only shows whether a new answer says more. */
  readonly expiresAtMs: number
  readonly tags: readonly string[]
  /** The store's mark before anybody was asked: what was invalidated up to then says nothing of this answer. */
  readonly mark?: number
  readonly provider?: string
  readonly model?: string
  /** Made by another model than the one that was asked for. */
  readonly fallback?: true
  readonly usage?: Usage
  readonly costUsd?: number
  readonly tookMs?: number
  /** What of the request may be compared with others by meaning. */
  readonly text?: string
  /** The answer, as its kind encoded it. */
  readonly body: Uint8Array
}

// Layout: 'R' '1' flags 0 | CRC-32 of all but itself, 4 bytes | length of the head, 4 bytes | a number drawn for this
// entry, 8 bytes | head: JSON | body.
// Numbers are little-endian. The checksum is there because a bit that flips inside a text still parses as JSON.
// With a seal all of that is sealed, about its key; the seal's nonce is the number drawn for the entry then.
const prefixBytes = 20
const gzipped = 1

/** The first bytes of an entry, sealed or not, that no other entry begins with. */
export const distinctBytes = prefixBytes

/** Bodies above this are compressed: below it gzip saves less than the reader pays for unpacking. */
const gzipAboveBytes = 2048

/** An entry as bytes for a store: sealed, where there is a seal. */
export function encodeEntry(entry: Entry, seal?: Seal): Buffer {
  const bytes = encodePlain(entry)
  return seal === undefined ? bytes : seal.seal(bytes, entry.key)
}

/**
 * Whether two are the same entry, told by checksum, length and the number that was drawn for it: whoever has checked
 * the one need not read through the other, nor open it, which costs as much as the rest of a lookup.
 */
export function isSameEntry(a: Buffer, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < prefixBytes; at++) if (a[at] !== b[at]) return false
  return true
}

/**
 * The entry in `bytes`; undefined when they are not an entry of `key`, whole and unharmed.
 *
 * `foreign` is one that is not for whoever reads it so: sealed under a key that is not known here, sealed where there is
 * no seal, or not sealed where there is one (whoever can write to the store could have made it). It may be good to
 * others that share the store: it is not there, and must not be deleted.
 */
export function decodeEntry(key: string, bytes: Uint8Array, seal?: Seal): Entry | 'foreign' | undefined {
  if (isSealed(bytes)) {
    if (seal === undefined || !seal.knows(bytes)) return 'foreign'
    const opened = seal.open(bytes, key)
    return opened && decodePlain(key, opened)
  }
  if (!isPlain(bytes)) return undefined
  return seal === undefined ? decodePlain(key, bytes) : 'foreign'
}

function encodePlain({ body, ...head }: Entry): Buffer {
  const packed = body.length > gzipAboveBytes ? gzipSync(body, { level: 1 }) : body
  const headBytes = Buffer.from(JSON.stringify(head))
  const bytes = Buffer.allocUnsafe(prefixBytes + headBytes.length + packed.length)
  bytes[0] = 0x52
  bytes[1] = 0x31
  bytes[2] = packed === body ? 0 : gzipped
  bytes[3] = 0
  bytes.writeUInt32LE(headBytes.length, 8)
  randomFillSync(bytes, 12, 8)
  headBytes.copy(bytes, prefixBytes)
  bytes.set(packed, prefixBytes + headBytes.length)
  bytes.writeUInt32LE(checksum(bytes), 4)
  return bytes
}

function isPlain(bytes: Uint8Array): boolean {
  return bytes.length >= prefixBytes && bytes[0] === 0x52 && bytes[1] === 0x31
}

function decodePlain(key: string, bytes: Uint8Array): Entry | undefined {
  if (!isPlain(bytes)) return undefined
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (checksum(buffer) !== buffer.readUInt32LE(4)) return undefined
  const bodyStart = prefixBytes + buffer.readUInt32LE(8)
  if (bodyStart > buffer.length) return undefined
  try {
    const head: unknown = JSON.parse(buffer.toString('utf8', prefixBytes, bodyStart))
    if (!isObject(head) || head['key'] !== key) return undefined
    const packed = buffer.subarray(bodyStart)
    const body = buffer[2] === gzipped ? gunzipSync(packed) : packed
    return Object.assign(head as unknown as Entry, { body })
  } catch {
    return undefined
  }
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(8), crc32(bytes.subarray(0, 4)))
}
