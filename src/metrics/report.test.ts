import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arbitraryEvents } from '../../test/support/arbitrary-events.ts'
import type { Answered, Event } from '../core/events.ts'
import { merged } from './merged.ts'
import { type Report, report, reportLayer } from './report.ts'
import { Statistics } from './statistics.ts'

const startMs = Date.UTC(2026, 0, 2, 3, 4, 5)

function statisticsOf(...events: readonly Event[]): Statistics {
  const statistics = new Statistics({ now: () => startMs })
  for (const event of events) statistics.note(event)
  return statistics
}

function reportOf(...events: readonly Event[]): Report {
  return report(statisticsOf(...events).snapshot(), { scope: 'process', full: true })
}

function times<Item>(count: number, item: Item): Item[] {
  return Array.from({ length: count }, () => item)
}

const lookedUp = { type: 'looked-up', layer: 'exact', kind: 'llm' } as const
const hit: Event = { type: 'hit', layer: 'exact', kind: 'llm', key: 'k', stale: false, tookMs: 2 }
const miss: Event = { type: 'miss', layer: 'exact', kind: 'llm', key: 'k', tookMs: 4 }
const stored: Event = { type: 'stored', layer: 'exact', kind: 'llm', key: 'k', bytes: 9 }

const answered: Answered = {
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
    savedUsd: 0.1,
    tookMs: 1002,
    usage: { inputTokens: 10, outputTokens: 5 }
  }
}

const asked: Answered = {
  ...answered,
  outcome: 'miss',
  layer: 'provider',
  tookMs: 1000,
  origin: { layer: 'provider', costUsd: 0.2, usage: { inputTokens: 20, outputTokens: 7 } }
}

