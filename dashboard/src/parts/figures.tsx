import type { ComponentChildren } from 'preact'
import type { Latency, Scope, Statistics } from '../api.ts'
import { coarse, compact, count, dollars, millis, moment, percent, span } from '../format.ts'
import { type Series, trendOf } from '../series.ts'
import { Sparkline } from './sparkline.tsx'

interface FiguresProps {
  readonly statistics: Statistics | undefined
  readonly series: Series | undefined
  readonly scope: Scope
}

/** What one wants to know at a glance. */
export function Figures({ statistics, series, scope }: FiguresProps) {
  const requests = statistics?.requests
  const hit = medianOf(statistics?.latency.hit)
  const miss = medianOf(statistics?.latency.miss)
  return (
    <section class="figures" aria-label="Figures">
      <Figure
        className="first"
        title="Hit rate"
        value={percent(requests?.total === 0 ? undefined : statistics?.combined_hit_rate)}
        detail={<Trend series={series} scope={scope} />}
      >
        {series !== undefined && (
          <Sparkline
            values={series.requests.map((all, step) => (all === 0 ? null : (series.hitRequests[step] ?? 0) / all))}
          />
        )}
      </Figure>
      <Figure
        title="Saved"
        value={dollars(statistics?.saved.usd)}
        detail={
          statistics &&
          `of ${dollars(statistics.saved.usd + statistics.spent.usd)}; ${dollars(statistics.spent.usd)} spent`
        }
      />
      <Figure title="Time saved" value={span(statistics?.saved.seconds)} detail="of callers' waiting" />
      <Figure title="Tokens saved" value={compact(statistics?.saved.tokens)} detail="not asked of providers" />
      <Figure
        title="Requests"
        value={compact(requests?.total)}
        detail={
          statistics && (
            <>
              {requests !== undefined && requests.failed > 0 && (
                <span class="bad">{count(requests.failed)} failed </span>
              )}
              <span title={`Since ${moment(statistics.since)}`}>
                in {coarse((Date.now() - Date.parse(statistics.since)) / 1000)}
              </span>
            </>
          )
        }
      />
      <Figure
        title="Median hit"
        value={millis(hit)}
        detail={
          <>
            median miss {millis(miss)}
            {faster(hit, miss)}
          </>
        }
      />
    </section>
  )
}

interface FigureProps {
  readonly title: string
  readonly value: string
  readonly detail: ComponentChildren
  readonly className?: string
  readonly children?: ComponentChildren
}

function Figure({ title, value, detail, className = '', children }: FigureProps) {
  return (
    <div class={`figure ${className}`}>
      <h2>{title}</h2>
      <p class="figure-value">{value}</p>
      <p class="note">{detail}</p>
      {children}
    </div>
  )
}

function Trend({ series, scope }: Pick<FiguresProps, 'series' | 'scope'>) {
  const change = series && trendOf(series)
  if (series === undefined || change === undefined) return <>no trend yet</>
  const last = `last ${coarse((series.requests.length * series.stepMs) / 6000)}${scope === 'fleet' ? ', here' : ''}`
  const points = Math.abs(change * 100).toFixed(1)
  if (points === '0.0') return <>as before in the {last}</>
  return (
    <>
      <span class={change > 0 ? 'good' : 'bad'}>
        {change > 0 ? '▲ ' : '▼ '}
        {points} points
      </span>{' '}
      in the {last}
    </>
  )
}

/** Of nothing there is none. */
function medianOf(latency: Latency | undefined): number | null {
  return latency === undefined || latency.count === 0 ? null : latency.p50_ms
}

function faster(hit: number | null | undefined, miss: number | null | undefined): string {
  if (!hit || !miss || miss / hit < 2) return ''
  return `, ${compact(Number((miss / hit).toPrecision(2)))} times that`
}
