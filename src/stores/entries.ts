import type { Breaker } from '../core/breaker.ts'
import { ignore, type Observe } from '../core/events.ts'
import { kindOfKey } from '../core/key.ts'
import type { Selection } from '../core/selection.ts'
import type { Tallied, Tally, TallyOptions } from '../core/tally.ts'
import { Claims, mostTries } from './claims.ts'
import { DecodedEntries } from './decoded-entries.ts'
import { entriesBreakers } from './entries-breakers.ts'
import type { EntriesOptions, PutOptions } from './entries-options.ts'
import { EntriesVectors } from './entries-vectors.ts'
import { type Entry, encodeEntry } from './entry.ts'
import { Namespace } from './namespace.ts'
import { type Seal, sealWithin } from './seal.ts'
import type { Deletions, Lease, SetOptions, Store, StoreSize } from './store.ts'

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
  readonly vectors: EntriesVectors | undefined
  readonly #store: Store
  readonly #namespace: Namespace
  readonly #observe: Observe
  readonly #now: () => number
  readonly #reads: Breaker
  readonly #writes: Breaker
  readonly #counts: Breaker
  readonly #writing = new Set<Promise<void>>()
  readonly #decoded: DecodedEntries
  readonly #seal: Seal | undefined
  readonly #claims: Claims
  #invalidations = 0

  constructor(store: Store, options: EntriesOptions = {}) {
    this.#store = store
    this.#namespace = new Namespace(options.namespace)
    this.#seal = options.seal && sealWithin(options.seal, this.#namespace.prefix)
    this.#decoded = new DecodedEntries(this.#seal)
    this.#observe = options.observe ?? ignore
    this.#now = options.now ?? Date.now
    const { reads, writes, counts } = entriesBreakers(store, options.deadlineMs ?? 50, this.#observe)
    this.#reads = reads
    this.#writes = writes
    this.#counts = counts
    this.#claims = new Claims({
      store,
      reads: this.#reads,
      writes: this.#writes,
      namespace: this.#namespace,
      decoded: this.#decoded,
      seal: this.#seal,
      find: (key) => this.get(key),
      write: (entry, write) => this.#write('tag', this.#writes, write, entry.kind)
    })
    this.vectors = store.vectors && new EntriesVectors(store.vectors, this.#namespace.prefix, this.#reads, this.#seal)
  }

  get storeName(): string {
    return this.#store.name
  }

  /** `up`, `down` (left out for now), or `read-only` (it reads and does not write). */
  get state(): 'up' | 'down' | 'read-only' {
    if (this.#reads.isOpen) return 'down'
    return this.#writes.isOpen ? 'read-only' : 'up'
  }

  /** How many invalidations by this process have ended: for those who must know while the store does not say. */
  get invalidations(): number {
    return this.#invalidations
  }

  /** The entry under `key`, fresh or stale, when the store has it and need not be waited for; `at` is the time. */
  peek(key: string, at: number = this.#now()): Entry | undefined {
    if (this.#store.peek === undefined) return undefined
    const known = this.#decoded.get(key)
    let bytes: Uint8Array | undefined
    try {
      bytes = this.#store.peek(known?.stored ?? this.#namespace.stored(key))
    } catch {
      // `get` will tell of it.
    }
    return bytes === undefined
      ? undefined
      : this.#alive(this.#decoded.read(key, known?.stored ?? this.#namespace.stored(key), bytes, known), at)
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
    const stored = known?.stored ?? this.#namespace.stored(key)
    let bytes: Uint8Array | undefined
    try {
      bytes = await this.#reads.run('get', () => this.#store.get(stored), kindOfKey(key))
    } catch {
      return 'unknown'
    }
    if (bytes === undefined) return undefined
    const entry = this.#decoded.read(key, stored, bytes, known)
    if (entry !== undefined) return this.#alive(entry)
    const error = new Error(`corrupt entry ${stored}`)
    this.#observe({ type: 'failed', part: 'store', operation: 'decode', error, kind: kindOfKey(key) })
    await this.#write('delete', this.#writes, async () => {
      await this.#store.delete({ key: stored })
    })
    return undefined
  }

  /** The store's clock decides when an entry is reclaimed, the entry's own when it is of no more use. */
  #alive(entry: Entry | 'foreign' | undefined, at = this.#now()): Entry | undefined {
    return entry !== undefined && entry !== 'foreign' && entry.expiresAtMs > at ? entry : undefined
  }

  /**
   * The store's mark, to be read before anybody is asked for what is to be stored; undefined when the store cannot say.
   */
  async mark(): Promise<number | undefined> {
    if (this.#reads.isOpen) return undefined
    try {
      return await this.#reads.run('mark', () => this.#store.mark())
    } catch {
      return undefined
    }
  }

  /**
   * Whether something with that key, bearing those tags, has been invalidated after the mark; true when nobody knows.
   * `anyTag`: it may bear others too.
   */
  async isInvalidated(
    mark: number | undefined,
    key: string,
    tags: readonly string[],
    anyTag = false
  ): Promise<boolean> {
    return (await this.#claims.validUpTo(mark, key, tags, anyTag)) === undefined
  }

  /**
   * The entry, bearing those tags beside its own: what is invalidated by them from now on takes it along. Undefined when
   * one of them has been invalidated since its answer was asked for, or nobody knows: then it is none of theirs.
   */
  async claim(entry: Entry, tags: readonly string[]): Promise<Entry | undefined> {
    // Nearly always.
    return tags.length === 0 ? entry : this.#claims.claim(entry, tags)
  }

  /**
   * Stores an entry for a layer; true when the store has it. With `since`, unless what it answers, or one of its tags,
   * has been invalidated after that mark.
   */
  async put(entry: Entry, putOptions: PutOptions = {}): Promise<boolean> {
    const { vector, layer = 'exact', since, isAuxiliary = false, observe = this.#observe } = putOptions
    const ttlMs = entry.expiresAtMs - this.#now()
    // A store that has just let a read wait in vain need not let the same request wait again.
    if (ttlMs <= 0 || this.#reads.isOpen) return false
    const bytes = encodeEntry(entry, this.#seal)
    const { key, kind } = entry
    let options: SetOptions = {
      ttlMs,
      tags: entry.tags.map((tag) => this.#namespace.stored(tag)),
      ...(vector === undefined
        ? {}
        : {
            vector: {
              partition: this.#namespace.stored(vector.partition),
              bytes: this.vectors?.seal(vector.partition, key, vector.bytes) ?? vector.bytes
            }
          }),
      ...(since === undefined ? {} : { since })
    }
    let deletions: Deletions | undefined
    for (let tries = 0; tries < mostTries; tries++) {
      const set = async (): Promise<void> => {
        deletions = await this.#store.set(this.#namespace.stored(key), bytes, options)
      }
      if (!(await this.#write('set', this.#writes, set, kind))) return false
      if (deletions === undefined) {
        if (!isAuxiliary) this.#observe({ type: 'stored', layer, kind, key, bytes: bytes.length })
        return true
      }
      if (!this.#namespace.isSpared(deletions, key, entry.tags)) break
      // What has been deleted was something else.
      options = { ...options, since: deletions.mark }
    }
    if (!isAuxiliary) observe({ type: 'refused', layer, kind, key, reason: 'invalidated' })
    return false
  }

  /**
   * Takes a lease within the namespace, among all who share the store; undefined when somebody else holds it, `unknown`
   * when the store could not say. Never throws.
   */
  async lease(key: string, ttlMs: number): Promise<Lease | undefined | 'unknown'> {
    let taking: Promise<Lease | undefined> | undefined
    try {
      return await this.#writes.run('lease', () => {
        taking = this.#store.lease(this.#namespace.stored(key), ttlMs)
        return taking
      })
    } catch {
      // One that comes too late would keep the others away, and nobody has it.
      taking?.then((lease) => lease?.release()).catch(() => {})
      return 'unknown'
    }
  }

  /**
   * Deletes what is selected within the namespace; returns how many entries went. What is being asked for at the time
   * will not be stored either. @throws what the store fails with
   */
  async invalidate(selection: Selection): Promise<number> {
    let count = 0
    const byKind: Record<string, number> = {}
    let isDone = false
    try {
      for (const selector of this.#namespace.selectorsOf(selection)) {
        await this.#store.delete(selector, (stored) => {
          const key = this.#namespace.keyOf(stored)
          if (!this.#namespace.isEntry(key)) return
          const kind = kindOfKey(key)
          count += 1
          byKind[kind] = (byKind[kind] ?? 0) + 1
        })
      }
      isDone = true
    } finally {
      this.#invalidations += 1
      // What has gone before the store failed has gone.
      if (isDone || count > 0) this.#observe({ type: 'invalidated', count, byKind })
    }
    return count
  }

  /** The keys of the entries that are selected, in batches. @throws what the store fails with */
  async *keys(selection: Selection): AsyncGenerator<readonly string[]> {
    for (const selector of this.#namespace.selectorsOf(selection)) {
      for await (const batch of this.#store.keys(selector)) {
        yield batch.map((stored) => this.#namespace.keyOf(stored)).filter((key) => this.#namespace.isEntry(key))
      }
    }
  }

  /** How much is in the store, all namespaces together; nothing of it when the store cannot say. */
  async size(): Promise<StoreSize> {
    try {
      return await this.#store.size()
    } catch {
      return {}
    }
  }

  /** Names a kind that there are entries of. */
  know(kind: string): void {
    this.#namespace.know(kind)
  }

  /**
   * Adds to a count of the namespace. A write that misses its deadline is `unknown`, goes on by itself, and may still be
   * added: `onLate` is told if it was.
   */
  async add(key: string, by: number, { ttlMs, atMost, onLate }: TallyOptions): Promise<Tallied> {
    if (this.#counts.isOpen) return 'down'
    const outcome: { tallied: Tallied; isLate: boolean } = { tallied: 'unknown', isLate: false }
    await this.#write('increment', this.#counts, async () => {
      const tallied = (await this.#store.increment(this.#namespace.stored(key), by, ttlMs, atMost)) ?? 'over'
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

  /** A write that misses its deadline goes on by itself; `close` waits for it. */
  async #write(operation: string, breaker: Breaker, write: () => Promise<void>, kind?: string): Promise<boolean> {
    try {
      const started = (): Promise<void> => {
        const writing = write().finally(() => this.#writing.delete(writing))
        this.#writing.add(writing)
        return writing
      }
      await breaker.run(operation, started, kind)
      return true
    } catch {
      return false
    }
  }
}
