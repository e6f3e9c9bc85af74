import { LayerCounters } from './counters.ts'
import { meanOf } from './histogram.ts'
import { dollars, milliseconds, rate, seconds } from './rounding.ts'
import type { LayerCounts, Snapshot } from './snapshot.ts'

/** What has become of a layer's lookups. Rates in [0, 1]. */
export interface LayerReport {
  readonly cache_layer: string
  readonly hit_rate: number
  readonly total_hits: number
  readonly total_misses: number
  readonly total_writes: number
  readonly total_invalidations: number
  readonly total_errors: number
  readonly total_lookups: number
  readonly total_bypasses: number
  readonly total_stale_hits: number
  readonly total_rescued: number
  readonly saved_usd: number
  readonly saved_seconds: number
  /** Of the lookup alone. */
  readonly average_hit_latency_ms: number
  readonly average_miss_latency_ms: number
  readonly bypass_reasons: Readonly<Record<string, number>>
  readonly refused: Readonly<Record<string, number>>
  readonly refuted_by_guard: Readonly<Record<string, number>>
}

/** What is reported of the layer with a label, all zero where nothing has been counted. */
export function layerReport(layers: Snapshot['layers'], label: string): LayerReport {
  const counts = layerCounts(layers, label)
  return {
    cache_layer: label,
    hit_rate: rate(counts.hits, counts.misses),
    total_hits: counts.hits,
    total_misses: counts.misses,
    total_writes: counts.writes,
    total_invalidations: counts.invalidations,
    total_errors: Object.values(counts.errors).reduce((total, count) => total + count, 0),
    total_lookups: counts.lookups,
    total_bypasses: counts.bypasses,
    total_stale_hits: counts.staleHits,
    total_rescued: counts.rescued,
    saved_usd: dollars(counts.savedUsd),
    saved_seconds: seconds(counts.savedMs),
    average_hit_latency_ms: milliseconds(meanOf(counts.hitLatency)),
    average_miss_latency_ms: milliseconds(meanOf(counts.missLatency)),
    bypass_reasons: counts.bypassReasons,
    refused: counts.refused,
    refuted_by_guard: counts.refuted
  }
}

const nothing: LayerCounts = new LayerCounters().snapshot()

/** What has been counted of the layer with a label. */
export function layerCounts(layers: Snapshot['layers'], label: string): LayerCounts {
  return Object.hasOwn(layers, label) ? (layers[label] ?? nothing) : nothing
}
