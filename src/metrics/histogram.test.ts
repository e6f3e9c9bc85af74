import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batchBounds, callBounds, countOf, Histogram, lookupBounds, meanOf, quantile } from './histogram.ts'

describe('a histogram', () => {
  it('counts an observation in the first bucket whose bound it does not exceed', () => {
    const histogram = new Histogram([1, 2, 5])
    for (const value of [0, 1, 1.01, 2, 5, 5.01, 1000]) histogram.observe(value)
    expect(histogram.snapshot()).toEqual({ counts: [2, 2, 1, 2], sum: 0 + 1 + 1.01 + 2 + 5 + 5.01 + 1000 })
  })

  it('counts what is no time as none, and keeps its sum', () => {
    const histogram = new Histogram([1, 2])
    for (const value of [-5, Number.NaN, 1.5]) histogram.observe(value)
    expect(histogram.snapshot()).toEqual({ counts: [2, 1, 0], sum: 1.5 })
  })

  it('tells how many there were and what they came to on average', () => {
    const histogram = new Histogram(lookupBounds)
    expect(meanOf(histogram.snapshot())).toBe(0)
    for (const value of [0.001, 0.003]) histogram.observe(value)
    expect(countOf(histogram.snapshot())).toBe(2)
    expect(meanOf(histogram.snapshot())).toBe(0.002)
  })

  it.each([
    ['lookups', lookupBounds],
    ['calls', callBounds],
    ['batches', batchBounds]
  ])('has ascending bounds for %s', (_, bounds) => {
    expect(bounds).toEqual([...new Set(bounds)].sort((a, b) => a - b))
  })
})

describe('quantile', () => {
  it('goes evenly through a bucket', () => {
    expect(quantile([0, 10, 0], [1, 2], 0.5)).toBe(1.5)
    expect(quantile([10, 10, 0], [1, 2], 0.25)).toBe(0.5)
    expect(quantile([10, 0, 10, 0], [1, 2, 4], 0.75)).toBe(3)
  })

  it('is the last bound for what is beyond it, and 0 when nothing was observed', () => {
    expect(quantile([1, 0, 99], [1, 2], 0.9)).toBe(2)
    expect(quantile([0, 0, 0], [1, 2], 0.9)).toBe(0)
  })

  it('lies in the bucket of the value that a sorted list has there', () => {
    const value = fc.double({ min: 0, max: 120, noNaN: true })
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), fc.constantFrom(0.5, 0.9, 0.95, 0.99), (values, q) => {
        const histogram = new Histogram(callBounds)
        for (const each of values) histogram.observe(each)
        const sorted = values.toSorted((a, b) => a - b)
        const exact = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0
        const bucket = callBounds.findIndex((bound) => exact <= bound)
        const estimate = quantile(histogram.snapshot().counts, callBounds, q)
        expect(estimate).toBeGreaterThanOrEqual(callBounds[bucket - 1] ?? 0)
        expect(estimate).toBeLessThanOrEqual(callBounds[bucket] ?? 0)
      })
    )
  })
})
