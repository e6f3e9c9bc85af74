import type { Breaker } from '../core/breaker.ts'
import type { StoredVector, StoredVectors, VectorListener } from '../core/stored-vectors.ts'
import type { Seal } from './seal.ts'

/**
 * The vectors of one namespace in a store: to those outside, neither partitions nor keys bear its name. With a seal they
 * are sealed, since a vector gives away what its text is about, and what does not open is not there.
 */
export class EntriesVectors implements StoredVectors {
  readonly peek?: (partition: string, key: string) => Uint8Array | undefined
  readonly #vectors: StoredVectors
  readonly #namespace: string
  readonly #reads: Breaker
  readonly #seal: Seal | undefined

  /** `namespace` ends with what cannot be within another's name; `seal` is the namespace's own. */
  constructor(vectors: StoredVectors, namespace: string, reads: Breaker, seal?: Seal) {
    this.#vectors = vectors
    this.#namespace = namespace
    this.#reads = reads
    this.#seal = seal
    // Only where the store has it: elsewhere there would be nothing to see, ever.
    const { peek } = vectors
    if (peek !== undefined) {
      this.peek = (partition, key) =>
        this.#open(partition, key, peek.call(vectors, namespace + partition, namespace + key))
    }
  }

  /** The bytes of a vector as they are to be stored with the entry under `key`. */
  seal(partition: string, key: string, bytes: Uint8Array): Uint8Array {
    return this.#seal === undefined ? bytes : this.#seal.seal(bytes, aboutVector(partition, key))
  }

  async get(partition: string, key: string): Promise<Uint8Array | undefined> {
    const stored = await this.#reads.run('vector', () =>
      this.#vectors.get(this.#namespace + partition, this.#namespace + key)
    )
    return this.#open(partition, key, stored)
  }

  async *read(partition: string): AsyncGenerator<readonly StoredVector[]> {
    for await (const batch of this.#vectors.read(this.#namespace + partition)) {
      const opened: StoredVector[] = []
      for (const vector of batch) {
        const key = vector.key.slice(this.#namespace.length)
        const bytes = this.#open(partition, key, vector.bytes)
        if (bytes !== undefined) opened.push({ ...vector, key, bytes })
      }
      yield opened
    }
  }

  #open(partition: string, key: string, bytes: Uint8Array | undefined): Uint8Array | undefined {
    return bytes === undefined || this.#seal === undefined ? bytes : this.#seal.open(bytes, aboutVector(partition, key))
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

/** No key has a NUL in it: what is about a vector is never about an entry. */
function aboutVector(partition: string, key: string): string {
  return `${partition}\0${key}`
}
