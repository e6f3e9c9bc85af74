import { describe, expect, it } from 'vitest'
import { guardedText } from './guarded-text.ts'
import { swap, wordOrder } from './word-order.ts'

function check(a: string, b: string): string | undefined {
  return swap.check(guardedText(a), guardedText(b))
}

describe('swap', () => {
  it.each([
    ['trains from London to Paris', 'trains from Paris to London', 'london and paris change places'],
    ['Does Ada love Bob?', 'Does Bob love Ada?', 'ada and bob change places'],
    ['Is India larger than Peru?', 'Is Peru larger than India?', 'india and peru change places'],
    ['How do I convert celsius to kelvin?', 'How do I convert kelvin to celsius?', 'celsius and kelvin change places'],
    [
      'If India attacks Peru, what will happen?',
      'What happens if Peru attacked India?',
      'india and peru change places'
    ],
    ['Is 3 more than 5?', 'Is 5 more than 3?', '3 and 5 change places']
  ])('%s | %s: %s', (a, b, reason) => {
    expect(check(a, b)).toBe(reason)
    expect(check(b, a)).toBeDefined()
  })

  it.each([
    ['Is Ada friends with Bob?', 'Is Bob friends with Ada?'],
    ['Is she an author or a historian?', 'Is she a historian or an author?'],
    ['the difference between tea and coffee', 'the difference between coffee and tea'],
    ['They met Ada, Bob and Cleo', 'They met Cleo, Bob and Ada'],
    ['Is it healthy to eat late?', 'Is eating late healthy?'],
    ['recover messages in Facebook', 'recover Facebook messages'],
    ['Is Ada an Egyptian nurse?', 'Is Ada a nurse and Egyptian?']
  ])('lets pass %s | %s', (a, b) => {
    expect([check(a, b), check(b, a)]).toEqual([undefined, undefined])
  })
})

describe('wordOrder', () => {
  it('objects to any other order, but not to a list that is turned round', () => {
    const [a, b, c] = [
      'What does a cat in a hat eat?',
      'What does a hat in a cat eat?',
      'Does a cat in a hat eat the hats of cats?'
    ].map(guardedText)
    const [tea, coffee] = ['tea or coffee', 'coffee or tea'].map(guardedText)
    if (!a || !b || !c || !tea || !coffee) throw new Error('unreachable')
    expect(wordOrder.check(a, b)).toBeDefined()
    expect(wordOrder.check(a, c)).toBe('the same in another order')
    expect(wordOrder.check(tea, coffee)).toBeUndefined()
  })
})
