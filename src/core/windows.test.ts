import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Freshness } from './freshness.ts'
import { adaptedTtlMs, windowsFrom } from './windows.ts'

const plain: Freshness = {
  ttlMs: 1000,
  staleWhileRevalidateMs: 0,
  graceMs: 0,
  eagerRefresh: 1,
  jitter: 0,
  adaptive: undefined
}

describe('the windows of an entry', () => {
  it('are no more than its freshness when nothing else is asked for', () => {
    expect(windowsFrom(5000, plain)).toEqual({ freshUntilMs: 6000, expiresAtMs: 6000 })
  })

  it('end with the last of them', () => {
    expect(windowsFrom(0, { ...plain, graceMs: 500 })).toEqual({ freshUntilMs: 1000, expiresAtMs: 1500 })
    expect(windowsFrom(0, { ...plain, graceMs: 500, staleWhileRevalidateMs: 800, eagerRefresh: 0.9 })).toEqual({
      freshUntilMs: 1000,
      eagerFromMs: 900,
      revalidateUntilMs: 1800,
      graceUntilMs: 1500,
      expiresAtMs: 1800
    })
  })

  it('leave the entry where it is for another time to live when a later answer is to be compared with it', () => {
    expect(windowsFrom(0, { ...plain, graceMs: 500, adaptive: { minMs: 1, maxMs: 9 } })).toEqual({
      freshUntilMs: 1000,
      graceUntilMs: 1500,
      expiresAtMs: 2500
    })
  })

  it('begin earlier by up to the jitter, and never before there is any freshness', () => {
    const freshness = fc.record({
      ttlMs: fc.integer({ min: 1, max: 10 ** 9 }),
      jitter: fc.double({ min: 0, max: 0.999, noNaN: true })
    })
    const drawn = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(freshness, drawn, (own, random) => {
        const { freshUntilMs } = windowsFrom(0, { ...plain, ...own }, () => random)
        expect(freshUntilMs).toBeLessThanOrEqual(own.ttlMs)
        expect(freshUntilMs).toBeGreaterThanOrEqual(Math.max(1, Math.floor(own.ttlMs * (1 - own.jitter))))
        expect(freshUntilMs).toBe(Math.max(1, Math.round(own.ttlMs * (1 - own.jitter * random))))
      })
    )
  })
})

describe('a time to live that follows the answers', () => {
  const bounds = { minMs: 100, maxMs: 1000 }

  it('begins as configured, within its bounds', () => {
    expect([50, 500, 5000].map((ms) => adaptedTtlMs(ms, bounds))).toEqual([100, 500, 1000])
  })

  it('doubles while the answer stays the same, and halves when it does not, within its bounds', () => {
    const adapted = (ttlMs: number, isSame: boolean): number => adaptedTtlMs(7, bounds, { ttlMs, isSame })
    expect([200, 600].map((ms) => adapted(ms, true))).toEqual([400, 1000])
    expect([500, 150].map((ms) => adapted(ms, false))).toEqual([250, 100])
  })
})
