/**
 * Turns texts into unit vectors, such that texts that mean the same have a cosine near 1. May throw, be slow or be
 * gone: whoever uses it holds the policy for that.
 */
export interface Embedder {
  /** `static`, `local`, `openai`, `voyage`, or your own. */
  readonly name: string
  /**
   * Names the model and all that changes its vectors (revision, precision, dimensions asked for): vectors of different
   * `model`s are never compared.
   */
  readonly model: string
  /** How similar two texts must be, at least, to mean the same by this model: cosine. Measured, or the maker's advice. */
  readonly minSimilarity: number
  /** True when embedding costs less than looking a remembered vector up. */
  readonly isCheap: boolean
  /**
   * One unit vector per text, in order, all of the same length; an empty one (length 0) for a text that cannot be compared,
   * for nothing in it is known, or it is longer than the model takes. An empty list for no texts. Rejects when `signal`
   * aborts.
   */
  embed(texts: readonly string[], options?: EmbedOptions): Promise<readonly Float32Array[]>
  close(): Promise<void>
}

export interface EmbedOptions {
  readonly signal?: AbortSignal
}
