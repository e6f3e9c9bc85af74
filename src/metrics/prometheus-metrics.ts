import { standardCacheLayers } from './cache-layer.ts'
import { batchBounds, callBounds, lookupBounds } from './histogram.ts'
import type { HistogramCounts, LayerCounts, Snapshot } from './snapshot.ts'

/** One thing that is measured, and how it is read from a snapshot. The table of them stands in docs/metrics.md too. */
export type Metric = CounterMetric | HistogramMetric

/** The labels' values, and what was counted for them. */
export type Read<Counted> = readonly [labels: readonly string[], counted: Counted]

interface Named {
  /** What follows the prefix. */
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
}

export interface CounterMetric extends Named {
  readonly type: 'counter'
  readonly read: (snapshot: Snapshot) => readonly Read<number>[]
}

export interface HistogramMetric extends Named {
  readonly type: 'histogram'
  readonly bounds: readonly number[]
  readonly read: (snapshot: Snapshot) => readonly Read<HistogramCounts>[]
}

/** What a snapshot does not hold, and whoever serves the metrics adds: by name. */
export const gauges = {
  store_up: { help: 'Whether the store can be read and written: 1, or 0.', labels: [] },
  store_entries: { help: 'Entries in the store, as far as it can say.', labels: [] },
  store_bytes: { help: 'What the entries in the store take, in bytes, as far as it can say.', labels: [] },
  target_up: { help: 'Whether a target is asked: 1, or 0 while it is left out.', labels: ['target'] },
  budget_limit_usd: { help: 'What a budget allows in its current period, in US dollars.', labels: ['budget'] },
  budget_spent_usd: {
    help: 'What has been spent of a budget in its current period, in US dollars.',
    labels: ['budget']
  },
  build_info: { help: 'Always 1; the version is a label.', labels: ['version'] }
} as const satisfies Record<string, { readonly help: string; readonly labels: readonly string[] }>

const outcomes = ['hit', 'miss', 'joined', 'rescued', 'bypass', 'failed']

/** There from the beginning, with 0: a counter that comes into being with its first count seems not to have grown. */
const standardKinds = ['llm', 'retrieval']
const standardOperations = ['get', 'set']

const layer = ['cache_layer']

