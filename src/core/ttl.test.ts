import { describe, expect, it } from 'vitest'
import { ttlRules } from './ttl.ts'

describe('time to live', () => {
  it('is 24 hours when nothing is said', () => {
    expect(ttlRules()('llm', 'gpt-4o')).toBe(86_400_000)
  })

  it('is by model before kind before default', () => {
    const ttlMs = ttlRules({
      default: '1h',
      kinds: { embedding: '30d' },
      models: { 'gpt-4o*': 60, 'text-*-3-small': '2d' }
    })
    expect(ttlMs('llm', 'claude')).toBe(3_600_000)
    expect(ttlMs('llm', undefined)).toBe(3_600_000)
    expect(ttlMs('llm', 'gpt-4o-mini')).toBe(60_000)
    expect(ttlMs('embedding', 'other')).toBe(30 * 86_400_000)
    expect(ttlMs('embedding', 'text-embedding-3-small')).toBe(2 * 86_400_000)
  })

  it('lets what a search found live an hour, unless its kind or a shorter default says otherwise', () => {
    expect(ttlRules()('retrieval', undefined)).toBe(3_600_000)
    expect(ttlRules('48h')('retrieval', undefined)).toBe(3_600_000)
    expect(ttlRules('10s')('retrieval', undefined)).toBe(10_000)
    expect(ttlRules({ kinds: { retrieval: '2d' } })('retrieval', undefined)).toBe(2 * 86_400_000)
  })

  it('takes every character of a pattern but * as itself', () => {
    const ttlMs = ttlRules({ default: '1h', models: { 'a.b+c': '1s' } })
    expect(ttlMs('llm', 'a.b+c')).toBe(1000)
    expect(ttlMs('llm', 'aXbbc')).toBe(3_600_000)
  })

  it('names the rule that is wrong', () => {
    expect(() => ttlRules({ models: { gpt: 'soon' } })).toThrow('ttl of model gpt: expected a duration')
  })
})
