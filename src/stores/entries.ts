import { LRUCache } from 'lru-cache'
import { Breaker } from '../core/breaker.ts'
import { RepriseError } from '../core/errors.ts'
import { ignore, type Observe } from '../core/events.ts'
import type { StoredVectors } from '../core/stored-vectors.ts'
import type { Tallied, Tally, TallyOptions } from '../core/tally.ts'
import { EntriesVectors } from './entries-vectors.ts'
import { decodeEntry, type Entry, encodeEntry, isSameEntry } from './entry.ts'
import type { Lease, PartitionedVector, Selector, SetOptions, Store } from './store.ts'

export interface EntriesOptions {
  /** Keeps applications apart that share a store: letters, digits, `.`, `_` and `-`. Default: `default`. */
  readonly namespace?: string
  /** The longest that one call to the store may hold a request up, in milliseconds. Default: 50. */
  readonly deadlineMs?: number
  readonly observe?: Observe
  readonly now?: () => number
}

interface Decoded {
  /** The key in the store. */
  readonly stored: string
  readonly bytes: Buffer
  readonly entry: Entry
}

const decodedBytes = 32 * 1024 ** 2

/** How many times the deadline a write to a store of this machine may take, and a count in any store. */
const patience = 20

/**
 * The one facade over a store, and the one place that knows what to do when it fails: a read that fails is a miss,
 * a write that fails is not stored, both are `failed` events, and no request waits longer than the deadline.
 * Only `invalidate` throws, since whoever asks for it must know whether it was done.
 */
