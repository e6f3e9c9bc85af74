import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Blocks, smallestBlock } from './blocks.ts'
import { cellWords, type HashCell, SlotTable } from './slot-table.ts'

/** A table whose cells stand for numbers, with room for some thousands of slots. */
function tableOf(hash?: HashCell, maxBytes = 8 * 1024 ** 2) {
  const blocks = new Blocks(maxBytes)
  const most = 16_000
  const chunks = Array.from({ length: most / 100 }, () => blocks.allocate(4096) ?? 0)
  const cellAt = (slot: number): number => (chunks[Math.floor(slot / 100)] ?? 0) / 4 + (slot % 100) * cellWords
  const table = new SlotTable(blocks, cellAt, hash)
  const cellOf = (value: number): Uint32Array => new Uint32Array(cellWords).fill(value)
  return {
    table,
    blocks,
    most,
    write: (slot: number, value: number) => blocks.words.set(cellOf(value), cellAt(slot)),
    find: (value: number) => table.find(cellOf(value))
  }
}

const hashes: Readonly<Record<string, HashCell | undefined>> = {
  'its own hash': undefined,
  'a hash that puts all into one row': (words, at) => ((words[at] ?? 0) % 3) * 1020,
  'a hash of few values': (words, at) => Math.imul((words[at] ?? 0) % 40, 0x6000_0001) >>> 0
}

describe('the table of slots', () => {
  for (const [name, hash] of Object.entries(hashes))
    it(`finds what was added and not removed, with ${name}`, () => {
      const step = fc.tuple(fc.constantFrom('add', 'add', 'remove', 'move'), fc.nat({ max: 300 }))
      fc.assert(
        fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
          const { table, write, find } = tableOf(hash)
          const slots = new Map<number, number>()
          let next = 0
          for (const [what, value] of steps) {
            const slot = slots.get(value)
            if (what === 'add' && slot === undefined) {
              write(next, value)
              expect(table.add(next)).toBe(true)
              slots.set(value, next++)
            } else if (what === 'remove' && slot !== undefined) {
              table.remove(slot)
              slots.delete(value)
            } else if (what === 'move' && slot !== undefined) {
              write(next, value)
              table.move(slot, next)
              slots.set(value, next++)
            }
          }
          for (let value = 0; value <= 300; value++) expect(find(value)).toBe(slots.get(value) ?? -1)
        }),
        { numRuns: 60 }
      )
    })

  it('grows by 4 KB at a time, finds all, shrinks to nothing when it is cleared', () => {
    const { table, blocks, most, write, find } = tableOf()
    const before = blocks.usedBytes
    for (let slot = 0; slot < most; slot++) {
      write(slot, slot * 7)
      expect(table.add(slot)).toBe(true)
    }
    for (let slot = 0; slot < most; slot++) expect(find(slot * 7)).toBe(slot)
    expect(find(1)).toBe(-1)
    expect(blocks.usedBytes - before).toBe(table.bytes)
    expect(table.bytes).toBeLessThan(most * 12)
    for (let slot = 0; slot < most; slot += 2) table.remove(slot)
    for (let slot = 0; slot < most; slot++) expect(find(slot * 7)).toBe(slot % 2 === 0 ? -1 : slot)
    table.clear()
    expect(blocks.usedBytes).toBe(before)
    expect(find(7)).toBe(-1)
  })

  it('says so when more cells have one hash than a block has room for', () => {
    const { table, write, find } = tableOf(() => 12)
    let count = 0
    for (; count < 2000; count++) {
      write(count, count)
      if (!table.add(count)) break
    }
    expect(count).toBeGreaterThan(500)
    expect(count).toBeLessThan(1024)
    expect(find(count - 1)).toBe(count - 1)
    expect(find(count)).toBe(-1)
  })

  it('says so when there is no memory, and loses nothing', () => {
    const { table, blocks, write, find } = tableOf(undefined, 1024 ** 2)
    while (blocks.allocate(smallestBlock) !== undefined);
    write(0, 5)
    expect(table.add(0)).toBe(false)
    expect(find(5)).toBe(-1)
  })
})
