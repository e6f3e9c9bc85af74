/**
 * The vectors of a store's entries, as an index that lives in a process needs them. Bytes are whatever was given to
 * the store with the entry. What is said here of an entry may be out of date a moment later: a vector only points to
 * an entry, and whoever follows it looks whether the entry is still there. Methods may throw, be slow or be gone.
 */
export interface StoredVectors {
  /** The bytes of an entry's vector; undefined when the entry has none, or has gone. */
  get(partition: string, key: string): Promise<Uint8Array | undefined>
  /** What `get` gives, without waiting; only in a store that has nothing to wait for. The bytes are good until the caller returns. */
  peek?(partition: string, key: string): Uint8Array | undefined
  /**
   * All vectors of a partition, in batches of a few hundred, in any order. What is stored while it is read may be in it
   * or not: `follow` tells of it. Gives the event loop its turn between batches. The bytes are the caller's to keep.
   */
  read(partition: string): AsyncIterable<readonly StoredVector[]>
  /**
   * Tells what is stored from now on, whoever on whatever machine stores it, each within 50 ms and at least once.
   * Returns a function that ends it. `close` of the store ends it too.
   */
  follow(listener: VectorListener): () => void
}

export interface StoredVector {
  /** The entry's key. */
  readonly key: string
  readonly bytes: Uint8Array
  readonly expiresAtMs: number
}

export interface VectorListener {
  /** An entry was stored with a vector. Must not throw. */
  stored(partition: string, key: string, expiresAtMs: number): void
  /** Something may have been missed: what is known of any partition is to be read again. Must not throw. */
  lost(): void
}
