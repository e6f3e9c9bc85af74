import { useMemo } from 'preact/hooks'
import type { Range, Scope } from '../api.ts'
import type { Line, Plan } from '../chart-options.ts'
import { compact, count, dollars, millis, percent, span } from '../format.ts'
import { layerName } from '../layer-names.ts'
import { type Series, stacked } from '../series.ts'
import type { Theme } from '../theme.ts'
import { Chart } from './chart.tsx'
import { Choice } from './choice.tsx'
import { Empty, Panel } from './panel.tsx'

interface ChartsProps {
  readonly series: Series | undefined
  readonly range: Range
  readonly onRange: (range: Range) => void
  readonly theme: Theme
  readonly scope: Scope
}

const ranges = [
  { value: 'hour', title: 'Hour' },
  { value: 'day', title: 'Day' }
] as const

export function Charts({ series, range, onRange, theme, scope }: ChartsProps) {
  const rangeTitle = range === 'hour' ? 'last hour' : 'last day'
  const plans = useMemo(() => series && plansOf(series), [series])
  const idle = series === undefined ? '…' : series.whole.requests === 0 ? `No request in the ${rangeTitle}.` : undefined
  const of = { atMs: series?.atMs ?? [], theme, rangeTitle }
  // Others' steps are not added up.
  const whose = scope === 'fleet' ? '; this process' : ''
  return (
    <div class="row charts">
      <Panel
        title="Answered from the cache"
        className="main-chart"
        note={`share of requests, by layer${whose}`}
        actions={<Choice label="Range" options={ranges} value={range} onChange={onRange} />}
      >
        {plans === undefined || idle !== undefined ? (
          <Empty>{idle}</Empty>
        ) : (
          <>
            <Chart title="Share answered from the cache" plan={plans.shares} {...of} />
            <Chart title="Requests" plan={plans.requests} {...of} />
          </>
        )}
      </Panel>
      <div class="column">
        <Panel title="Saved" note={`added up${whose}`}>
          {plans === undefined || idle !== undefined ? (
            <Empty>{idle}</Empty>
          ) : (
            <Chart title="Saved" plan={plans.saved} {...of} />
          )}
        </Panel>
        <Panel title="Latency" note={`mean, logarithmic${whose}`}>
          {plans === undefined || idle !== undefined ? (
            <Empty>{idle}</Empty>
          ) : (
            <Chart title="Latency" plan={plans.latency} {...of} />
          )}
        </Panel>
      </div>
    </div>
  )
}

function plansOf(series: Series): Record<'shares' | 'requests' | 'saved' | 'latency', Plan> {
  const { whole } = series
  const heights = stacked(series.shares)
  // The highest first: each is drawn down to the one after it.
  const shares = series.shares
    .map(
      ({ label, values, whole: share }, index): Line => ({
        label: layerName(label).title,
        colour: layerName(label).colour,
        drawn: heights[index] ?? [],
        told: values,
        whole: percent(share, 0),
        show: (value) => percent(value, 0),
        shape: 'area'
      })
    )
    .reverse()
  return {
    shares: {
      lines: shares,
      stacked: true,
      show: (value) => percent(value, 0),
      atLeast: 0.2,
      atMost: 1,
      height: 252,
      withTime: false
    },
    requests: {
      lines: [
        {
          label: `Requests per ${span(series.stepMs / 1000)}`,
          colour: '--bar-back',
          drawn: series.requests,
          whole: count(whole.requests),
          show: count,
          shape: 'bars'
        },
        {
          label: 'from the cache',
          colour: '--teal',
          drawn: series.hitRequests,
          whole: count(whole.hitRequests),
          show: count,
          shape: 'bars'
        }
      ],
      show: compact,
      atLeast: 4,
      height: 110,
      withTime: true,
      space: 28
    },
    saved: {
      lines: [
        {
          label: 'Dollars',
          colour: '--teal',
          drawn: series.savedUsd,
          whole: dollars(whole.savedUsd),
          show: dollars,
          shape: 'area'
        },
        {
          label: 'Time',
          colour: '--blue',
          drawn: series.savedSeconds,
          whole: span(whole.savedSeconds),
          show: span,
          shape: 'line',
          right: true
        }
      ],
      show: dollars,
      showRight: short,
      stepsRight: timeSteps,
      height: 150,
      withTime: true
    },
    latency: {
      lines: [
        {
          label: 'Hits',
          colour: '--teal',
          drawn: series.hitMs.map(positive),
          whole: millis(whole.hitMs),
          show: millis,
          shape: 'line'
        },
        {
          label: 'Misses',
          colour: '--coral',
          drawn: series.missMs.map(positive),
          whole: millis(whole.missMs),
          show: millis,
          shape: 'line'
        }
      ],
      logarithmic: true,
      show: power,
      height: 150,
      withTime: true,
      space: 20
    }
  }
}

/** A logarithm needs something above nothing. */
function positive(value: number | null): number | null {
  return value === null ? null : Math.max(value, 0.01)
}

/** Seconds that people count time by. */
const timeSteps = [1, 5, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200].concat(
  [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((days) => days * 86_400)
)

/** Seconds, at an axis: the larger unit alone. */
function short(seconds: number): string {
  if (seconds >= 172_800) return `${Number((seconds / 86_400).toFixed(1))} d`
  if (seconds >= 5400) return `${Number((seconds / 3600).toFixed(1))} h`
  if (seconds >= 90) return `${Number((seconds / 60).toFixed(1))} min`
  return `${Number(seconds.toFixed(1))} s`
}

/** A power of ten of milliseconds. */
function power(value: number): string {
  return value >= 1000 ? `${count(value / 1000)} s` : `${Number(value.toPrecision(1))} ms`
}
