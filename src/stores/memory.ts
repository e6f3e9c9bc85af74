import { LRUCache } from 'lru-cache'
import { RepriseError } from '../core/errors.ts'
import {
  checkMaxBytes,
  checkName,
  checkStep,
  checkVector,
  closedError,
  isBeyond,
  tooLargeError,
  wholeTtl
} from './check.ts'
import { globMatcher } from './glob.ts'
import { KeysByName } from './keys-by-name.ts'
import { type HeldVector, MemoryVectors } from './memory-vectors.ts'
import type { Lease, PartitionedVector, Selector, SetOptions, Store } from './store.ts'

export interface MemoryStoreOptions {
  /** The most that entries may take, bookkeeping included. Default: 256 MB. */
  readonly maxBytes?: number
}

interface Held {
  readonly bytes: Uint8Array
  readonly tags: readonly string[]
  readonly vector: HeldVector | undefined
}

/** What an entry costs beside its bytes and names: the objects around them, and its place in the indexes. */
const entryOverhead = 200
const tagOverhead = 100
const vectorOverhead = 200

const maxCounters = 100_000
const maxLeases = 100_000
const purgeEveryMs = 30_000

/**
 * Keeps entries in this process, the least recently used making room for new ones. They go with the process.
 * The store has its own copy of what it is given, and gives away copies: no caller can change an entry.
 * Counters and leases are bounded by number: past 100,000 the counter used least recently starts anew. Every step counts
 * as a use, one of 0 and one that is refused among them.
 * @throws RepriseError `invalid-option`
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options)
}

class MemoryStore implements Store {
  readonly name = 'memory'
  readonly ownProcessOnly = true
  readonly vectors: MemoryVectors
  readonly #maxBytes: number
  readonly #entries: LRUCache<string, Held>
  readonly #tagged = new KeysByName()
  /** The keys of a partition's vectors. */
  readonly #partitioned = new KeysByName()
  /** In the order of their last use. */
  readonly #counters = new Map<string, { count: number; readonly expiresAtMs: number }>()
  readonly #leases = new Map<string, { token: symbol; expiresAtMs: number }>()
  readonly #purging: NodeJS.Timeout
  #closed = false

  constructor({ maxBytes = 256 * 1024 ** 2 }: MemoryStoreOptions) {
    checkMaxBytes(maxBytes, 1024)
    this.#maxBytes = maxBytes
    this.#entries = new LRUCache({
      // Without `max`, for which lru-cache lays out all its lists at once: 50 ms and 10 MB before the first entry.
      maxSize: maxBytes,
      // Each entry has its own; lru-cache keeps no times at all unless it is given one to begin with.
      ttl: 1,
      dispose: ({ tags, vector }, key) => {
        for (const tag of tags) this.#tagged.remove(tag, key)
        if (vector !== undefined) this.#partitioned.remove(vector.partition, key)
      }
    })
    // Without counting as use: only an entry that is asked for is used.
    this.vectors = new MemoryVectors(this.#partitioned, (key) => this.#entries.peek(key)?.vector)
    // What has expired makes room when it is asked for or becomes the oldest; until then it would be in the way.
    this.#purging = setInterval(() => this.#purge(), purgeEveryMs).unref()
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const bytes = this.peek(key)
    return bytes === undefined ? undefined : Buffer.from(bytes)
  }

  peek(key: string): Uint8Array | undefined {
    this.#check(key)
    return this.#entries.get(key)?.bytes
  }

  async set(key: string, value: Uint8Array, { ttlMs, tags, vector }: SetOptions): Promise<void> {
    this.#check(key)
    for (const tag of tags) checkName('tag', tag)
    checkVector(vector)
    const ttl = wholeTtl(ttlMs)
    const size = sizeOf(key, value, tags, vector)
    if (size > this.#maxBytes) throw tooLargeError(this.name, size, this.#maxBytes)
    // Not a Buffer of Node's pool: an entry that stays would hold on to its neighbours.
    const held = {
      bytes: new Uint8Array(value),
      tags: [...new Set(tags)],
      vector: vector && heldVector(vector, Date.now() + ttl)
    }
    // First, for it takes tags and vector off the entry that it replaces.
    this.#entries.set(key, held, { ttl, size })
    for (const tag of held.tags) this.#tagged.add(tag, key)
    if (held.vector === undefined) return
    this.#partitioned.add(held.vector.partition, key)
    this.vectors.tell(key, held.vector)
  }

  async delete(selector: Selector): Promise<number> {
    if (this.#closed) throw closedError(this.name)
    let count = 0
    for (const key of this.#select(selector)) {
      if (this.#entries.has(key)) count++
      this.#entries.delete(key)
    }
    return count
  }

  async increment(key: string, by: number, ttlMs: number, atMost?: number): Promise<number | undefined> {
    this.#check(key)
    checkStep(by, atMost)
    const ttl = wholeTtl(ttlMs)
    const nowMs = performance.now()
    const found = this.#counters.get(key)
    const counter = found !== undefined && found.expiresAtMs > nowMs ? found : { count: 0, expiresAtMs: nowMs + ttl }
    const isRefused = isBeyond(counter.count, by, atMost)
    if (isRefused && counter !== found) return undefined
    if (!isRefused) counter.count += by
    this.#counters.delete(key)
    this.#counters.set(key, counter)
    if (this.#counters.size > maxCounters) this.#counters.delete(this.#counters.keys().next().value ?? key)
    return isRefused ? undefined : counter.count
  }

  async lease(key: string, ttlMs: number): Promise<Lease | undefined> {
    this.#check(key)
    const token = Symbol(key)
    const ttl = wholeTtl(ttlMs)
    if (this.#isLeased(key)) return undefined
    if (this.#leases.size >= maxLeases) {
      this.#purge()
      // Not the oldest makes room: two would hold the same lease.
      if (this.#leases.size >= maxLeases)
        throw new RepriseError('store-unavailable', `more than ${maxLeases} leases are held`)
    }
    this.#leases.set(key, { token, expiresAtMs: performance.now() + ttl })
    return {
      renew: async (againMs) => {
        this.#check(key)
        if (!this.#isLeased(key, token)) return false
        this.#leases.set(key, { token, expiresAtMs: performance.now() + wholeTtl(againMs) })
        return true
      },
      release: async () => {
        this.#check(key)
        if (this.#isLeased(key, token)) this.#leases.delete(key)
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.vectors.end()
    clearInterval(this.#purging)
    this.#entries.clear()
    this.#counters.clear()
    this.#leases.clear()
  }

  #check(key: string): void {
    if (this.#closed) throw closedError(this.name)
    checkName('key', key)
  }

  #select(selector: Selector): readonly string[] {
    if ('key' in selector) return [selector.key]
    if ('tag' in selector) return this.#tagged.of(selector.tag)
    const keys = [...this.#entries.keys()]
    if ('prefix' in selector) return keys.filter((key) => key.startsWith(selector.prefix))
    if ('pattern' in selector) return keys.filter(globMatcher(selector.pattern))
    return keys
  }

  #isLeased(key: string, token?: symbol): boolean {
    const lease = this.#leases.get(key)
    return (
      lease !== undefined && lease.expiresAtMs > performance.now() && (token === undefined || lease.token === token)
    )
  }

  #purge(): void {
    this.#entries.purgeStale()
    const nowMs = performance.now()
    for (const [key, { expiresAtMs }] of this.#counters) if (expiresAtMs <= nowMs) this.#counters.delete(key)
    for (const key of this.#leases.keys()) if (!this.#isLeased(key)) this.#leases.delete(key)
  }
}

function heldVector({ partition, bytes }: PartitionedVector, expiresAtMs: number): HeldVector {
  return { partition, bytes: new Uint8Array(bytes), expiresAtMs }
}

function sizeOf(key: string, value: Uint8Array, tags: readonly string[], vector?: PartitionedVector): number {
  const entry = entryOverhead + key.length + value.length
  const own = vector === undefined ? entry : entry + vectorOverhead + vector.partition.length + vector.bytes.length
  return tags.reduce((sum, tag) => sum + tag.length + tagOverhead, own)
}
