import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { guardedText } from './guarded-text.ts'
import { littleWords } from './little-words.ts'

function check(a: string, b: string): string | undefined {
  return littleWords.check(guardedText(a), guardedText(b))
}

const words = fc.constantFrom(
  ...`up down even off on in out from to before after until since by at least most more less than only also all any some both
  either other same first last next this and or if unless while must can too enough per each up to 5 3 once exactly am pm
  the round files invoices paris turn open good please`.split(/\s+/)
)
const texts = fc.array(words, { maxLength: 14 }).map((chosen) => chosen.join(' '))

describe('littleWords', () => {
  it.each([
    ['round half up', 'round half even', 'up and even'],
    ['turn on the lamp on the desk', 'turn off the lamp on the desk', 'on and off'],
    ['the tram from Graz', 'the tram to Graz', 'from and to'],
    ['users may read', 'only users may read', 'only'],
    ['retry 3 times', 'retry 3 times at most', 'atmost'],
    ['asked at least once', 'one is asked exactly once in all cases', 'atleast and exactly']
  ])('%s | %s: %s', (a, b, reason) => {
    expect(check(a, b)).toBe(reason)
    expect(check(b, a)).toBeDefined()
  })

  it.each([
    // Another place of the same word.
    ['turn off the lamp', 'turn the lamp off'],
    ['at most 5 tests', '5 tests at most'],
    // Put for each other.
    ['cafes in Graz', 'cafes of Graz'],
    ['over 5 tests', 'more than 5 tests'],
    ['2 or more tests', 'at least 2 tests'],
    // Comes and goes with grammar.
    ['open up an account', 'open an account'],
    // No limits: nothing is counted.
    ['keep it up to date', 'keep it to date'],
    // Other words around them: that is not for this guard to judge.
    ['before the storm', 'after lunch']
  ])('lets pass %s | %s', (a, b) => {
    expect([check(a, b), check(b, a)]).toEqual([undefined, undefined])
  })

  it('objects whichever of the two was asked, and never to a text and itself', () => {
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        expect(check(a, b) === undefined).toBe(check(b, a) === undefined)
        expect(check(a, a)).toBeUndefined()
      }),
      { numRuns: 3000 }
    )
  })
})
