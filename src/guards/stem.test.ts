import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stem } from './stem.ts'

describe('stem', () => {
  it.each([
    ['recipe', 'recipes'],
    ['story', 'stories'],
    ['box', 'boxes'],
    ['cook', 'cooked', 'cooking', 'cooks'],
    ['hop', 'hopped', 'hopping'],
    ['make', 'made', 'making', 'makes'],
    ['study', 'studied', 'studying', 'studies'],
    ['rise', 'rising', 'rises'],
    ['child', 'children'],
    ['quick', 'quickly'],
    ['happy', 'happily'],
    ['colour', 'color', 'colours'],
    ['organise', 'organize', 'organised'],
    ['centre', 'center', 'centers']
  ])('knows the forms of %s', (...forms) => {
    expect([...new Set(forms.map(stem))]).toHaveLength(1)
  })

  it.each([
    ['employer', 'employee'],
    ['university', 'universe'],
    ['import', 'important'],
    ['bus', 'busy'],
    ['happy', 'unhappy'],
    ['sing', 'sin'],
    ['bed', 'be']
  ])('keeps %s and %s apart', (x, y) => {
    expect(stem(x)).not.toBe(stem(y))
  })

  it('never makes nothing of something', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]+$/), (word) => {
        expect(stem(word)).not.toBe('')
      })
    )
  })
})
