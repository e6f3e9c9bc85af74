import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fold, foldCase } from './fold.ts'

describe('fold', () => {
  it.each([
    ['don’t', "don't"],
    ['“quoted”', '"quoted"'],
    ['Córdoba', 'Cordoba'],
    ['ﬁne', 'fine'],
    ['Ｆｕｌｌ', 'Full'],
    ['x²', 'x2'],
    ['2010–2015', '2010-2015'],
    ['٣٤', '34'],
    ['१९', '19'],
    ['zero\u200bwidth', 'zerowidth'],
    ['한국', '한국'],
    ['がく', 'がく']
  ])('makes %s %s', (text, folded) => {
    expect(fold(text)).toBe(folded)
  })

  it('leaves a folded text as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(fold(fold(text))).toBe(fold(text))
      })
    )
  })
})

describe('foldCase', () => {
  it.each([
    ['Straße', 'STRASSE'],
    ['ΣΟΦΟΣ', 'σοφος'],
    ['ı', 'I']
  ])('makes %s and %s one', (x, y) => {
    expect(foldCase(x)).toBe(foldCase(y))
  })
})
