/**
 * Finds the nearest neighbours of a vector within a partition: a dumb port that may throw, be slow or be gone.
 * Vectors are unit vectors of 32-bit floats, all of one length within a partition; similarity is their cosine, in
 * [-1, 1], never a distance. A match is a pointer and not an answer: the entry with that key may have gone.
 */
export interface VectorIndex {
  /** `local`, `redis`, or your own. */
  readonly name: string
  /** True when the index finds vectors in the store by itself, and `add` need not be told more than what is new here. */
  readonly readsStore: boolean
  /** Adds a vector, replacing an older one of the same key. @throws RepriseError `invalid-option` for what is no unit vector of the partition's length */
  add(partition: string, key: string, vector: Float32Array, expiresAtMs: number): Promise<void>
  /** Up to `count` matches with at least `minSimilarity`, the most similar first, none that has expired. */
  nearest(partition: string, vector: Float32Array, minSimilarity: number, count: number): Promise<readonly Match[]>
  /** Takes vectors out; keys that are not there are no error. */
  remove(partition: string, keys: readonly string[]): Promise<void>
  /** Lets go of everything that is held here. */
  close(): Promise<void>
}

export interface Match {
  /** The entry's key. */
  readonly key: string
  /** Cosine in [-1, 1]. */
  readonly similarity: number
}
