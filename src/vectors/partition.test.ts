import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cosine, lengthOf } from '../core/vector-bytes.ts'
import { Blocks } from './blocks.ts'
import { Kernel } from './kernel.ts'
import { Partition } from './partition.ts'
import { Shortlist } from './shortlist.ts'

const megabyte = 1024 ** 2

function open(isExact: boolean, maxBytes = 16 * megabyte) {
  const blocks = new Blocks(maxBytes)
  const kernel = new Kernel(blocks)
  const empty = blocks.usedBytes
  const partition = new Partition({ blocks, isExact })
  return {
    blocks,
    partition,
    used: () => blocks.usedBytes - empty,
    put: (key: string, vector: Float32Array, expiresAtMs: number) =>
      partition.put(key, vector, lengthOf(vector) ?? Number.NaN, expiresAtMs),
    /** All keys, with what the codes say of their similarity and the most that may be wrong by. */
    scan(query: Float32Array, wanted = Number.POSITIVE_INFINITY) {
      kernel.aim(query, lengthOf(query) ?? Number.NaN)
      const shortlist = new Shortlist(100_000)
      const bound = partition.scan(kernel, -1, wanted, shortlist)
      const found = Array.from({ length: shortlist.size }, (_, place) => ({
        key: partition.keyAt(shortlist.slotAt(place)),
        similarity: shortlist.similarityAt(place)
      }))
      return { bound, found }
    }
  }
}

function vectorOf(seed: number, dimensions: number): Float32Array {
  const values = Array.from(
    { length: dimensions },
    (_, index) => (Math.sin((seed + 1) * 12.9898 + index * 78.233) * 43758.5453) % 1
  )
  const length = Math.hypot(...values)
  return Float32Array.from(values, (value) => value / length)
}

function keyOf(value: number): string {
  return value % 5 === 0 ? `odd ${value}` : `llm:m:${createHash('sha256').update(String(value)).digest('hex')}`
}

describe('a partition', () => {
  for (const isExact of [false, true])
    it(`is what adding, replacing, removing and expiring make it, ${isExact ? 'with' : 'without'} the vectors themselves`, () => {
      const step = fc.tuple(
        fc.constantFrom('put', 'put', 'put', 'remove', 'expire'),
        fc.nat({ max: 80 }),
        fc.nat({ max: 1000 })
      )
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 120 }), fc.array(step, { maxLength: 300 }), (dimensions, steps) => {
          const { partition, put, scan, used } = open(isExact)
          const expected = new Map<string, { vector: Float32Array; expiresAtMs: number }>()
          for (const [what, which, value] of steps) {
            const key = keyOf(which)
            const vector = vectorOf(value, dimensions)
            if (what === 'put') {
              expect(put(key, vector, value)).toBe(true)
              expected.set(key, { vector, expiresAtMs: value })
            } else if (what === 'remove') {
              expect(partition.remove(key)).toBe(expected.delete(key))
            } else {
              let from = Number.MAX_SAFE_INTEGER
              while (from >= 0) from = partition.expire(value / 3, from, 7)
              for (const [each, { expiresAtMs }] of expected) if (expiresAtMs <= value / 3) expected.delete(each)
            }
            expect(partition.count).toBe(expected.size)
            expect(used()).toBeGreaterThanOrEqual(partition.count * dimensions)
          }
          const query = vectorOf(5, dimensions)
          if (expected.size > 0) {
            const { bound, found } = scan(query)
            expect(found.map(({ key }) => key).sort()).toEqual([...expected.keys()].sort())
            for (const { key, similarity } of found)
              expect(Math.abs(similarity - cosine(query, expected.get(key)?.vector ?? query))).toBeLessThanOrEqual(
                bound
              )
          }
          for (const [key, { vector, expiresAtMs }] of expected) {
            const slot = partition.find(key)
            expect(partition.expiryAt(slot)).toBe(expiresAtMs)
            if (isExact) expect(partition.vectorAt(slot)).toEqual(vector)
            else expect(cosine(partition.vectorAt(slot), vector)).toBeGreaterThan(0.999)
          }
          for (const key of expected.keys()) partition.remove(key)
          expect(partition.dimensions).toBe(0)
          expect(used()).toBe(0)
        }),
        { numRuns: 60 }
      )
    })

  it('takes 512 bytes when it has one vector, and less than 440 bytes a vector of 384 components when it has many', () => {
    const { partition, put, used } = open(false)
    const vector = vectorOf(1, 384)
    const perVector: number[] = []
    for (let count = 1; count <= 20_000; count++) {
      put(`llm:gpt-4o:${createHash('sha256').update(String(count)).digest('hex')}`, vector, 1)
      if (count === 1) expect(partition.bytes).toBe(512)
      if (count >= 5000) perVector.push(partition.bytes / count)
    }
    expect(used()).toBe(partition.bytes)
    expect(Math.max(...perVector)).toBeLessThan(455)
    expect(perVector.at(-1)).toBeLessThan(445)
  })

  it('takes vectors of any length that a store takes', () => {
    for (const dimensions of [1, 15, 16, 17, 1536, 3072, 16_384])
      for (const isExact of [false, true]) {
        const { partition, put, scan } = open(isExact)
        for (let value = 0; value < 20; value++) put(keyOf(value), vectorOf(value + 1, dimensions), 1)
        expect(partition.count).toBe(20)
        const query = vectorOf(7, dimensions)
        const { found } = scan(query)
        expect(found.length).toBe(20)
        expect(found.find(({ key }) => key === keyOf(6))?.similarity).toBeCloseTo(1, 2)
      }
  })

  it('leaves out what cannot be among the best wanted, and nothing that can', () => {
    const { put, scan } = open(false)
    for (let value = 0; value < 3000; value++) put(keyOf(value), vectorOf(value, 96), 1)
    for (const wanted of [1, 3, 50]) {
      const query = vectorOf(5000 + wanted, 96)
      const { bound, found: all } = scan(query)
      const { found } = scan(query, wanted)
      const least = (all[wanted - 1]?.similarity ?? 0) - 2 * bound
      const possible = all.filter(({ similarity }) => similarity >= least)
      expect(found.slice(0, possible.length)).toEqual(possible)
      expect(found.length).toBeLessThan(2000)
    }
  })

  it('says when there is no memory, and is as it was', () => {
    const { partition, put, scan } = open(true, megabyte)
    let count = 0
    while (put(keyOf(count), vectorOf(count + 1, 384), 1)) count += 1
    expect(count).toBeGreaterThan(300)
    expect(partition.count).toBe(count)
    expect(partition.find(keyOf(count))).toBe(-1)
    expect(scan(vectorOf(1, 384)).found.length).toBe(count)
    // Replacing needs no room.
    expect(put(keyOf(1), vectorOf(9, 384), 1)).toBe(true)
  })

  it('tells its mirror of everything', () => {
    const { partition, put } = open(false)
    const heard: string[] = []
    put('before', vectorOf(1, 4), 5)
    partition.mirror = { put: (key) => heard.push(`+${key}`), remove: (key) => heard.push(`-${key}`) }
    put('a', vectorOf(1, 4), 5)
    put('b', vectorOf(2, 4), 10)
    put('b', vectorOf(3, 4), 10)
    partition.remove('none')
    partition.remove('before')
    partition.expire(7, Number.MAX_SAFE_INTEGER, 10)
    expect(heard).toEqual(['+a', '+b', '+b', '-before', '-a'])
  })
})
