import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import { chartOptions, type Line, type Plan } from '../chart-options.ts'
import { clock, moment, nothing } from '../format.ts'
import type { Theme } from '../theme.ts'

interface ChartProps {
  /** For those who cannot see it, before what its legend says. */
  readonly title: string
  readonly atMs: readonly number[]
  readonly plan: Plan
  readonly theme: Theme
  /** What the legend says of the whole range: `last hour`. */
  readonly rangeTitle: string
  readonly withLegend?: boolean
}

/** Lines over time; the legend tells the values of the step that is pointed at, on all charts at once. */
export function Chart({ title, atMs, plan, theme, rangeTitle, withLegend = true }: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const range = useRef<readonly [number, number]>([0, 1])
  const [step, setStep] = useState<number>()
  // Half a step on both sides: bars stand on the beginning of their step.
  const half = ((atMs[1] ?? 0) - (atMs[0] ?? 0)) / 2
  range.current = [(atMs[0] ?? 0) - half, (atMs.at(-1) ?? 1) + half]
  const data = useMemo(
    () => [[...atMs], ...plan.lines.map(({ drawn }) => [...drawn])] as uPlot.AlignedData,
    [atMs, plan]
  )
  const latest = useRef(data)
  latest.current = data
  // Another theme, other lines: another drawing. Other values alone are drawn into the same one.
  const drawing = `${theme} ${plan.height} ${plan.lines.map(({ label, colour }) => label + colour).join(' ')}`

  // The drawing stands for all of the plan that needs another one.
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const options = chartOptions(plan, element.clientWidth, colourIn(element), () => range.current, setStep)
    const made = new uPlot(options, latest.current, element)
    plot.current = made
    const watch = new ResizeObserver(() => {
      if (element.clientWidth > 0) made.setSize({ width: element.clientWidth, height: plan.height })
    })
    watch.observe(element)
    return () => {
      watch.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [drawing])

  useEffect(() => plot.current?.setData(data), [data])

  const pointed = step !== undefined && step < atMs.length ? step : undefined
  const at = pointed === undefined ? rangeTitle : timeOf(atMs, pointed)
  const told = plan.lines.map((line) => ({ line, value: toldAt(line, pointed) }))
  return (
    <figure class="chart">
      {withLegend && (
        <figcaption class="legend">
          {told.map(({ line, value }) => (
            <span key={line.label}>
              <span class="swatch" style={{ background: `var(${line.colour})` }} aria-hidden="true" />
              {line.label} <strong>{value}</strong>
            </span>
          ))}
          <span class="legend-time">{at}</span>
        </figcaption>
      )}
      <div
        ref={box}
        class="plot"
        role="img"
        aria-label={`${title}, ${rangeTitle}: ${plan.lines.map(({ label, whole }) => `${label} ${whole}`).join(', ')}`}
      />
    </figure>
  )
}

function toldAt(line: Line, step: number | undefined): string {
  if (step === undefined) return line.whole
  const value = (line.told ?? line.drawn)[step]
  return typeof value === 'number' ? line.show(value) : nothing
}

function timeOf(atMs: readonly number[], step: number): string {
  const at = atMs[step] ?? 0
  return (atMs.at(-1) ?? 0) - (atMs[0] ?? 0) > 7_200_000 ? moment(at) : clock(at)
}

/** A custom property's colour as it is here and now: a canvas does not know custom properties. */
function colourIn(element: Element): (property: string) => string {
  return (property) => {
    const probe = document.createElement('span')
    probe.style.color = `var(${property})`
    element.append(probe)
    const { color } = getComputedStyle(probe)
    probe.remove()
    return color
  }
}
