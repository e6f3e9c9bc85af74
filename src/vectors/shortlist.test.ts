import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Shortlist } from './shortlist.ts'

describe('the shortlist', () => {
  it('has the best of what was offered, in order, the earlier one first where two are alike', () => {
    const similarity = fc.integer({ min: -8, max: 8 }).map((eighths) => eighths / 8)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(similarity), (most, offered) => {
        const shortlist = new Shortlist(most)
        for (const [slot, each] of offered.entries()) shortlist.offer(slot, each)
        const expected = [...offered.entries()].sort(([, a], [, b]) => b - a).slice(0, most)
        const found = Array.from({ length: shortlist.size }, (_, place) => [
          shortlist.slotAt(place),
          shortlist.similarityAt(place)
        ])
        expect(found).toEqual(expected)
        expect(shortlist.floor).toBe(expected.length < most ? Number.NEGATIVE_INFINITY : expected.at(-1)?.[1])
      })
    )
  })
})
