import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arbitraryEvents, arbitraryLookup } from '../../test/support/arbitrary-events.ts'
import type { Answered, Event } from '../core/events.ts'
import { cacheLayer } from './cache-layer.ts'
import type { LayerCounts, Snapshot } from './snapshot.ts'
import { Statistics } from './statistics.ts'

const request: Answered = {
  type: 'answered',
  kind: 'llm',
  model: 'gpt-4o',
  outcome: 'hit',
  layer: 'exact',
  tookMs: 2,
  tags: ['wave:1'],
  tenant: undefined,
  origin: {
    layer: 'exact',
    key: 'llm:gpt-4o:1',
    savedUsd: 0.5,
    tookMs: 802,
    usage: { inputTokens: 10, outputTokens: 5 }
  }
}

const asked: Answered = {
  ...request,
  outcome: 'miss',
  layer: 'provider',
  tookMs: 900,
  origin: {
    layer: 'provider',
    key: 'llm:gpt-4o:2',
    costUsd: 0.25,
    tookMs: 890,
    usage: { inputTokens: 20, outputTokens: 7 }
  }
}

const joined: Answered = {
  ...request,
  outcome: 'joined',
  layer: 'provider',
  tookMs: 300,
  origin: {
    layer: 'provider',
    key: 'llm:gpt-4o:2',
    joined: true,
    savedUsd: 0.25,
    tookMs: 890,
    usage: { inputTokens: 20, outputTokens: 7 }
  }
}

const failed: Answered = { ...request, outcome: 'failed', layer: undefined, origin: undefined, tookMs: 40 }

function counted(...events: readonly Event[]): Snapshot {
  const statistics = new Statistics({ now: () => 1000 })
  for (const event of events) statistics.note(event)
  return statistics.snapshot()
}

function layerOf({ layers }: Snapshot, label: string): LayerCounts {
  const layer = layers[label]
  if (layer === undefined) throw new Error(`nothing was counted for ${label}`)
  return layer
}

