import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Event } from '../core/events.ts'
import { merged } from './merged.ts'
import { since } from './since.ts'
import { Statistics } from './statistics.ts'

/** Sums of quarters are exact. */
const quarters = fc.nat({ max: 1000 }).map((count) => count / 4)
/** In milliseconds; they are added up in seconds, and these are whole parts of an 8,192nd of one. */
const time = fc.nat({ max: 10_000 }).map((count) => (count * 125) / 1024)
const name = fc.constantFrom('a', 'b', '__proto__', 'constructor')
const kind = fc.constantFrom('llm', 'retrieval')
const layer = fc.constantFrom('exact', 'semantic')

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ type: fc.constant('looked-up' as const), layer, kind }),
  fc.record({ type: fc.constant('hit' as const), layer, kind, key: name, stale: fc.boolean(), tookMs: time }),
  fc.record({ type: fc.constant('bypass' as const), layer, kind, reason: name }),
  fc.record({ type: fc.constant('asked' as const), provider: name, wire: name, ok: fc.boolean(), tookMs: time }),
  fc.record({ type: fc.constant('failed' as const), part: name, operation: name, error: fc.constant(new Error('x')) }),
  fc.record({
    type: fc.constant('refuted' as const),
    layer,
    kind,
    key: name,
    similarity: fc.constant(0.5),
    by: name,
    reason: name,
    text: name
  }),
  fc.record({
    type: fc.constant('answered' as const),
    kind,
    model: name,
    outcome: fc.constantFrom('hit' as const, 'miss' as const),
    layer,
    tookMs: time,
    tags: fc.array(name, { maxLength: 2 }),
    tenant: fc.constant(undefined),
    origin: fc.record({
      layer: fc.constantFrom('exact', 'provider'),
      key: name,
      savedUsd: quarters,
      costUsd: quarters,
      usage: fc.record({ inputTokens: fc.nat({ max: 9 }), outputTokens: fc.nat({ max: 9 }) })
    })
  })
)

describe('since', () => {
  it('is what makes the later snapshot of the earlier one', () => {
    fc.assert(
      fc.property(fc.array(event), fc.array(event), (earlier, later) => {
        let nowMs = 1e12
        const statistics = new Statistics({ now: () => nowMs })
        for (const each of earlier) statistics.note(each)
        const base = statistics.snapshot()
        nowMs += 1
        for (const each of later) statistics.note(each)
        const whole = statistics.snapshot()
        const rest = since(whole, base)
        expect(rest.processes).toBe(0)
        expect(rest.nearMisses).toHaveLength(Math.max(0, whole.nearMisses.length - base.nearMisses.length))
        expect(merged([base, rest])).toEqual(merged([whole]))
      })
    )
  })

  it('is nothing when nothing has come', () => {
    const statistics = new Statistics()
    statistics.note({ type: 'looked-up', layer: 'exact', kind: 'llm' })
    const base = statistics.snapshot()
    expect(since(statistics.snapshot(), base)).toMatchObject({ layers: { llm: { lookups: 0 } }, tags: {}, top: [] })
  })

  it('counts a tag whole that was forgotten and has come again', () => {
    const group = { hits: 0, misses: 0, costUsd: 0, savedUsd: 0, savedMs: 0, inputTokens: 0, outputTokens: 0 }
    const empty = new Statistics().snapshot()
    const base = { ...empty, tags: { a: { ...group, requests: 5, savedTokens: 9 } } }
    const later = { ...empty, tags: { a: { ...group, requests: 2, savedTokens: 3 } } }
    expect(since(later, base).tags).toEqual({ a: { ...group, requests: 2, savedTokens: 3 } })
  })
})
