import type { Match, VectorIndex } from '../../src/vectors/vector-index.ts'

/** The plainest index there is: compares with all vectors of a partition, and notes what is done with it. */
export class WatchedIndex implements VectorIndex {
  readonly name = 'watched'
  readonly readsStore = false
  readonly calls: string[] = []
  readonly #partitions = new Map<string, Map<string, Float32Array>>()

  async add(partition: string, key: string, vector: Float32Array): Promise<void> {
    this.calls.push(`add ${key}`)
    const held = this.#partitions.get(partition) ?? new Map<string, Float32Array>()
    this.#partitions.set(partition, held.set(key, vector))
  }

  async nearest(
    partition: string,
    vector: Float32Array,
    minSimilarity: number,
    count: number
  ): Promise<readonly Match[]> {
    this.calls.push('nearest')
    return [...(this.#partitions.get(partition) ?? [])]
      .map(([key, other]) => ({
        key,
        similarity: vector.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0)
      }))
      .filter(({ similarity }) => similarity >= minSimilarity)
      .sort((one, other) => other.similarity - one.similarity)
      .slice(0, count)
  }

  async remove(partition: string, keys: readonly string[]): Promise<void> {
    this.calls.push(`remove ${keys.join(' ')}`)
    for (const key of keys) this.#partitions.get(partition)?.delete(key)
  }

  async close(): Promise<void> {}
}