export const metrics: readonly Metric[] = [
  counter('cache_lookups_total', layer, 'Lookups: hits, misses and bypasses.', (each) => perLayer(each, 'lookups')),
  counter('cache_hits_total', layer, 'Lookups that found an answer.', (each) => perLayer(each, 'hits')),
  counter('cache_misses_total', layer, 'Lookups that found none.', (each) => perLayer(each, 'misses')),
  counter('cache_bypasses_total', [...layer, 'reason'], 'Lookups that were not made, by reason.', (each) =>
    perLayerAndName(each, ({ bypassReasons }) => bypassReasons)
  ),
  counter('cache_stale_hits_total', layer, 'Hits past their time to live.', (each) => perLayer(each, 'staleHits')),
  counter('cache_rescued_total', layer, 'Older or similar answers served because everybody below had failed.', (each) =>
    perLayer(each, 'rescued')
  ),
  counter('cache_writes_total', layer, 'Answers stored.', (each) => perLayer(each, 'writes')),
  counter('cache_invalidations_total', layer, 'Entries invalidated.', (each) => perLayer(each, 'invalidations')),
  counter('cache_errors_total', [...layer, 'operation'], 'Operations of the store that failed.', (each) =>
    perLayerAndName(each, ({ errors }) => ({ ...zeros(standardOperations), ...errors }))
  ),
  counter('cache_refused_total', [...layer, 'reason'], 'Answers not fit to be stored, by reason.', (each) =>
    perLayerAndName(each, ({ refused }) => refused)
  ),
  counter('cache_refuted_total', [...layer, 'guard'], 'Near entries that mean something else, by guard.', (each) =>
    perLayerAndName(each, ({ refuted }) => refuted)
  ),
  counter(
    'cache_cost_savings_usd_total',
    layer,
    'What hits have saved, in US dollars, where the price is known.',
    (each) => perLayer(each, 'savedUsd')
  ),
  counter('cache_time_savings_seconds_total', layer, 'What hits have saved of the time that providers take.', (each) =>
    layersOf(each).map(([name, { savedMs }]) => [[name], savedMs / 1000])
  ),
  histogram('cache_lookup_duration_seconds', [...layer, 'result'], lookupBounds, 'How long lookups took.', (each) =>
    layersOf(each).flatMap(([name, { hitLatency, missLatency }]) => [
      [[name, 'hit'], hitLatency],
      [[name, 'miss'], missLatency]
    ])
  ),
  counter('requests_total', ['kind', 'outcome'], 'Requests, by what has become of them.', (each) =>
    entriesOf({ ...Object.fromEntries(standardKinds.map((kind) => [kind, { outcomes: {} }])), ...each.kinds }).flatMap(
      ([kind, counts]) =>
        entriesOf({ ...zeros(outcomes), ...counts.outcomes }).map(([name, count]) => [[kind, name], count])
    )
  ),
  histogram('request_duration_seconds', ['kind', 'outcome'], callBounds, 'How long requests took.', (each) =>
    entriesOf(each.kinds).flatMap(([kind, { latency }]) =>
      entriesOf(latency).map(([name, counts]) => [[kind, name], counts])
    )
  ),
  counter('model_requests_total', ['model', 'result'], 'Requests answered by the cache, and not, by model.', (each) =>
    entriesOf(each.models).flatMap(([model, { hits, misses }]) => [
      [[model, 'hit'], hits],
      [[model, 'miss'], misses]
    ])
  ),
  counter('model_cost_usd_total', ['model'], 'What was paid, in US dollars, where the price is known.', (each) =>
    entriesOf(each.models).map(([model, { costUsd }]) => [[model], costUsd])
  ),
  counter('provider_calls_total', ['provider', 'result'], 'Calls to providers: ok, and failed.', (each) =>
    entriesOf(each.providers).flatMap(([provider, { ok, failed }]) => [
      [[provider, 'ok'], ok],
      [[provider, 'failed'], failed]
    ])
  ),
  histogram('provider_call_duration_seconds', ['provider'], callBounds, 'How long calls to providers took.', (each) =>
    entriesOf(each.providers).map(([provider, { latency }]) => [[provider], latency])
  ),
  counter('target_retries_total', ['target'], 'Targets asked again after a wait.', (each) =>
    entriesOf(each.targets).map(([target, { retried }]) => [[target], retried])
  ),
  counter('target_skipped_total', ['target', 'reason'], 'Targets passed over without being asked, by reason.', (each) =>
    entriesOf(each.targets).flatMap(([target, { skipped }]) =>
      entriesOf(skipped).map(([reason, count]) => [[target, reason], count])
    )
  ),
  counter(
    'target_fallbacks_total',
    ['target'],
    'Targets that did not answer, so that the next one was asked.',
    (each) => entriesOf(each.targets).map(([target, { fellBack }]) => [[target], fellBack])
  ),
  counter('part_failures_total', ['part', 'operation'], 'Failures of parts that requests went on without.', (each) =>
    entriesOf(each.failures).flatMap(([part, operations]) =>
      entriesOf(operations).map(([operation, count]) => [[part, operation], count])
    )
  ),
  counter('refreshes_total', ['result'], 'Entries asked anew in the background: ok, and failed.', ({ refreshes }) => [
    [['ok'], refreshes.ok],
    [['failed'], refreshes.failed]
  ]),
  histogram('batch_size', [], batchBounds, 'How many prompts were asked together in one call.', ({ batches }) => [
    [[], batches.sizes]
  ]),
  counter('batch_requests_processed_total', [], 'Prompts asked together with others in one call.', ({ batches }) => [
    [[], batches.requests]
  ])
]

function counter(name: string, labels: readonly string[], help: string, read: CounterMetric['read']): CounterMetric {
  return { type: 'counter', name, labels, help, read }
}

function histogram(
  name: string,
  labels: readonly string[],
  bounds: readonly number[],
  help: string,
  read: HistogramMetric['read']
): HistogramMetric {
  return { type: 'histogram', name, labels, bounds, help, read }
}

const nothing: HistogramCounts = { counts: [], sum: 0 }

/** A layer that nobody has asked yet. */
const unasked: LayerCounts = {
  lookups: 0,
  hits: 0,
  staleHits: 0,
  misses: 0,
  bypasses: 0,
  bypassReasons: {},
  writes: 0,
  writtenBytes: 0,
  invalidations: 0,
  errors: {},
  refused: {},
  refuted: {},
  rescued: 0,
  savedUsd: 0,
  savedMs: 0,
  hitLatency: nothing,
  missLatency: nothing
}

const unaskedLayers = Object.fromEntries(standardCacheLayers.map((label) => [label, unasked]))

function layersOf({ layers }: Snapshot): [string, LayerCounts][] {
  return entriesOf({ ...unaskedLayers, ...layers })
}

type LayerNumber = {
  [Field in keyof LayerCounts]: LayerCounts[Field] extends number ? Field : never
}[keyof LayerCounts]

function perLayer(snapshot: Snapshot, field: LayerNumber): Read<number>[] {
  return layersOf(snapshot).map(([label, counts]) => [[label], counts[field]])
}

function perLayerAndName(
  snapshot: Snapshot,
  of: (counts: LayerCounts) => Readonly<Record<string, number>>
): Read<number>[] {
  return layersOf(snapshot).flatMap(([label, counts]) =>
    entriesOf(of(counts)).map(([name, count]): Read<number> => [[label, name], count])
  )
}

function entriesOf<Value>(record: Readonly<Record<string, Value>>): [string, Value][] {
  return Object.entries(record)
}

function zeros(names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, 0]))
}
