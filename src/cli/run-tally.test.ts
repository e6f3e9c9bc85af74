import { describe, expect, it } from 'vitest'
import type { AtomSettled } from '../plans/plan-event.ts'
import { RunTally, settledIn } from './run-tally.ts'

function settled(atom: string, wave: number, more: Partial<AtomSettled> = {}): AtomSettled {
  return { type: 'atom-settled', atom, wave, outcome: 'answered', layer: 'provider', hit: false, costUsd: 0, ...more }
}

describe('RunTally', () => {
  it('counts what becomes of each wave, and of all', () => {
    const tally = new RunTally([4, 3], 8)
    tally.note({ type: 'plan-begun', plan: 'p', waves: 2, atoms: 7, alreadyDone: 2 })
    expect(tally.all).toMatchObject({ total: 7, kept: 2 })
    tally.note({ type: 'wave-begun', wave: 1, atoms: 4, pending: 3 })
    tally.note({ type: 'atom-begun', atom: 'a', wave: 1 })
    expect([...tally.underWay.keys()]).toEqual(['a'])
    tally.note(settled('a', 1, { costUsd: 0.25 }))
    tally.note(settled('b', 1, { layer: 'exact', hit: true, savedUsd: 0.5 }))
    tally.note(settled('c', 1, { layer: 'provider', hit: true }))
    tally.note({ type: 'wave-begun', wave: 2, atoms: 3, pending: 2 })
    tally.note(settled('d', 2, { outcome: 'failed', error: 'no', costUsd: 0.125 }))
    tally.note(settled('e', 2, { outcome: 'skipped', error: 'd has failed' }))
    expect(tally.underWay.size).toBe(0)
    expect(tally.waves[0]).toMatchObject({ kept: 1, asked: 1, hits: 2, spentUsd: 0.25, savedUsd: 0.5 })
    expect(tally.waves[1]).toMatchObject({ kept: 1, failed: 1, skipped: 1, spentUsd: 0.125 })
    expect(tally.all).toMatchObject({ total: 7, kept: 2, asked: 1, hits: 2, failed: 1, skipped: 1 })
    expect(settledIn(tally.all)).toBe(7)
    expect([...tally.layers]).toEqual([
      ['provider', 1],
      ['exact', 1],
      ['shared', 1]
    ])
  })

  it('counts an answer whose price nobody knows apart', () => {
    const tally = new RunTally([1], 8)
    const { costUsd: _, ...unpriced } = settled('a', 1)
    tally.note(unpriced)
    expect(tally.all).toMatchObject({ unpriced: 1, spentUsd: 0 })
  })

  it('does not know how long it takes while all are hits', () => {
    const tally = new RunTally([100], 8)
    for (let at = 0; at < 50; at++) tally.note(settled(`${at}`, 1, { hit: true, layer: 'exact', tookMs: 2 }))
    expect(tally.leftMs()).toBeUndefined()
  })

  it('weighs misses: hits that were instant make nothing slower, and a wave is no faster than its slowest', () => {
    const all = (misses: number, hits: number, concurrency = 8): number => {
      const tally = new RunTally([100], concurrency)
      for (let at = 0; at < misses; at++) tally.note(settled(`m${at}`, 1, { tookMs: 8000 }))
      for (let at = 0; at < hits; at++) tally.note(settled(`h${at}`, 1, { hit: true, layer: 'exact', tookMs: 0 }))
      return tally.leftMs() ?? Number.NaN
    }
    // Forty misses: the sixty that are left take 8 s each, eight at a time.
    expect(all(40, 0)).toBeGreaterThan(58_000)
    expect(all(40, 0)).toBeLessThanOrEqual(60_000)
    // As many hits: half of the sixty take their time.
    expect(all(20, 20)).toBeCloseTo(30_000, -3)
    expect(all(20, 20, 1)).toBeCloseTo(240_000, -3)
    // One at the end takes as long as one does.
    const tally = new RunTally([2, 1], 8)
    tally.note(settled('a', 1, { tookMs: 4000 }))
    expect(tally.leftMs()).toBeCloseTo(6000, 0)
  })

  it('forgets how it was long ago', () => {
    const tally = new RunTally([200], 1)
    for (let at = 0; at < 50; at++) tally.note(settled(`h${at}`, 1, { hit: true, layer: 'exact', tookMs: 0 }))
    for (let at = 0; at < 50; at++) tally.note(settled(`m${at}`, 1, { tookMs: 1000 }))
    expect(tally.leftMs()).toBeGreaterThan(95_000)
    tally.note({ type: 'atom-settled', atom: 'x', wave: 1, outcome: 'resumed' })
    expect(tally.all.kept).toBe(1)
  })
})