describe('the counts of a layer', () => {
  it('have one outcome for each lookup, and are what a recount gives', () => {
    fc.assert(
      fc.property(fc.array(arbitraryLookup, { maxLength: 200 }), (lookups) => {
        const { layers } = counted(...lookups.flat())
        const recount = new Map<string, { hits: number; misses: number; bypasses: number; staleHits: number }>()
        for (const event of lookups.flat()) {
          if (event.type !== 'hit' && event.type !== 'miss' && event.type !== 'bypass') continue
          const label = cacheLayer(event.kind, event.layer)
          const counts = recount.get(label) ?? { hits: 0, misses: 0, bypasses: 0, staleHits: 0 }
          recount.set(label, counts)
          if (event.type === 'hit') counts.hits += 1
          if (event.type === 'hit' && event.stale) counts.staleHits += 1
          if (event.type === 'miss') counts.misses += 1
          if (event.type === 'bypass') counts.bypasses += 1
        }
        expect(Object.keys(layers).toSorted()).toEqual([...recount.keys()].toSorted())
        for (const [label, { lookups, hits, misses, bypasses, staleHits, ...layer }] of Object.entries(layers)) {
          expect(lookups).toBe(hits + misses + bypasses)
          expect({ hits, misses, bypasses, staleHits }).toEqual(recount.get(label))
          expect(layer.hitLatency.counts.reduce((sum, count) => sum + count, 0)).toBe(hits)
          expect(layer.missLatency.counts.reduce((sum, count) => sum + count, 0)).toBe(misses)
        }
      })
    )
  })

  it('have the reasons of what was not looked up, not stored or not served', () => {
    const at = { layer: 'exact', kind: 'llm', key: 'k' }
    const snapshot = counted(
      { type: 'bypass', layer: 'exact', kind: 'llm', reason: 'no-store' },
      { type: 'refused', ...at, reason: 'unfit' },
      { type: 'stored', ...at, bytes: 100 },
      { type: 'stored', ...at, layer: 'semantic', bytes: 7 },
      { type: 'refuted', ...at, layer: 'semantic', similarity: 0.9, by: 'numbers', reason: '1 is not 2', text: 'a' },
      { type: 'rescued', ...at, savedUsd: 1 }
    )
    expect(layerOf(snapshot, 'llm')).toMatchObject({
      bypassReasons: { 'no-store': 1 },
      refused: { unfit: 1 },
      writes: 1,
      writtenBytes: 100,
      rescued: 1,
      savedUsd: 0
    })
    expect(layerOf(snapshot, 'llm_semantic')).toMatchObject({ writes: 1, writtenBytes: 7, refuted: { numbers: 1 } })
  })

  it('have the entries of their kind that were invalidated', () => {
    const byKind = { llm: 3, retrieval: 2, weather: 1 }
    const { layers } = counted(
      { type: 'invalidated', count: 6, byKind },
      { type: 'invalidated', count: 1, byKind: { llm: 1 } }
    )
    const invalidations = Object.entries(layers).map(([label, layer]) => [label, layer.invalidations])
    expect(Object.fromEntries(invalidations)).toEqual({ llm: 4, rag: 2, weather: 1 })
  })

  it('have the failures of the parts that they need, where it is known for which kind', () => {
    const error = new Error('no')
    const failure = (part: string, operation: string, kind?: string): Event => ({
      type: 'failed',
      part,
      operation,
      error,
      ...(kind === undefined ? {} : { kind })
    })
    const snapshot = counted(
      failure('store', 'get', 'llm'),
      failure('store-writes', 'set', 'retrieval'),
      failure('store', 'get'),
      failure('vectors', 'nearest', 'retrieval'),
      failure('embedder', 'embed'),
      failure('verifier', 'verify', 'llm'),
      failure('budgets', 'settle', 'llm')
    )
    const errors = Object.entries(snapshot.layers).map(([label, layer]) => [label, layer.errors])
    expect(Object.fromEntries(errors)).toEqual({
      llm: { get: 1 },
      rag: { set: 1 },
      rag_similarity: { nearest: 1 },
      llm_semantic: { embed: 1, verify: 1 }
    })
    expect(snapshot.failures).toEqual({
      store: { get: 2 },
      'store-writes': { set: 1 },
      vectors: { nearest: 1 },
      embedder: { embed: 1 },
      verifier: { verify: 1 },
      budgets: { settle: 1 }
    })
  })
})

describe('the counts of requests', () => {
  it('say what became of them, and how long each took', () => {
    const { kinds } = counted(request, request, asked, joined, failed, {
      ...asked,
      kind: 'embedding',
      outcome: 'bypass'
    })
    expect(kinds['llm']?.outcomes).toEqual({ hit: 2, miss: 1, joined: 1, failed: 1 })
    expect(kinds['embedding']?.outcomes).toEqual({ bypass: 1 })
    expect(kinds['llm']?.latency['hit']?.sum).toBeCloseTo(0.004)
    expect(kinds['llm']?.latency['miss']?.sum).toBeCloseTo(0.9)
  })

  it('say by model and by tag what was paid and what was not', () => {
    const { models, tags } = counted(request, asked, joined, failed)
    const counts = {
      requests: 4,
      hits: 1,
      misses: 3,
      costUsd: 0.25,
      savedUsd: 0.75,
      savedMs: 800 + 590,
      inputTokens: 20,
      outputTokens: 7,
      savedTokens: 15 + 27
    }
    expect(models).toEqual({ 'gpt-4o': counts })
    expect(tags).toEqual({ 'wave:1': counts })
  })

  it('credit what was saved to the layer that answered, and of shared calls to single flight', () => {
    const rescued: Answered = { ...request, outcome: 'rescued', layer: 'semantic', kind: 'retrieval' }
    const snapshot = counted(request, asked, joined, rescued)
    expect(layerOf(snapshot, 'llm')).toMatchObject({ savedUsd: 0.5, savedMs: 800, lookups: 0 })
    expect(layerOf(snapshot, 'single_flight')).toMatchObject({ savedUsd: 0.25, savedMs: 590, lookups: 0, hits: 0 })
    expect(layerOf(snapshot, 'rag_similarity')).toMatchObject({ savedUsd: 0.5, savedMs: 800 })
    expect(snapshot.top).toMatchObject([
      { key: 'llm:gpt-4o:1', hits: 2, savedUsd: 1, savedMs: 1600, lastHitAtMs: 1000 }
    ])
  })

  it('never take time away, and need neither price nor tokens nor a provider that was timed', () => {
    const slow = { ...request, tookMs: 5000 }
    const bare = { ...request, origin: { layer: 'exact' } }
    const { models, top } = counted(slow, bare)
    expect(models['gpt-4o']).toMatchObject({ requests: 2, hits: 2, savedMs: 0, savedUsd: 0.5, savedTokens: 15 })
    expect(top).toHaveLength(1)
  })

  it('count a request once that bears a tag twice, and none for a model that there is not', () => {
    const { models, tags } = counted({ ...request, model: undefined, tags: ['a', 'b', 'a'] })
    expect(models).toEqual({})
    expect(tags).toMatchObject({ a: { requests: 1 }, b: { requests: 1 } })
  })
})

