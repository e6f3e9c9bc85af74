import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Embedder } from '../src/embedders/embedder.ts'
import { openEmbedder } from '../src/embedders/open.ts'
import type { GuardLevel } from '../src/guards/guard.ts'
import { guardCounts } from '../src/proof/guard-report.ts'
import { guardLevels, type JudgedPair, judge } from '../src/proof/judge.ts'
import { type Pair, readPairs } from '../src/proof/pairs.ts'
import { inWords, proposal } from '../src/proof/proposal.ts'
import { sample } from '../src/proof/sample.ts'
import { similarities } from '../src/proof/similarities.ts'
import { pointAt, type Sweep, sweep } from '../src/proof/sweep.ts'
import { replay } from './meaning-replay.ts'
import { count, markdown, ratio } from './tables.ts'

const files = ['qqp', 'paws-en-dev', 'paws-de-dev', 'paws-zh-dev', 'checklist', 'negation']
const maxWrong = 0.01

/**
 * How far matching by meaning can be trusted, on real pairs of questions and with a real embedding model: what the
 * guards stop and what they cost, and how a cache of 5,000 questions answers 10,000 others. The same figures each time.
 */
export async function benchMeaning(): Promise<void> {
  const data = process.env['REPRISE_DATA'] ?? '../shared/data'
  const model = join(data, '..', 'models', 'static-256')
  const missing = [...files.map((file) => join(data, 'pairs', `${file}.jsonl`)), model].filter(
    (file) => !existsSync(file)
  )
  if (missing.length > 0) {
    console.log(
      `nothing measured: REPRISE_DATA (${data}) is to be a folder with pairs/, beside one with models/static-256; not there: ${missing.join(', ')}`
    )
    return
  }
  const embedder = await openEmbedder(`static:${model}`)
  const qqp = await read(data, 'qqp')
  const judged = await judgedBy(embedder, sample(qqp, { limit: 10_000, isBalanced: true }))
  const swept = sweep(judged, maxWrong)
  const free = proposed(swept, 'off')
  const guarded = proposed(swept, 'standard')

  console.log(`## Question pairs: 5,000 of the same meaning, 5,000 of another (QQP, ${embedder.model})\n`)
  console.log('The model was trained on part of these pairs: on new ones recall is lower and the wrong share higher.\n')
  for (const level of guardLevels) console.log(`${proposal(swept, level)}\n`)
  console.log(levelTable(judged, `at ${free.toFixed(3)}, proposed without guards`, () => free))
  console.log(levelTable(judged, 'each at what is proposed for it', (level) => proposed(swept, level)))
  console.log(byGuard(judged, free))

  const others: (readonly [string, readonly JudgedPair[]])[] = []
  for (const file of files.slice(1)) others.push([file, await judgedBy(embedder, await read(data, file))])
  for (const threshold of new Set([free, guarded])) {
    console.log(`## What the guards stop elsewhere, at ${threshold.toFixed(3)}\n`)
    console.log(ratioTable('pairs', others, threshold))
    console.log(
      ratioTable('CheckList test', byTest(others.find(([file]) => file === 'checklist')?.[1] ?? []), threshold)
    )
  }
  await replay(qqp, embedder, free, process.argv.includes('--examples') ? 20 : 0)
  await embedder.close()
}

async function read(data: string, file: string): Promise<readonly Pair[]> {
  const pairs: Pair[] = []
  for await (const pair of readPairs(join(data, 'pairs', `${file}.jsonl`))) pairs.push(pair)
  return pairs
}

async function judgedBy(embedder: Embedder, pairs: readonly Pair[]): Promise<readonly JudgedPair[]> {
  return judge(pairs, await similarities(pairs, embedder))
}

function proposed({ levels }: Sweep, level: GuardLevel): number {
  return levels.find((each) => each.level === level)?.proposed?.minSimilarity ?? 1
}

function levelTable(judged: readonly JudgedPair[], title: string, at: (level: GuardLevel) => number): string {
  const off = pointAt(judged, 'off', at('off'))
  const rows = guardLevels.map((level) => {
    const point = pointAt(judged, level, at(level))
    return [
      level,
      point.minSimilarity.toFixed(3),
      count(point.rightHits),
      count(point.wrongHits),
      inWords(point.recall),
      inWords(point.wrongShare),
      inWords(point.precision),
      ratio(point.wrongHits, off.wrongHits),
      ratio(point.rightHits, off.rightHits)
    ]
  })
  const head = 'guards, threshold, right hits, wrong hits, recall, wrong share, precision, wrong on/off, right on/off'
  return `${title}:\n\n${markdown(head.split(', '), rows)}`
}

function byGuard(judged: readonly JudgedPair[], threshold: number): string {
  const rows = guardLevels.flatMap((level) =>
    guardCounts(judged, level, threshold).map(({ by, wrongStopped, rightLost }) => [
      level,
      by,
      count(wrongStopped),
      count(rightLost)
    ])
  )
  return `by guard, at ${threshold.toFixed(3)}:\n\n${markdown(['level', 'guard', 'wrong hits stopped', 'right hits lost'], rows)}`
}

function byTest(judged: readonly JudgedPair[]): (readonly [string, readonly JudgedPair[]])[] {
  const tests = new Map<string, JudgedPair[]>()
  for (const each of judged) {
    const test = `${String(each.pair.rest['capability'])}: ${String(each.pair.rest['test'])}`
    tests.set(test, [...(tests.get(test) ?? []), each])
  }
  return [...tests]
}

function ratioTable(
  name: string,
  groups: readonly (readonly [string, readonly JudgedPair[]])[],
  threshold: number
): string {
  const rows = groups.map(([group, judged]) => {
    const [off, standard, strict] = guardLevels.map((level) => pointAt(judged, level, threshold))
    if (off === undefined || standard === undefined || strict === undefined) return [group]
    return [
      group.replaceAll('|', '/'),
      count(off.recall.of),
      count(off.wrongShare.of),
      ...[off, standard, strict].map(({ rightHits, wrongHits }) => `${count(rightHits)} / ${count(wrongHits)}`),
      ...[standard, strict].flatMap((on) => [ratio(on.wrongHits, off.wrongHits), ratio(on.rightHits, off.rightHits)])
    ]
  })
  const head = [
    name,
    'same',
    'different',
    ...guardLevels.map((level) => `${level}: right / wrong`),
    ...['standard', 'strict'].flatMap((level) => [`${level}: wrong on/off`, `${level}: right on/off`])
  ]
  return markdown(head, rows)
}
