import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Blocks, largestBlock, smallestBlock } from './blocks.ts'
import { CompactKeys, cellBytes } from './compact-keys.ts'

function keysOf(count: number) {
  const blocks = new Blocks(8 * 1024 ** 2)
  const perBlock = largestBlock / cellBytes
  const at = Array.from({ length: Math.ceil(count / perBlock) }, () => blocks.allocate(largestBlock) ?? 0)
  const cellAt = (slot: number): number => ((at[Math.floor(slot / perBlock)] ?? 0) + (slot % perBlock) * cellBytes) / 4
  const keys = new CompactKeys(blocks, cellAt)
  function move(from: number, to: number): void {
    blocks.words.copyWithin(cellAt(to), cellAt(from), cellAt(from) + cellBytes / 4)
    keys.move(from, to)
  }
  return { blocks, keys, move }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Keys as they are, and all that is nearly like them or not at all. */
const arbitraryKey = fc.oneof(
  fc.nat({ max: 200 }).map((value) => `llm:gpt-4o:${sha256(String(value))}`),
  fc.nat({ max: 20 }).map((value) => `rag:docs:${sha256(String(value))}`),
  fc.nat({ max: 20 }).map((value) => `llm:gpt-4o:${sha256(String(value)).toUpperCase()}`),
  fc.nat({ max: 20 }).map((value) => `llm:gpt-4o:${sha256(String(value)).slice(0, 63)}`),
  fc.nat({ max: 20 }).map((value) => sha256(String(value))),
  fc.constantFrom(
    '0'.repeat(64),
    `llm:gpt-4o:${'0'.repeat(64)}`,
    '',
    '0',
    '17',
    '__proto__',
    'toString',
    'ſ'.repeat(64)
  ),
  fc.string({ unit: 'binary', maxLength: 90 })
)

describe('the keys of a partition', () => {
  it('are found where they are and come back as they were, whatever they look like', () => {
    const step = fc.tuple(fc.constantFrom('add', 'add', 'add', 'remove'), arbitraryKey)
    fc.assert(
      fc.property(fc.array(step, { maxLength: 250 }), (steps) => {
        const { keys, move } = keysOf(300)
        const expected: string[] = []
        for (const [what, key] of steps) {
          const slot = expected.indexOf(key)
          expect(keys.find(key)).toBe(slot)
          if (what === 'add' && slot < 0) keys.add(key, expected.push(key) - 1)
          if (what === 'remove' && slot >= 0) {
            keys.remove(slot)
            const last = expected.length - 1
            const moved = expected.pop() ?? ''
            if (slot !== last) {
              move(last, slot)
              expected[slot] = moved
            }
          }
        }
        for (const [slot, key] of expected.entries()) {
          expect(keys.find(key)).toBe(slot)
          expect(keys.textOf(slot)).toBe(key)
        }
      }),
      { numRuns: 150 }
    )
  })

  it('cost about 6 bytes beside their cells, when they share their beginning', () => {
    const { keys, blocks } = keysOf(20_000)
    const before = blocks.usedBytes
    for (let slot = 0; slot < 20_000; slot++) keys.add(`llm:gpt-4o:${sha256(String(slot))}`, slot)
    expect(blocks.usedBytes - before).toBe(keys.bytes)
    expect(keys.bytes / 20_000).toBeLessThan(8)
    keys.clear()
    expect(keys.bytes).toBe(0)
    expect(blocks.usedBytes).toBe(before)
  })

  it('are kept as text where there is no memory for a table', () => {
    const { keys, blocks } = keysOf(100)
    while (blocks.allocate(smallestBlock) !== undefined);
    for (let slot = 0; slot < 100; slot++) keys.add(`a:${sha256(String(slot))}`, slot)
    for (let slot = 0; slot < 100; slot++) {
      expect(keys.find(`a:${sha256(String(slot))}`)).toBe(slot)
      expect(keys.textOf(slot)).toBe(`a:${sha256(String(slot))}`)
    }
    for (let slot = 99; slot >= 0; slot--) keys.remove(slot)
    expect(keys.bytes).toBe(0)
    expect(keys.find(`a:${sha256('3')}`)).toBe(-1)
  })

  it('can have any beginning once all are forgotten', () => {
    const { keys } = keysOf(10)
    keys.add(`a:${sha256('1')}`, 0)
    keys.clear()
    keys.add(`b:${sha256('1')}`, 0)
    expect(keys.bytes).toBe(0)
    expect(keys.find(`a:${sha256('1')}`)).toBe(-1)
    expect(keys.textOf(0)).toBe(`b:${sha256('1')}`)
  })
})
