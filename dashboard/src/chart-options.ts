import uPlot from 'uplot'
import { clock } from './format.ts'

/** What is drawn, and what its legend says. */
export interface Line {
  readonly label: string
  /** The custom property of its colour. */
  readonly colour: string
  readonly drawn: readonly (number | null)[]
  /** What the legend tells of each step, where that is not what is drawn. */
  readonly told?: readonly (number | null)[]
  /** Of the whole range; what the legend tells while nobody points at a step. */
  readonly whole: string
  readonly show: (value: number) => string
  readonly shape: 'line' | 'area' | 'bars'
  /** Its own scale, at the right. */
  readonly right?: boolean
}

export interface Plan {
  readonly lines: readonly Line[]
  /** Each line's area ends where the next one's begins. */
  readonly stacked?: boolean
  readonly logarithmic?: boolean
  readonly show: (value: number) => string
  readonly showRight?: (value: number) => string
  /** The lowest top of the left scale. */
  readonly atLeast?: number
  /** The highest top of the left scale. */
  readonly atMost?: number
  readonly height: number
  readonly withTime: boolean
  /** Pixels between two values at the left scale, at least. */
  readonly space?: number
  /** Steps that values at the right scale may be apart. */
  readonly stepsRight?: readonly number[]
}

const axisWidth = 58
const font = '11px system-ui, sans-serif'

/** @param atStep told the step that is pointed at, or undefined */
export function chartOptions(
  plan: Plan,
  width: number,
  colourOf: (property: string) => string,
  range: () => readonly [number, number],
  atStep: (index: number | undefined) => void
): uPlot.Options {
  const ink = colourOf('--muted')
  const grid = { stroke: colourOf('--line'), width: 1 }
  const ticks = { show: false }
  const twoSided = plan.lines.some(({ right }) => right === true)
  return {
    width,
    height: plan.height,
    ms: 1,
    padding: [8, twoSided ? 0 : 18, plan.withTime ? 0 : 6, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: 'time' }, points: { size: 6 } },
    scales: {
      x: { time: true, range: () => [...range()] as [number, number] },
      y: plan.logarithmic === true ? { distr: 3, log: 10, range: (_, low, high) => decades(low, high) } : linear(plan),
      ...(twoSided ? { right: linear({ headroom: 1.4 }) } : {})
    },
    series: [{}, ...plan.lines.map((line) => seriesOf(line, colourOf(line.colour)))],
    bands: plan.stacked === true ? plan.lines.slice(1).map((_, index) => ({ series: [index + 1, index + 2] })) : [],
    axes: [
      {
        show: plan.withTime,
        stroke: ink,
        font,
        size: 22,
        gap: 4,
        space: 70,
        grid: { show: false },
        ticks,
        values: (_, splits) => splits.map(clock)
      },
      {
        stroke: ink,
        font,
        size: axisWidth,
        space: plan.space ?? 36,
        grid,
        ticks,
        values: (_, splits) => splits.map(plan.show),
        ...(plan.logarithmic === true ? { splits: powers } : {})
      },
      ...(twoSided
        ? [
            {
              scale: 'right',
              side: 1 as const,
              stroke: ink,
              font,
              size: axisWidth,
              space: plan.space ?? 36,
              grid: { show: false },
              ticks,
              incrs: [...(plan.stepsRight ?? [])],
              values: (_: uPlot, splits: number[]) => splits.map(plan.showRight ?? plan.show)
            }
          ]
        : [])
    ],
    hooks: { setCursor: [(plot) => atStep(plot.cursor.idx ?? undefined)] }
  }
}

function seriesOf({ label, shape, right }: Line, colour: string): uPlot.Series {
  const points = { show: false, size: 4, fill: colour, filter: alone }
  const common = { label, stroke: colour, scale: right === true ? 'right' : 'y', points }
  if (shape === 'bars') {
    return {
      ...common,
      points: { show: false },
      width: 0,
      fill: colour,
      paths: uPlot.paths.bars?.({ size: [0.72, 14, 1] }) ?? (() => null)
    }
  }
  const fill = shape === 'area' ? { fill: faint(colour) } : {}
  return { ...common, ...fill, width: 1.75 }
}

/** The steps with nothing on either side: a line needs two, so these are drawn as dots. */
function alone(plot: uPlot, series: number): number[] {
  const values = plot.data[series] ?? []
  const known = (step: number) => typeof values[step] === 'number'
  return Array.from(values, (_, step) => step).filter((step) => known(step) && !known(step - 1) && !known(step + 1))
}

/** The same colour, four fifths of it taken away. */
function faint(colour: string): string {
  return colour.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.22)')
}

function linear({
  atLeast = 0,
  atMost,
  headroom = 1.08
}: Pick<Plan, 'atLeast' | 'atMost'> & { headroom?: number }): uPlot.Scale {
  return {
    range: (_, __, high) => {
      const top = Math.max(high ?? 0, atLeast) || 1
      return [0, Math.min(top * headroom, atMost ?? Number.POSITIVE_INFINITY)]
    }
  }
}

function decades(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null || low <= 0) return [1, 1000]
  const from = 10 ** Math.floor(Math.log10(low))
  const to = 10 ** Math.ceil(Math.log10(high))
  return [from, to > from ? to : from * 10]
}

function powers(plot: uPlot): number[] {
  const { min = 1, max = 10 } = plot.scales['y'] ?? {}
  const first = Math.round(Math.log10(min ?? 1))
  const last = Math.round(Math.log10(max ?? 10))
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index))
}
