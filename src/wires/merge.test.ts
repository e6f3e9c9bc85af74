import { describe, expect, it } from 'vitest'
import type { Draft } from './fields.ts'
import { accumulate, overlay } from './merge.ts'

function all(merge: (before: Draft | undefined, more: Draft) => Draft, ...parts: Draft[]): Draft | undefined {
  return parts.reduce<Draft | undefined>((before, more) => merge(before, more), undefined)
}

describe('accumulate', () => {
  it('joins strings', () => {
    expect(all(accumulate, { reasoning: 'First' }, { reasoning: ', then' })).toEqual({ reasoning: 'First, then' })
  })

  it('keeps what names something', () => {
    const part = { id: 'a', tool_id: 'b', type: 'c', role: 'd', name: 'e', format: 'f', status: 'g' }
    expect(all(accumulate, { ...part }, { ...part }, { id: '', name: 'other' })).toEqual({ ...part, name: 'other' })
  })

  it('joins lists', () => {
    expect(all(accumulate, { list: [1] }, { list: [1, { a: 2 }] }, { list: [] })).toEqual({ list: [1, 1, { a: 2 }] })
  })

  it('merges objects of a list by their index', () => {
    const parts = [
      { list: [{ index: 0, type: 'reasoning.text', format: 'x-v1', text: 'One' }] },
      {
        list: [
          { index: 0, type: 'reasoning.text', format: 'x-v1', text: ' more' },
          { index: 1, data: 'other' }
        ]
      },
      {
        list: [
          { index: 1, data: ' too' },
          { index: 0, signature: 's' }
        ]
      }
    ]
    expect(all(accumulate, ...parts)).toEqual({
      list: [
        { index: 0, type: 'reasoning.text', format: 'x-v1', text: 'One more', signature: 's' },
        { index: 1, data: 'other too' }
      ]
    })
  })

  it('takes a list that comes at once as it is', () => {
    expect(
      all(accumulate, {
        list: [
          { index: 0, a: 'x' },
          { index: 0, a: 'y' }
        ]
      })
    ).toEqual({
      list: [
        { index: 0, a: 'x' },
        { index: 0, a: 'y' }
      ]
    })
  })

  it('replaces numbers, booleans, and values of another type', () => {
    expect(all(accumulate, { a: 1, b: true, c: 'text' }, { a: 2, b: false, c: { d: 1 } })).toEqual({
      a: 2,
      b: false,
      c: { d: 1 }
    })
  })

  it('takes nothing away for null or an empty string', () => {
    expect(
      all(accumulate, { a: 'x', b: [1], c: { d: 1 }, e: 5, f: null }, { a: null, b: null, c: null, e: '', f: 'y' })
    ).toEqual({
      a: 'x',
      b: [1],
      c: { d: 1 },
      e: 5,
      f: 'y'
    })
  })

  it('keeps a field called __proto__', () => {
    const merged = all(
      accumulate,
      JSON.parse('{"a": {"__proto__": "x"}}'),
      JSON.parse('{"a": {"__proto__": "y"}, "__proto__": {"b": 1}}')
    )
    expect(JSON.stringify(merged)).toBe('{"a":{"__proto__":"xy"},"__proto__":{"b":1}}')
  })
})

describe('overlay', () => {
  it('replaces, and merges objects', () => {
    const parts = [
      { provider: 'OpenAI', citations: ['a'], filter: { hate: { severity: 'safe', filtered: false } } },
      {
        provider: 'OpenAI',
        citations: ['a', 'b'],
        filter: { hate: { severity: 'safe' }, violence: { severity: 'low' } }
      },
      { provider: '', citations: null }
    ]
    expect(all(overlay, ...parts)).toEqual({
      provider: 'OpenAI',
      citations: ['a', 'b'],
      filter: { hate: { severity: 'safe', filtered: false }, violence: { severity: 'low' } }
    })
  })

  it('keeps a field called __proto__', () => {
    const merged = all(overlay, { a: 1 }, JSON.parse('{"__proto__": {"b": 1}}'), JSON.parse('{"__proto__": {"c": 2}}'))
    expect(JSON.stringify(merged)).toBe('{"a":1,"__proto__":{"b":1,"c":2}}')
  })
})
