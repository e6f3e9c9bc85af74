import { isSemantic, standardCacheLayers } from './cache-layer.ts'
import { callBounds, countOf, Histogram, meanOf, quantile } from './histogram.ts'
import { type LayerReport, layerCounts, layerReport } from './layer-report.ts'
import { sumOf } from './merged.ts'
import { dollars, isoTime, milliseconds, rate, rounded, seconds } from './rounding.ts'
import type { GroupCounts, HistogramCounts, Snapshot } from './snapshot.ts'

/** Whether the figures are those of one process or of all that share a store. */
export type Scope = 'process' | 'fleet'

export interface ReportOptions {
  readonly scope: Scope
  /** Whether callers' words and names are told too: tags, keys and texts. For administrators. */
  readonly full: boolean
}

export interface LatencyReport {
  readonly count: number
  readonly mean_ms: number
  readonly p50_ms: number
  readonly p95_ms: number
  readonly p99_ms: number
}

export interface GroupReport {
  readonly requests: number
  readonly hits: number
  readonly misses: number
  readonly hit_rate: number
  readonly cost_usd: number
  readonly saved_usd: number
  readonly saved_seconds: number
  readonly input_tokens: number
  readonly output_tokens: number
  readonly saved_tokens: number
}

/** The statistics as they are served: fields are added to it, and never changed. */
export interface Report {
  /** By label: `llm_cache`, `llm_semantic_cache`, `rag_cache` and `rag_similarity_cache` always, others once they count. */
  readonly [layer: `${string}_cache`]: LayerReport
  readonly llm_cache: LayerReport
  readonly llm_semantic_cache: LayerReport
  readonly rag_cache: LayerReport
  readonly rag_similarity_cache: LayerReport
  /** Of the requests that were looked up, of whatever kind, those that the cache has answered. */
  readonly combined_hit_rate: number
  readonly semantic_hit_rate: number
  readonly scope: Scope
  readonly processes: number
  readonly since: string
  readonly requests: {
    readonly total: number
    readonly hits: number
    readonly misses: number
    readonly joined: number
    readonly rescued: number
    readonly bypassed: number
    readonly failed: number
  }
  readonly saved: { readonly usd: number; readonly seconds: number; readonly tokens: number }
  readonly spent: { readonly usd: number; readonly unpriced_calls: number }
  /** Of whole requests. */
  readonly latency: { readonly hit: LatencyReport; readonly miss: LatencyReport }
  readonly by_model: readonly (GroupReport & { readonly model: string })[]
  readonly providers: readonly {
    readonly provider: string
    readonly ok: number
    readonly failed: number
    readonly mean_ms: number
    readonly p50_ms: number
    readonly p95_ms: number
  }[]
  readonly targets: readonly {
    readonly target: string
    readonly retried: number
    readonly skipped: Readonly<Record<string, number>>
    readonly fell_back: number
    readonly cost_usd: number
    readonly unpriced: number
  }[]
  readonly failures: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly refreshes: { readonly ok: number; readonly failed: number }
  /** Calls in which several requests were asked together, and how many those were. */
  readonly batches: { readonly calls: number; readonly requests: number }
  readonly by_tag?: readonly (GroupReport & { readonly tag: string })[]
  readonly top_entries?: readonly {
    readonly key: string
    readonly kind: string
    readonly model: string | null
    readonly hits: number
    readonly saved_usd: number
    readonly saved_seconds: number
    readonly last_hit: string
    /** What was asked, where whoever serves the report has looked it up and found it. */
    readonly text?: string | null
  }[]
  readonly near_misses?: readonly {
    readonly at: string
    readonly kind: string
    readonly key: string
    readonly similarity: number
    readonly by: string
    readonly reason: string
    readonly text: string
    readonly entry_text: string | null
  }[]
}

/** How many entries are shown of those that several processes have told of. */
const mostTopEntries = 100

