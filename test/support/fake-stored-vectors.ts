import type { StoredVector, StoredVectors, VectorListener } from '../../src/core/stored-vectors.ts'
import { vectorBytes } from '../../src/core/vector-bytes.ts'

export interface FakeStoredVectorsOptions {
  /** Gives vectors without waiting too. Default: true. */
  readonly peeks?: boolean
  /** How many vectors are read at a time. Default: 100. */
  readonly perBatch?: number
  /** Waits, or throws, before each batch of a partition is read. */
  readonly beforeBatch?: (partition: string, batch: number) => Promise<void> | void
}

/** The vectors of a store, in memory, with all that is asked of them written down. */
export interface FakeStoredVectors extends StoredVectors {
  /** Stores an entry with a vector, and tells those who follow. */
  set(partition: string, key: string, vector: Float32Array, expiresAtMs?: number): void
  setBytes(partition: string, key: string, bytes: Uint8Array, expiresAtMs?: number): void
  /** Deletes an entry; nobody is told. */
  delete(partition: string, key: string): void
  /** Stores an entry and tells nobody. */
  setSilently(partition: string, key: string, vector: Float32Array, expiresAtMs?: number): void
  lose(): void
  /** How often each was called, and how many follow. */
  readonly calls: { get: number; peek: number; read: number }
  readonly listeners: ReadonlySet<VectorListener>
  /** What `get` and `peek` throw. */
  failure: Error | undefined
}

export const inAnHour = Date.now() + 3_600_000

export function fakeStoredVectors(options: FakeStoredVectorsOptions = {}): FakeStoredVectors {
  const { peeks = true, perBatch = 100, beforeBatch } = options
  const partitions = new Map<string, Map<string, StoredVector>>()
  const listeners = new Set<VectorListener>()
  const calls = { get: 0, peek: 0, read: 0 }

  function find(partition: string, key: string): Uint8Array | undefined {
    if (fake.failure !== undefined) throw fake.failure
    return partitions.get(partition)?.get(key)?.bytes
  }

  function put(partition: string, key: string, bytes: Uint8Array, expiresAtMs: number): void {
    const entries = partitions.get(partition) ?? new Map<string, StoredVector>()
    partitions.set(partition, entries)
    entries.set(key, { key, bytes, expiresAtMs })
  }

  const fake: FakeStoredVectors = {
    calls,
    listeners,
    failure: undefined,
    async get(partition, key) {
      calls.get += 1
      return find(partition, key)
    },
    ...(peeks
      ? {
          peek(partition: string, key: string) {
            calls.peek += 1
            return find(partition, key)
          }
        }
      : {}),
    async *read(partition) {
      calls.read += 1
      const all = [...(partitions.get(partition)?.values() ?? [])]
      for (let from = 0; from < all.length || from === 0; from += perBatch) {
        // What is given was read before the wait: it may be old by the time that it arrives.
        const batch = all.slice(from, from + perBatch)
        await beforeBatch?.(partition, from / perBatch)
        yield batch
      }
    },
    follow(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    setBytes(partition, key, bytes, expiresAtMs = inAnHour) {
      put(partition, key, bytes, expiresAtMs)
      for (const listener of listeners) listener.stored(partition, key, expiresAtMs)
    },
    set(partition, key, vector, expiresAtMs = inAnHour) {
      fake.setBytes(partition, key, vectorBytes(vector), expiresAtMs)
    },
    setSilently(partition, key, vector, expiresAtMs = inAnHour) {
      put(partition, key, vectorBytes(vector), expiresAtMs)
    },
    delete(partition, key) {
      partitions.get(partition)?.delete(key)
    },
    lose() {
      for (const listener of listeners) listener.lost()
    }
  }
  return fake
}
