import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SpendingLimit } from './spending-limit.ts'

describe('SpendingLimit', () => {
  it('lets one begin at a time until a first price is known', () => {
    const budget = new SpendingLimit(1)
    expect([budget.begin(), budget.begin()]).toEqual([true, false])
    budget.end(0)
    expect([budget.begin(), budget.begin()]).toEqual([true, false])
    budget.end(0.25)
    expect([budget.begin(), budget.begin(), budget.begin(), budget.begin()]).toEqual([true, true, true, false])
  })

  it('takes what is under way to cost what the dearest has cost, and gives back what it did not', () => {
    const budget = new SpendingLimit(1)
    budget.begin()
    budget.end(0.5)
    expect([budget.begin(), budget.begin()]).toEqual([true, false])
    budget.end(0.1)
    expect(budget.begin()).toBe(false)
    expect(budget).toMatchObject({ spentUsd: 0.6, dearestUsd: 0.5, limitUsd: 1 })
  })

  it('lets what fits exactly begin, whatever sums of fractions come to', () => {
    const budget = new SpendingLimit(0.3)
    for (let time = 0; time < 3; time++) {
      expect(budget.begin()).toBe(true)
      budget.end(0.1)
    }
    expect(budget.begin()).toBe(false)
  })

  it('never spends more than the limit on requests of which none is dearer than the first', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.double({ min: 1, max: 10, noNaN: true }),
        fc.array(fc.record({ share: fc.double({ min: 0, max: 1, noNaN: true }), ends: fc.boolean() })),
        (first, limit, steps) => {
          const budget = new SpendingLimit(limit)
          budget.begin()
          budget.end(first)
          const underWay: number[] = []
          for (const { share, ends } of steps) {
            if (budget.begin()) underWay.push(first * share)
            if (ends) {
              const cost = underWay.shift()
              if (cost !== undefined) budget.end(cost)
            }
          }
          for (const cost of underWay) budget.end(cost)
          expect(budget.spentUsd).toBeLessThanOrEqual(limit + 1e-6)
        }
      )
    )
  })
})
