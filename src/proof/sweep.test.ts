import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { GuardLevel, Refutation } from '../guards/guard.ts'
import { guardCounts, lostRightHits, remainingWrongHits } from './guard-report.ts'
import { guardLevels, type JudgedPair, judge } from './judge.ts'
import { proposal } from './proposal.ts'
import { grid, pointAt, sweep } from './sweep.ts'

const refutation: Refutation = { by: 'numbers', reason: '1 and 2' }
let line = 0

function judged(same: boolean, similarity: number, ...refused: GuardLevel[]): JudgedPair {
  line += 1
  const refutations = Object.fromEntries(refused.map((level) => [level, refutation]))
  return { pair: { a: `a${line}`, b: `b${line}`, same, line, rest: {} }, similarity, refutations }
}

function many(count: number, make: (index: number) => JudgedPair): JudgedPair[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

const anyJudged = fc
  .tuple(
    fc.boolean(),
    fc.integer({ min: -1000, max: 1000 }).map((thousandths) => thousandths / 1000),
    fc.subarray<GuardLevel>(['standard', 'strict'])
  )
  .map(([same, similarity, refused]) => judged(same, similarity, ...refused))

describe('judge', () => {
  it('asks the guards of each level once about each pair that may be a hit, and nobody about the rest', () => {
    const asked: string[] = []
    const pairs = [0, 1, 2].map((index) => ({ a: `a${index}`, b: 'b', same: false, line: index, rest: {} }))
    const result = judge(pairs, Float64Array.of(0.9, 0.4, 0.5), {
      open: (level) => (a, b) => {
        asked.push(`${level} ${a} ${b}`)
        return level === 'strict' ? refutation : undefined
      }
    })
    expect(asked.sort()).toEqual(['standard a0 b', 'standard a2 b', 'strict a0 b', 'strict a2 b'])
    expect(result.map(({ refutations }) => refutations)).toEqual([{ strict: refutation }, {}, { strict: refutation }])
  })
})

describe('sweep', () => {
  it('counts at each threshold and level what counting anew gives', () => {
    fc.assert(
      fc.property(fc.array(anyJudged, { maxLength: 60 }), (some) => {
        const all = [...some, judged(true, 0.7), judged(false, 0.6)]
        for (const { level, points } of sweep(all, 0.01).levels)
          for (const { minSimilarity, rightHits, wrongHits, recall, wrongShare, precision } of points) {
            const hits = all.filter(
              ({ similarity, refutations }) => similarity >= minSimilarity && !(level in refutations)
            )
            const right = hits.filter(({ pair }) => pair.same).length
            expect([rightHits, wrongHits]).toEqual([right, hits.length - right])
            expect([recall.count, wrongShare.count, precision.count]).toEqual([right, hits.length - right, right])
            expect(recall.of + wrongShare.of).toBe(all.length)
            expect(precision.of).toBe(hits.length)
          }
      }),
      { numRuns: 20 }
    )
  })

  it('proposes the lowest threshold from which on the wrong share is never above the allowed one', () => {
    fc.assert(
      fc.property(
        fc.array(anyJudged, { maxLength: 60 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (some, allowed) => {
          const { levels } = sweep([...some, judged(true, 0.7), judged(false, 0.6)], allowed)
          for (const { points, proposed, sure } of levels) {
            const from = proposed === undefined ? points.length : points.indexOf(proposed)
            expect(points.slice(from).every(({ wrongShare }) => wrongShare.value <= allowed)).toBe(true)
            expect(from > 0 && (points[from - 1]?.wrongShare.value ?? 1) <= allowed).toBe(false)
            if (sure !== undefined) {
              expect(sure.wrongShare.high).toBeLessThanOrEqual(allowed)
              expect(proposed?.minSimilarity).toBeLessThanOrEqual(sure.minSimilarity)
            }
          }
        }
      )
    )
  })

  it('has a grid of 0.500 to 1.000 in steps of 0.005', () => {
    expect(grid).toHaveLength(101)
    expect(grid.map((threshold) => threshold.toFixed(3)).slice(0, 3)).toEqual(['0.500', '0.505', '0.510'])
    expect(grid.at(-1)).toBe(1)
  })

  it('takes a pair with exactly the threshold for a hit', () => {
    expect(pointAt([judged(true, 0.935)], 'off', 0.935).rightHits).toBe(1)
    expect(pointAt([judged(true, 0.934999)], 'off', 0.935).rightHits).toBe(0)
  })

  it.each([
    [many(3, () => judged(true, 0.9)), 'got 3 and 0'],
    [many(2, () => judged(false, 0.9)), 'got 0 and 2'],
    [[], 'got 0 and 0']
  ])('says what is missing when there are pairs of one kind only (%#)', (all, got) => {
    expect(() => sweep(all, 0.01)).toThrow(got)
  })
})

describe('proposal', () => {
  it('names the threshold, and a higher one where chance is allowed for', () => {
    // 1,000 different pairs: 10 of them at 0.8, which is 1 % there, but with an upper limit of 1.8 %.
    const all = [
      ...many(1000, (index) => judged(true, 0.5 + index / 2000)),
      ...many(1000, (index) => judged(false, index < 10 ? 0.8 : 0.1))
    ]
    const text = proposal(sweep(all, 0.01), 'standard')
    expect(text).toContain('Proposed: --min-similarity 0.500 (guards standard)')
    expect(text).toContain('wrong share 1.00 % [0.54 to 1.83 %]')
    expect(text).toContain('It is the lowest threshold looked at')
    expect(text).toContain('To be sure of 1 % at the upper confidence limit too: 0.805')
  })

  it('says that there is none, and how far from it the best one is', () => {
    const all = [...many(100, () => judged(true, 1)), ...many(100, (index) => judged(false, index < 20 ? 1 : 0))]
    expect(proposal(sweep(all, 0.01), 'off')).toMatch(
      /^Nothing to propose \(guards off\).*even at 1\.000 it is 20\.0 % \[13/
    )
  })

  it('says how many pairs it takes when there are too few', () => {
    const all = [...many(100, () => judged(true, 0.9)), ...many(100, () => judged(false, 0.1))]
    const text = proposal(sweep(all, 0.01), 'standard')
    expect(text).toContain('100 pairs labelled 0 are too few to be sure of 1 %: it takes 381 without one wrong hit')
    expect(text).toContain('as high as 3.70 %')
    const most = [...all, ...many(281, () => judged(false, 0.1))]
    expect(proposal(sweep(most, 0.01), 'standard')).toContain('at most 1 % as well')
  })

  it('says that matching by meaning is of no use where nothing is found', () => {
    const all = [judged(true, 0.4), judged(false, 0.99)]
    expect(proposal(sweep(all, 0), 'strict')).toContain('matching by meaning is of no use')
    expect(proposal(sweep(all, 0), 'strict')).toContain('No number of pairs can make sure of a wrong share of 0 %')
  })
})

describe('the guards in a report', () => {
  const all = [
    judged(true, 0.99, 'strict'),
    judged(false, 0.98, 'standard', 'strict'),
    judged(false, 0.97),
    judged(false, 0.99),
    judged(true, 0.6, 'standard'),
    judged(true, 0.95, 'standard')
  ]

  it('are counted by what they stopped and what they cost, from the threshold on', () => {
    expect(guardCounts(all, 'standard', 0.9)).toEqual([{ by: 'numbers', wrongStopped: 1, rightLost: 1 }])
    expect(guardCounts(all, 'standard', 0.5)).toEqual([{ by: 'numbers', wrongStopped: 1, rightLost: 2 }])
    expect(guardCounts(all, 'off', 0.5)).toEqual([])
  })

  it('leave the most similar wrong hits and cost the most similar right ones', () => {
    expect(remainingWrongHits(all, 'standard', 0.9, 5).map(({ similarity }) => similarity)).toEqual([0.99, 0.97])
    expect(remainingWrongHits(all, 'off', 0.9, 2).map(({ similarity }) => similarity)).toEqual([0.99, 0.98])
    expect(lostRightHits(all, 'standard', 0.5, 1).map(({ similarity }) => similarity)).toEqual([0.95])
  })

  it('explain the difference between the levels', () => {
    for (const level of guardLevels) {
      const off = pointAt(all, 'off', 0.9)
      const on = pointAt(all, level, 0.9)
      const [count] = guardCounts(all, level, 0.9)
      expect(off.wrongHits - on.wrongHits).toBe(count?.wrongStopped ?? 0)
      expect(off.rightHits - on.rightHits).toBe(count?.rightLost ?? 0)
    }
  })
})
