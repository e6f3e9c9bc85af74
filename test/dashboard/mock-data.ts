import type { Counts, History, HistoryPoint, LayerStatistics, Statistics } from '../../dashboard/src/api.ts'
import { entries, nearMisses } from './mock-records.ts'
import { noise } from './noise.ts'

/** What happens in a step of ten seconds, on average and by layer: a busy documentation assistant and its retrieval. */
const rates = { llm: 21, llm_semantic: 10, rag: 6, rag_similarity: 3, embedding: 5 }
const perRequest = { savedUsd: 0.0041, savedMs: 1650, missMs: 1720, hitMs: 1.3 }
const stepMs = 10_000

function around(value: number, seed: number): number {
  return Math.max(0, Math.round(value * (0.8 + 0.4 * noise(seed)) + noise(seed + 0.5) - 0.5))
}

export function point(at: number, seconds = 10): HistoryPoint {
  const step = Math.floor(at / stepMs)
  // Traffic swells and ebbs, and the cache warms up.
  const busy = (1 + 0.45 * Math.sin(step / 31)) * (seconds / 10)
  const warm = 0.86 + 0.14 * Math.sin(step / 90)
  const hits: Record<string, number> = Object.fromEntries(
    Object.entries(rates).map(([label, rate], index) => [label, around(rate * busy * warm, step * 7 + index)])
  )
  const hitRequests = Object.values(hits).reduce((sum, one) => sum + one, 0)
  const missCount = around(24 * busy * (2 - warm), step * 7 + 6)
  const slow = noise(Math.floor(step / 40)) > 0.82 ? 2.6 : 1
  return {
    at,
    lookups: { llm: Math.round((hitRequests + missCount) * 0.8), rag: Math.round((hitRequests + missCount) * 0.3) },
    hits,
    requests: hitRequests + missCount,
    hit_requests: hitRequests,
    saved_usd: hitRequests * perRequest.savedUsd * (0.8 + 0.4 * noise(step)),
    saved_ms: hitRequests * perRequest.savedMs * (0.8 + 0.4 * noise(step + 1)),
    hit_ms_sum: hitRequests * perRequest.hitMs * (0.6 + 0.9 * noise(step + 2)),
    hit_count: hitRequests,
    miss_ms_sum: missCount * perRequest.missMs * slow * (0.75 + 0.5 * noise(step + 3)),
    miss_count: missCount
  }
}

export function history(nowMs: number, range: 'hour' | 'day'): History {
  const [step, span] = range === 'hour' ? [stepMs, 3_600_000] : [300_000, 86_400_000]
  const last = Math.floor(nowMs / step) * step
  const points = Array.from({ length: span / step }, (_, index) => {
    const at = last - span + step * (index + 1)
    const seconds = (Math.min(step, nowMs - at) / 1000) | 0
    return point(at, seconds)
  })
  return { step_ms: step, points }
}

function layer(label: string, hits: number, misses: number, more: Partial<LayerStatistics> = {}): LayerStatistics {
  return {
    cache_layer: label,
    hit_rate: hits + misses === 0 ? 0 : hits / (hits + misses),
    total_hits: hits,
    total_misses: misses,
    total_writes: Math.round(misses * 0.97),
    total_invalidations: Math.round(misses * 0.02),
    total_errors: 0,
    total_lookups: hits + misses + (more.total_bypasses ?? 0),
    total_bypasses: 0,
    total_stale_hits: Math.round(hits * 0.03),
    total_rescued: 0,
    saved_usd: hits * 0.0068,
    saved_seconds: hits * 1.65,
    bypass_reasons: {},
    refused: {},
    refuted_by_guard: {},
    ...more
  }
}

const models: readonly (readonly [string, number, number, number])[] = [
  ['gpt-4o', 18_420, 0.71, 0.0087],
  ['claude-sonnet-5', 9_204, 0.58, 0.0124],
  ['gpt-4o-mini', 31_877, 0.66, 0.0006],
  ['text-embedding-3-large', 12_030, 0.83, 0.00002],
  ['claude-haiku-4-5', 4_410, 0.49, 0.0021],
  ['qwen3-32b', 2_113, 0.41, 0],
  ['ft:gpt-4o-mini:acme-research:house-style-2026-02-with-a-very-long-name:Bz81kQ', 640, 0.37, 0.0011],
  ['gpt-5-mini', 377, 0.22, 0.0032]
]

const tags: readonly (readonly [string, number, number, number])[] = [
  ['team:support', 21_300, 0.74, 0.0069],
  ['app:docs-assistant', 17_811, 0.69, 0.0058],
  ['masterplan:42', 6_200, 0.62, 0.0091],
  ['team:research', 9_870, 0.44, 0.0061],
  ['nightly', 4_120, 0.91, 0.0012],
  ['document:handbook-2026', 2_930, 0.78, 0.0014],
  ['experiment:long-context', 410, 0.08, 0.031]
]

