import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type FakeStoredVectors, fakeStoredVectors, inAnHour } from '../../test/support/fake-stored-vectors.ts'
import type { Event } from '../core/events.ts'
import { cosine } from '../core/vector-bytes.ts'
import { vectorIndexContract } from '../testing/vector-index-contract.ts'
import { type LocalVectors, type LocalVectorsOptions, localVectors } from './local.ts'

const opened: LocalVectors[] = []

function open(options: LocalVectorsOptions = {}): LocalVectors {
  const index = localVectors(options)
  opened.push(index)
  return index
}

afterEach(async () => {
  vi.useRealTimers()
  await Promise.all(opened.splice(0).map((index) => index.close()))
})

/** An index whose vectors are stored and deleted with it, as entries are. */
function storing(index: LocalVectors, stored: FakeStoredVectors): LocalVectors {
  return {
    name: index.name,
    readsStore: index.readsStore,
    usage: () => index.usage(),
    nearest: (...args) => index.nearest(...args),
    async remove(partition, keys) {
      for (const key of keys) stored.delete(partition, key)
      await index.remove(partition, keys)
    },
    close: () => index.close(),
    async add(partition, key, vector, expiresAtMs) {
      await index.add(partition, key, vector, expiresAtMs)
      stored.set(partition, key, vector, expiresAtMs)
    }
  }
}

function unit(values: readonly number[]): Float32Array {
  const length = Math.hypot(...values)
  return Float32Array.from(values, (value) => value / length)
}

function random(seed: number, dimensions = 16): Float32Array {
  return unit(
    Array.from({ length: dimensions }, (_, at) => ((Math.sin(seed * 12.9898 + at * 78.233) * 43758.5453) % 1) + 1e-6)
  )
}

function keyOf(value: number): string {
  return `llm:m:${createHash('sha256').update(String(value)).digest('hex')}`
}

for (const peeks of [true, false])
  describe(`the local vector index with a store that ${peeks ? 'can' : 'cannot'} be peeked at`, () => {
    const cases = vectorIndexContract(() => {
      const stored = fakeStoredVectors({ peeks })
      return storing(localVectors({ vectors: stored }), stored)
    })
    for (const { name, run } of cases) it(name, run)
  })

describe('the local vector index without a store', () => {
  for (const { name, run } of vectorIndexContract(() => localVectors())) it(name, run)

  it('holds nothing for partitions that were only looked into', async () => {
    const index = open()
    expect(await index.nearest('p', random(1), 0, 1)).toEqual([])
    expect(index.usage()).toEqual({ vectors: 0, partitions: 0, bytes: 0 })
  })
})

/** What there is to be found, by looking through everything. */
function bruteForce(
  entries: ReadonlyMap<string, { vector: Float32Array; expiresAtMs: number }>,
  query: Float32Array,
  minSimilarity: number,
  nowMs: number
) {
  return [...entries]
    .filter(([, { expiresAtMs }]) => expiresAtMs > nowMs)
    .map(([key, { vector }]) => ({ key, similarity: cosine(query, vector) }))
    .filter(({ similarity }) => similarity >= minSimilarity)
    .sort((a, b) => b.similarity - a.similarity)
}

