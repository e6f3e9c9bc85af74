import type { History, HistoryPoint, Range } from './api.ts'
import { layerOrder } from './layer-names.ts'

/** The history as what is drawn: one value a step, null where there is nothing to say. */
export interface Series {
  /** Where each step begins, in milliseconds since 1970. */
  readonly atMs: readonly number[]
  readonly stepMs: number
  readonly requests: readonly number[]
  readonly hitRequests: readonly number[]
  /** By layer, the share of all requests that it has answered; only layers that have answered any. */
  readonly shares: readonly LayerShare[]
  /** Added up from the beginning of the range. */
  readonly savedUsd: readonly number[]
  readonly savedSeconds: readonly number[]
  readonly hitMs: readonly (number | null)[]
  readonly missMs: readonly (number | null)[]
  readonly whole: Whole
}

export interface LayerShare {
  readonly label: string
  readonly values: readonly (number | null)[]
  readonly whole: number
}

/** The range as one. */
export interface Whole {
  readonly requests: number
  readonly hitRequests: number
  readonly savedUsd: number
  readonly savedSeconds: number
  readonly hitMs: number | null
  readonly missMs: number | null
}

export const rangeMs: Readonly<Record<Range, number>> = { hour: 3_600_000, day: 86_400_000 }

const mostSteps = 120
/** A gateway that has just begun is not drawn as a line at the edge of an empty hour, nor as two points. */
const leastMs = 300_000

/**
 * From the first request within the range, and five minutes at least.
 * @param nowMs by the reader's clock; a gateway whose clock is ahead is believed
 */
export function seriesOf(history: History, range: Range, nowMs: number): Series {
  const endMs = Math.max(nowMs, ...history.points.slice(-1).map(({ at }) => at))
  const earliestMs = endMs - rangeMs[range]
  const busyMs = history.points.find(({ at, requests }) => at >= earliestMs && requests > 0)?.at ?? earliestMs
  const fromMs = Math.min(busyMs, endMs - Math.max(leastMs, 12 * history.step_ms))
  const stepMs = history.step_ms * Math.max(1, Math.ceil((endMs - fromMs) / history.step_ms / mostSteps))
  // The step that the range begins within would be drawn too low.
  const firstMs =
    busyMs > earliestMs + stepMs ? Math.floor(fromMs / stepMs) * stepMs : Math.ceil(fromMs / stepMs) * stepMs
  const length = Math.floor(endMs / stepMs) - firstMs / stepMs + 1
  const steps = Array.from({ length }, (): HistoryPoint[] => [])
  for (const point of history.points) steps[Math.floor((point.at - firstMs) / stepMs)]?.push(point)
  const within = steps.flat()
  const sum = (points: readonly HistoryPoint[], of: (point: HistoryPoint) => number) =>
    points.reduce((total, point) => total + of(point), 0)
  const each = (of: (point: HistoryPoint) => number) => steps.map((points) => sum(points, of))
  const ratio = (points: readonly HistoryPoint[], above: typeof requestsOf, below: typeof requestsOf) => {
    const divisor = sum(points, below)
    return divisor === 0 ? null : sum(points, above) / divisor
  }
  const hitMs = (points: readonly HistoryPoint[]) =>
    ratio(
      points,
      (point) => point.hit_ms_sum,
      (point) => point.hit_count
    )
  const missMs = (points: readonly HistoryPoint[]) =>
    ratio(
      points,
      (point) => point.miss_ms_sum,
      (point) => point.miss_count
    )
  const labels = [...new Set([...layerOrder, ...within.flatMap((point) => Object.keys(point.hits))])]
  const savedUsd = addUp(each((point) => point.saved_usd))
  const savedSeconds = addUp(each((point) => point.saved_ms / 1000))
  return {
    atMs: steps.map((_, index) => firstMs + index * stepMs),
    stepMs,
    requests: each(requestsOf),
    hitRequests: each((point) => point.hit_requests),
    shares: labels
      .map((label) => {
        const hits = (point: HistoryPoint) => point.hits[label] ?? 0
        return {
          label,
          values: steps.map((points) => ratio(points, hits, requestsOf)),
          whole: ratio(within, hits, requestsOf) ?? 0
        }
      })
      .filter(({ whole }) => whole > 0),
    savedUsd,
    savedSeconds,
    hitMs: steps.map(hitMs),
    missMs: steps.map(missMs),
    whole: {
      requests: sum(within, requestsOf),
      hitRequests: sum(within, (point) => point.hit_requests),
      savedUsd: savedUsd.at(-1) ?? 0,
      savedSeconds: savedSeconds.at(-1) ?? 0,
      hitMs: hitMs(within),
      missMs: missMs(within)
    }
  }
}

/** How the hit rate of the last sixth of the range differs from that before it; undefined without requests in both. */
export function trendOf({ requests, hitRequests }: Series): number | undefined {
  const cut = Math.floor((requests.length * 5) / 6)
  const rate = (from: number, to: number) => total(hitRequests.slice(from, to)) / total(requests.slice(from, to))
  const change = rate(cut, requests.length) - rate(0, cut)
  return Number.isFinite(change) ? change : undefined
}

/** Each stack's value with all before it: what is drawn of shares upon each other. */
export function stacked(shares: readonly LayerShare[]): (number | null)[][] {
  const heights: (number | null)[][] = []
  for (const { values } of shares) {
    const below = heights.at(-1)
    heights.push(values.map((value, index) => (value === null ? null : value + (below?.[index] ?? 0))))
  }
  return heights
}

function requestsOf(point: HistoryPoint): number {
  return point.requests
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function addUp(values: readonly number[]): number[] {
  let sum = 0
  return values.map((value) => {
    sum += value
    return sum
  })
}
