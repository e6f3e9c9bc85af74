import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyText } from '../../test/support/arbitrary-json.ts'
import { pieces } from './pieces.ts'

const halfPair = /\p{Surrogate}/u

describe('pieces', () => {
  it('cuts before white space, about every 32 characters', () => {
    const text = 'The quick brown fox jumps over the lazy dog and then sleeps for a very long time.'
    expect([...pieces(text)]).toEqual([
      'The quick brown fox jumps over',
      ' the lazy dog and then sleeps',
      ' for a very long time.'
    ])
  })

  it('cuts anyway where there is none', () => {
    expect([...pieces('x'.repeat(70))].map((piece) => piece.length)).toEqual([32, 32, 6])
  })

  it('never cuts a surrogate pair', () => {
    expect([...pieces(`x${'😀'.repeat(20)}`)]).toEqual([`x${'😀'.repeat(16)}`, '😀'.repeat(4)])
  })

  it('has none for an empty text', () => {
    expect([...pieces('')]).toEqual([])
  })

  it('loses nothing, and stays small', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const cut = [...pieces(text)]
        expect(cut.join('')).toBe(text)
        for (const piece of cut) expect(piece.length).toBeLessThanOrEqual(33)
        // Only a text with half of a surrogate pair in it may have pieces with one.
        if (!halfPair.test(text)) for (const piece of cut) expect(piece).not.toMatch(halfPair)
      }),
      { numRuns: 500 }
    )
  })
})
