import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePrometheus } from '../../test/support/prometheus-text.ts'
import type { Origin } from '../core/answer.ts'
import type { Event } from '../core/events.ts'
import { type Gauge, gauge, prometheus } from './prometheus.ts'
import { gauges, metrics } from './prometheus-metrics.ts'
import type { Snapshot } from './snapshot.ts'
import { Statistics } from './statistics.ts'

const usage = { inputTokens: 10, outputTokens: 20 }

/** One event of every kind that is counted. */
const events: readonly Event[] = [
  { type: 'looked-up', layer: 'exact', kind: 'llm' },
  { type: 'hit', layer: 'exact', kind: 'llm', key: 'k', stale: true, savedUsd: 0.25, tookMs: 0.2 },
  answered('hit', { layer: 'exact', key: 'k', usage, savedUsd: 0.25, tookMs: 1500 }, 0.5),
  { type: 'looked-up', layer: 'semantic', kind: 'retrieval' },
  { type: 'miss', layer: 'semantic', kind: 'retrieval', key: 'k', tookMs: 3 },
  { type: 'looked-up', layer: 'exact', kind: 'llm' },
  { type: 'bypass', layer: 'exact', kind: 'llm', reason: 'no-store' },
  { type: 'stored', layer: 'exact', kind: 'llm', key: 'k', bytes: 100 },
  { type: 'refused', layer: 'exact', kind: 'llm', key: 'k', reason: 'truncated' },
  {
    type: 'refuted',
    layer: 'semantic',
    kind: 'llm',
    key: 'k',
    similarity: 0.9,
    by: 'numbers',
    reason: '1 and 2',
    text: 'a'
  },
  { type: 'rescued', layer: 'exact', kind: 'llm', key: 'k', savedUsd: 0.5 },
  { type: 'invalidated', count: 3, byKind: { llm: 2, retrieval: 1 } },
  { type: 'asked', provider: 'openai', wire: 'openai-chat', ok: true, tookMs: 1500 },
  { type: 'asked', provider: 'openai', wire: 'openai-chat', ok: false, tookMs: 200_000 },
  { type: 'retried', target: 'openai/gpt-4o', waitMs: 10, reason: 'answered 503' },
  { type: 'skipped', target: 'openai/gpt-4o', reason: 'left-out', detail: '' },
  { type: 'fell-back', from: 'openai/gpt-4o', to: 'anthropic/claude', reason: 'answered 503' },
  { type: 'charged', target: 'openai/gpt-4o', model: 'gpt-4o', costUsd: 0.25 },
  { type: 'batched', layer: 'batch', kind: 'llm', size: 3, alone: 1, reasons: ['missing'] },
  { type: 'refreshed', kind: 'llm', key: 'k', ok: true },
  { type: 'failed', part: 'store', operation: 'get', error: new Error('gone'), kind: 'llm' },
  answered('miss', { layer: 'provider', key: 'k', usage, costUsd: 0.25, tookMs: 1500 }, 1501)
]

function answered(outcome: 'hit' | 'miss', origin: Origin, tookMs: number): Event {
  return {
    type: 'answered',
    kind: 'llm',
    model: 'gpt-4o',
    outcome,
    layer: origin.layer,
    tookMs,
    tags: [],
    tenant: undefined,
    origin
  }
}

function counted(...noted: readonly Event[]): Snapshot {
  const statistics = new Statistics()
  for (const event of noted) statistics.note(event)
  return statistics.snapshot()
}

const allGauges: readonly Gauge[] = [
  gauge('store_up', 1),
  gauge('store_entries', 1234),
  gauge('store_bytes', 1e15),
  gauge('target_up', 1, 'openai/gpt-4o'),
  gauge('target_up', 0, 'anthropic/claude'),
  gauge('budget_limit_usd', 100, 'team'),
  gauge('budget_spent_usd', 12.5, 'team'),
  gauge('build_info', 1, '1.2.3')
]

/** The value of one sample. */
function sampleOf(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  const wanted = Object.entries(labels)
  return parsePrometheus(text).samples.find(
    (sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value)
  )?.value
}

