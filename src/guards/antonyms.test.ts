import { describe, expect, it } from 'vitest'
import { antonyms } from './antonyms.ts'
import { guardedText } from './guarded-text.ts'

function check(a: string, b: string): string | undefined {
  return antonyms.check(guardedText(a), guardedText(b))
}

describe('antonyms', () => {
  it.each([
    ['How do I increase the volume?', 'How can the volume be reduced?', 'increase and reduced'],
    ['How do I enable logging?', 'How do I disable logging?', 'enable and disable'],
    ['Should I eat before running?', 'Should I eat after running?', 'before and after'],
    ['the best phones', 'the worst phones', 'best and worst'],
    ['Would he reject her?', 'Would she reject him?', 'he and she'],
    ['Is it more secure?', 'Is it less secure?', 'more and less'],
    ['Why is she happy?', 'Why is she unhappy?', 'happy and unhappy'],
    ['a harmful plant', 'a harmless plant', 'harmful and harmless'],
    ['prices in euros', 'prices in dollars', 'euros and dollars']
  ])('%s | %s: %s', (a, b, reason) => {
    expect(check(a, b)).toBe(reason)
    expect(check(b, a)).toBeDefined()
  })

  it.each([
    ['Is it better to rent or to buy?', 'Is it better to buy or to rent?'],
    ['buying a house', 'purchasing a house'],
    ['Is iron a metal?', 'Is iron an ironmetal?'],
    ['the biggest city', 'the largest city']
  ])('lets pass %s | %s', (a, b) => {
    expect([check(a, b), check(b, a)]).toEqual([undefined, undefined])
  })
})
