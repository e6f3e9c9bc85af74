import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { casesToRuleOut, shareOf } from './share.ts'

describe('shareOf', () => {
  it('gives the interval that Wilson gives', () => {
    // Reference values of the score interval without continuity correction (Newcombe 1998, table I: 81/263, 15/148, 0/20, 1/29).
    const rounded = (count: number, of: number): number[] => {
      const { low, high } = shareOf(count, of)
      return [low, high].map((value) => Number(value.toFixed(4)))
    }
    expect(rounded(81, 263)).toEqual([0.2553, 0.3662])
    expect(rounded(15, 148)).toEqual([0.0624, 0.1605])
    expect(rounded(0, 20)).toEqual([0, 0.1611])
    expect(rounded(1, 29)).toEqual([0.0061, 0.1718])
  })

  it('knows nothing of none', () => {
    expect(shareOf(0, 0)).toEqual({ count: 0, of: 0, value: 0, low: 0, high: 1 })
  })

  it('always holds the share within its interval, and is the same seen from the other side', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }).chain((of) => fc.tuple(fc.integer({ min: 0, max: of }), fc.constant(of))),
        ([count, of]) => {
          const { value, low, high } = shareOf(count, of)
          const other = shareOf(of - count, of)
          expect(low).toBeGreaterThanOrEqual(0)
          expect(low).toBeLessThanOrEqual(value)
          expect(high).toBeGreaterThanOrEqual(value)
          expect(high).toBeLessThanOrEqual(1)
          expect(1 - other.high).toBeCloseTo(low, 9)
        }
      )
    )
  })
})

describe('casesToRuleOut', () => {
  it('is the least number of cases without a count that brings the upper limit down to a share', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.0005, max: 0.5, noNaN: true }), (share) => {
        const cases = casesToRuleOut(share)
        expect(shareOf(0, cases).high).toBeLessThanOrEqual(share + 1e-9)
        expect(shareOf(0, cases - 1).high).toBeGreaterThan(share - 1e-9)
      })
    )
    expect(casesToRuleOut(0.01)).toBe(381)
  })

  it('finds no number of cases for a share of 0', () => {
    expect(casesToRuleOut(0)).toBe(Number.POSITIVE_INFINITY)
  })
})
