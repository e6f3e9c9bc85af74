import { describe, expect, it } from 'vitest'
import { type FreshnessDefaults, freshnessRules, ownFreshness, type Ttl } from './freshness.ts'

const hour = 3_600_000
const day = 24 * hour

describe('time to live', () => {
  const ttlMs = (ttl: Ttl | undefined, kind: string, model?: string): number => freshnessRules(ttl)(kind, model).ttlMs

  it('is 24 hours when nothing is said', () => {
    expect(ttlMs(undefined, 'llm', 'gpt-4o')).toBe(day)
  })

  it('is by model before kind before default', () => {
    const ttl = { default: '1h', kinds: { embedding: '30d' }, models: { 'gpt-4o*': 60, 'text-*-3-small': '2d' } }
    expect(ttlMs(ttl, 'llm', 'claude')).toBe(hour)
    expect(ttlMs(ttl, 'llm')).toBe(hour)
    expect(ttlMs(ttl, 'llm', 'gpt-4o-mini')).toBe(60_000)
    expect(ttlMs(ttl, 'embedding', 'other')).toBe(30 * day)
    expect(ttlMs(ttl, 'embedding', 'text-embedding-3-small')).toBe(2 * day)
  })

  it('lets what a search found live an hour, unless its kind or a shorter default says otherwise', () => {
    expect(ttlMs(undefined, 'retrieval')).toBe(hour)
    expect(ttlMs('48h', 'retrieval')).toBe(hour)
    expect(ttlMs('10s', 'retrieval')).toBe(10_000)
    expect(ttlMs({ kinds: { retrieval: '2d' } }, 'retrieval')).toBe(2 * day)
    expect(ttlMs({ kinds: { retrieval: { grace: '2d' } } }, 'retrieval')).toBe(hour)
  })

  it('takes every character of a pattern but * as itself', () => {
    const ttl = { default: '1h', models: { 'a.b+c': '1s' } }
    expect(ttlMs(ttl, 'llm', 'a.b+c')).toBe(1000)
    expect(ttlMs(ttl, 'llm', 'aXbbc')).toBe(hour)
  })

  it('is told for more models than are remembered, and for names too long to be', () => {
    const freshnessOf = freshnessRules({ models: { 'known-*': '1s' } })
    for (let round = 0; round < 2; round++) {
      for (let at = 0; at < 1500; at++) expect(freshnessOf('llm', `known-${at}`).ttlMs).toBe(1000)
      expect(freshnessOf('llm', 'known').ttlMs).toBe(day)
      expect(freshnessOf('llm', `known-${'x'.repeat(1000)}`).ttlMs).toBe(1000)
    }
  })
})

describe('freshness', () => {
  it('leaves what a rule does not say to the next: model, kind, default, and what holds in general', () => {
    const freshnessOf = freshnessRules(
      {
        default: { ttl: '2h', grace: '1d' },
        kinds: { llm: { staleWhileRevalidate: '10m', eagerRefresh: 0.5 } },
        models: { 'gpt-*': { ttl: '30s', eagerRefresh: 1 }, o3: { adaptive: { min: '1m', max: '1d' } } }
      },
      { graceMs: 1, jitter: 0.1, staleWhileRevalidateMs: 2 }
    )
    const general = { jitter: 0.1, graceMs: day, adaptive: undefined }
    expect(freshnessOf('value', undefined)).toEqual({
      ...general,
      ttlMs: 2 * hour,
      staleWhileRevalidateMs: 2,
      eagerRefresh: 1
    })
    const llm = { ...general, ttlMs: 2 * hour, staleWhileRevalidateMs: 600_000, eagerRefresh: 0.5 }
    expect(freshnessOf('llm', 'claude')).toEqual(llm)
    expect(freshnessOf('llm', 'gpt-5')).toEqual({ ...llm, ttlMs: 30_000, eagerRefresh: 1 })
    expect(freshnessOf('llm', 'o3')).toEqual({ ...llm, adaptive: { minMs: 60_000, maxMs: day } })
  })

  it('is what a call says before all rules, and follows no answers where a call names its time to live', () => {
    const configured = freshnessRules('1h', { graceMs: 5, adaptiveTtl: { minMs: 1, maxMs: 2 } })('llm', undefined)
    expect(ownFreshness({}, configured)).toEqual(configured)
    expect(ownFreshness({ graceMs: 0, staleWhileRevalidateMs: 7, eagerRefresh: 0.2 }, configured)).toEqual({
      ...configured,
      graceMs: 0,
      staleWhileRevalidateMs: 7,
      eagerRefresh: 0.2
    })
    expect(ownFreshness({ ttlMs: 9 }, configured)).toEqual({ ...configured, ttlMs: 9, adaptive: undefined })
  })

  it.each<[Ttl | undefined, FreshnessDefaults, string]>([
    [{ models: { gpt: 'soon' } }, {}, 'ttl of model gpt: expected a duration'],
    [{ models: { gpt: { ttl: 'soon' } } }, {}, 'ttl of model gpt: expected a duration'],
    [{ kinds: { llm: { grace: 'long' } } }, {}, 'grace of kind llm: expected a duration'],
    [{ default: { staleWhileRevalidate: 'x' } }, {}, 'staleWhileRevalidate: expected a duration'],
    [{ default: { eagerRefresh: 0 } }, {}, 'eagerRefresh: expected a share above 0 and below 1, or 1 for never, got 0'],
    [{ kinds: { llm: { jitter: 1 } } }, {}, 'jitter of kind llm: expected a share from 0 on and below 1, got 1'],
    [
      { kinds: { llm: { adaptive: { min: '2h', max: '1h' } } } },
      {},
      'adaptive.max of kind llm: expected a duration of at least its min'
    ],
    ['1h', { adaptiveTtl: { minMs: 0, maxMs: 5 } }, 'adaptiveTtl.minMs: expected a duration above 0, got 0'],
    ['1h', { graceMs: -1 }, 'graceMs: expected a number of milliseconds from 0 on, got -1'],
    ['1h', { staleWhileRevalidateMs: Number.NaN }, 'staleWhileRevalidateMs: expected a number of milliseconds'],
    ['1h', { eagerRefresh: 1.5 }, 'eagerRefresh: expected a share'],
    ['1h', { jitter: -0.1 }, 'jitter: expected a share']
  ])('says what is wrong with %j and %j', (ttl, defaults, message) => {
    expect(() => freshnessRules(ttl, defaults)).toThrow(message)
  })

  it('are found for any name of a model in no time, whatever the patterns', () => {
    const freshnessOf = freshnessRules({ models: { [`${'*a'.repeat(20)}*b`]: '1h' } })
    expect(freshnessOf('llm', 'a'.repeat(5000)).ttlMs).toBe(86_400_000)
  })
})
