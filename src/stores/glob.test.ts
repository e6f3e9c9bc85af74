import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeForRedis, globMatcher, literalPrefix, patternForRedis } from './glob.ts'

/** Says the same by trying everything, as slowly as it likes. */
function matchesSlowly(pattern: readonly string[], text: readonly string[]): boolean {
  const [head, ...rest] = pattern
  if (head === undefined) return text.length === 0
  if (head === '*') return matchesSlowly(rest, text) || (text.length > 0 && matchesSlowly(pattern, text.slice(1)))
  return text.length > 0 && (head === '?' || head === text[0]) && matchesSlowly(rest, text.slice(1))
}

describe('globMatcher', () => {
  it.each([
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['*', 'anything at all', true],
    ['a*', 'a', true],
    ['a*', 'ba', false],
    ['*a', 'cba', true],
    ['a*c*e', 'abcde', true],
    ['a*c*e', 'abde', false],
    ['?', 'a', true],
    ['?', '', false],
    ['?', 'ab', false],
    ['?', 'é', true],
    ['?', '😀', true],
    ['??', '😀', false],
    ['llm:gpt-4o*:?', 'llm:gpt-4o-mini:x', true]
  ])('%j against %j is %j', (pattern, text, expected) => {
    expect(globMatcher(pattern)(text)).toBe(expected)
  })

  it.each(['[ab]', 'a{1,2}', '(a|b)', 'a+', 'a.c', '^a$', '\\d', '\\', 'a-b', '!a', '$&'])(
    'takes %j for itself and nothing else',
    (text) => {
      expect(globMatcher(text)(text)).toBe(true)
      expect(
        ['a', 'b', 'ab', 'aa', 'abc', '1', ''].filter((other) => other !== text && globMatcher(text)(other))
      ).toEqual([])
    }
  )

  it('agrees with trying everything', () => {
    const letters = fc.array(fc.constantFrom('a', 'b', '*', '?', '😀'), { maxLength: 7 })
    fc.assert(
      fc.property(letters, letters, (pattern, text) => {
        expect(globMatcher(pattern.join(''))(text.join(''))).toBe(matchesSlowly(pattern, text))
      })
    )
  })

  it('answers a pattern of many stars at once', () => {
    expect(globMatcher(`${'*a'.repeat(30)}*b`)('a'.repeat(5000))).toBe(false)
  })
})

describe('literalPrefix', () => {
  it('ends before the first wildcard', () => {
    expect(literalPrefix('llm:gpt*')).toBe('llm:gpt')
    expect(literalPrefix('a?c*')).toBe('a')
    expect(literalPrefix('*')).toBe('')
    expect(literalPrefix('a[b]c')).toBe('a[b]c')
  })
})

describe('for Redis', () => {
  it('makes a literal of every special character', () => {
    expect(escapeForRedis('a*b?c[d]e\\f-^')).toBe('a\\*b\\?c\\[d\\]e\\\\f-^')
  })

  it('keeps the wildcards of a pattern and widens those of one character', () => {
    expect(patternForRedis('a[*]?b\\')).toBe('a\\[*\\]?*b\\\\')
    expect(patternForRedis('**?*?')).toBe('??*')
    expect(patternForRedis('plain')).toBe('plain')
  })
})