/** The statistics of a snapshot, as JSON. */
export function report(snapshot: Snapshot, { scope, full }: ReportOptions): Report {
  const { layers, processes, failures, refreshes, batches } = snapshot
  const labels = Object.keys(layers)
  const everyLayer = Object.values(layers)
  const groups = Object.values(snapshot.models)
  const semantic = labels.filter(isSemantic).map((label) => layerCounts(layers, label))
  const outcome = (name: string): number => sum(Object.values(snapshot.kinds), ({ outcomes }) => outcomes[name] ?? 0)
  const [hits, misses, joined, rescued] = [outcome('hit'), outcome('miss'), outcome('joined'), outcome('rescued')]
  const [bypassed, failed] = [outcome('bypass'), outcome('failed')]
  return {
    llm_cache: layerReport(layers, 'llm'),
    llm_semantic_cache: layerReport(layers, 'llm_semantic'),
    rag_cache: layerReport(layers, 'rag'),
    rag_similarity_cache: layerReport(layers, 'rag_similarity'),
    ...Object.fromEntries(labels.map((label) => [`${label}_cache`, layerReport(layers, label)])),
    combined_hit_rate: rate(hits, misses + joined + rescued + failed),
    semantic_hit_rate: rate(
      sum(semantic, (layer) => layer.hits),
      sum(semantic, (layer) => layer.misses)
    ),
    scope,
    processes,
    since: isoTime(snapshot.sinceMs),
    requests: {
      total: hits + misses + joined + rescued + bypassed + failed,
      hits,
      misses,
      joined,
      rescued,
      bypassed,
      failed
    },
    saved: {
      usd: dollars(sum(everyLayer, ({ savedUsd }) => savedUsd)),
      seconds: seconds(sum(everyLayer, ({ savedMs }) => savedMs)),
      tokens: sum(groups, ({ savedTokens }) => savedTokens)
    },
    spent: spent(snapshot),
    latency: { hit: latencyReport(snapshot, 'hit'), miss: latencyReport(snapshot, 'miss') },
    by_model: groupReports(snapshot.models).map(([model, group]) => ({ model, ...group })),
    providers: Object.entries(snapshot.providers).map(([provider, { ok, failed, latency }]) => {
      const { mean_ms, p50_ms, p95_ms } = latencyOf(latency)
      return { provider, ok, failed, mean_ms, p50_ms, p95_ms }
    }),
    targets: Object.entries(snapshot.targets).map(([target, { retried, skipped, fellBack, costUsd, unpriced }]) => {
      return { target, retried, skipped, fell_back: fellBack, cost_usd: dollars(costUsd), unpriced }
    }),
    failures,
    refreshes,
    batches: { calls: countOf(batches.sizes), requests: batches.requests },
    ...(full ? confidential(snapshot) : {})
  }
}

/**
 * The statistics of one layer, by its label (`llm`) or by its field in the report (`llm_cache`); undefined for a label
 * that nothing is known of.
 */
export function reportLayer({ layers }: Snapshot, name: string): LayerReport | undefined {
  const known: ReadonlySet<string> = new Set([...standardCacheLayers, ...Object.keys(layers)])
  const label = [name, name.replace(/_cache$/, '')].find((each) => known.has(each))
  return label === undefined ? undefined : layerReport(layers, label)
}

/**
 * What was paid: whoever has targets hears of each call, those that failed or were made in the background among them.
 * Without targets there is only what answers have said.
 */
function spent({ targets, models }: Snapshot): Report['spent'] {
  const calls = Object.values(targets)
  const payments: readonly { readonly costUsd: number }[] = calls.length > 0 ? calls : Object.values(models)
  const usd = sum(payments, ({ costUsd }) => costUsd)
  return { usd: dollars(usd), unpriced_calls: sum(calls, ({ unpriced }) => unpriced) }
}

/** What holds callers' words, names and keys. */
function confidential({ tags, top, nearMisses }: Snapshot): Pick<Report, 'by_tag' | 'top_entries' | 'near_misses'> {
  return {
    by_tag: groupReports(tags).map(([tag, group]) => ({ tag, ...group })),
    top_entries: top.slice(0, mostTopEntries).map(({ key, kind, model = null, ...entry }) => ({
      key,
      kind,
      model,
      hits: entry.hits,
      saved_usd: dollars(entry.savedUsd),
      saved_seconds: seconds(entry.savedMs),
      last_hit: isoTime(entry.lastHitAtMs)
    })),
    near_misses: nearMisses.map(({ atMs, entryText = null, similarity, ...near }) => ({
      at: isoTime(atMs),
      kind: near.kind,
      key: near.key,
      similarity: rounded(similarity, 1e4),
      by: near.by,
      reason: near.reason,
      text: near.text,
      entry_text: entryText
    }))
  }
}

/** The groups with most requests first. */
function groupReports(groups: Readonly<Record<string, GroupCounts>>): readonly (readonly [string, GroupReport])[] {
  return Object.entries(groups)
    .map(([name, counts]): readonly [string, GroupReport] => [name, groupReport(counts)])
    .sort(([a, { requests: ofA }], [b, { requests: ofB }]) => ofB - ofA || (a < b ? -1 : 1))
}

function groupReport(counts: GroupCounts): GroupReport {
  return {
    requests: counts.requests,
    hits: counts.hits,
    misses: counts.misses,
    hit_rate: rate(counts.hits, counts.misses),
    cost_usd: dollars(counts.costUsd),
    saved_usd: dollars(counts.savedUsd),
    saved_seconds: seconds(counts.savedMs),
    input_tokens: counts.inputTokens,
    output_tokens: counts.outputTokens,
    saved_tokens: counts.savedTokens
  }
}

/** Of the requests of all kinds that came to an outcome. */
function latencyReport({ kinds }: Snapshot, outcome: string): LatencyReport {
  const histograms = Object.values(kinds).map(({ latency }) => latency[outcome])
  return latencyOf(sumOf([noLatency, ...histograms.filter((histogram) => histogram !== undefined)]))
}

const noLatency = new Histogram(callBounds).snapshot()

function latencyOf(histogram: HistogramCounts): LatencyReport {
  const share = (q: number): number => milliseconds(quantile(histogram.counts, callBounds, q))
  return {
    count: countOf(histogram),
    mean_ms: milliseconds(meanOf(histogram)),
    p50_ms: share(0.5),
    p95_ms: share(0.95),
    p99_ms: share(0.99)
  }
}

function sum<Item>(items: readonly Item[], read: (item: Item) => number): number {
  return items.reduce((total, item) => total + read(item), 0)
}