describe('the counts of providers and targets', () => {
  it('say who was asked, how often in vain, and at what price', () => {
    const { providers, targets, refreshes } = counted(
      { type: 'asked', provider: 'openai', wire: 'openai-chat', ok: true, tookMs: 1000 },
      { type: 'asked', provider: 'openai', wire: 'openai-chat', ok: false, tookMs: 3000 },
      { type: 'retried', target: 'first', waitMs: 10, reason: '503' },
      { type: 'skipped', target: 'first', reason: 'left-out', detail: '' },
      { type: 'fell-back', from: 'first', to: 'second', reason: '503' },
      { type: 'charged', target: 'second', model: 'm', costUsd: 0.5 },
      { type: 'charged', target: 'second', model: 'm', costUsd: undefined },
      { type: 'refreshed', kind: 'llm', key: 'k', ok: true },
      { type: 'refreshed', kind: 'llm', key: 'k', ok: false }
    )
    expect(providers).toMatchObject({ openai: { ok: 1, failed: 1, latency: { sum: 4 } } })
    expect(targets).toEqual({
      first: { retried: 1, skipped: { 'left-out': 1 }, fellBack: 1, costUsd: 0, unpriced: 0 },
      second: { retried: 0, skipped: {}, fellBack: 0, costUsd: 0.5, unpriced: 1 }
    })
    expect(refreshes).toEqual({ ok: 1, failed: 1 })
  })
})