describe('the report', () => {
  it('begins with the fields that have always been there, and means the same by them', () => {
    const events = [
      ...times(1000, lookedUp),
      ...times(650, hit),
      ...times(350, miss),
      ...times(350, stored),
      { type: 'invalidated', count: 12, byKind: { llm: 12 } } as const,
      ...times(62, answered),
      ...times(38, asked)
    ]
    const seen = reportOf(...events)
    expect(seen.llm_cache).toMatchObject({
      cache_layer: 'llm',
      hit_rate: 0.65,
      total_hits: 650,
      total_misses: 350,
      total_writes: 350,
      total_invalidations: 12,
      total_errors: 0
    })
    expect(seen.combined_hit_rate).toBe(0.62)
    expect(Object.keys(seen.llm_cache).slice(0, 7)).toEqual([
      'cache_layer',
      'hit_rate',
      'total_hits',
      'total_misses',
      'total_writes',
      'total_invalidations',
      'total_errors'
    ])
    expect(Object.keys(seen).slice(0, 5)).toEqual([
      'llm_cache',
      'llm_semantic_cache',
      'rag_cache',
      'rag_similarity_cache',
      'combined_hit_rate'
    ])
  })

  it('says how many calls several requests were asked in, and how many those were', () => {
    const batched = { type: 'batched', layer: 'batch', kind: 'llm', alone: 0, reasons: [] } as const
    expect(reportOf({ ...batched, size: 5 }, { ...batched, size: 2 }).batches).toEqual({ calls: 2, requests: 7 })
  })

  it('has the four layers before anything has been counted, and all its fields', () => {
    const layer = {
      hit_rate: 0,
      total_hits: 0,
      total_misses: 0,
      total_writes: 0,
      total_invalidations: 0,
      total_errors: 0,
      total_lookups: 0,
      total_bypasses: 0,
      total_stale_hits: 0,
      total_rescued: 0,
      saved_usd: 0,
      saved_seconds: 0,
      average_hit_latency_ms: 0,
      average_miss_latency_ms: 0,
      bypass_reasons: {},
      refused: {},
      refuted_by_guard: {}
    }
    const latency = { count: 0, mean_ms: 0, p50_ms: 0, p95_ms: 0, p99_ms: 0 }
    expect(reportOf()).toEqual({
      llm_cache: { cache_layer: 'llm', ...layer },
      llm_semantic_cache: { cache_layer: 'llm_semantic', ...layer },
      rag_cache: { cache_layer: 'rag', ...layer },
      rag_similarity_cache: { cache_layer: 'rag_similarity', ...layer },
      combined_hit_rate: 0,
      semantic_hit_rate: 0,
      scope: 'process',
      processes: 1,
      since: '2026-01-02T03:04:05.000Z',
      requests: { total: 0, hits: 0, misses: 0, joined: 0, rescued: 0, bypassed: 0, failed: 0 },
      saved: { usd: 0, seconds: 0, tokens: 0 },
      spent: { usd: 0, unpriced_calls: 0 },
      latency: { hit: latency, miss: latency },
      by_model: [],
      providers: [],
      targets: [],
      failures: {},
      refreshes: { ok: 0, failed: 0 },
      batches: { calls: 0, requests: 0 },
      by_tag: [],
      top_entries: [],
      near_misses: []
    })
  })

  it('has other layers once something has been counted for them', () => {
    const seen = reportOf(
      { ...lookedUp, kind: 'embedding' },
      { ...lookedUp, kind: 'weather', layer: 'semantic' },
      { type: 'hit', layer: 'semantic', kind: 'weather', key: 'k', stale: true, tookMs: 1 }
    )
    expect(seen['embedding_cache']).toMatchObject({ cache_layer: 'embedding', total_lookups: 1 })
    expect(seen['weather_semantic_cache']).toMatchObject({
      hit_rate: 1,
      total_stale_hits: 1,
      average_hit_latency_ms: 1
    })
    expect(Object.keys(seen).filter((name) => name.endsWith('_cache'))).toHaveLength(6)
  })

  it('takes for the combined rate all requests that were looked up, of whatever kind', () => {
    const other = (outcome: Answered['outcome']): Answered => ({ ...answered, kind: 'retrieval', outcome })
    const seen = reportOf(
      ...times(3, answered),
      asked,
      ...(['joined', 'rescued', 'failed', 'bypass', 'hit'] as const).map(other)
    )
    expect(seen.requests).toEqual({ total: 9, hits: 4, misses: 1, joined: 1, rescued: 1, bypassed: 1, failed: 1 })
    expect(seen.combined_hit_rate).toBe(0.5)
  })

  it('takes for the semantic rate the lookups by meaning of all kinds', () => {
    const byMeaning = (event: Event, kind: string): Event => ({ ...event, layer: 'semantic', kind }) as Event
    const seen = reportOf(
      hit,
      byMeaning(hit, 'llm'),
      byMeaning(miss, 'llm'),
      byMeaning(miss, 'retrieval'),
      byMeaning(miss, 'own')
    )
    expect(seen.semantic_hit_rate).toBe(0.25)
  })

  it('says what was saved and spent, by whom, and how long it took', () => {
    const seen = reportOf(answered, answered, answered, asked, {
      type: 'asked',
      provider: 'openai',
      wire: 'w',
      ok: true,
      tookMs: 998
    })
    expect(seen.saved).toEqual({ usd: 0.3, seconds: 3, tokens: 45 })
    expect(seen.spent).toEqual({ usd: 0.2, unpriced_calls: 0 })
    const group = {
      requests: 4,
      hits: 3,
      misses: 1,
      hit_rate: 0.75,
      cost_usd: 0.2,
      saved_usd: 0.3,
      saved_seconds: 3,
      input_tokens: 20,
      output_tokens: 7,
      saved_tokens: 45
    }
    expect(seen.by_model).toEqual([{ model: 'gpt-4o', ...group }])
    expect(seen.by_tag).toEqual([{ tag: 'wave:1', ...group }])
    expect(seen.latency.hit).toMatchObject({ count: 3, mean_ms: 2 })
    expect(seen.latency.miss).toMatchObject({ count: 1, mean_ms: 1000 })
    expect(seen.providers).toEqual([{ provider: 'openai', ok: 1, failed: 0, mean_ms: 998, p50_ms: 750, p95_ms: 975 }])
    expect(seen.llm_cache).toMatchObject({ saved_usd: 0.3, saved_seconds: 3 })
    expect(seen.top_entries).toEqual([
      {
        key: 'llm:gpt-4o:1',
        kind: 'llm',
        model: 'gpt-4o',
        hits: 3,
        saved_usd: 0.3,
        saved_seconds: 3,
        last_hit: '2026-01-02T03:04:05.000Z'
      }
    ])
  })

  it('takes what targets were paid where there are any: calls that failed and those in the background too', () => {
    const seen = reportOf(
      asked,
      { type: 'charged', target: 'first', model: 'm', costUsd: 0.2 },
      { type: 'charged', target: 'first', model: 'm', costUsd: 0.4 },
      { type: 'charged', target: 'second', model: 'm', costUsd: undefined },
      { type: 'fell-back', from: 'first', to: 'second', reason: '503' }
    )
    expect(seen.spent).toEqual({ usd: 0.6, unpriced_calls: 1 })
    expect(seen.targets).toEqual([
      { target: 'first', retried: 0, skipped: {}, fell_back: 1, cost_usd: 0.6, unpriced: 0 },
      { target: 'second', retried: 0, skipped: {}, fell_back: 0, cost_usd: 0, unpriced: 1 }
    ])
  })

  it('tells who was near and refused', () => {
    const near = { layer: 'semantic', kind: 'llm', key: 'k', similarity: 0.93456, by: 'numbers', reason: '4 is not 5' }
    expect(reportOf({ type: 'refuted', ...near, text: 'add 4' }).near_misses).toEqual([
      {
        at: '2026-01-02T03:04:05.000Z',
        kind: 'llm',
        key: 'k',
        similarity: 0.9346,
        by: 'numbers',
        reason: '4 is not 5',
        text: 'add 4',
        entry_text: null
      }
    ])
  })

  it('keeps tags, keys and texts from those who may not administrate', () => {
    const text = 'what only its caller knows'
    const near = { layer: 'semantic', kind: 'llm', key: 'llm:gpt-4o:1', similarity: 0.9, by: 'numbers', reason: '' }
    const snapshot = statisticsOf(answered, { type: 'refuted', ...near, text }).snapshot()
    const seen = JSON.stringify(report(snapshot, { scope: 'process', full: false }))
    for (const secret of [text, 'wave:1', 'llm:gpt-4o:1', 'by_tag', 'top_entries', 'near_misses']) {
      expect(seen).not.toContain(secret)
    }
  })

  it('puts those asked for most first', () => {
    const of = (model: string): Answered => ({ ...answered, model })
    const seen = reportOf(of('b'), of('a'), of('often'), of('often'))
    expect(seen.by_model.map(({ model }) => model)).toEqual(['often', 'a', 'b'])
  })

  it('shows a fleet a hundred entries at most', () => {
    const snapshots = ['a', 'b'].map((name) =>
      statisticsOf(
        ...Array.from({ length: 100 }, (_, index) => ({
          ...answered,
          origin: { layer: 'exact', key: `${name}:${index}` }
        }))
      ).snapshot()
    )
    const seen = report(merged(snapshots), { scope: 'fleet', full: true })
    expect(seen).toMatchObject({ scope: 'fleet', processes: 2, requests: { total: 200 } })
    expect(seen.top_entries).toHaveLength(100)
  })

  it('is JSON with numbers in it, whatever has happened', () => {
    fc.assert(
      fc.property(arbitraryEvents, (events) => {
        const seen = reportOf(...events)
        // Not by comparing: JSON has no negative zero, and no number for what is none.
        expect(JSON.stringify(seen, (_, value) => (Number.isNaN(value) ? 'NaN' : value))).not.toContain('NaN')
        const layers = Object.entries(seen).filter(([name]) => name.endsWith('_cache'))
        expect(layers.map(([name]) => name)).toEqual(expect.arrayContaining(['llm_cache', 'rag_similarity_cache']))
        const saved = layers.reduce((sum, [, layer]) => sum + (layer as Report['llm_cache']).saved_usd, 0)
        expect(saved).toBeCloseTo(seen.saved.usd, 6)
      })
    )
  })
})

describe('the report of a layer', () => {
  const snapshot = statisticsOf(
    lookedUp,
    hit,
    { ...lookedUp, kind: 'weather' },
    { ...lookedUp, kind: 'a_cache' }
  ).snapshot()

  it('is the one in the whole report', () => {
    const whole = report(snapshot, { scope: 'process', full: false })
    for (const name of ['llm', 'rag', 'rag_similarity', 'weather'] as const) {
      expect(reportLayer(snapshot, name)).toEqual(whole[`${name}_cache`])
      expect(reportLayer(snapshot, `${name}_cache`)).toEqual(whole[`${name}_cache`])
    }
    expect(reportLayer(snapshot, 'a_cache')?.cache_layer).toBe('a_cache')
  })

  it.each(['embedding', 'nothing', '', '_cache', '__proto__', 'constructor', 'constructor_cache'])(
    'is not there for %j',
    (name) => {
      expect(reportLayer(snapshot, name)).toBeUndefined()
    }
  )
})
