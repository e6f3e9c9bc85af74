import { describe, expect, it } from 'vitest'
import type { Embedder } from '../embedders/embedder.ts'
import { embedderContract } from './embedder-contract.ts'

/** Embeds by the letters that a text has and where they stand. */
const sound: Embedder = {
  name: 'letters',
  model: 'letters',
  minSimilarity: 0.9,
  isCheap: true,
  async embed(texts, { signal } = {}) {
    signal?.throwIfAborted()
    return texts.map(vectorOf)
  },
  async close() {}
}

function vectorOf(text: string): Float32Array {
  const sums = new Float32Array(32)
  for (const [place, letter] of [...text].entries()) {
    const at = (letter.codePointAt(0) ?? 0) % 32
    sums[at] = (sums[at] ?? 0) + 1 + (place % 7)
  }
  const length = Math.hypot(...sums)
  return length === 0 ? new Float32Array(0) : sums.map((value) => value / length)
}

function broken(embed: Embedder['embed'], more: Partial<Embedder> = {}): Embedder {
  return { ...sound, embed, ...more }
}

async function failuresOf(embedder: Embedder): Promise<string[]> {
  const failures: string[] = []
  for (const { name, run } of embedderContract(() => embedder)) await run().catch(() => failures.push(name))
  return failures
}

describe('the contract of embedders', () => {
  it('has nothing against a sound one', async () => {
    expect(await failuresOf(sound)).toEqual([])
  })

  it.each<readonly [string, Embedder, RegExp]>([
    [
      'vectors that are longer than one',
      broken(async (texts) => texts.map((text) => vectorOf(text).map((value) => value * 2))),
      /length one/
    ],
    ['one vector for all', broken(async (texts) => texts.map(() => vectorOf('a'))), /other texts others/],
    ['vectors in another order', broken(async (texts) => texts.map(vectorOf).reverse()), /order/],
    ['a vector too few', broken(async (texts) => [...new Set(texts)].map(vectorOf)), /more than once/],
    ['a vector for nothing', broken(async (texts) => [...texts, ''].map(vectorOf)), /nothing for nothing/],
    [
      'vectors of zeros',
      broken(async (texts) => texts.map((text) => (text.trim() === '' ? new Float32Array(32) : vectorOf(text)))),
      /without words/
    ],
    [
      'no vector for a long text',
      broken(async (texts) => texts.filter(({ length }) => length < 9999).map(vectorOf)),
      /million/
    ],
    [
      'vectors that depend on the company',
      broken(async (texts) => texts.map((text) => vectorOf(`${text} zz${texts.length > 1 ? texts.join('') : ''}`))),
      /alone and among many/
    ],
    ['no ear for a caller that has gone', broken(async (texts) => texts.map(vectorOf)), /has gone/],
    ['a threshold that is no cosine', { ...sound, minSimilarity: 80 }, /from which similarity/]
  ])('finds %s', async (_, embedder, name) => {
    expect((await failuresOf(embedder)).some((failure) => name.test(failure))).toBe(true)
  })

  it('finds vectors that are shared, and a second close that fails', async () => {
    const known = new Map<string, Float32Array>()
    const sharing = broken(async (texts, { signal } = {}) => {
      signal?.throwIfAborted()
      return texts.map((text) => {
        const vector = known.get(text) ?? vectorOf(text)
        known.set(text, vector)
        return vector
      })
    })
    expect(await failuresOf(sharing)).toContain(
      'gives vectors away for good: what a caller does with them is not seen again'
    )
    let closed = 0
    const once = broken(sound.embed, {
      close: async () => {
        if (closed++ > 0) throw new Error('closed')
      }
    })
    expect(await failuresOf(once)).toContain('can be closed twice')
  })
})
