/** What has been counted so far, of which the history shows how it came about. */
export interface Totals {
  /** By the layer's label. */
  readonly layers: ReadonlyMap<string, { readonly lookups: number; readonly hits: number }>
  readonly requests: number
  readonly savedUsd: number
  readonly savedMs: number
  readonly hitCount: number
  readonly hitMs: number
  readonly missCount: number
  readonly missMs: number
}

/** What has happened within one step, as the gateway shows it. */
export interface HistoryPoint {
  /** When the step began, in milliseconds since 1970. */
  readonly at: number
  /** By the layer's label; those without any are left out. */
  readonly lookups: Readonly<Record<string, number>>
  readonly hits: Readonly<Record<string, number>>
  readonly requests: number
  readonly hit_requests: number
  readonly saved_usd: number
  readonly saved_ms: number
  readonly hit_ms_sum: number
  readonly hit_count: number
  readonly miss_ms_sum: number
  readonly miss_count: number
}

export interface HistoryReport {
  readonly step_ms: number
  /** Oldest first, one for each step; the last is the step that has only begun. */
  readonly points: readonly HistoryPoint[]
}

export type HistoryRange = 'hour' | 'day'

/** How fine the history is, and how far it reaches back: an hour, and a day. */
const ranges = {
  hour: { stepMs: 10_000, length: 360 },
  day: { stepMs: 300_000, length: 288 }
} as const satisfies Record<HistoryRange, { stepMs: number; length: number }>

/**
 * What has happened over the last hour and the last day. Costs a comparison per request and no timer: a point is the
 * difference between the totals at both ends of its step, taken when something happens after it, or when it is read.
 */
export class History {
  readonly #now: () => number
  readonly #read: () => Totals
  readonly #rings: Readonly<Record<HistoryRange, Ring>>
  /** When the step of a ring ends next. */
  #endMs: number

  /** `read` gives the totals so far. */
  constructor(now: () => number, read: () => Totals) {
    this.#now = now
    this.#read = read
    const at = now()
    this.#rings = { hour: new Ring(ranges.hour, at, read()), day: new Ring(ranges.day, at, read()) }
    this.#endMs = this.#nextEnd()
  }

  /** To be called before what happens at `atMs` is added to the totals. */
  advance(atMs: number): void {
    if (atMs < this.#endMs) return
    const totals = this.#read()
    this.#rings.hour.advance(atMs, totals)
    this.#rings.day.advance(atMs, totals)
    this.#endMs = this.#nextEnd()
  }

  /** The points of a range; where nothing has happened they are zero. */
  report(range: HistoryRange = 'hour'): HistoryReport {
    this.advance(this.#now())
    return this.#rings[range].report(this.#read())
  }

  #nextEnd(): number {
    return Math.min(this.#rings.hour.endMs, this.#rings.day.endMs)
  }
}

/** Points of one step's length, the oldest of which makes room. */
class Ring {
  readonly #stepMs: number
  readonly #points: (HistoryPoint | undefined)[]
  #startMs: number
  /** The totals when the step began. */
  #before: Totals

  constructor({ stepMs, length }: { readonly stepMs: number; readonly length: number }, atMs: number, totals: Totals) {
    this.#stepMs = stepMs
    this.#points = Array.from({ length }, () => undefined)
    this.#startMs = this.#startOf(atMs)
    this.#before = totals
  }

  get endMs(): number {
    return this.#startMs + this.#stepMs
  }

  advance(atMs: number, totals: Totals): void {
    if (atMs < this.endMs) return
    this.#points[this.#placeOf(this.#startMs)] = difference(this.#startMs, this.#before, totals)
    this.#startMs = this.#startOf(atMs)
    this.#before = totals
  }

  report(totals: Totals): HistoryReport {
    const begun = difference(this.#startMs, this.#before, totals)
    const points = this.#points.map((_, index) => {
      const at = this.#startMs - (this.#points.length - 1 - index) * this.#stepMs
      if (at === this.#startMs) return begun
      const point = this.#points[this.#placeOf(at)]
      // What stands there else is older than the range.
      return point?.at === at ? point : difference(at, totals, totals)
    })
    return { step_ms: this.#stepMs, points }
  }

  #startOf(atMs: number): number {
    return Math.floor(atMs / this.#stepMs) * this.#stepMs
  }

  #placeOf(startMs: number): number {
    return (startMs / this.#stepMs) % this.#points.length
  }
}

function difference(at: number, before: Totals, after: Totals): HistoryPoint {
  return {
    at,
    lookups: growth(before, after, 'lookups'),
    hits: growth(before, after, 'hits'),
    requests: after.requests - before.requests,
    hit_requests: after.hitCount - before.hitCount,
    saved_usd: rounded(after.savedUsd - before.savedUsd),
    saved_ms: rounded(after.savedMs - before.savedMs),
    hit_ms_sum: rounded(after.hitMs - before.hitMs),
    hit_count: after.hitCount - before.hitCount,
    miss_ms_sum: rounded(after.missMs - before.missMs),
    miss_count: after.missCount - before.missCount
  }
}

function growth(before: Totals, after: Totals, what: 'lookups' | 'hits'): Readonly<Record<string, number>> {
  const counts = Array.from(after.layers, ([label, layer]): [string, number] => [
    label,
    layer[what] - (before.layers.get(label)?.[what] ?? 0)
  ])
  return Object.fromEntries(counts.filter(([, count]) => count !== 0))
}

/** A difference of two sums has noise in its last digits. */
function rounded(value: number): number {
  return Math.round(value * 1e9) / 1e9
}
