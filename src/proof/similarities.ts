import { RepriseError } from '../core/errors.ts'
import type { Embedder } from '../embedders/embedder.ts'
import type { Pair } from './pairs.ts'

export interface SimilaritiesOptions {
  /** Told after each batch: how many texts have their vectors, of how many. */
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/** How many texts the embedder is given at a time, at most. */
const batchSize = 256

/** What a pair is given when nothing is known of one of its texts: less similar than any. */
const unknown = -1
const empty = new Float32Array()

/**
 * The cosine of each pair, in order. Each text is embedded once, however often it stands there, and its vector let go
 * when its last pair has been compared. Rounded to a millionth, below which there is only the noise of 32-bit floats:
 * so a pair of equal texts has 1. A pair with a text of which the embedder knows nothing has -1.
 * @throws whatever the embedder throws; RepriseError `internal` when it gives too few vectors or of another length.
 */
export async function similarities(
  pairs: readonly Pair[],
  embedder: Embedder,
  { onProgress, signal }: SimilaritiesOptions = {}
): Promise<Float64Array> {
  const uses = new Map<string, number>()
  for (const { a, b } of pairs) for (const text of [a, b]) uses.set(text, (uses.get(text) ?? 0) + 1)
  const total = uses.size
  const found = new Float64Array(pairs.length)
  const vectors = new Map<string, Float32Array>()
  let batch = new Set<string>()
  let compared = 0
  let done = 0

  async function flush(end: number): Promise<void> {
    const texts = [...batch]
    batch = new Set()
    if (texts.length > 0) {
      const given = await embedder.embed(texts, signal === undefined ? {} : { signal })
      for (const [index, text] of texts.entries()) {
        const vector = given[index]
        if (vector === undefined) throw malformed(`${given.length} vectors for ${texts.length} texts`)
        vectors.set(text, vector)
      }
      done += texts.length
      onProgress?.(done, total)
    }
    for (; compared < end; compared++) {
      const pair = pairs[compared]
      if (pair === undefined) return
      const a = vectors.get(pair.a) ?? empty
      const b = vectors.get(pair.b) ?? empty
      if (a.length !== b.length && a.length * b.length > 0)
        throw malformed(`vectors of ${a.length} and of ${b.length} numbers`)
      found[compared] = a.length * b.length === 0 ? unknown : cosine(a, b)
      letGo(pair.a)
      letGo(pair.b)
    }
  }

  function letGo(text: string): void {
    const left = (uses.get(text) ?? 0) - 1
    uses.set(text, left)
    if (left === 0) vectors.delete(text)
  }

  function malformed(got: string): RepriseError {
    return new RepriseError('internal', `the embedder ${embedder.name} (${embedder.model}) gave ${got}`)
  }

  for (const [index, { a, b }] of pairs.entries()) {
    if (batch.size + 2 > batchSize) await flush(index)
    for (const text of [a, b]) if (!vectors.has(text)) batch.add(text)
  }
  await flush(pairs.length)
  return found
}

/** Of unit vectors. */
function cosine(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let index = 0; index < a.length; index++) sum += (a[index] ?? 0) * (b[index] ?? 0)
  return Math.round(sum * 1e6) / 1e6
}
