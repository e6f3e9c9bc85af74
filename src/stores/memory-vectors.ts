import { setImmediate as nextTurn } from 'node:timers/promises'
import type { StoredVector, StoredVectors, VectorListener } from '../core/stored-vectors.ts'
import { checkName, closedError } from './check.ts'
import type { KeysByName } from './keys-by-name.ts'
import { VectorListeners } from './vector-listeners.ts'

/** A vector as its entry holds it. */
export interface HeldVector {
  readonly partition: string
  readonly bytes: Uint8Array
  readonly expiresAtMs: number
}

/** How much is read in one turn of the event loop. */
const batch = 256

/** The vectors of a memory store, which lie with their entries. */
export class MemoryVectors implements StoredVectors {
  readonly #partitioned: KeysByName
  readonly #held: (key: string) => HeldVector | undefined
  readonly #listeners = new VectorListeners()
  #ended = false

  /** `held` gives the vector of an entry that has not expired. */
  constructor(partitioned: KeysByName, held: (key: string) => HeldVector | undefined) {
    this.#partitioned = partitioned
    this.#held = held
  }

  async get(partition: string, key: string): Promise<Uint8Array | undefined> {
    const bytes = this.peek(partition, key)
    return bytes === undefined ? undefined : Buffer.from(bytes)
  }

  peek(partition: string, key: string): Uint8Array | undefined {
    this.#check(partition)
    checkName('key', key)
    const vector = this.#held(key)
    return vector?.partition === partition ? vector.bytes : undefined
  }

  async *read(partition: string): AsyncGenerator<readonly StoredVector[]> {
    this.#check(partition)
    const keys = this.#partitioned.of(partition)
    for (let index = 0; index < keys.length; index += batch) {
      if (index > 0) await nextTurn()
      this.#check(partition)
      const live: StoredVector[] = []
      for (const key of keys.slice(index, index + batch)) {
        const vector = this.#held(key)
        if (vector?.partition !== partition) continue
        live.push({ key, bytes: new Uint8Array(vector.bytes), expiresAtMs: vector.expiresAtMs })
      }
      if (live.length > 0) yield live
    }
  }

  follow(listener: VectorListener): () => void {
    if (this.#ended) throw closedError('memory')
    return this.#listeners.add(listener)
  }

  /** Tells those who follow that an entry was stored with a vector. */
  tell(key: string, { partition, expiresAtMs }: HeldVector): void {
    this.#listeners.stored(partition, key, expiresAtMs)
  }

  end(): void {
    this.#ended = true
    this.#listeners.clear()
  }

  #check(partition: string): void {
    if (this.#ended) throw closedError('memory')
    checkName('partition', partition)
  }
}