describe('prometheus', () => {
  it('tells what has been counted, under the names that dashboards know', () => {
    const text = prometheus(counted(...events), { prefix: 'v2_', gauges: allGauges })
    const value = (name: string, labels = {}): number | undefined => sampleOf(text, `v2_${name}`, labels)
    expect({
      hits: value('cache_hits_total', { cache_layer: 'llm' }),
      misses: value('cache_misses_total', { cache_layer: 'rag_similarity' }),
      lookups: value('cache_lookups_total', { cache_layer: 'llm' }),
      bypasses: value('cache_bypasses_total', { cache_layer: 'llm', reason: 'no-store' }),
      stale: value('cache_stale_hits_total', { cache_layer: 'llm' }),
      rescued: value('cache_rescued_total', { cache_layer: 'llm' }),
      writes: value('cache_writes_total', { cache_layer: 'llm' }),
      invalidations: value('cache_invalidations_total', { cache_layer: 'rag' }),
      errors: value('cache_errors_total', { cache_layer: 'llm', operation: 'get' }),
      refused: value('cache_refused_total', { cache_layer: 'llm', reason: 'truncated' }),
      refuted: value('cache_refuted_total', { cache_layer: 'llm_semantic', guard: 'numbers' }),
      lookupsUnderAMillisecond: value('cache_lookup_duration_seconds_bucket', {
        cache_layer: 'llm',
        result: 'hit',
        le: '0.00025'
      }),
      requests: value('requests_total', { kind: 'llm', outcome: 'miss' }),
      requestSeconds: value('request_duration_seconds_sum', { kind: 'llm', outcome: 'miss' }),
      modelHits: value('model_requests_total', { model: 'gpt-4o', result: 'hit' }),
      cost: value('model_cost_usd_total', { model: 'gpt-4o' }),
      failedCalls: value('provider_calls_total', { provider: 'openai', result: 'failed' }),
      callSeconds: value('provider_call_duration_seconds_sum', { provider: 'openai' }),
      callsBeyond: value('provider_call_duration_seconds_bucket', { provider: 'openai', le: '120' }),
      calls: value('provider_call_duration_seconds_count', { provider: 'openai' }),
      skipped: value('target_skipped_total', { target: 'openai/gpt-4o', reason: 'left-out' }),
      retries: value('target_retries_total', { target: 'openai/gpt-4o' }),
      fallbacks: value('target_fallbacks_total', { target: 'openai/gpt-4o' }),
      failures: value('part_failures_total', { part: 'store', operation: 'get' }),
      refreshes: value('refreshes_total', { result: 'ok' }),
      batches: value('batch_size_count'),
      batchesOfTwo: value('batch_size_bucket', { le: '2' }),
      batchesOfThree: value('batch_size_bucket', { le: '3' }),
      batched: value('batch_requests_processed_total'),
      leftOut: value('target_up', { target: 'anthropic/claude' }),
      spent: value('budget_spent_usd', { budget: 'team' }),
      version: value('build_info', { version: '1.2.3' })
    }).toEqual({
      hits: 1,
      misses: 1,
      lookups: 2,
      bypasses: 1,
      stale: 1,
      rescued: 1,
      writes: 1,
      invalidations: 1,
      errors: 1,
      refused: 1,
      refuted: 1,
      lookupsUnderAMillisecond: 1,
      requests: 1,
      requestSeconds: 1.501,
      modelHits: 1,
      cost: 0.25,
      failedCalls: 1,
      callSeconds: 201.5,
      callsBeyond: 1,
      calls: 2,
      skipped: 1,
      retries: 1,
      fallbacks: 1,
      failures: 1,
      refreshes: 1,
      batches: 1,
      batchesOfTwo: 0,
      batchesOfThree: 1,
      batched: 3,
      leftOut: 0,
      spent: 12.5,
      version: 1
    })
  })

  it('tells what hits and rescues have saved', () => {
    const text = prometheus(counted(...events))
    const { layers } = counted(...events)
    expect(sampleOf(text, 'reprise_cache_cost_savings_usd_total', { cache_layer: 'llm' })).toBe(layers['llm']?.savedUsd)
    expect(sampleOf(text, 'reprise_cache_time_savings_seconds_total', { cache_layer: 'llm' })).toBeCloseTo(1.4995)
    expect(layers['llm']?.savedUsd).toBeGreaterThan(0)
  })

  it('has the four layers from the beginning, with 0, so that the first increase is seen', () => {
    const { samples } = parsePrometheus(prometheus(counted()))
    for (const name of ['cache_hits_total', 'cache_misses_total', 'cache_writes_total', 'cache_errors_total']) {
      const found = samples.filter((sample) => sample.name === `reprise_${name}`)
      expect(new Set(found.map(({ labels }) => labels['cache_layer']))).toEqual(
        new Set(['llm', 'llm_semantic', 'rag', 'rag_similarity'])
      )
      expect(found.every(({ value }) => value === 0)).toBe(true)
    }
  })

  it('says of each name once what it is, before its samples', () => {
    const { types, helps, samples } = parsePrometheus(prometheus(counted(...events), { gauges: allGauges }))
    expect([...types.keys()]).toEqual([...helps.keys()])
    expect(types.get('reprise_batch_size')).toBe('histogram')
    expect(types.get('reprise_store_up')).toBe('gauge')
    expect(new Set(samples.map(({ name, labels }) => `${name}${JSON.stringify(labels)}`)).size).toBe(samples.length)
  })

  it('counts in each bucket all that is not above its bound', () => {
    const { samples, types } = parsePrometheus(prometheus(counted(...events)))
    const histograms = [...types].filter(([, type]) => type === 'histogram').map(([name]) => name)
    expect(histograms).toHaveLength(4)
    for (const name of histograms) {
      const series = new Map<string, number[]>()
      for (const { name: bucket, labels, value } of samples) {
        if (bucket !== `${name}_bucket`) continue
        const { le, ...rest } = labels
        const id = JSON.stringify(rest)
        series.set(id, [...(series.get(id) ?? []), value])
        if (le === '+Inf') expect(value).toBe(sampleOf(prometheus(counted(...events)), `${name}_count`, rest))
      }
      for (const counts of series.values()) expect(counts).toEqual([...counts].sort((a, b) => a - b))
    }
  })

  it('takes a snapshot with fewer buckets than there are, and with more', () => {
    const snapshot: Snapshot = { ...counted(), batches: { sizes: { counts: [1, 2], sum: 5 }, requests: 5 } }
    expect(sampleOf(prometheus(snapshot), 'reprise_batch_size_bucket', { le: '+Inf' })).toBe(3)
    const longer = { ...snapshot, batches: { sizes: { counts: new Array(30).fill(1), sum: 5 }, requests: 5 } }
    expect(sampleOf(prometheus(longer), 'reprise_batch_size_count')).toBe(30)
  })

  it('takes any prefix that a name can begin with, the empty one too, and no other', () => {
    expect(prometheus(counted(), { prefix: '' })).toContain('\ncache_hits_total{cache_layer="llm"} 0\n')
    expect(prometheus(counted(), { prefix: 'a:b_1' })).toContain('\na:b_1cache_hits_total{')
    for (const prefix of ['1a', 'a-b', 'ä', 'a ', 'a\n', '{']) {
      expect(() => prometheus(counted(), { prefix })).toThrow(
        expect.objectContaining({ code: 'invalid-option', message: expect.stringContaining(JSON.stringify(prefix)) })
      )
    }
  })

  it('can be read back, whatever callers name their models', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[\\"\n a{},=#]*$/), fc.constant('__proto__')),
          { minLength: 1, maxLength: 5 }
        ),
        (names) => {
          const group = counted(...events).models['gpt-4o']
          const models = Object.fromEntries(names.map((name) => [name, group])) as Snapshot['models']
          const { samples } = parsePrometheus(prometheus({ ...counted(), models }))
          const costs = samples.filter(({ name }) => name === 'reprise_model_cost_usd_total')
          // Half a character cannot be sent.
          const sent = names.map((name) => name.replace(/\p{Surrogate}/gu, '\uFFFD'))
          expect(costs.map(({ labels }) => labels['model']).sort()).toEqual(sent.sort())
        }
      )
    )
  })

  it('writes numbers that are none as the format has them', () => {
    const text = prometheus(counted(), {
      gauges: [1e-9, 1e30, Infinity, -Infinity, NaN].map((value, place) => ({
        name: 'x',
        help: 'A \\ and\na line.',
        labels: { place: String(place) },
        value
      }))
    })
    expect(text.split('\n').slice(-8)).toEqual([
      '# HELP reprise_x A \\\\ and\\na line.',
      '# TYPE reprise_x gauge',
      'reprise_x{place="0"} 1e-9',
      'reprise_x{place="1"} 1e+30',
      'reprise_x{place="2"} +Inf',
      'reprise_x{place="3"} -Inf',
      'reprise_x{place="4"} NaN',
      ''
    ])
  })
})

