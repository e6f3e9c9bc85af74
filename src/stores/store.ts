import type { RedisCommand } from '../core/redis-command.ts'
import type { StoredVectors } from '../core/stored-vectors.ts'

/**
 * Where entries are kept: a dumb port. It may throw, be slow or be gone; `Entries` holds the policy for that.
 * Keys and tags are text of 1 to 1,024 bytes without NUL; a value is bytes of any length; a time to live is a number
 * of milliseconds above 0. Anything else throws `invalid-option`. Entries, counters and leases of one name know nothing
 * of each other, and `delete` deletes entries. `testing/store-contract.ts` says all this in cases.
 */
export interface Store {
  /** `memory`, `embedded`, `redis`, or your own. */
  readonly name: string
  /** No other process sees what is in it: nobody need look for what others have written. Default: false. */
  readonly ownProcessOnly?: boolean
  /** The value stored under `key`, unless it has expired. The bytes are the caller's to keep. */
  get(key: string): Promise<Uint8Array | undefined>
  /**
   * What `get` gives, without waiting; only in a store that has nothing to wait for.
   * The bytes may be the store's own: they are not to be changed, and are good until the caller returns.
   */
  peek?(key: string): Uint8Array | undefined
  /**
   * Stores `value` for `options.ttlMs` from now, replacing value, time to live and tags of an older one. With
   * `options.since`, only while nothing has been deleted after that mark; else nothing is stored, and it says what has.
   */
  set(key: string, value: Uint8Array, options: SetOptions): Promise<Deletions | undefined>
  /**
   * Gives the entry under `key` another value and other tags, and leaves its time to live and its vector; only while its
   * value begins with `beginning`, and nothing has been deleted after the mark `since`. False when it is not so. Atomic
   * like `set`.
   */
  replace(
    key: string,
    value: Uint8Array,
    tags: readonly string[],
    beginning: Uint8Array,
    since: number
  ): Promise<boolean>
  /**
   * Deletes what is selected; returns how many live entries went, and tells `deleted` the key of each. Before the first
   * of them goes the deletion is announced: it has a mark, greater than all before, and a `set` with an older one fails.
   */
  delete(selector: Selector, deleted?: (key: string) => void): Promise<number>
  /**
   * The latest deletion's mark. Marks only grow, even where the store was emptied or has lost what it knew: they begin
   * at the microseconds since 1970.
   */
  mark(): Promise<number>
  /** What has been deleted after a mark. */
  deletedSince(mark: number): Promise<Deletions>
  /**
   * The keys of the live entries that are selected, in batches of a few hundred, in any order; what comes or goes
   * meanwhile may be among them or not. Gives the event loop its turn between batches.
   */
  keys(selector: Selector): AsyncIterable<readonly string[]>
  /** How much is in it, as far as it can say that without counting. */
  size(): Promise<StoreSize>
  /**
   * Adds to a counter, made at 0 with `ttlMs` to live; returns the new count. Atomic among all who share the store, and
   * exact up to 2^53. With `atMost`, a whole number: when `by` is above 0 and the count would come to more, nothing is
   * added and it returns undefined. What takes away is always done.
   */
  increment(key: string, by: number, ttlMs: number, atMost?: number): Promise<number | undefined>
  /** Takes `key` for `ttlMs`; undefined when somebody else holds it. One holder among processes and machines. */
  lease(key: string, ttlMs: number): Promise<Lease | undefined>
  /** Vectors that live and go with their entries. Absent: `set` leaves them out, and they last as long as the process. */
  readonly vectors?: StoredVectors
  /** The Redis server behind the store, for what else is kept there; its keys begin with `prefix`, colon included. */
  readonly redis?: { readonly command: RedisCommand; readonly prefix: string }
  /** Waits for what is being written, and lets go of everything. Calls after it throw `store-closed`. */
  close(): Promise<void>
}

export interface SetOptions {
  readonly ttlMs: number
  readonly tags: readonly string[]
  /**
   * What the entry is found by when it is looked for by meaning. Goes when the entry goes or is replaced, and is not
   * counted among what was deleted.
   */
  readonly vector?: PartitionedVector
  /** What `mark` gave before whoever makes the value began to. */
  readonly since?: number
}

/** What has been deleted. */
export interface Deletions {
  /** Of the latest. */
  readonly mark: number
  /** In the order of their marks; undefined when nobody knows any more: it may have been anything. */
  readonly selectors: readonly Selector[] | undefined
}

export interface StoreSize {
  /** How many entries, what has expired and is not yet swept up included. */
  readonly entries?: number
  /** What they take, in bytes, as the store counts them. */
  readonly bytes?: number
  /** What they may take at most, in bytes. */
  readonly maxBytes?: number
}

/** A vector's bytes, and which others it may be compared with. */
export interface PartitionedVector {
  /** Text of 1 to 512 bytes without NUL. */
  readonly partition: string
  /** At most 64 KB; the store does not look into them. */
  readonly bytes: Uint8Array
}

/** One of: a key; all keys with a prefix; all keys matching a pattern (`*` any run, `?` one character); all with a tag; all. */
export type Selector =
  | { readonly key: string }
  | { readonly prefix: string }
  | { readonly pattern: string }
  | { readonly tag: string }
  | { readonly all: true }

/** Held until released or run out. */
export interface Lease {
  /** Holds on for another `ttlMs`; false when the lease has been lost. */
  renew(ttlMs: number): Promise<boolean>
  release(): Promise<void>
}
