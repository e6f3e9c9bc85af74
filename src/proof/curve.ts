import type { GuardLevel } from '../guards/guard.ts'
import { inWords, plainPercent } from './proposal.ts'
import type { Share } from './share.ts'
import { grid, type LevelSweep, type Point, type Sweep } from './sweep.ts'

const width = 860
const height = 680
const left = 84
const right = width - 28
const recallPanel = { top: 152, bottom: 366 }
const wrongPanel = { top: 410, bottom: 624 }

const [lowestX = 0] = grid
const highestX = grid.at(-1) ?? 1

/**
 * Recall and wrong share over the threshold as an SVG picture: one line per guard level with its 95 % confidence band,
 * the proposed thresholds marked. The wrong share has a logarithmic axis, for what matters of it is small; at its lower
 * edge it is 0. The picture needs nothing else: colours follow the reader's light or dark scheme.
 */
export function curve(sweep: Sweep, title: string): string {
  const yRecall = (value: number): number => between(recallPanel, value)
  const decades = decadesFor(sweep.different)
  const yWrong = (value: number): number =>
    between(wrongPanel, value <= 0 ? 0 : Math.max(0, (Math.log10(value) + decades) / decades))
  const about = `${sweep.same.toLocaleString('en')} pairs of the same meaning, ${sweep.different.toLocaleString('en')} of another; wrong share allowed: ${plainPercent(sweep.maxWrong)}; bands: 95 % confidence`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title about">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="about">${escaped(`${about}. ${sweep.levels.map(inShort).join(' ')}`)}</desc>`,
    `<style>${style}</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    text(left, 34, title, 'heading'),
    text(left, 56, about, 'quiet'),
    ...sweep.levels.flatMap(legend),
    ...[0, 0.2, 0.4, 0.6, 0.8, 1].flatMap((value) => tick(yRecall(value), plainPercent(value))),
    ...Array.from({ length: decades + 1 }, (_, decade) => 10 ** -decade).flatMap((value) =>
      tick(yWrong(value), plainPercent(value))
    ),
    ...[0.5, 0.6, 0.7, 0.8, 0.9, 1].flatMap(xTick),
    axisLabel(recallPanel, 'recall'),
    axisLabel(wrongPanel, 'wrong share'),
    text((left + right) / 2, wrongPanel.bottom + 44, 'threshold: minSimilarity (cosine)', 'middle'),
    ...(sweep.maxWrong > 0
      ? [
          `<path class="allowed" d="M${left} ${round(yWrong(sweep.maxWrong))}H${right}"/>`,
          text(left + 6, yWrong(sweep.maxWrong) - 5, `allowed: ${plainPercent(sweep.maxWrong)}`, 'quiet')
        ]
      : []),
    ...sweep.levels.flatMap((level) => [
      ...series(level, ({ recall }) => recall, yRecall),
      ...series(level, ({ wrongShare }) => wrongShare, yWrong)
    ]),
    ...sweep.levels.flatMap(marker),
    ...sweep.levels.flatMap(mark),
    '</svg>',
    ''
  ].join('\n')
}

const style = `
svg { font: 13px system-ui, sans-serif; --ink: #1f2328; --quiet: #59636e; --rule: #d8dee4; --paper: #ffffff; --off: #6e7781; --standard: #0969da; --strict: #bc4c00 }
@media (prefers-color-scheme: dark) { svg { --ink: #e6edf3; --quiet: #9198a1; --rule: #30363d; --paper: #0d1117; --off: #8d96a0; --standard: #58a6ff; --strict: #f0883e } }
text { fill: var(--ink) } .heading { font-size: 18px; font-weight: 600 } .quiet { fill: var(--quiet); font-size: 12px }
.middle { text-anchor: middle } .end { text-anchor: end } .paper { fill: var(--paper) }
.rule { stroke: var(--rule); fill: none } .allowed { stroke: var(--ink); stroke-dasharray: 2 3; fill: none }
.off { --line: var(--off) } .standard { --line: var(--standard) } .strict { --line: var(--strict) }
.line { stroke: var(--line); stroke-width: 2; fill: none } .off.line { stroke-dasharray: 6 4 } .strict.line { stroke-dasharray: 10 3 2 3 }
.band { fill: var(--line); opacity: 0.18 } .marker { stroke: var(--line); fill: none } .mark { fill: var(--line); font-weight: 600; stroke: var(--paper); stroke-width: 4; paint-order: stroke }
`

const rows: Readonly<Record<GuardLevel, number>> = { off: 0, standard: 1, strict: 2 }

function inShort({ level, proposed }: LevelSweep): string {
  if (proposed === undefined) return `Guards ${level}: no threshold to propose.`
  const { minSimilarity, recall, wrongShare } = proposed
  return `Guards ${level}: proposed ${minSimilarity.toFixed(3)}, recall ${inWords(recall)}, wrong share ${inWords(wrongShare)}.`
}

/** Key and figures of a level in one line; where the line is dashed, so is the key. */
function legend(level: LevelSweep): string[] {
  const y = 82 + rows[level.level] * 19
  return [`<path class="${level.level} line" d="M${left} ${y - 4}h34"/>`, text(left + 44, y, inShort(level), '')]
}

function series({ level, points }: LevelSweep, pick: (point: Point) => Share, y: (value: number) => number): string[] {
  const at = (point: Point, value: number): string => `${round(x(point.minSimilarity))} ${round(y(value))}`
  const upper = points.map((point) => at(point, pick(point).high))
  const lower = points.map((point) => at(point, pick(point).low)).reverse()
  return [
    `<path class="${level} band" d="M${[...upper, ...lower].join('L')}Z"/>`,
    `<path class="${level} line" d="M${points.map((point) => at(point, pick(point).value)).join('L')}"/>`
  ]
}

/** The proposed threshold, through both panels. */
function marker({ level, proposed }: LevelSweep): string[] {
  if (proposed === undefined) return []
  const down = [recallPanel, wrongPanel].map(
    ({ top, bottom }) => `M${round(x(proposed.minSimilarity))} ${top}V${bottom}`
  )
  return [`<path class="${level} marker" d="${down.join('')}"/>`]
}

/** What stands beside a marker: a line for each level, so that none runs into another where thresholds are near. */
function mark({ level, proposed }: LevelSweep): string[] {
  if (proposed === undefined) return []
  const at = x(proposed.minSimilarity)
  const y = recallPanel.top + 14 + rows[level] * 16
  const isRight = at > (left + right) / 2
  const label = `${level} ${proposed.minSimilarity.toFixed(3)}`
  return [text(at + (isRight ? -6 : 6), y, label, `${level} mark${isRight ? ' end' : ''}`)]
}

function tick(y: number, label: string): string[] {
  return [`<path class="rule" d="M${left} ${round(y)}H${right}"/>`, text(left - 8, y + 4, label, 'end quiet')]
}

function xTick(value: number): string[] {
  return [recallPanel, wrongPanel].flatMap(({ top, bottom }) => [
    `<path class="rule" d="M${round(x(value))} ${top}V${bottom}"/>`,
    text(x(value), bottom + 18, value.toFixed(1), 'middle quiet')
  ])
}

function axisLabel({ top, bottom }: { top: number; bottom: number }, label: string): string {
  const y = (top + bottom) / 2
  return `<text class="middle" transform="translate(22 ${y}) rotate(-90)">${label}</text>`
}

function text(x: number, y: number, content: string, className: string): string {
  return `<text${className === '' ? '' : ` class="${className}"`} x="${round(x)}" y="${round(y)}">${escaped(content)}</text>`
}

function x(minSimilarity: number): number {
  return left + ((minSimilarity - lowestX) / (highestX - lowestX)) * (right - left)
}

function between({ top, bottom }: { top: number; bottom: number }, share: number): number {
  return bottom - share * (bottom - top)
}

/** How many powers of ten the axis reaches down: so far that a single wrong hit can be seen, two at least. */
function decadesFor(different: number): number {
  return Math.max(2, Math.ceil(Math.log10(different)))
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10)
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
