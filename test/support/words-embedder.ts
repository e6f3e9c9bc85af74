import { createHash } from 'node:crypto'
import type { Embedder } from '../../src/embedders/embedder.ts'

/** Words that mean the same to it; a word that stands in no list means itself. */
const synonyms: Readonly<Record<string, string>> = {
  how: 'how',
  can: 'do',
  should: 'do',
  change: 'reset',
  passwords: 'password',
  fastest: 'quickest',
  could: 'do'
}

/** Filler, which a model would give next to no weight. */
const light = new Set(['please', 'the', 'a', 'an', 'to', 'of', 'is'])

const dimensions = 64

/**
 * A small bag of words whose cosines a test can foresee: each word has a direction of its own, given by its hash, and
 * filler counts a tenth. Notes what it was asked; `chaos` may wait or throw before it answers.
 */
export class WordsEmbedder implements Embedder {
  readonly name = 'words'
  readonly model: string
  readonly minSimilarity = 0.9
  readonly isCheap: boolean
  readonly asked: (readonly string[])[] = []
  chaos: () => Promise<void> | void = () => {}
  closed = false

  constructor({ model = 'words-1', isCheap = true }: { model?: string; isCheap?: boolean } = {}) {
    this.model = model
    this.isCheap = isCheap
  }

  async embed(texts: readonly string[]): Promise<readonly Float32Array[]> {
    this.asked.push(texts)
    await this.chaos()
    return texts.map(vectorOf)
  }

  async close(): Promise<void> {
    this.closed = true
  }
}

function vectorOf(text: string): Float32Array {
  const words = text.toLowerCase().match(/[\p{L}\p{N}+#.-]+/gu) ?? []
  if (words.length === 0) return new Float32Array()
  const sum = new Float32Array(dimensions)
  for (const word of words.map((each) => each.replace(/[.]+$/, ''))) {
    const weight = light.has(word) ? 0.1 : 1
    const bytes = createHash('sha512')
      .update(synonyms[word] ?? word)
      .digest()
    for (let index = 0; index < dimensions; index++) {
      sum[index] = (sum[index] ?? 0) + weight * (((bytes[index] ?? 0) - 127.5) / 128)
    }
  }
  const length = Math.hypot(...sum)
  return sum.map((value) => value / length)
}
