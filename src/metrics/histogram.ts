import type { HistogramCounts } from './snapshot.ts'

// Snapshots hold no bounds: whoever changes these lists counts up the snapshot's version.

/** Of lookups, in seconds: from 10 microseconds, which a memory needs, to what no store may take. */
export const lookupBounds: readonly number[] = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5
]

/** Of requests and providers' calls, in seconds: a request may be a hit, and then it is over within a millisecond. */
export const callBounds: readonly number[] = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120
]

/** Of batches, in prompts. */
export const batchBounds: readonly number[] = [1, 2, 3, 4, 5, 8, 10, 16, 32, 64]

/** Counts how many observations were at most each bound and above the one before. */
export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0

  /** `bounds` must ascend. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  /** What is negative or no number counts as 0: a clock that was put back must not spoil the sum. */
  observe(value: number): void {
    const counted = Number.isNaN(value) ? 0 : Math.max(0, value)
    const index = bucketOf(this.#bounds, counted)
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    this.#sum += counted
  }

  snapshot(): HistogramCounts {
    return { counts: [...this.#counts], sum: this.#sum }
  }
}

/** How many observations there are. */
export function countOf({ counts }: HistogramCounts): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

/** The mean of the observations; 0 when there are none. */
export function meanOf(histogram: HistogramCounts): number {
  const count = countOf(histogram)
  return count === 0 ? 0 : histogram.sum / count
}

/**
 * The value that a share `q` of the observations does not exceed, taking them as evenly spread within their bucket; 0
 * when there are none. Beyond the last bound it is the last bound: nobody knows how far. As histogram_quantile of
 * Prometheus.
 */
export function quantile(counts: readonly number[], bounds: readonly number[], q: number): number {
  const rank = q * counts.reduce((sum, count) => sum + count, 0)
  let before = 0
  for (const [index, count] of counts.entries()) {
    if (count > 0 && before + count >= rank) {
      const upper = bounds[index]
      if (upper === undefined) break
      const lower = bounds[index - 1] ?? 0
      return lower + (upper - lower) * ((rank - before) / count)
    }
    before += count
  }
  return before === 0 ? 0 : (bounds.at(-1) ?? 0)
}

/** The first bucket whose bound is not exceeded. There are so few that walking beats halving. */
function bucketOf(bounds: readonly number[], value: number): number {
  const { length } = bounds
  let index = 0
  while (index < length && value > (bounds[index] ?? 0)) index++
  return index
}
