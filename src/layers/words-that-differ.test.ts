import { assert, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { wordsThatDiffer } from './words-that-differ.ts'

describe('words that differ', () => {
  it('names what only one text has, as often as it has more of it', () => {
    expect(wordsThatDiffer('How do I install C++ 12?', 'how do you install C 12')).toEqual({
      asked: ['I', 'C++'],
      answered: ['you', 'C']
    })
    expect(wordsThatDiffer('no, no', 'No')).toEqual({ asked: ['no'], answered: [] })
  })

  it('finds none in a text and itself', () => {
    assert(
      property(string({ unit: 'binary' }), (text) => {
        expect(wordsThatDiffer(text, text)).toEqual({ asked: [], answered: [] })
      })
    )
  })
})
