import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arbitraryEvents } from '../../test/support/arbitrary-events.ts'
import { anyJson } from '../../test/support/arbitrary-json.ts'
import { merged } from './merged.ts'
import { report } from './report.ts'
import { snapshotOf } from './snapshot-of.ts'
import { Statistics } from './statistics.ts'

const bare = { version: 1, sinceMs: 1, atMs: 2 }

describe('snapshotOf', () => {
  it('reads what was written', () => {
    fc.assert(
      fc.property(arbitraryEvents, (events) => {
        const statistics = new Statistics({ now: () => 1_700_000_000_000 })
        for (const event of events) statistics.note(event)
        const snapshot = statistics.snapshot()
        const text = JSON.stringify(snapshot)
        expect(snapshotOf(JSON.parse(text))).toEqual(snapshot)
        expect(JSON.stringify(snapshotOf(JSON.parse(text)))).toBe(text)
      })
    )
  })

  it.each([
    undefined,
    null,
    7,
    'snapshot',
    [],
    {},
    { ...bare, version: 2 },
    { version: 1 },
    { ...bare, atMs: 'now' },
    { ...bare, sinceMs: -1 },
    { ...bare, sinceMs: 9e15 }
  ])('takes %j for no snapshot', (json) => {
    expect(snapshotOf(json)).toBeUndefined()
  })

  it('counts what is missing, and what is no count, as 0', () => {
    const read = snapshotOf({
      ...bare,
      layers: {
        llm: { lookups: 3, hits: -1, misses: '7', errors: { get: null, set: 2 }, hitLatency: { counts: 'many' } },
        rag: 5
      },
      models: { m: { requests: 1e300 } },
      refreshes: [],
      new: 'field'
    })
    expect(read).toMatchObject({ processes: 1, kinds: {}, top: [], nearMisses: [], refreshes: { ok: 0, failed: 0 } })
    expect(read?.layers['llm']).toMatchObject({
      lookups: 3,
      hits: 0,
      misses: 0,
      errors: { get: 0, set: 2 },
      savedUsd: 0
    })
    expect(read?.layers['llm']?.hitLatency.counts.every((count) => count === 0)).toBe(true)
    expect(read?.layers['rag']).toMatchObject({ lookups: 0, refused: {} })
    expect(read?.models['m']?.requests).toBe(0)
    expect(read).not.toHaveProperty('new')
  })

  it('keeps the count of a histogram that has more buckets, or fewer', () => {
    const counts = Array.from({ length: 30 }, () => 1)
    const read = snapshotOf({ ...bare, providers: { a: { latency: { counts } }, b: { latency: { counts: [5] } } } })
    const sums = Object.values(read?.providers ?? {}).map(({ latency }) => [
      latency.counts.length,
      latency.counts.reduce((sum, count) => sum + count, 0)
    ])
    expect(sums).toEqual([
      [21, 30],
      [21, 5]
    ])
  })

  it('leaves out entries and near misses that are none', () => {
    const entry = { key: 'k', kind: 'llm', hits: 2, savedUsd: 1, savedMs: 1, lastHitAtMs: 1e17 }
    const read = snapshotOf({ ...bare, top: [entry, { hits: 3 }, null], nearMisses: [{ text: 'a' }, 'b'] })
    expect(read?.top).toEqual([{ ...entry, lastHitAtMs: 0 }])
    expect(read?.nearMisses).toEqual([])
  })

  it('gives of whatever is in the store something that can be added up and reported, or nothing', () => {
    const fields = [
      'layers',
      'kinds',
      'models',
      'tags',
      'providers',
      'targets',
      'failures',
      'refreshes',
      'top',
      'nearMisses',
      'batches'
    ]
    const damaged = fc.record(Object.fromEntries(fields.map((field) => [field, anyJson])), { requiredKeys: [] })
    fc.assert(
      fc.property(damaged, (json) => {
        const read = snapshotOf({ ...bare, ...json })
        if (read === undefined) throw new Error('expected a snapshot')
        const text = JSON.stringify(report(merged([read, read]), { scope: 'fleet', full: true }))
        expect(JSON.parse(text)).toMatchObject({ processes: 2, combined_hit_rate: expect.any(Number) })
      })
    )
  })
})
