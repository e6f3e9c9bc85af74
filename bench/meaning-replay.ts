import type { Embedder } from '../src/embedders/embedder.ts'
import type { GuardLevel } from '../src/guards/guard.ts'
import { openGuards } from '../src/guards/open.ts'
import type { Pair } from '../src/proof/pairs.ts'
import { shuffled } from '../src/proof/sample.ts'
import { count, markdown, ratio } from './tables.ts'

const cachedCount = 5_000
const askedCount = 10_000
/** So many of the nearest are tried, until one is found that no guard refuses. */
const tries = 5

type Verdict = 'right' | 'wrong' | 'unlabelled'

interface Found {
  readonly cached: string
  readonly similarity: number
}

/**
 * A cache of 5,000 questions, no two of the same meaning, is asked 10,000 others: all that share a label with a cached
 * one, and more by chance. Questions joined by label 1, directly or through others, mean the same.
 */
export async function replay(
  pairs: readonly Pair[],
  embedder: Embedder,
  proposed: number,
  examples: number
): Promise<void> {
  const labels = labelsOf(pairs)
  const groupOf = groups(pairs)
  const { cached, asked } = choose(pairs, groupOf)
  const cachedByGroup = new Map(cached.map((text) => [groupOf(text), text]))
  const answerable = asked.filter((text) => cachedByGroup.has(groupOf(text))).length

  const thresholds = [...new Set([0.9, 0.92, 0.95, proposed])].sort((left, right) => left - right)
  const nearest = await nearestOf(cached, asked, embedder, thresholds[0] ?? proposed)
  const verdict = (a: string, b: string): Verdict => {
    const label = labels.get(pairKey(a, b))
    if (label === false) return 'wrong'
    return label === true || groupOf(a) === groupOf(b) ? 'right' : 'unlabelled'
  }

  console.log(`## ${count(cached.length)} questions cached, ${count(asked.length)} others asked (QQP)\n`)
  console.log(`${count(answerable)} of those asked mean the same as a cached one, as far as the labels say.\n`)
  const rows: string[][] = []
  const unlabelled: string[] = []
  for (const threshold of thresholds)
    for (const level of ['off', 'standard'] as const) {
      const counts = { right: 0, wrong: 0, unlabelled: 0, miss: 0 }
      const guards = openGuards(level satisfies GuardLevel)
      for (const [index, text] of asked.entries()) {
        const hit = (nearest[index] ?? []).find(
          ({ cached: other, similarity }) => similarity >= threshold && guards(text, other) === undefined
        )
        const outcome = hit === undefined ? 'miss' : verdict(text, hit.cached)
        counts[outcome] += 1
        if (outcome === 'unlabelled' && threshold === proposed && level === 'standard')
          unlabelled.push(`  ${hit?.similarity.toFixed(3)}  ${text}\n         ${hit?.cached}`)
      }
      rows.push([
        threshold.toFixed(3),
        level,
        count(counts.right),
        count(counts.wrong),
        count(counts.unlabelled),
        count(counts.miss),
        ratio(counts.right, answerable),
        ratio(counts.right, counts.right + counts.wrong)
      ])
    }
  const head =
    'threshold, guards, right hits, wrong hits, unlabelled hits, misses, right of answerable, right of labelled'
  console.log(markdown(head.split(', '), rows))
  if (examples > 0)
    console.log(
      `unlabelled hits at ${proposed.toFixed(3)} (guards standard), by chance:\n${shuffled(unlabelled, 1).slice(0, examples).join('\n')}\n`
    )
}

function pairKey(a: string, b: string): string {
  return a < b ? `${a}\n${b}` : `${b}\n${a}`
}

function labelsOf(pairs: readonly Pair[]): ReadonlyMap<string, boolean> {
  return new Map(pairs.map(({ a, b, same }) => [pairKey(a, b), same]))
}

/** The group of a question, by one of its members. */
function groups(pairs: readonly Pair[]): (text: string) => string {
  const parents = new Map<string, string>()
  function rootOf(text: string): string {
    let root = text
    for (let up = parents.get(root); up !== undefined; up = parents.get(root)) root = up
    if (root !== text) parents.set(text, root)
    return root
  }
  for (const { a, b, same } of pairs) {
    if (!same) continue
    const [left, right] = [rootOf(a), rootOf(b)]
    if (left !== right) parents.set(left, right)
  }
  return rootOf
}

function choose(
  pairs: readonly Pair[],
  groupOf: (text: string) => string
): { cached: readonly string[]; asked: readonly string[] } {
  const texts = shuffled([...new Set(pairs.flatMap(({ a, b }) => [a, b]))], 1)
  const oneEach = new Map<string, string>()
  for (const text of texts) {
    if (oneEach.size === cachedCount) break
    if (!oneEach.has(groupOf(text))) oneEach.set(groupOf(text), text)
  }
  const cached = new Set(oneEach.values())
  const related = new Set<string>()
  for (const { a, b } of pairs) {
    if (cached.has(a)) related.add(b)
    if (cached.has(b)) related.add(a)
  }
  for (const text of texts) if (oneEach.has(groupOf(text))) related.add(text)
  const free = texts.filter((text) => !cached.has(text))
  const asked = [...free.filter((text) => related.has(text)), ...free.filter((text) => !related.has(text))]
  return { cached: [...cached], asked: asked.slice(0, askedCount) }
}

/** For each question asked, the nearest cached ones from `floor` on, the most similar first: by looking at all. */
async function nearestOf(
  cached: readonly string[],
  asked: readonly string[],
  embedder: Embedder,
  floor: number
): Promise<readonly (readonly Found[])[]> {
  const kept = await embedder.embed(cached)
  const size = kept.find(({ length }) => length > 0)?.length ?? 0
  const block = new Float32Array(kept.length * size)
  for (const [index, vector] of kept.entries()) block.set(vector, index * size)
  return (await embedder.embed(asked)).map((vector) => {
    if (vector.length === 0) return []
    const found: Found[] = []
    for (const [index, text] of cached.entries()) {
      let [first, second, third, fourth] = [0, 0, 0, 0]
      // Four sums, so that no addition waits for the one before.
      for (let place = 0, at = index * size; place < size; place += 4, at += 4) {
        first += (vector[place] ?? 0) * (block[at] ?? 0)
        second += (vector[place + 1] ?? 0) * (block[at + 1] ?? 0)
        third += (vector[place + 2] ?? 0) * (block[at + 2] ?? 0)
        fourth += (vector[place + 3] ?? 0) * (block[at + 3] ?? 0)
      }
      const similarity = Math.round((first + second + third + fourth) * 1e6) / 1e6
      if (similarity >= floor) found.push({ cached: text, similarity })
    }
    return found.sort((left, right) => right.similarity - left.similarity).slice(0, tries)
  })
}
