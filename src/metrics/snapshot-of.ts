import { isObject, type JsonObject } from '../core/json.ts'
import { batchBounds, callBounds, lookupBounds } from './histogram.ts'
import type {
  GroupCounts,
  HistogramCounts,
  KindCounts,
  LayerCounts,
  NearMiss,
  ProviderCounts,
  Snapshot,
  TargetCounts,
  TopEntry
} from './snapshot.ts'

/** The latest instant that a date can be made of, in milliseconds since 1970. */
const latestMs = 8.64e15

/**
 * The snapshot that JSON holds, whoever wrote it: what is missing or no count is 0, what is not known is left out.
 * Undefined when it is none, or one of another layout.
 */
export function snapshotOf(json: unknown): Snapshot | undefined {
  if (!isObject(json) || json['version'] !== 1) return undefined
  const { sinceMs, atMs, processes = 1 } = json
  if (!isTime(sinceMs) || !isTime(atMs)) return undefined
  const refreshes = recordOf(json['refreshes'])
  const batches = recordOf(json['batches'])
  return {
    version: 1,
    sinceMs,
    atMs,
    processes: countOf(processes),
    layers: byName(json['layers'], layerOf),
    kinds: byName(json['kinds'], kindOf),
    models: byName(json['models'], groupOf),
    tags: byName(json['tags'], groupOf),
    providers: byName(json['providers'], providerOf),
    targets: byName(json['targets'], targetOf),
    failures: byName(json['failures'], countsOf),
    refreshes: { ok: countOf(refreshes['ok']), failed: countOf(refreshes['failed']) },
    top: listOf(json['top'], entryOf),
    nearMisses: listOf(json['nearMisses'], nearMissOf),
    batches: { sizes: histogramOf(batches['sizes'], batchBounds), requests: countOf(batches['requests']) }
  }
}

function layerOf(json: unknown): LayerCounts {
  const layer = recordOf(json)
  return {
    lookups: countOf(layer['lookups']),
    hits: countOf(layer['hits']),
    staleHits: countOf(layer['staleHits']),
    misses: countOf(layer['misses']),
    bypasses: countOf(layer['bypasses']),
    bypassReasons: countsOf(layer['bypassReasons']),
    writes: countOf(layer['writes']),
    writtenBytes: countOf(layer['writtenBytes']),
    invalidations: countOf(layer['invalidations']),
    errors: countsOf(layer['errors']),
    refused: countsOf(layer['refused']),
    refuted: countsOf(layer['refuted']),
    rescued: countOf(layer['rescued']),
    savedUsd: countOf(layer['savedUsd']),
    savedMs: countOf(layer['savedMs']),
    hitLatency: histogramOf(layer['hitLatency'], lookupBounds),
    missLatency: histogramOf(layer['missLatency'], lookupBounds)
  }
}

function kindOf(json: unknown): KindCounts {
  const kind = recordOf(json)
  return {
    outcomes: countsOf(kind['outcomes']),
    latency: byName(kind['latency'], (latency) => histogramOf(latency, callBounds))
  }
}

function groupOf(json: unknown): GroupCounts {
  const group = recordOf(json)
  return {
    requests: countOf(group['requests']),
    hits: countOf(group['hits']),
    misses: countOf(group['misses']),
    costUsd: countOf(group['costUsd']),
    savedUsd: countOf(group['savedUsd']),
    savedMs: countOf(group['savedMs']),
    inputTokens: countOf(group['inputTokens']),
    outputTokens: countOf(group['outputTokens']),
    savedTokens: countOf(group['savedTokens'])
  }
}

function providerOf(json: unknown): ProviderCounts {
  const provider = recordOf(json)
  return {
    ok: countOf(provider['ok']),
    failed: countOf(provider['failed']),
    latency: histogramOf(provider['latency'], callBounds)
  }
}

function targetOf(json: unknown): TargetCounts {
  const target = recordOf(json)
  return {
    retried: countOf(target['retried']),
    skipped: countsOf(target['skipped']),
    fellBack: countOf(target['fellBack']),
    costUsd: countOf(target['costUsd']),
    unpriced: countOf(target['unpriced'])
  }
}

function entryOf(entry: JsonObject): TopEntry | undefined {
  const { key, kind, model, lastHitAtMs } = entry
  if (typeof key !== 'string' || typeof kind !== 'string') return undefined
  return {
    key,
    kind,
    ...(typeof model === 'string' ? { model } : {}),
    hits: countOf(entry['hits']),
    savedUsd: countOf(entry['savedUsd']),
    savedMs: countOf(entry['savedMs']),
    lastHitAtMs: isTime(lastHitAtMs) ? lastHitAtMs : 0
  }
}

function nearMissOf({ atMs, kind, key, similarity, by, reason, text, entryText }: JsonObject): NearMiss | undefined {
  if (typeof kind !== 'string' || typeof key !== 'string' || typeof text !== 'string') return undefined
  return {
    atMs: isTime(atMs) ? atMs : 0,
    kind,
    key,
    similarity: typeof similarity === 'number' ? similarity : 0,
    by: typeof by === 'string' ? by : '',
    reason: typeof reason === 'string' ? reason : '',
    text,
    ...(typeof entryText === 'string' ? { entryText } : {})
  }
}

/** With as many buckets as there are; what is beyond them has been counted, and goes into the last. */
function histogramOf(json: unknown, bounds: readonly number[]): HistogramCounts {
  const { counts: found, sum } = recordOf(json)
  const counts = new Array<number>(bounds.length + 1).fill(0)
  for (const [index, count] of (Array.isArray(found) ? found : []).entries()) {
    const bucket = Math.min(index, bounds.length)
    counts[bucket] = (counts[bucket] ?? 0) + countOf(count)
  }
  return { counts, sum: countOf(sum) }
}

function countsOf(json: unknown): Readonly<Record<string, number>> {
  return byName(json, countOf)
}

function byName<Counts>(json: unknown, read: (json: unknown) => Counts): Readonly<Record<string, Counts>> {
  return Object.fromEntries(Object.entries(recordOf(json)).map(([name, value]) => [name, read(value)]))
}

function listOf<Item>(json: unknown, read: (json: JsonObject) => Item | undefined): readonly Item[] {
  if (!Array.isArray(json)) return []
  return json.map((item) => read(recordOf(item))).filter((item) => item !== undefined)
}

/** Nothing that has been counted is negative, or so large that 1 more would not make a difference. */
function countOf(json: unknown): number {
  return typeof json === 'number' && json >= 0 && json <= Number.MAX_SAFE_INTEGER ? json : 0
}

function isTime(json: unknown): json is number {
  return typeof json === 'number' && json >= 0 && json <= latestMs
}

function recordOf(json: unknown): JsonObject {
  return isObject(json) ? json : {}
}
