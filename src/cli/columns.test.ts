import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnsOf, cutTo } from './columns.ts'

describe('columnsOf', () => {
  it.each([
    ['', 0],
    ['outline', 7],
    ['章の要約', 8],
    ['한국어', 6],
    ['ｆｕｌｌ', 8],
    ['naïve', 5],
    ['nai\u0308ve', 5],
    ['🚀 go', 5],
    ['👩‍👩‍👧', 2],
    ['█░…', 3]
  ])('%s takes %i', (text, columns) => {
    expect(columnsOf(text)).toBe(columns)
  })
})

describe('cutTo', () => {
  it('cuts between characters, wide ones too, and says so', () => {
    expect(cutTo('outline', 7)).toBe('outline')
    expect(cutTo('outline', 6)).toBe('outli…')
    expect(cutTo('章の要約', 8)).toBe('章の要約')
    expect(cutTo('章の要約', 7)).toBe('章の要…')
    expect(cutTo('章の要約', 6)).toBe('章の…')
    expect(cutTo('a👩‍👩‍👧b', 3)).toBe('a…')
    expect(cutTo('outline', 0)).toBe('')
  })

  it('never takes more columns than there are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (text, columns) => {
        expect(columnsOf(cutTo(text, columns))).toBeLessThanOrEqual(columns)
      })
    )
  })
})
