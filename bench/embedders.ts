import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { staticEmbedder } from '../src/embedders/static.ts'

interface Pair {
  readonly a: string
  readonly b: string
  readonly label: 0 | 1
}

const balanced = 5000
const similarities = [0.88, 0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.98]

/**
 * What the static embedder costs a question, and how many pairs of questions it takes for the same from which similarity
 * on. `REPRISE_DATA` names the folder with the pairs; the model lies beside it.
 */
export async function benchEmbedders(): Promise<void> {
  const data = process.env['REPRISE_DATA'] ?? '../shared/data'
  const file = join(data, 'pairs', 'qqp.jsonl')
  const folder = join(data, '..', 'models', 'static-256')
  for (const needed of [file, folder]) {
    if (existsSync(needed)) continue
    console.error(`${needed} is not there: REPRISE_DATA names the folder of the evaluation data`)
    process.exitCode = 1
    return
  }
  const startedAtMs = performance.now()
  const embedder = await staticEmbedder({ model: folder })
  console.log(`${embedder.model}, opened in ${(performance.now() - startedAtMs).toFixed(0)} ms`)
  const pairs = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Pair)

  const texts = pairs.slice(0, 2500).flatMap(({ a, b }) => [a, b])
  for (const round of ['first round', 'again', 'again']) {
    const tookMs: number[] = []
    for (const text of texts) {
      const fromMs = performance.now()
      await embedder.embed([text])
      tookMs.push(performance.now() - fromMs)
    }
    tookMs.sort((one, other) => one - other)
    const mean = tookMs.reduce((sum, ms) => sum + ms, 0) / tookMs.length
    const at = (share: number): string => `${(1000 * (tookMs[Math.floor(tookMs.length * share)] ?? 0)).toFixed(1)} us`
    console.log(
      `${round}, ${texts.length} questions one by one: mean ${(1000 * mean).toFixed(1)} us, p50 ${at(0.5)}, p99 ${at(0.99)}`
    )
  }

  const cosines = async (label: 0 | 1): Promise<readonly number[]> => {
    const chosen = pairs.filter((pair) => pair.label === label).slice(0, balanced)
    const [left, right] = await Promise.all([
      embedder.embed(chosen.map(({ a }) => a)),
      embedder.embed(chosen.map(({ b }) => b))
    ])
    return chosen.map((_, index) => cosine(left[index], right[index]))
  }
  const [same, other] = [await cosines(1), await cosines(0)]
  console.log(`${same.length} pairs that mean the same, ${other.length} that do not, no guards:`)
  console.log('  similarity   found   wrong   precision')
  for (const least of similarities) {
    const found = shareFrom(same, least)
    const wrong = shareFrom(other, least)
    console.log(
      `        ${least.toFixed(2)}   ${found.toFixed(3)}  ${wrong.toFixed(4)}       ${(found / (found + wrong)).toFixed(3)}`
    )
  }
}

function shareFrom(cosines: readonly number[], least: number): number {
  return cosines.filter((value) => value >= least).length / cosines.length
}

function cosine(a: Float32Array = new Float32Array(0), b: Float32Array = new Float32Array(0)): number {
  return a.length !== b.length ? 0 : a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0)
}
