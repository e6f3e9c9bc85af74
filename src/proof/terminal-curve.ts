import type { GuardLevel } from '../guards/guard.ts'
import { plainPercent } from './proposal.ts'
import { grid, type Point, type Sweep } from './sweep.ts'

/** The stricter the guards, the darker: what they let through lies within what laxer ones do. */
const shades: readonly (readonly [GuardLevel, string])[] = [
  ['strict', '█'],
  ['standard', '▒'],
  ['off', '░']
]
const labelWidth = 8
/** Of the wrong share; it is read off by powers of ten, two rows each. */
const wrongRows = [1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001]
const recallRows = [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]

/**
 * Recall and wrong share over the threshold, drawn with characters in at most `width` columns (40 at least), without
 * colour. A column is filled up to the share, darker for stricter guards; a row is filled when the share reaches its
 * label. A caret marks the threshold proposed for `level`.
 */
export function terminalCurve(sweep: Sweep, level: GuardLevel, width: number): string {
  const columns = Math.min(grid.length, Math.max(40, width) - labelWidth - 1)
  const at = Array.from({ length: columns }, (_, column) => Math.round((column / (columns - 1)) * (grid.length - 1)))
  const proposed = sweep.levels.find((each) => each.level === level)?.proposed
  const caret = proposed === undefined ? -1 : nearest(at, grid.indexOf(proposed.minSimilarity))
  return [
    `recall              ${shades.map(([name, shade]) => `${shade} ${name}`).join('  ')}`,
    ...panel(recallRows, ({ recall }) => recall.value),
    'wrong share, by powers of ten',
    ...panel(wrongRows, ({ wrongShare }) => wrongShare.value),
    ...axis()
  ]
    .map((line) => line.trimEnd())
    .join('\n')

  function panel(rows: readonly number[], pick: (point: Point) => number): string[] {
    return rows.map((row) => {
      const cells = at.map((index) => {
        const shade = shades.find(([name]) => {
          const point = sweep.levels.find((each) => each.level === name)?.points[index]
          return point !== undefined && pick(point) >= row
        })
        return shade?.[1] ?? ' '
      })
      return `${plainPercent(row).padStart(labelWidth - 1)} |${cells.join('')}`
    })
  }

  function axis(): string[] {
    const ticks = Array.from({ length: columns }, () => ' ')
    for (const value of [0.5, 0.6, 0.7, 0.8, 0.9, 1]) {
      const label = value.toFixed(1)
      const place = nearest(at, grid.indexOf(value))
      const start = Math.min(columns - label.length, Math.max(0, place - 1))
      ticks.splice(start, label.length, ...label)
    }
    const lines = [
      `${' '.repeat(labelWidth)}+${'-'.repeat(columns)}`,
      `${' '.repeat(labelWidth + 1)}${ticks.join('')}  `
    ]
    if (proposed === undefined || caret < 0) return lines
    const label = `${proposed.minSimilarity.toFixed(3)} proposed (guards ${level})`
    const indent = labelWidth + 1 + caret
    const fits = caret + 2 + label.length <= columns
    return [...lines, fits ? `${' '.repeat(indent)}^ ${label}` : `${label} ^`.padStart(indent + 1)]
  }
}

function nearest(at: readonly number[], index: number): number {
  let best = 0
  for (const [column, each] of at.entries())
    if (Math.abs(each - index) < Math.abs((at[best] ?? 0) - index)) best = column
  return best
}