describe('what is remembered', () => {
  it('has a bound, whatever callers name their models, tags and kinds', () => {
    const statistics = new Statistics()
    const error = new Error('no')
    for (let number = 0; number < 100_000; number++) {
      const names = { kind: `kind-${number}`, layer: `layer-${number % 1000}` }
      statistics.note({ type: 'looked-up', ...names })
      statistics.note({ type: 'bypass', ...names, reason: `reason-${number}` })
      statistics.note({
        type: 'failed',
        part: `part-${number}`,
        operation: `operation-${number}`,
        error
      })
      statistics.note({ type: 'asked', provider: `provider-${number}`, wire: 'w', ok: true, tookMs: 1 })
      statistics.note({ type: 'retried', target: `target-${number}`, waitMs: 1, reason: '' })
      const origin = { layer: 'exact', key: `key-${number}` }
      statistics.note({
        ...request,
        kind: names.kind,
        model: `model-${number}`,
        tags: [`tag-${number}`, 'all'],
        origin
      })
    }
    const snapshot = statistics.snapshot()
    const { layers, kinds, models, tags, providers, targets, failures, top } = snapshot
    const sizes = { layers, kinds, models, tags, providers, targets, failures, top }
    expect(Object.fromEntries(Object.entries(sizes).map(([name, held]) => [name, Object.keys(held).length]))).toEqual({
      layers: expect.any(Number),
      kinds: 51,
      models: 201,
      tags: 500,
      providers: 201,
      targets: 201,
      failures: 101,
      top: 100
    })
    expect(Object.keys(layers).length).toBeLessThan(1200)
    expect(models['other']?.requests).toBe(99_800)
    expect(Object.values(layers).reduce((sum, { lookups }) => sum + lookups, 0)).toBe(100_000)
    // Those asked for least lately are forgotten; one that is asked for again and again never is.
    expect(tags['all']?.requests).toBe(100_000)
    expect(tags['tag-99999']?.requests).toBe(1)
    expect(tags['tag-0']).toBeUndefined()
  })

  it('has the latest fifty near misses, latest first, and the beginning of what they said', () => {
    let atMs = 0
    const statistics = new Statistics({ now: () => atMs++ })
    const near = { layer: 'semantic', kind: 'llm', similarity: 0.93, by: 'numbers', reason: '4 is not 5' }
    for (let number = 0; number < 60; number++) {
      statistics.note({
        type: 'refuted',
        ...near,
        key: `k-${number}`,
        text: 'x'.repeat(1000),
        entryText: 'é'.repeat(1000)
      })
    }
    statistics.note({ type: 'refuted', ...near, key: 'last', text: 'short' })
    const { nearMisses } = statistics.snapshot()
    expect(nearMisses).toHaveLength(50)
    expect(nearMisses[0]).toEqual({
      atMs: atMs - 2,
      kind: 'llm',
      key: 'last',
      similarity: 0.93,
      by: 'numbers',
      reason: '4 is not 5',
      text: 'short'
    })
    expect(nearMisses[1]).toMatchObject({ key: 'k-59', text: 'x'.repeat(300), entryText: 'é'.repeat(300) })
    expect(nearMisses.at(-1)?.key).toBe('k-11')
  })
})

describe('a snapshot', () => {
  it('has how many were asked together, and how often, and counts no lookup for it', () => {
    const batched = { type: 'batched', layer: 'batch', kind: 'llm', alone: 0, reasons: [] } as const
    const { batches, layers } = counted(
      { ...batched, size: 2 },
      { ...batched, size: 5, alone: 5 },
      { ...batched, size: 5 }
    )
    // At most 1, 2, 3, 4, 5, ...
    expect(batches).toEqual({ sizes: { counts: [0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0], sum: 12 }, requests: 12 })
    expect(layers).toEqual({})
  })

  it('stays as it was when more is counted', () => {
    fc.assert(
      fc.property(arbitraryEvents, arbitraryEvents, (before, after) => {
        const statistics = new Statistics({ now: () => 1000 })
        for (const event of before) statistics.note(event)
        const snapshot = statistics.snapshot()
        const text = JSON.stringify(snapshot)
        for (const event of after) statistics.note(event)
        expect(JSON.stringify(snapshot)).toBe(text)
      }),
      { numRuns: 30 }
    )
  })

  it('says since when it has been counted, and when it was taken', () => {
    let atMs = 1000
    const statistics = new Statistics({ now: () => atMs })
    atMs = 5000
    expect(statistics.snapshot()).toMatchObject({ version: 1, sinceMs: 1000, atMs: 5000, processes: 1 })
  })

  it('is not changed by what only concerns others', () => {
    const { atMs: _, ...before } = counted()
    const { atMs: _at, ...after } = counted(
      { type: 'switched', layer: 'semantic', on: false },
      { type: 'opened', part: 'store' },
      { type: 'closed', part: 'store' },
      { type: 'joined', layer: 'single-flight', kind: 'llm', key: 'k' }
    )
    expect(after).toEqual(before)
  })
})
