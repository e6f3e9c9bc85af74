import { describe, expect, it } from 'vitest'
import type { Event } from '../core/events.ts'
import type { HistoryPoint } from './history.ts'
import { Statistics } from './statistics.ts'

const start = 1_700_000_000_000

const zero = {
  lookups: {},
  hits: {},
  requests: 0,
  hit_requests: 0,
  saved_usd: 0,
  saved_ms: 0,
  hit_ms_sum: 0,
  hit_count: 0,
  miss_ms_sum: 0,
  miss_count: 0
}

function hit(savedUsd: number): readonly Event[] {
  const origin = { layer: 'exact', key: 'llm:m:1', savedUsd, tookMs: 500 }
  return [
    { type: 'looked-up', layer: 'exact', kind: 'llm' },
    { type: 'hit', layer: 'exact', kind: 'llm', key: 'llm:m:1', stale: false, tookMs: 1 },
    {
      type: 'answered',
      kind: 'llm',
      model: 'm',
      outcome: 'hit',
      layer: 'exact',
      tookMs: 2,
      tags: [],
      tenant: undefined,
      origin
    }
  ]
}

const miss: readonly Event[] = [
  { type: 'looked-up', layer: 'exact', kind: 'retrieval' },
  { type: 'miss', layer: 'exact', kind: 'retrieval', key: 'retrieval:m:1', tookMs: 1 },
  { type: 'looked-up', layer: 'semantic', kind: 'retrieval' },
  { type: 'miss', layer: 'semantic', kind: 'retrieval', key: 'retrieval:m:1', tookMs: 1 },
  {
    type: 'answered',
    kind: 'retrieval',
    model: 'm',
    outcome: 'miss',
    layer: 'provider',
    tookMs: 300,
    tags: [],
    tenant: undefined,
    origin: { layer: 'provider' }
  }
]

function watched(): { statistics: Statistics; clock: { atMs: number }; note(events: readonly Event[]): void } {
  const clock = { atMs: start }
  const statistics = new Statistics({ now: () => clock.atMs })
  return {
    statistics,
    clock,
    note: (events) => {
      for (const event of events) statistics.note(event)
    }
  }
}

function busy(points: readonly HistoryPoint[]): readonly HistoryPoint[] {
  return points.filter(({ requests }) => requests > 0)
}

describe('the history', () => {
  it('has a point for each ten seconds of an hour and each five minutes of a day, all zero at first', () => {
    const { statistics } = watched()
    const hour = statistics.history.report()
    expect(hour.step_ms).toBe(10_000)
    expect(hour.points).toHaveLength(360)
    expect(hour.points.at(-1)).toEqual({ at: start, ...zero })
    expect(hour.points[0]).toEqual({ at: start - 3_590_000, ...zero })
    const day = statistics.history.report('day')
    expect(day.step_ms).toBe(300_000)
    expect(day.points).toHaveLength(288)
    expect(day.points.at(-1)?.at).toBe(Math.floor(start / 300_000) * 300_000)
  })

  it('counts in each point what happened within its step', () => {
    const { statistics, clock, note } = watched()
    note(hit(0.25))
    note(hit(0.5))
    clock.atMs += 9_999
    note(miss)
    clock.atMs += 1
    note(hit(1))
    clock.atMs += 40_000
    note(miss)
    expect(busy(statistics.history.report().points)).toEqual([
      {
        at: start,
        lookups: { llm: 2, rag: 1, rag_similarity: 1 },
        hits: { llm: 2 },
        requests: 3,
        hit_requests: 2,
        saved_usd: 0.75,
        saved_ms: 996,
        hit_ms_sum: 4,
        hit_count: 2,
        miss_ms_sum: 300,
        miss_count: 1
      },
      {
        ...zero,
        at: start + 10_000,
        lookups: { llm: 1 },
        hits: { llm: 1 },
        requests: 1,
        hit_requests: 1,
        saved_usd: 1,
        saved_ms: 498,
        hit_ms_sum: 2,
        hit_count: 1
      },
      {
        ...zero,
        at: start + 50_000,
        lookups: { rag: 1, rag_similarity: 1 },
        requests: 1,
        miss_ms_sum: 300,
        miss_count: 1
      }
    ])
    expect(busy(statistics.history.report('day').points)).toMatchObject([{ requests: 5, saved_usd: 1.75 }])
  })

  it('forgets what is older than its range, and has nothing where nothing has happened since', () => {
    const { statistics, clock, note } = watched()
    note(hit(1))
    clock.atMs += 3_590_000
    expect(busy(statistics.history.report().points)).toMatchObject([{ at: start }])
    clock.atMs += 10_000
    expect(busy(statistics.history.report().points)).toEqual([])
    expect(busy(statistics.history.report('day').points)).toMatchObject([{ requests: 1 }])
    clock.atMs += 86_400_000
    expect(busy(statistics.history.report('day').points)).toEqual([])
    note(hit(1))
    expect(busy(statistics.history.report().points)).toMatchObject([{ at: start + 90_000_000, requests: 1 }])
  })

  it('holds no more points after a week of traffic, and loses nothing of the last hour', () => {
    const { statistics, clock, note } = watched()
    for (let step = 0; step < 60_480; step++) {
      clock.atMs = start + step * 10_000
      note(miss)
    }
    const { points } = statistics.history.report()
    expect(points).toHaveLength(360)
    expect(points.map(({ requests }) => requests)).toEqual(Array.from({ length: 360 }, () => 1))
    expect(points.map(({ at }) => at)).toEqual(Array.from(points, (_, index) => clock.atMs - (359 - index) * 10_000))
  })

  it('counts what happens while the clock is put back in the step that was last', () => {
    const { statistics, clock, note } = watched()
    note(hit(1))
    clock.atMs -= 60_000
    note(hit(1))
    expect(busy(statistics.history.report().points)).toMatchObject([{ at: start, requests: 2 }])
  })
})