const promtool = spawnSync('promtool', ['--version'])
const isThere = promtool.error === undefined

describe.skipIf(!isThere && process.env['REPRISE_REQUIRE_PROMTOOL'] !== '1')(
  `promtool${isThere ? '' : ' (skipped: it is not installed; apt-get install prometheus)'}`,
  () => {
    it.each(['reprise_', 'v2_', ''])('has nothing to say against the text with the prefix "%s"', (prefix) => {
      const odd = answered('hit', { layer: 'exact', key: 'k' }, 1)
      const strange = { ...odd, model: 'a "model"\nwith \\ in it, and ü' } as Event
      const input = prometheus(counted(...events, strange), { prefix, gauges: allGauges })
      const { status, stdout, stderr, error } = spawnSync('promtool', ['check', 'metrics'], { input })
      expect({ error, status, said: `${stdout}${stderr}` }).toEqual({ error: undefined, status: 0, said: '' })
    })
  }
)

describe('the documentation', () => {
  it('lists every metric with its type and labels, and no other', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/metrics.md'), 'utf8')
    const rows = [...page.matchAll(/^\| `(\w+)` \| (counter|histogram|gauge) \|([^|]*)\|/gm)]
    const documented = rows.map(([, name, type, labels = '']) => [
      name,
      type,
      [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label)
    ])
    const known = [
      ...metrics.map(({ name, type, labels }) => [name, type, [...labels]]),
      ...Object.entries(gauges).map(([name, { labels }]) => [name, 'gauge', [...labels]])
    ]
    expect(documented).toEqual(known)
  })
})
