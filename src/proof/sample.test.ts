import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Pair } from './pairs.ts'
import { sample, shuffled } from './sample.ts'

const somePairs = fc
  .array(fc.boolean(), { maxLength: 200 })
  .map((labels) => labels.map((same, index): Pair => ({ a: `a${index}`, b: 'b', same, line: index + 1, rest: {} })))

describe('sample', () => {
  it('takes as many pairs as wanted, none twice, in their order', () => {
    fc.assert(
      fc.property(somePairs, fc.nat(250), fc.nat(), (pairs, limit, seed) => {
        const lines = sample(pairs, { limit, seed }).map(({ line }) => line)
        expect(lines).toHaveLength(Math.min(limit, pairs.length))
        expect(lines).toEqual([...new Set(lines)].sort((left, right) => left - right))
      })
    )
  })

  it('takes as many of one label as of the other when balanced, as many as there are', () => {
    fc.assert(
      fc.property(somePairs, fc.nat(250), (pairs, limit) => {
        const taken = sample(pairs, { limit, isBalanced: true })
        const same = pairs.filter((pair) => pair.same).length
        const each = Math.min(same, pairs.length - same, Math.floor(limit / 2))
        expect(taken.filter((pair) => pair.same)).toHaveLength(each)
        expect(taken.filter((pair) => !pair.same)).toHaveLength(each)
      })
    )
  })

  it('takes the same pairs for the same seed and others for another', () => {
    const pairs = Array.from(
      { length: 1000 },
      (_, index): Pair => ({ a: '', b: '', same: true, line: index, rest: {} })
    )
    const lines = (seed: number): number[] => sample(pairs, { limit: 100, seed }).map(({ line }) => line)
    expect(lines(7)).toEqual(lines(7))
    expect(lines(8).filter((line) => lines(7).includes(line)).length).toBeLessThan(30)
  })
})

describe('shuffled', () => {
  it('puts each item anywhere about equally often', () => {
    const first = Array.from({ length: 3000 }, (_, seed) => shuffled(['a', 'b', 'c'], seed)[0])
    for (const item of ['a', 'b', 'c']) {
      const often = first.filter((each) => each === item).length
      expect(often).toBeGreaterThan(850)
      expect(often).toBeLessThan(1150)
    }
  })
})