describe('the local vector index', () => {
  const step = fc.record({
    what: fc.constantFrom('add', 'add', 'add', 'store', 'remove', 'delete', 'wait', 'lose', 'look', 'look'),
    key: fc.nat({ max: 60 }),
    value: fc.nat({ max: 500 }),
    count: fc.integer({ min: 1, max: 8 }),
    minSimilarity: fc.double({ min: -1, max: 1, noNaN: true })
  })

  for (const withStore of [true, false])
    it(`finds what looking through everything finds, ${withStore ? 'with' : 'without'} a store`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 150 }), fc.boolean(), async (steps, peeks) => {
          let nowMs = 1_000_000
          const stored = fakeStoredVectors({ peeks })
          // What was stored before anybody looked is read.
          const truth = new Map<string, { vector: Float32Array; expiresAtMs: number }>()
          if (withStore)
            for (let key = 40; key <= 60; key++) {
              const entry = { vector: random(key), expiresAtMs: nowMs + key * 100 }
              stored.setSilently('p', keyOf(key), entry.vector, entry.expiresAtMs)
              truth.set(keyOf(key), entry)
            }
          const local = open({ now: () => nowMs, hydrateWithinMs: 60_000, ...(withStore ? { vectors: stored } : {}) })
          const index = withStore ? storing(local, stored) : local
          for (const { what, key: number, value, count, minSimilarity } of steps) {
            const key = keyOf(number)
            const entry = { vector: random(value), expiresAtMs: nowMs + 1 + value * 10 }
            if (what === 'add' || (what === 'store' && !withStore)) {
              await index.add('p', key, entry.vector, entry.expiresAtMs)
              truth.set(key, entry)
            } else if (what === 'store') {
              // By another process, whose expiry shows that it is another entry.
              if (Math.abs((truth.get(key)?.expiresAtMs ?? 0) - entry.expiresAtMs) <= 1000) continue
              stored.set('p', key, entry.vector, entry.expiresAtMs)
              truth.set(key, entry)
              await vi.waitFor(
                async () => {
                  const found = await index.nearest('p', entry.vector, 0.99, 61)
                  expect(found.map((match) => match.key)).toContain(key)
                },
                { interval: 2 }
              )
            } else if (what === 'remove') {
              stored.delete('p', key)
              await index.remove('p', [key])
              truth.delete(key)
            } else if (what === 'delete' && withStore) {
              // By another process: the index finds out by itself.
              stored.delete('p', key)
              truth.delete(key)
            } else if (what === 'wait') nowMs += value
            else if (what === 'lose') stored.lose()
            else {
              const query = random(value + 0.25)
              const expected = bruteForce(truth, query, minSimilarity, nowMs).slice(0, count)
              const found = await index.nearest('p', query, minSimilarity, count)
              // Two keys may have one vector, and then any of them comes first.
              expect(found.map(({ similarity }) => similarity)).toEqual(expected.map(({ similarity }) => similarity))
              for (const match of found)
                expect(cosine(query, truth.get(match.key)?.vector ?? new Float32Array(16))).toBe(match.similarity)
            }
          }
          await index.close()
        }),
        { numRuns: 40 }
      )
    })

  it('finds the very best of many that are nearly alike', async () => {
    const stored = fakeStoredVectors()
    const index = open({ vectors: stored })
    const center = random(1, 384)
    const vectors = Array.from({ length: 400 }, (_, at) => {
      const other = random(at + 2, 384)
      return unit(Array.from(center, (value, component) => value + (other[component] ?? 0) * (0.2 + at / 1000)))
    })
    for (const [at, vector] of vectors.entries()) stored.setSilently('p', keyOf(at), vector)
    for (let at = 0; at < 100; at++) {
      const other = random(at + 1000, 384)
      const query = unit(Array.from(center, (value, component) => value + (other[component] ?? 0) * 0.1))
      const best = Math.max(...vectors.map((vector) => cosine(query, vector)))
      expect((await index.nearest('p', query, 0.5, 1))[0]?.similarity).toBe(best)
    }
  })

  it('finds what looking through everything finds among vectors of many components, whatever is asked for', async () => {
    for (const dimensions of [65, 100, 384]) {
      const stored = fakeStoredVectors()
      const index = open({ vectors: stored, hydrateWithinMs: 60_000 })
      const entries = new Map<string, { vector: Float32Array; expiresAtMs: number }>()
      for (let at = 0; at < 1500; at++) {
        const [center, other] = [random(10_000 + (at % 100), dimensions), random(at, dimensions)]
        // Some of them have next to nothing in their first components, some little else.
        const share = [1, 1e-3, 1e3][at % 3] ?? 1
        const vector = unit(
          Array.from(
            center,
            (value, index) => (value + (other[index] ?? 0) * 0.4) * (index < dimensions / 3 ? share : 1)
          )
        )
        entries.set(keyOf(at), { vector, expiresAtMs: inAnHour })
        stored.setSilently('p', keyOf(at), vector)
      }
      for (let at = 0; at < 60; at++) {
        const close = entries.get(keyOf(at * 17))?.vector ?? random(at, dimensions)
        const aside = random(20_000 + at, dimensions)
        const query =
          at % 2 === 0 ? aside : unit(Array.from(close, (value, index) => value + (aside[index] ?? 0) * 0.3))
        const [count, minSimilarity] = [1 + (at % 8), [-1, 0.3, 0.85, 0.94][at % 4] ?? 0]
        const expected = bruteForce(entries, query, minSimilarity, 0).slice(0, count)
        expect(await index.nearest('p', query, minSimilarity, count)).toEqual(expected)
      }
    }
  })

  it('finds the next best when the store has another vector than the codes are of', async () => {
    for (const peeks of [true, false]) {
      const stored = fakeStoredVectors({ peeks })
      const index = storing(open({ vectors: stored }), stored)
      await index.add('p', keyOf(1), unit([1, 0, 0]), inAnHour)
      await index.add('p', keyOf(2), unit([1, 0.3, 0]), inAnHour)
      stored.setSilently('p', keyOf(1), unit([0, 0, 1]))
      expect((await index.nearest('p', unit([1, 0, 0]), 0.8, 1)).map(({ key }) => key)).toEqual([keyOf(2)])
    }
  })

  it('looks at a few vectors of the store only, when the codes are clear', async () => {
    const stored = fakeStoredVectors()
    for (let at = 0; at < 2000; at++) stored.setSilently('p', keyOf(at), random(at, 64))
    const index = open({ vectors: stored, hydrateWithinMs: 60_000 })
    await index.nearest('p', random(17, 64), 0.9, 1)
    const { peek } = stored.calls
    expect((await index.nearest('p', random(17, 64), 0.9, 1))[0]?.key).toBe(keyOf(17))
    expect(stored.calls.peek - peek).toBeLessThanOrEqual(3)
  })

  it('takes out what the store has lost, and finds the next best behind hundreds of those', async () => {
    const stored = fakeStoredVectors()
    const index = open({ vectors: stored, hydrateWithinMs: 60_000 })
    for (let at = 0; at < 400; at++) stored.setSilently('p', keyOf(at), unit([1, at / 1000, 0]))
    expect((await index.nearest('p', unit([1, 0, 0]), 0.5, 1))[0]?.key).toBe(keyOf(0))
    for (let at = 0; at < 150; at++) stored.delete('p', keyOf(at))
    expect((await index.nearest('p', unit([1, 0, 0]), 0.5, 1))[0]?.key).toBe(keyOf(150))
    expect(index.usage().vectors).toBe(250)
  })

  it('takes out what the store has as anything but the vector it was', async () => {
    const stored = fakeStoredVectors()
    const index = open({ vectors: stored })
    await index.add('p', 'short', unit([1, 0, 0]), inAnHour)
    await index.add('p', 'broken', unit([1, 0, 0]), inAnHour)
    stored.setSilently('p', 'short', unit([1, 0]))
    stored.setSilently('p', 'broken', Float32Array.of(3, 4, Number.NaN))
    expect(await index.nearest('p', unit([1, 0, 0]), 0, 10)).toEqual([])
    expect(index.usage().vectors).toBe(0)
  })

  it('fails a lookup when the store does', async () => {
    for (const peeks of [true, false]) {
      const stored = fakeStoredVectors({ peeks })
      const index = open({ vectors: stored })
      await index.add('p', 'a', unit([1, 2]), inAnHour)
      stored.failure = new Error('the store is gone')
      await expect(index.nearest('p', unit([1, 2]), 0, 1)).rejects.toThrow('the store is gone')
      stored.failure = undefined
      stored.setSilently('p', 'a', unit([1, 2]))
      expect((await index.nearest('p', unit([1, 2]), 0, 1))[0]?.similarity).toBe(1)
    }
  })

  it('takes out what has expired by itself, without being asked', async () => {
    vi.useFakeTimers()
    const index = open()
    for (let at = 0; at < 2000; at++)
      await index.add(`p${at % 3}`, keyOf(at), random(at), Date.now() + (at % 2 === 0 ? 3000 : 60_000))
    await vi.advanceTimersByTimeAsync(2900)
    expect(index.usage().vectors).toBe(2000)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(index.usage().vectors).toBe(1000)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(index.usage()).toMatchObject({ vectors: 0, bytes: 0 })
  })

  it('lets the partition that was used least recently make room', async () => {
    const stored = fakeStoredVectors()
    const index = open({ vectors: stored, maxBytes: 2 * 1024 ** 2, hydrateWithinMs: 60_000 })
    const perPartition = 1000
    for (const partition of ['a', 'b', 'c', 'd', 'e', 'f'])
      for (let at = 0; at < perPartition; at++) stored.setSilently(partition, keyOf(at), random(at, 384))
    for (const partition of ['a', 'b', 'c', 'd', 'a', 'e']) {
      expect((await index.nearest(partition, random(3, 384), 0.9, 1))[0]?.key).toBe(keyOf(3))
      expect(index.usage().bytes).toBeLessThanOrEqual(2 * 1024 ** 2)
    }
    expect(index.usage().partitions).toBeGreaterThan(1)
    const { read } = stored.calls
    // Used just before, and so still there; b was not.
    await index.nearest('a', random(3, 384), 0.9, 1)
    expect(stored.calls.read).toBe(read)
    expect((await index.nearest('b', random(999, 384), 0.9, 1))[0]?.key).toBe(keyOf(999))
    expect(stored.calls.read).toBe(read + 1)
  })

  it('says once that a partition is too large for its memory, and finds what it has of it', async () => {
    const events: Event[] = []
    const index = open({ maxBytes: 1024 ** 2, observe: (event) => events.push(event) })
    for (let at = 0; at < 1000; at++) await index.add('p', keyOf(at), random(at, 384), inAnHour)
    expect(events).toMatchObject([{ type: 'failed', part: 'vectors', operation: 'add' }])
    const { vectors } = index.usage()
    expect(vectors).toBeGreaterThan(300)
    expect((await index.nearest('p', random(vectors - 1, 384), 0.99, 1))[0]?.key).toBe(keyOf(vectors - 1))
    expect(await index.nearest('p', random(vectors, 384), 0.99, 1)).toEqual([])
  })

  it('refuses what makes no sense, and everything once it is closed', async () => {
    expect(() => localVectors({ maxBytes: 1 })).toThrow('maxBytes: expected')
    const index = open()
    await expect(index.nearest('p', Float32Array.of(1, 1), 0, 1)).rejects.toMatchObject({ code: 'invalid-option' })
    await expect(index.add('p', 'a', random(1, 16_385), inAnHour)).rejects.toMatchObject({ code: 'invalid-option' })
    await index.add('p', 'a', unit([1, 2]), inAnHour)
    await expect(index.nearest('p', unit([1, 2, 3]), 0, 1)).rejects.toThrow('expected 2 components')
    expect(await index.nearest('p', unit([1, 2]), 0, 0)).toEqual([])
    await index.close()
    const calls = [index.add('p', 'a', unit([1]), 1), index.nearest('p', unit([1]), 0, 1), index.remove('p', ['a'])]
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'store-closed' })
  })
})
