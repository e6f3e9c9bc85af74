import { describe, expect, it } from 'vitest'
import type { Embedder } from '../embedders/embedder.ts'
import type { Pair } from './pairs.ts'
import { similarities } from './similarities.ts'

/** An embedder that knows the vectors it is given by a function, and remembers what it was asked. */
function embedderOf(vectorOf: (text: string) => readonly number[]): { embedder: Embedder; batches: string[][] } {
  const batches: string[][] = []
  const embedder: Embedder = {
    name: 'fake',
    model: 'fake-1',
    minSimilarity: 0.9,
    isCheap: true,
    embed: async (texts) => {
      batches.push([...texts])
      return texts.map((text) => Float32Array.from(vectorOf(text)))
    },
    close: async () => {}
  }
  return { embedder, batches }
}

function pair(a: string, b: string): Pair {
  return { a, b, same: true, line: 1, rest: {} }
}

describe('similarities', () => {
  it('is the cosine of each pair, in order', async () => {
    const { embedder } = embedderOf((text) => [Math.cos(Number(text)), Math.sin(Number(text))])
    const found = await similarities([pair('0', '0'), pair('0', '1'), pair('2', '0'), pair('1', '2')], embedder)
    expect([...found].map((value) => Number(value.toFixed(5)))).toEqual(
      [1, Math.cos(1), Math.cos(2), Math.cos(1)].map((value) => Number(value.toFixed(5)))
    )
  })

  it('gives equal texts exactly 1, whatever 32-bit floats make of them', async () => {
    const { embedder } = embedderOf((text) => {
      const vector = Array.from({ length: 300 }, (_, index) => Math.sin(index * (text.length + 1)))
      const length = Math.hypot(...vector)
      return vector.map((value) => value / length)
    })
    const texts = Array.from({ length: 50 }, (_, index) => 'x'.repeat(index))
    const found = await similarities(
      texts.map((text) => pair(text, text)),
      embedder
    )
    expect(new Set(found)).toEqual(new Set([1]))
  })

  it('embeds each text once, in batches of at most 256, and tells how far it has come', async () => {
    const { embedder, batches } = embedderOf((text) => (text === 'often' ? [1, 0] : [0, 1]))
    const pairs = Array.from({ length: 700 }, (_, index) => pair('often', `text ${index % 600}`))
    const told: (readonly [number, number])[] = []
    const found = await similarities(pairs, embedder, { onProgress: (done, total) => told.push([done, total]) })
    expect(new Set(found)).toEqual(new Set([0]))
    expect(batches.flat()).toHaveLength(601)
    expect(new Set(batches.flat()).size).toBe(601)
    expect(Math.max(...batches.map(({ length }) => length))).toBeLessThanOrEqual(256)
    expect(told.at(-1)).toEqual([601, 601])
    expect(told).toHaveLength(batches.length)
  })

  it('gives a pair -1 when nothing is known of one of its texts', async () => {
    const { embedder } = embedderOf((text) => (text === '' ? [] : [1, 0]))
    const found = await similarities([pair('', ''), pair('', 'x'), pair('x', 'y')], embedder)
    expect([...found]).toEqual([-1, -1, 1])
  })

  it('refuses vectors of different lengths, and too few of them', async () => {
    const { embedder } = embedderOf((text) => Array.from({ length: text.length }, () => 1))
    await expect(similarities([pair('x', 'yy')], embedder)).rejects.toThrow('vectors of 1 and of 2 numbers')
    const few: Embedder = { ...embedder, embed: async () => [Float32Array.of(1)] }
    await expect(similarities([pair('x', 'yy')], few)).rejects.toThrow('1 vectors for 2 texts')
  })

  it('ends with what the embedder throws', async () => {
    const { embedder } = embedderOf(() => [1])
    const broken: Embedder = { ...embedder, embed: () => Promise.reject(new Error('quota used up')) }
    await expect(similarities([pair('x', 'y')], broken)).rejects.toThrow('quota used up')
  })
})
