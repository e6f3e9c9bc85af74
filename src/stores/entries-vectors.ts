import type { Breaker } from '../core/breaker.ts'
import type { StoredVector, StoredVectors, VectorListener } from '../core/stored-vectors.ts'

/** The vectors of one namespace in a store: to those outside, neither partitions nor keys bear its name. */
export class EntriesVectors implements StoredVectors {
  readonly peek?: (partition: string, key: string) => Uint8Array | undefined
  readonly #vectors: StoredVectors
  readonly #namespace: string
  readonly #reads: Breaker

  /** `namespace` ends with what cannot be within another's name. */
  constructor(vectors: StoredVectors, namespace: string, reads: Breaker) {
    this.#vectors = vectors
    this.#namespace = namespace
    this.#reads = reads
    // Only where the store has it: elsewhere there would be nothing to see, ever.
    const { peek } = vectors
    if (peek !== undefined) {
      this.peek = (partition, key) => peek.call(vectors, namespace + partition, namespace + key)
    }
  }

  get(partition: string, key: string): Promise<Uint8Array | undefined> {
    return this.#reads.run('vector', () => this.#vectors.get(this.#namespace + partition, this.#namespace + key))
  }

  async *read(partition: string): AsyncGenerator<readonly StoredVector[]> {
    for await (const batch of this.#vectors.read(this.#namespace + partition)) {
      yield batch.map((vector) => ({ ...vector, key: vector.key.slice(this.#namespace.length) }))
    }
  }

  follow(listener: VectorListener): () => void {
    return this.#vectors.follow({
      stored: (partition, key, expiresAtMs) => {
        if (!partition.startsWith(this.#namespace) || !key.startsWith(this.#namespace)) return
        const { length } = this.#namespace
        listener.stored(partition.slice(length), key.slice(length), expiresAtMs)
      },
      lost: () => listener.lost()
    })
  }
}
