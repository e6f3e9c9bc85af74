import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countTokens, firstTokens, piecesOf, promptTokens } from './tokens.ts'

describe('tokens', () => {
  it('are the text again when they are put together', () => {
    const anyText = fc.array(fc.integer({ min: 0, max: 0x10ffff })).map((codes) => String.fromCodePoint(...codes))
    fc.assert(fc.property(anyText, (text) => piecesOf(text).join('') === text))
  })

  it('never end within a character', () => {
    expect(piecesOf('👩‍💻🚀').every((piece) => !piece.endsWith('\ud83d'))).toBe(true)
    expect(Buffer.from(piecesOf('a🚀b').join('')).toString()).toBe('a🚀b')
  })

  it('are words with the space before them, and signs', () => {
    expect(piecesOf('Hello, wide  world!\n')).toEqual(['Hello', ',', ' wide', '  ', 'world', '!', '\n'])
  })

  it('are as many as asked for, at most', () => {
    expect(firstTokens('one two three', 2)).toBe('one two')
    expect(firstTokens('one two three', 0)).toBe('')
    expect(firstTokens('one', 5)).toBe('one')
  })

  it('of a prompt count all text at any depth, and a picture as one thing', () => {
    const short = promptTokens([{ role: 'user', content: 'hello there' }])
    expect(short).toBe(3 + countTokens('hello there'))
    expect(promptTokens([{ role: 'user', content: [{ type: 'text', text: 'hello there' }] }])).toBe(short)
    const picture = { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(100_000)}` } }
    expect(promptTokens([{ role: 'user', content: [picture] }])).toBe(3 + 85)
  })
})
