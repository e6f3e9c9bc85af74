import { LRUCache } from 'lru-cache'
import { decodeEntry, type Entry, isSameEntry } from './entry.ts'
import type { Seal } from './seal.ts'

/** An entry, and the bytes it was read from. */
export interface Decoded {
  /** The key in the store. */
  readonly stored: string
  readonly bytes: Buffer
  readonly entry: Entry
}

const mostBytes = 32 * 1024 ** 2

/** What was read lately, with the bytes it was read from: the same bytes need not be checked and parsed again. */
export class DecodedEntries {
  readonly #decoded = new LRUCache<string, Decoded>({
    max: 10_000,
    maxSize: mostBytes,
    sizeCalculation: ({ bytes, entry }) => bytes.length + entry.body.length + 1000
  })

  readonly #seal: Seal | undefined

  constructor(seal: Seal | undefined) {
    this.#seal = seal
  }

  get(key: string): Decoded | undefined {
    return this.#decoded.get(key)
  }

  /** Remembers what has just been written. */
  set(key: string, decoded: Decoded): void {
    this.#decoded.set(key, decoded)
  }

  /** The entry in the bytes; those that were decoded last are not decoded again. `foreign`: not for us to read. */
  read(key: string, stored: string, bytes: Uint8Array, known: Decoded | undefined): Entry | 'foreign' | undefined {
    if (known !== undefined && isSameEntry(known.bytes, bytes)) return known.entry
    // A copy, because a peeked value is the store's own and may be written over.
    const own = Buffer.from(bytes)
    const entry = decodeEntry(key, own, this.#seal)
    if (entry !== undefined && entry !== 'foreign') this.#decoded.set(key, { stored, bytes: own, entry })
    return entry
  }
}
