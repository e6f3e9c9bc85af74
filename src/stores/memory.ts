import { setImmediate as nextTurn } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { beginsWith } from './begins-with.ts'
import {
  checkMark,
  checkMaxBytes,
  checkName,
  checkSelector,
  checkTags,
  checkVector,
  closedError,
  tooLargeError,
  wholeTtl
} from './check.ts'
import { DeletionLog, nextMark } from './deletion-log.ts'
import { globMatcher } from './glob.ts'
import { KeysByName } from './keys-by-name.ts'
import { MemoryLimited } from './memory-limited.ts'
import { type HeldVector, MemoryVectors } from './memory-vectors.ts'
import type { Deletions, Lease, PartitionedVector, Selector, SetOptions, Store, StoreSize } from './store.ts'

export interface MemoryStoreOptions {
  /** The most that entries may take, bookkeeping included. Default: 256 MB. */
  readonly maxBytes?: number
}

interface Held {
  readonly bytes: Uint8Array
  readonly tags: readonly string[]
  readonly vector: HeldVector | undefined
}

/** What an entry costs beside its bytes and names, as measured: the objects around them, and its place in the indexes. */
const entryOverhead = 440
const tagOverhead = 100
const vectorOverhead = 200

const purgeEveryMs = 30_000
/** For how long keys are gone through before others have their turn, and how many are given at once. */
const turnMs = 1
const batch = 256

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
  /** Entries are numbered as they are set. Use does not change this order: it can be gone through while others are at work. */
  readonly #numbers = new Map<string, number>()
  readonly #tagged = new KeysByName()
  /** The keys of a partition's vectors. */
  readonly #partitioned = new KeysByName()
  readonly #deletions = new DeletionLog(nextMark(0))
  readonly #limited = new MemoryLimited((key) => this.#check(key))
  readonly #purging: NodeJS.Timeout
  #setCount = 0
  #closed = false

  constructor({ maxBytes = 256 * 1024 ** 2 }: MemoryStoreOptions) {
    checkMaxBytes(maxBytes, 1024)
    this.#maxBytes = maxBytes
    this.#entries = new LRUCache({
      // Without `max`, for which lru-cache lays out all its lists at once: 50 ms and 10 MB before the first entry.
      maxSize: maxBytes,
      // Each entry has its own; lru-cache keeps no times at all unless it is given one to begin with.
      ttl: 1,
      dispose: ({ tags, vector }, key, reason) => {
        // One that is replaced gets its new number in the old place: a map is laid out anew after many have left theirs.
        if (reason !== 'set') this.#numbers.delete(key)
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

  async set(key: string, value: Uint8Array, options: SetOptions): Promise<Deletions | undefined> {
    this.#check(key)
    const { vector, since } = options
    const tags = checkTags(options.tags)
    checkVector(vector)
    checkMark(since)
    const ttl = wholeTtl(options.ttlMs)
    const size = this.#sizeOf(key, value, tags, vector)
    if (since !== undefined && since !== this.#deletions.mark) return this.#deletions.since(since)
    const held = {
      bytes: ownBytes(value),
      tags,
      vector: vector && { partition: vector.partition, bytes: ownBytes(vector.bytes), expiresAtMs: Date.now() + ttl }
    }
    // First, for it takes tags and vector off the entry that it replaces.
    this.#entries.set(key, held, { ttl, size })
    this.#numbers.set(key, ++this.#setCount)
    for (const tag of tags) this.#tagged.add(tag, key)
    if (held.vector === undefined) return undefined
    this.#partitioned.add(held.vector.partition, key)
    this.vectors.tell(key, held.vector)
    return undefined
  }

  async replace(
    key: string,
    value: Uint8Array,
    newTags: readonly string[],
    beginning: Uint8Array,
    since: number
  ): Promise<boolean> {
    this.#check(key)
    checkMark(since)
    const tags = checkTags(newTags)
    const held = this.#entries.peek(key)
    if (held === undefined || since !== this.#deletions.mark || !beginsWith(held.bytes, beginning)) return false
    const size = this.#sizeOf(key, value, tags, held.vector)
    const replacing = { ...held, bytes: ownBytes(value), tags }
    this.#entries.set(key, replacing, { size, noUpdateTTL: true, noDisposeOnSet: true })
    // Tags that it keeps are left in their places: a deletion that is going through them must come upon it.
    for (const tag of held.tags) if (!tags.includes(tag)) this.#tagged.remove(tag, key)
    for (const tag of tags) this.#tagged.add(tag, key)
    return true
  }

  async delete(selector: Selector, deleted?: (key: string) => void): Promise<number> {
    this.#checkOpen()
    checkSelector(selector)
    this.#deletions.add(nextMark(this.#deletions.mark), selector)
    let count = 0
    for (const keys of this.#select(selector)) {
      for (const key of keys) {
        const isLive = this.#entries.has(key)
        this.#entries.delete(key)
        if (!isLive) continue
        count++
        deleted?.(key)
      }
      await nextTurn()
    }
    return count
  }

  async mark(): Promise<number> {
    this.#checkOpen()
    return this.#deletions.mark
  }

  async deletedSince(mark: number): Promise<Deletions> {
    this.#checkOpen()
    checkMark(mark)
    return this.#deletions.since(mark)
  }

  async *keys(selector: Selector): AsyncGenerator<readonly string[]> {
    this.#checkOpen()
    for (const keys of this.#select(selector)) {
      const live = keys.filter((key) => this.#entries.has(key))
      if (live.length > 0) yield live
      await nextTurn()
      this.#checkOpen()
    }
  }

  async size(): Promise<StoreSize> {
    this.#checkOpen()
    const { size, calculatedSize } = this.#entries
    return { entries: size, bytes: calculatedSize, maxBytes: this.#maxBytes }
  }

  async increment(key: string, by: number, ttlMs: number, atMost?: number): Promise<number | undefined> {
    return this.#limited.increment(key, by, ttlMs, atMost)
  }

  async lease(key: string, ttlMs: number): Promise<Lease | undefined> {
    return this.#limited.lease(key, ttlMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.vectors.end()
    clearInterval(this.#purging)
    this.#entries.clear()
    this.#limited.clear()
  }

  #check(key: string): void {
    this.#checkOpen()
    checkName('key', key)
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError(this.name)
  }

  /** @throws RepriseError `body-too-large` */
  #sizeOf(key: string, value: Uint8Array, tags: readonly string[], vector: PartitionedVector | undefined): number {
    const size = sizeOf(key, value, tags, vector)
    if (size > this.#maxBytes) throw tooLargeError(this.name, size, this.#maxBytes)
    return size
  }

  /**
   * The keys of the entries that are there now and are selected, in batches: between two of them, others have their turn.
   * What is set meanwhile is not among them, under whichever key.
   */
  *#select(selector: Selector): Generator<readonly string[]> {
    const last = this.#setCount
    const matches = matcherOf(selector)
    let found: string[] = []
    let untilMs = performance.now() + turnMs
    for (const key of this.#candidates(selector)) {
      if (matches(key) && (this.#numbers.get(key) ?? 0) <= last) found.push(key)
      if (found.length < batch && performance.now() < untilMs) continue
      yield found
      found = []
      untilMs = performance.now() + turnMs
    }
    yield found
  }

  #candidates(selector: Selector): Iterable<string> {
    if ('key' in selector) return [selector.key]
    return 'tag' in selector ? this.#tagged.each(selector.tag) : this.#numbers.keys()
  }

  #purge(): void {
    this.#entries.purgeStale()
    this.#limited.purge()
  }
}

/** What is to be looked at in a key that may be selected. */
function matcherOf(selector: Selector): (key: string) => boolean {
  if ('prefix' in selector) return (key) => key.startsWith(selector.prefix)
  return 'pattern' in selector ? globMatcher(selector.pattern) : () => true
}

/** Not a Buffer of Node's pool: an entry that stays would hold on to its neighbours. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

function sizeOf(key: string, value: Uint8Array, tags: readonly string[], vector?: PartitionedVector): number {
  const entry = entryOverhead + key.length + value.length
  const own = vector === undefined ? entry : entry + vectorOverhead + vector.partition.length + vector.bytes.length
  return tags.reduce((sum, tag) => sum + tag.length + tagOverhead, own)
}
