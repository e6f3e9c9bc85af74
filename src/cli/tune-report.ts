import type { Embedder } from '../embedders/embedder.ts'
import type { GuardLevel } from '../guards/guard.ts'
import { guardCounts, lostRightHits, remainingWrongHits } from '../proof/guard-report.ts'
import type { JudgedPair } from '../proof/judge.ts'
import { inWords, proposal } from '../proof/proposal.ts'
import { grid, type LevelSweep, type Point, pointAt, type Sweep } from '../proof/sweep.ts'
import { terminalCurve } from '../proof/terminal-curve.ts'

/** All that a report is made of. */
export interface Tuned {
  readonly sweep: Sweep
  readonly judged: readonly JudgedPair[]
  readonly embedder: Pick<Embedder, 'name' | 'model' | 'minSimilarity'>
  /** The guard level that a threshold is proposed for. */
  readonly level: GuardLevel
  /** A threshold whose figures are wanted too. */
  readonly asked: number | undefined
  readonly examples: number
}

/** How many steps of the grid are shown below and above the proposed threshold. */
const around = 2

/** What a person reads: a table per level, what each guard did, examples, the curve, and what follows from it all. */
export function tuneReport(tuned: Tuned, width: number): string {
  return [
    ...tuned.sweep.levels.flatMap((level) => [levelTable(tuned, level), guardTable(tuned, level), '']),
    ...examples(tuned),
    terminalCurve(tuned.sweep, tuned.level, width),
    '',
    proposal(tuned.sweep, tuned.level)
  ]
    .filter((part) => part !== undefined)
    .join('\n')
}

/** Where a level's guards and examples are looked at: what is proposed, or else what was asked for or is usual. */
export function thresholdOf({ asked, embedder }: Tuned, { proposed }: LevelSweep): number {
  return proposed?.minSimilarity ?? asked ?? embedder.minSimilarity
}

function levelTable({ judged, asked, embedder }: Tuned, { level, points, proposed, sure }: LevelSweep): string {
  const middle = proposed === undefined ? grid.length - 1 : points.indexOf(proposed)
  const near = points.slice(Math.max(0, middle - around), middle + around + 1)
  const notes = new Map<number, string[]>(near.map(({ minSimilarity }) => [minSimilarity, []]))
  const note = (threshold: number | undefined, text: string): void => {
    if (threshold !== undefined) notes.set(threshold, [...(notes.get(threshold) ?? []), text])
  }
  note(proposed?.minSimilarity, 'proposed')
  note(sure?.minSimilarity, 'sure')
  note(asked, '--min-similarity')
  note(embedder.minSimilarity, `${embedder.name}'s own`)
  const rows = [...notes]
    .sort(([left], [right]) => left - right)
    .map(([threshold, texts]) => cells(pointAt(judged, level, threshold), texts.join(', ')))
  const head = ['threshold', 'recall', 'wrong share', 'precision', 'right hits', 'wrong hits', '']
  return [`guards ${level}`, ...aligned([head, ...rows])].join('\n')
}

function cells(
  { minSimilarity, recall, wrongShare, precision, rightHits, wrongHits }: Point,
  note: string
): readonly string[] {
  return [
    minSimilarity.toFixed(3),
    inWords(recall),
    inWords(wrongShare),
    inWords(precision),
    rightHits.toLocaleString('en'),
    wrongHits.toLocaleString('en'),
    note
  ]
}

function guardTable(tuned: Tuned, found: LevelSweep): string | undefined {
  if (found.level === 'off') return undefined
  const threshold = thresholdOf(tuned, found)
  const counts = guardCounts(tuned.judged, found.level, threshold)
  if (counts.length === 0) return `  no guard objected at ${threshold.toFixed(3)}`
  const rows = counts.map(({ by, wrongStopped, rightLost }) => [
    by,
    wrongStopped.toLocaleString('en'),
    rightLost.toLocaleString('en')
  ])
  return aligned([[`at ${threshold.toFixed(3)}, guard`, 'wrong hits stopped', 'right hits lost'], ...rows]).join('\n')
}

function examples(tuned: Tuned): string[] {
  const found = tuned.sweep.levels.find(({ level }) => level === tuned.level)
  if (found === undefined || tuned.examples === 0) return []
  const threshold = thresholdOf(tuned, found)
  const wrong = remainingWrongHits(tuned.judged, tuned.level, threshold, tuned.examples)
  const lost = lostRightHits(tuned.judged, tuned.level, threshold, tuned.examples)
  return [
    `wrong hits that remain at ${threshold.toFixed(3)} (guards ${tuned.level}), the most similar first`,
    ...(wrong.length === 0 ? ['  none'] : wrong.map((each) => example(each, ''))),
    '',
    `right hits lost to guards at ${threshold.toFixed(3)} (guards ${tuned.level})`,
    ...(lost.length === 0
      ? ['  none']
      : lost.map((each) => {
          const refutation = each.refutations[tuned.level]
          return example(each, refutation === undefined ? '' : `  (${refutation.by}: ${refutation.reason})`)
        })),
    ''
  ]
}

function example({ pair, similarity }: JudgedPair, why: string): string {
  return `  ${similarity.toFixed(3)}  line ${pair.line}${why}\n         ${pair.a}\n         ${pair.b}`
}

/** Columns as wide as their widest cell, numbers to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) =>
    `  ${row
      .map((cell, column) =>
        /^\d[\d,]*$/.test(cell) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)
      )
      .join('  ')}`.trimEnd()
  )
}
