import { LRUCache } from 'lru-cache'
import type { Answered, Event } from '../core/events.ts'
import { cacheLayer } from './cache-layer.ts'
import { Gain, GroupCounters, KindCounters, LayerCounters, ProviderCounters, TargetCounters } from './counters.ts'
import { countGroups, countRecord, Groups, recordOf, shortName } from './groups.ts'
import { batchBounds, Histogram } from './histogram.ts'
import { History, type Totals } from './history.ts'
import { NearMisses } from './near-misses.ts'
import type { Snapshot } from './snapshot.ts'
import { TopEntries } from './top-entries.ts'

export interface StatisticsOptions {
  /** Milliseconds since 1970. Default: the clock. */
  readonly now?: () => number
}

/** Callers name models, kinds and tags, so that of each only so many are told apart. */
const mostModels = 200
const mostTags = 500
const mostKinds = 50
const mostLayers = 20
const mostProviders = 200
const mostTargets = 200
const mostParts = 100
const mostOperations = 50

/** Which of the parts that fail belongs to which layer. */
const layerOfPart: ReadonlyMap<string, 'exact' | 'semantic'> = new Map([
  ['store', 'exact'],
  ['store-writes', 'exact'],
  ['exact', 'exact'],
  ['vectors', 'semantic'],
  ['embedder', 'semantic'],
  ['verifier', 'semantic']
])

/**
 * Counts what happens in this process. It holds a few megabytes at most, whatever callers name their models and tags,
 * and an event whose names are known is counted without anything being made.
 */
export class Statistics {
  /** What has happened over the last hour and the last day. */
  readonly history: History
  readonly #now: () => number
  readonly #sinceMs: number
  readonly #labels = new Map<string, LayerCounters>()
  /** By layer and kind, so that a label need not be put together to be looked up. */
  readonly #layers = new Groups(
    mostLayers,
    (layer) => new Groups(mostKinds, (kind) => this.#labelled(cacheLayer(kind, layer)))
  )
  readonly #kinds = new Groups(mostKinds, () => new KindCounters())
  readonly #models = new Groups(mostModels, () => new GroupCounters())
  readonly #tags = new LRUCache<string, GroupCounters>({ max: mostTags })
  readonly #providers = new Groups(mostProviders, () => new ProviderCounters())
  readonly #targets = new Groups(mostTargets, () => new TargetCounters())
  readonly #failures = new Groups(mostParts, () => countGroups(mostOperations))
  readonly #refreshes = { ok: 0, failed: 0 }
  readonly #top = new TopEntries()
  readonly #nearMisses = new NearMisses()
  readonly #batches = new Histogram(batchBounds)
  #batched = 0
  readonly #gain = new Gain()
  #answered = 0
  /** When something was looked up last: reading the clock once more would cost as much as all the rest. */
  #atMs: number

