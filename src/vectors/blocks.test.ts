import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Blocks, largestBlock, smallestBlock } from './blocks.ts'

const megabyte = 1024 ** 2

/** The size that a block of so many bytes really has. */
function sizeOf(bytes: number): number {
  let size = smallestBlock
  while (size < bytes) size *= 2
  return size
}

describe('blocks', () => {
  it('never overlap, whatever is allocated and freed in whatever order, and all become one again', () => {
    const step = fc.record({ bytes: fc.integer({ min: 1, max: largestBlock }), free: fc.double({ min: 0, max: 1 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const blocks = new Blocks(2 * megabyte)
        const held: { at: number; size: number }[] = []
        for (const { bytes, free } of steps) {
          if (free > 0.6 && held.length > 0) {
            const [gone] = held.splice(Math.floor(free * held.length) % held.length, 1)
            blocks.free(gone?.at ?? -1)
          }
          const at = blocks.allocate(bytes)
          if (at === undefined) continue
          const size = sizeOf(bytes)
          expect(at % size).toBe(0)
          expect(at + size).toBeLessThanOrEqual(blocks.bytes.length)
          expect(held.filter((other) => at < other.at + other.size && other.at < at + size)).toEqual([])
          held.push({ at, size })
          expect(blocks.usedBytes).toBe(held.reduce((sum, block) => sum + block.size, 0))
        }
        for (const { at } of held) blocks.free(at)
        expect(blocks.usedBytes).toBe(0)
        const all = Array.from({ length: (2 * megabyte) / largestBlock }, () => blocks.allocate(largestBlock))
        expect(all.every((at) => at !== undefined)).toBe(true)
        expect(blocks.allocate(1)).toBeUndefined()
      }),
      { numRuns: 50 }
    )
  })

  it('take no more than they may', () => {
    const blocks = new Blocks(megabyte + 1000)
    let count = 0
    while (blocks.allocate(smallestBlock) !== undefined) count += 1
    expect(count).toBe(megabyte / smallestBlock)
    expect(blocks.memory.buffer.byteLength).toBe(megabyte)
  })

  it('are at most a quarter of a megabyte', () => {
    expect(new Blocks(megabyte).allocate(largestBlock + 1)).toBeUndefined()
  })

  it('cannot be freed twice', () => {
    const blocks = new Blocks(megabyte)
    const at = blocks.allocate(10) ?? -1
    blocks.free(at)
    expect(() => blocks.free(at)).toThrow('no block was allocated')
  })

  it('keep what is in them when the memory grows', () => {
    const blocks = new Blocks(4 * megabyte)
    const at = blocks.allocate(100) ?? 0
    blocks.bytes.fill(7, at, at + 100)
    const before = blocks.memory.buffer.byteLength
    while (blocks.memory.buffer.byteLength === before) blocks.allocate(largestBlock)
    expect(blocks.bytes.subarray(at, at + 100).every((byte) => byte === 7)).toBe(true)
  })

  it('refuse a bound that makes no sense', () => {
    for (const bound of [Number.NaN, 0, -1, 1000, 5 * 1024 ** 3])
      expect(() => new Blocks(bound)).toThrow('maxBytes: expected')
  })
})
