import type { VectorListener } from '../core/stored-vectors.ts'

/** All that follow a store: what is told to this is told to each of them. */
export class VectorListeners implements VectorListener {
  readonly #listeners = new Set<{ readonly listener: VectorListener }>()

  get size(): number {
    return this.#listeners.size
  }

  /** Returns a function that takes the listener out again, and then calls `left`. */
  add(listener: VectorListener, left: () => void = () => {}): () => void {
    // One that follows twice is told twice.
    const member = { listener }
    this.#listeners.add(member)
    return () => {
      if (this.#listeners.delete(member)) left()
    }
  }

  stored(partition: string, key: string, expiresAtMs: number): void {
    for (const { listener } of this.#listeners) listener.stored(partition, key, expiresAtMs)
  }

  lost(): void {
    for (const { listener } of this.#listeners) listener.lost()
  }

  clear(): void {
    this.#listeners.clear()
  }
}
