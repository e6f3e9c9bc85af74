import { describe, expect, it } from 'vitest'
import { isSameWord } from './same-word.ts'

describe('isSameWord', () => {
  it.each([
    ['recieve', 'receive'],
    ['programming', 'porgramming'],
    ['assistance', 'asssistance'],
    ['relation', 'relationship'],
    ['alkali', 'alkalis'],
    ['музыка', 'музыку']
  ])('takes %s for %s', (x, y) => {
    expect([isSameWord(x, y), isSameWord(y, x)]).toEqual([true, true])
  })

  it.each([
    ['cat', 'rat'],
    ['iraq', 'iran'],
    ['zambia', 'gambia'],
    ['austria', 'australia'],
    ['use', 'sue'],
    ['employer', 'employee'],
    ['москва', 'россия']
  ])('keeps %s and %s apart', (x, y) => {
    expect([isSameWord(x, y), isSameWord(y, x)]).toEqual([false, false])
  })
})
