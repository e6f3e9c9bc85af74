import { createHash } from 'node:crypto'
import { type Options, type SimulatedProvider, simulatedProvider } from 'reprise/testing'

// What the examples stand on: a provider that costs nothing, and a way to print what happens.

/** OpenAI and Anthropic in one, on this machine: a third of a second to the first word, and embeddings that mean something. */
export function simulated(options: Options = {}): Promise<SimulatedProvider> {
  return simulatedProvider({ embed: bagOfWords, delay: { firstTokenMs: 300, perTokenMs: 1 }, ...options })
}

/** Words that say next to nothing of what a question is about. */
const filler = new Set([
  'a',
  'an',
  'the',
  'i',
  'my',
  'do',
  'does',
  'can',
  'how',
  'what',
  'is',
  'to',
  'of',
  'in',
  'please'
])

/** In place of an embedding model: each word points in a direction of its own, and filler counts little. */
function bagOfWords(text: string, dimensions: number): number[] {
  const vector = new Array<number>(dimensions).fill(0)
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    const place = createHash('sha256').update(word).digest().readUInt32LE() % dimensions
    vector[place] = (vector[place] ?? 0) + (filler.has(word) ? 0.2 : 1)
  }
  return vector
}

/** Prints rows in columns of these widths; the last takes what it needs. */
export function columns(...widths: readonly number[]): (...cells: readonly string[]) => void {
  return (...cells) =>
    console.log(
      cells
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd()
    )
}

/** What nobody knows is not 0. */
export function usd(amount: number | undefined): string {
  if (amount === undefined) return 'unknown'
  return amount === 0 ? 'free' : `$${amount.toFixed(6)}`
}

/** A result, and how long it took. */
export async function timed<Result>(work: Promise<Result>): Promise<readonly [Result, string]> {
  const startedAtMs = performance.now()
  const result = await work
  return [result, `${(performance.now() - startedAtMs).toFixed(2)} ms`]
}
