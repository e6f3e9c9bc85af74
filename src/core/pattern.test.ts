import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { patternMatcher, plainPattern } from './pattern.ts'

describe('a pattern', () => {
  it.each([
    ['gpt-4o', 'gpt-4o', true],
    ['gpt-4o', 'gpt-4o-mini', false],
    ['gpt-4o', 'GPT-4o', false],
    ['gpt-4o*', 'gpt-4o', true],
    ['gpt-4o*', 'gpt-4o-mini', true],
    ['*-mini', 'gpt-4o-mini', true],
    ['*-mini', 'gpt-4o-mini-2024', false],
    ['claude-*-4-*', 'claude-opus-4-5', true],
    ['claude-*-4-*', 'claude-4-5', false],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['a*a', 'a', false],
    ['*ab*ab*', 'abab', true],
    ['*ab*ab*', 'abb', false],
    ['meta-llama/*', 'meta-llama/llama-3', true],
    ['gpt-4.1', 'gpt-4x1', false],
    ['g?t', 'gpt', false]
  ])('%j and %j: %j', (pattern, text, expected) => {
    expect(patternMatcher(pattern)(text)).toBe(expected)
  })

  it('means what the regular expression does that has .* for each star', () => {
    const letters = fc.array(fc.constantFrom('a', 'b', '\n', '.'), { maxLength: 12 }).map((all) => all.join(''))
    const patterns = fc.array(fc.constantFrom('a', 'b', '*', '.', '\n'), { maxLength: 8 }).map((all) => all.join(''))
    fc.assert(
      fc.property(patterns, letters, (pattern, text) => {
        const expression = new RegExp(`^${pattern.replaceAll('.', '\\.').replace(/\*+/g, '.*')}$`, 's')
        expect(patternMatcher(pattern)(text)).toBe(expression.test(text))
        expect(patternMatcher(plainPattern(pattern))(text)).toBe(expression.test(text))
      }),
      { numRuns: 1000 }
    )
  })

  it('comes to an end with many stars and a long text', () => {
    expect(patternMatcher(`${'*a'.repeat(50)}*b`)('a'.repeat(20_000))).toBe(false)
  })
})