  constructor({ now = Date.now }: StatisticsOptions = {}) {
    this.#now = now
    this.#sinceMs = now()
    this.#atMs = this.#sinceMs
    this.history = new History(now, () => this.#totals())
  }

  /** Counts an event. Does not throw. */
  note(event: Event): void {
    switch (event.type) {
      case 'looked-up':
        this.#atMs = this.#now()
        this.history.advance(this.#atMs)
        this.#layer(event.layer, event.kind).lookups += 1
        break
      case 'hit': {
        const layer = this.#layer(event.layer, event.kind)
        layer.hits += 1
        if (event.stale) layer.staleHits += 1
        layer.hitLatency.observe(event.tookMs / 1000)
        break
      }
      case 'answered':
        this.#noteAnswered(event)
        break
      case 'miss': {
        const layer = this.#layer(event.layer, event.kind)
        layer.misses += 1
        layer.missLatency.observe(event.tookMs / 1000)
        break
      }
      case 'bypass': {
        const layer = this.#layer(event.layer, event.kind)
        layer.bypasses += 1
        layer.bypassReasons.of(event.reason).value += 1
        break
      }
      case 'stored': {
        const layer = this.#layer(event.layer, event.kind)
        layer.writes += 1
        layer.writtenBytes += event.bytes
        break
      }
      case 'asked':
        this.#providers.of(event.provider).add(event.ok, event.tookMs)
        break
      default:
        this.#noteRare(event)
    }
  }

  /** All that has been counted so far. */
  snapshot(): Snapshot {
    return {
      version: 1,
      sinceMs: this.#sinceMs,
      atMs: this.#now(),
      processes: 1,
      layers: recordOf(this.#labels, (layer) => layer.snapshot()),
      kinds: this.#kinds.record((kind) => kind.snapshot()),
      models: this.#models.record((model) => model.snapshot()),
      tags: recordOf(this.#tags.entries(), (tag) => tag.snapshot()),
      providers: this.#providers.record((provider) => provider.snapshot()),
      targets: this.#targets.record((target) => target.snapshot()),
      failures: this.#failures.record(countRecord),
      refreshes: { ...this.#refreshes },
      top: this.#top.snapshot(),
      nearMisses: this.#nearMisses.snapshot(),
      batches: { sizes: this.#batches.snapshot(), requests: this.#batched }
    }
  }

  #noteAnswered(event: Answered): void {
    const { kind, model, outcome, origin, tags } = event
    // A hit has just been looked up; anything else may have taken long.
    if (outcome !== 'hit') {
      this.#atMs = this.#now()
      this.history.advance(this.#atMs)
    }
    this.#answered += 1
    const gain = this.#gain
    gain.read(event)
    this.#kinds.of(kind).add(outcome, event.tookMs)
    if (model !== undefined) this.#models.of(model).add(gain)
    for (let index = 0; index < tags.length; index++) this.#noteTag(tags[index] ?? '')
    if (outcome !== 'hit' && outcome !== 'rescued' && outcome !== 'joined') return
    const layer = this.#layer(outcome === 'joined' ? 'single-flight' : (event.layer ?? 'exact'), kind)
    layer.savedUsd += gain.savedUsd
    layer.savedMs += gain.savedMs
    if (outcome === 'joined' || origin?.key === undefined) return
    this.#top.add(origin.key, kind, model, gain.savedUsd, gain.savedMs, this.#atMs)
  }

  #noteTag(name: string): void {
    const counters = this.#tags.get(name) ?? this.#addTag(shortName(name))
    if (counters.latest === this.#answered) return
    counters.latest = this.#answered
    counters.add(this.#gain)
  }

  #addTag(name: string): GroupCounters {
    const known = this.#tags.get(name)
    if (known !== undefined) return known
    const counters = new GroupCounters()
    this.#tags.set(name, counters)
    return counters
  }

  /** What does not happen with every request. */
  #noteRare(event: Event): void {
    switch (event.type) {
      case 'refused':
        this.#layer(event.layer, event.kind).refused.of(event.reason).value += 1
        break
      case 'refuted': {
        const { kind, key, similarity, by, reason, text, entryText } = event
        this.#layer(event.layer, kind).refuted.of(by).value += 1
        const near = { atMs: this.#now(), kind, key, similarity, by, reason, text }
        this.#nearMisses.add(entryText === undefined ? near : { ...near, entryText })
        break
      }
      case 'rescued':
        this.#layer(event.layer, event.kind).rescued += 1
        break
      case 'invalidated':
        for (const [kind, count] of Object.entries(event.byKind)) this.#layer('exact', kind).invalidations += count
        break
      case 'failed':
        this.#noteFailed(event.part, event.operation, event.kind)
        break
      case 'retried':
        this.#targets.of(event.target).retried += 1
        break
      case 'skipped':
        this.#targets.of(event.target).skipped.of(event.reason).value += 1
        break
      case 'fell-back':
        this.#targets.of(event.from).fellBack += 1
        break
      case 'charged': {
        const target = this.#targets.of(event.target)
        if (event.costUsd === undefined) target.unpriced += 1
        else target.costUsd += event.costUsd
        break
      }
      case 'batched':
        this.#batches.observe(event.size)
        this.#batched += event.size
        break
      case 'refreshed':
        this.#refreshes[event.ok ? 'ok' : 'failed'] += 1
        break
      default:
    }
  }

  #noteFailed(part: string, operation: string, kind: string | undefined): void {
    this.#failures.of(part).of(operation).value += 1
    const layer = layerOfPart.get(part)
    if (layer === undefined || (kind === undefined && layer === 'exact')) return
    // What is embedded and compared without saying for whom is mostly meant for language models.
    this.#layer(layer, kind ?? 'llm').errors.of(operation).value += 1
  }

  #layer(layer: string, kind: string): LayerCounters {
    return this.#layers.of(layer).of(kind)
  }

  #labelled(label: string): LayerCounters {
    const known = this.#labels.get(label)
    if (known !== undefined) return known
    const counters = new LayerCounters()
    this.#labels.set(label, counters)
    return counters
  }

  #totals(): Totals {
    const totals = { requests: 0, savedUsd: 0, savedMs: 0, hitCount: 0, hitMs: 0, missCount: 0, missMs: 0 }
    for (const [, kind] of this.#kinds) {
      for (const [outcome, { count, ms }] of kind.outcomes) {
        totals.requests += count
        if (outcome === 'hit') {
          totals.hitCount += count
          totals.hitMs += ms
        } else if (outcome === 'miss') {
          totals.missCount += count
          totals.missMs += ms
        }
      }
    }
    const layers = new Map<string, { readonly lookups: number; readonly hits: number }>()
    for (const [label, { lookups, hits, savedUsd, savedMs }] of this.#labels) {
      totals.savedUsd += savedUsd
      totals.savedMs += savedMs
      layers.set(label, { lookups, hits })
    }
    return { ...totals, layers }
  }
}
