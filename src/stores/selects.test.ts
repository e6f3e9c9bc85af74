import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { selects } from './selects.ts'

const name = fc.string({ minLength: 1, maxLength: 12 })

describe('what a selector selects', () => {
  it('by key is that key and no other', () => {
    expect(selects({ key: 'llm:a:1' }, 'llm:a:1', [])).toBe(true)
    expect(selects({ key: 'llm:a:1' }, 'llm:a:12', ['llm:a:1'])).toBe(false)
  })

  it('by tag is what bears it, in whatever place, and not what bears one that begins like it', () => {
    expect(selects({ tag: 'run:7' }, 'k', ['a', 'run:7'])).toBe(true)
    expect(selects({ tag: 'run:7' }, 'run:7', ['run:77', 'run'])).toBe(false)
  })

  it('by prefix is what begins so; the empty prefix is all', () => {
    fc.assert(
      fc.property(name, name, (prefix, rest) => {
        expect(selects({ prefix }, prefix + rest, [])).toBe(true)
        expect(selects({ prefix: '' }, rest, [])).toBe(true)
        expect(selects({ prefix: `${prefix}${rest}!` }, prefix + rest, [])).toBe(false)
      })
    )
  })

  it('by pattern is what matches the whole key', () => {
    expect(selects({ pattern: 'llm:*:1?' }, 'llm:gpt:12', [])).toBe(true)
    expect(selects({ pattern: 'llm:*:1?' }, 'llm:gpt:123', [])).toBe(false)
    expect(selects({ pattern: 'gpt' }, 'llm:gpt:1', ['gpt'])).toBe(false)
  })

  it('by all is everything', () => {
    fc.assert(fc.property(name, fc.array(name), (key, tags) => selects({ all: true }, key, tags)))
  })
})