export class Entries implements Tally {
  /**
   * The namespace's vectors, if the store keeps any. What fails rejects or throws, a `get` that takes longer than the
   * deadline too: that nobody knows is not the same as that there is no vector.
   */
  readonly vectors: StoredVectors | undefined
  readonly #store: Store
  readonly #namespace: string
  readonly #observe: Observe
  readonly #now: () => number
  readonly #reads: Breaker
  readonly #writes: Breaker
  readonly #counts: Breaker
  readonly #writing = new Set<Promise<void>>()
  /** What was read lately, with the bytes it was read from: the same bytes need not be checked and parsed again. */
  readonly #decoded = new LRUCache<string, Decoded>({
    max: 10_000,
    maxSize: decodedBytes,
    sizeCalculation: ({ bytes, entry }) => bytes.length + entry.body.length + 1000
  })

  constructor(store: Store, options: EntriesOptions = {}) {
    this.#store = store
    const { namespace = 'default' } = options
    // No colon within, so that one namespace's prefix is never the beginning of another's.
    if (!/^[\w.-]{1,64}$/.test(namespace)) {
      throw new RepriseError(
        'invalid-option',
        `namespace: expected 1 to 64 letters, digits, '.', '_' or '-', got ${JSON.stringify(namespace)}`
      )
    }
    this.#namespace = `${namespace}:`
    this.#observe = options.observe ?? ignore
    this.#now = options.now ?? Date.now
    const { deadlineMs = 50 } = options
    const observe = this.#observe
    // Apart, because a store may well read and not write: a full Redis, a replica, a disk without space.
    this.#reads = new Breaker({ part: 'store', deadlineMs, observe, probe: () => store.get('probe') })
    this.#writes = new Breaker({
      part: 'store-writes',
      // A store of this machine answers reads at once and writes when the disk does; an answer given before it is
      // stored is lost with the process. It gets more time, and a caller hardly notices beside a provider's call.
      deadlineMs: store.peek !== undefined ? deadlineMs * patience : deadlineMs,
      observe,
      probe: () => store.set('probe', new Uint8Array([1]), { ttlMs: 1000, tags: [] })
    })
    // A lookup that takes long is a miss, and nothing is lost; a count that is given up too soon is a budget that nobody
    // keeps. Only calls to a provider are counted, and beside one of those it hardly shows.
    this.#counts = new Breaker({
      part: 'store-counts',
      deadlineMs: deadlineMs * patience,
      observe,
      probe: () => store.increment('probe', 0, 1000)
    })
    this.vectors = store.vectors && new EntriesVectors(store.vectors, this.#namespace, this.#reads)
  }

  get storeName(): string {
    return this.#store.name
  }

  /** `up`, `down` (left out for now), or `read-only` (it reads and does not write). */
  get state(): 'up' | 'down' | 'read-only' {
    if (this.#reads.isOpen) return 'down'
    return this.#writes.isOpen ? 'read-only' : 'up'
  }

  /** The entry under `key`, fresh or stale, when the store has it and need not be waited for. */
  peek(key: string): Entry | undefined {
    const known = this.#decoded.get(key)
    let bytes: Uint8Array | undefined
    try {
      bytes = this.#store.peek?.(known?.stored ?? this.#namespace + key)
    } catch {
      // `get` will tell of it.
    }
    return bytes === undefined ? undefined : this.#alive(this.#decode(key, bytes, known))
  }

  /** The entry under `key`, fresh or stale. One that is corrupt is deleted and reported, and is not there. */
  async get(key: string): Promise<Entry | undefined> {
    const found = await this.find(key)
    return found === 'unknown' ? undefined : found
  }

  /** What `get` gives, and `unknown` when the store could not say whether there is such an entry. */
  async find(key: string): Promise<Entry | undefined | 'unknown'> {
    if (this.#reads.isOpen) return 'unknown'
    const known = this.#decoded.get(key)
    const stored = known?.stored ?? this.#namespace + key
    let bytes: Uint8Array | undefined
    try {
      bytes = await this.#reads.run('get', () => this.#store.get(stored))
    } catch {
      return 'unknown'
    }
    if (bytes === undefined) return undefined
    const entry = this.#decode(key, bytes, known)
    if (entry !== undefined) return this.#alive(entry)
    this.#observe({ type: 'failed', part: 'store', operation: 'decode', error: new Error(`corrupt entry ${stored}`) })
    await this.#write('delete', this.#writes, async () => {
      await this.#store.delete({ key: stored })
    })
    return undefined
  }

  /** The bytes that were decoded last are not decoded again. */
  #decode(key: string, bytes: Uint8Array, known: Decoded | undefined): Entry | undefined {
    if (known !== undefined && isSameEntry(known.bytes, bytes)) return known.entry
    // A copy, because a peeked value is the store's own and may be written over.
    const own = Buffer.from(bytes)
    const entry = decodeEntry(key, own)
    if (entry !== undefined) this.#decoded.set(key, { stored: this.#namespace + key, bytes: own, entry })
    return entry
  }

  /** The store's clock decides when an entry is reclaimed, the entry's own when it is of no more use. */
  #alive(entry: Entry | undefined): Entry | undefined {
    return entry !== undefined && entry.expiresAtMs > this.#now() ? entry : undefined
  }

  /**
   * Stores an entry for a layer, and the vector it is found by when it is looked for by meaning; true when the store has
   * it.
   */
  async put(entry: Entry, vector?: PartitionedVector, layer = 'exact'): Promise<boolean> {
    const ttlMs = entry.expiresAtMs - this.#now()
    // A store that has just let a read wait in vain need not let the same request wait again.
    if (ttlMs <= 0 || this.#reads.isOpen) return false
    const bytes = encodeEntry(entry)
    const tags = entry.tags.map((tag) => this.#namespace + tag)
    const options: SetOptions =
      vector === undefined
        ? { ttlMs, tags }
        : { ttlMs, tags, vector: { partition: this.#namespace + vector.partition, bytes: vector.bytes } }
    const stored = await this.#write('set', this.#writes, () =>
      this.#store.set(this.#namespace + entry.key, bytes, options)
    )
    if (stored) {
      this.#observe({ type: 'stored', layer, kind: entry.kind, key: entry.key, bytes: bytes.length })
    }
    return stored
  }

  /**
   * Takes a lease within the namespace, among all who share the store; undefined when somebody else holds it, `unknown`
   * when the store could not say. Never throws.
   */
  async lease(key: string, ttlMs: number): Promise<Lease | undefined | 'unknown'> {
    let taking: Promise<Lease | undefined> | undefined
    try {
      return await this.#writes.run('lease', () => {
        taking = this.#store.lease(this.#namespace + key, ttlMs)
        return taking
      })
    } catch {
      // One that comes too late would keep the others away, and nobody has it.
      taking?.then((lease) => lease?.release()).catch(() => {})
      return 'unknown'
    }
  }

  /** Deletes what is selected within the namespace; returns how many entries went. */
  async invalidate(selector: Selector): Promise<number> {
    const count = await this.#store.delete(this.#within(selector))
    this.#observe({ type: 'invalidated', count })
    return count
  }

  /**
   * Adds to a count of the namespace. A write that misses its deadline is `unknown`, goes on by itself, and may still be
   * added: `onLate` is told if it was.
   */
  async add(key: string, by: number, { ttlMs, atMost, onLate }: TallyOptions): Promise<Tallied> {
    if (this.#counts.isOpen) return 'down'
    const outcome: { tallied: Tallied; isLate: boolean } = { tallied: 'unknown', isLate: false }
    await this.#write('increment', this.#counts, async () => {
      const tallied = (await this.#store.increment(this.#namespace + key, by, ttlMs, atMost)) ?? 'over'
      outcome.tallied = tallied
      if (outcome.isLate) onLate?.(tallied)
    })
    // What has arrived just after its deadline is taken as if it had been in time.
    outcome.isLate = true
    return outcome.tallied
  }

  /** Waits for what is being written, and closes the store. */
  async close(): Promise<void> {
    this.#reads.end()
    this.#writes.end()
    this.#counts.end()
    await Promise.allSettled(this.#writing)
    await this.#store.close()
  }

  #within(selector: Selector): Selector {
    const namespace = this.#namespace
    if ('key' in selector) return { key: namespace + selector.key }
    if ('tag' in selector) return { tag: namespace + selector.tag }
    if ('prefix' in selector) return { prefix: namespace + selector.prefix }
    if ('pattern' in selector) return { pattern: namespace + selector.pattern }
    return { prefix: namespace }
  }

  /** A write that misses its deadline goes on by itself; `close` waits for it. */
  async #write(operation: string, breaker: Breaker, write: () => Promise<void>): Promise<boolean> {
    try {
      await breaker.run(operation, () => {
        const writing = write().finally(() => this.#writing.delete(writing))
        this.#writing.add(writing)
        return writing
      })
      return true
    } catch {
      return false
    }
  }
}
