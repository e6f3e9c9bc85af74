import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeRecord, encodeRecord, lacks, merge, type SwitchRecord } from './switch-record.ts'

// Few names and times, so that records have much to disagree about.
const record = fc.dictionary(
  fc.constantFrom('cache', 'exact', 'semantic', 'of-another-version'),
  fc.record({ on: fc.boolean(), atMs: fc.integer({ min: 0, max: 3 }) }),
  { noNullPrototype: true }
)

describe('what was switched', () => {
  it('comes to the same in whatever order it is learnt, and however often', () => {
    fc.assert(
      fc.property(record, record, record, (a, b, c) => {
        expect(merge(a, b)).toEqual(merge(b, a))
        expect(merge(merge(a, b), c)).toEqual(merge(a, merge(b, c)))
        expect(merge(merge(a, b), b)).toEqual(merge(a, b))
      })
    )
  })

  it('lacks nothing once it has been merged, and what it lacked before is what merging changes', () => {
    fc.assert(
      fc.property(record, record, (a, b) => {
        expect(lacks(merge(a, b), a) || lacks(merge(a, b), b)).toBe(false)
        expect(lacks(a, b)).toBe(JSON.stringify(merge(a, b)) !== JSON.stringify(a))
      })
    )
  })

  it('goes by the later word, and of two at the same time by the one that is off', () => {
    const at = (on: boolean, atMs: number): SwitchRecord => ({ exact: { on, atMs } })
    expect(merge(at(false, 1), at(true, 2))).toEqual(at(true, 2))
    expect(merge(at(false, 2), at(true, 2))).toEqual(at(false, 2))
    expect(merge(at(true, 2), at(false, 2))).toEqual(at(false, 2))
  })

  it('is read as it was written', () => {
    fc.assert(
      fc.property(record, (a) => {
        expect(decodeRecord(encodeRecord(a))).toEqual(a)
      })
    )
  })

  it.each(['no JSON', '[]', 'null', '{"exact":true}', '{"exact":{"on":"off","atMs":1}}', '{"exact":{"on":false}}'])(
    'is not %s',
    (text) => {
      expect(decodeRecord(Buffer.from(text))).toBeUndefined()
    }
  )
})