function group([, requests, rate, cost]: readonly [string, number, number, number], extra: number) {
  const all = requests + extra
  const hits = Math.round(all * rate)
  return {
    requests: all,
    hits,
    misses: all - hits,
    hit_rate: rate,
    cost_usd: (all - hits) * cost,
    saved_usd: hits * cost,
    saved_seconds: hits * 1.6,
    input_tokens: all * 820,
    output_tokens: all * 190,
    saved_tokens: hits * 1010
  }
}

export interface StatisticsOptions {
  readonly nowMs: number
  readonly scope: 'process' | 'fleet'
  /** Requests that came since it began to run. */
  readonly extra: number
  readonly administrates: boolean
}

/** With the layers, which the type does not name. */
export type Told = Statistics & Readonly<Record<string, unknown>>

export function statistics({ nowMs, scope, extra, administrates }: StatisticsOptions): Told {
  const times = scope === 'fleet' ? 3 : 1
  const refuted: Counts = {
    numbers: 214 * times,
    names: 97 * times,
    negation: 61 * times,
    substitution: 40 * times,
    verifier: 12 * times
  }
  const total = (79_071 + extra) * times
  const hits = Math.round(total * 0.642)
  return {
    llm_cache: layer('llm', 30_114 * times + extra, 33_206 * times, {
      total_bypasses: 812 * times,
      bypass_reasons: { 'no-store': 640 * times, temperature: 172 * times },
      refused: { truncated: 41 * times, 'tool-call': 9 * times }
    }),
    llm_semantic_cache: layer('llm_semantic', 11_020 * times, 22_186 * times, {
      total_writes: 21_774 * times,
      refuted_by_guard: refuted
    }),
    rag_cache: layer('rag', 6_310 * times, 4_205 * times, { total_errors: 3 }),
    rag_similarity_cache: layer('rag_similarity', 1_904 * times, 2_301 * times),
    embedding_cache: layer('embedding', 9_985 * times, 2_045 * times),
    value_cache: layer('value', 0, 0),
    combined_hit_rate: hits / total,
    semantic_hit_rate: 0.332,
    scope,
    processes: times,
    since: new Date(nowMs - 3 * 86_400_000).toISOString(),
    requests: {
      total,
      hits,
      misses: total - hits - 1_420 * times,
      joined: 610 * times,
      rescued: 18 * times,
      bypassed: 812 * times,
      failed: 27 * times
    },
    saved: { usd: (352.4 + extra * 0.006) * times, seconds: (84_300 + extra) * times, tokens: 48_210_000 * times },
    spent: { usd: 213.7 * times, unpriced_calls: 41 },
    latency: {
      hit: { count: hits, mean_ms: 1.31, p50_ms: 0.84, p95_ms: 3.4, p99_ms: 9.8 },
      miss: { count: total - hits, mean_ms: 1_810, p50_ms: 1_420, p95_ms: 4_900, p99_ms: 9_200 }
    },
    by_model: models.map((one) => ({ model: one[0], ...group(one, extra) })),
    providers: [
      { provider: 'openai', ok: 21_460, failed: 112, mean_ms: 1_310, p50_ms: 1_120, p95_ms: 3_900 },
      { provider: 'anthropic', ok: 5_830, failed: 44, mean_ms: 2_040, p50_ms: 1_830, p95_ms: 5_600 },
      { provider: 'azure-eu', ok: 412, failed: 61, mean_ms: 1_610, p50_ms: 1_490, p95_ms: 8_100 },
      { provider: 'local', ok: 1_246, failed: 0, mean_ms: 640, p50_ms: 590, p95_ms: 1_240 }
    ],
    targets: [
      {
        target: 'openai/gpt-4o',
        retried: 82,
        skipped: { 'over-budget': 14 },
        fell_back: 31,
        cost_usd: 118.2,
        unpriced: 0
      },
      { target: 'openai/gpt-4o-mini', retried: 17, skipped: {}, fell_back: 2, cost_usd: 9.14, unpriced: 0 },
      { target: 'anthropic/claude-sonnet-5', retried: 12, skipped: {}, fell_back: 0, cost_usd: 83.6, unpriced: 0 },
      {
        target: 'azure-eu/gpt-4o',
        retried: 39,
        skipped: { 'left-out': 208 },
        fell_back: 44,
        cost_usd: 2.76,
        unpriced: 0
      },
      { target: 'local/qwen3-32b', retried: 0, skipped: { unsuitable: 3 }, fell_back: 0, cost_usd: 0, unpriced: 41 }
    ],
    failures: { store: { get: 2, set: 1 }, embedder: { embed: 4 } },
    refreshes: { ok: 310, failed: 4 },
    ...(administrates
      ? {
          by_tag: tags.map((one) => ({ tag: one[0], ...group(one, extra) })),
          top_entries: entries(nowMs).map(({ key, kind, model, text }, index) => ({
            key,
            kind,
            model: model ?? null,
            hits: Math.round(2_140 / (index + 1)),
            saved_usd: 24.6 / (index + 1),
            saved_seconds: 4_210 / (index + 1),
            last_hit: new Date(nowMs - 4_000 * (index + 1) ** 2).toISOString(),
            text: index === 2 ? null : (text ?? null)
          })),
          near_misses: nearMisses(nowMs)
        }
      : {})
  }
}
