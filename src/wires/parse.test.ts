import { describe, expect, it } from 'vitest'
import { parse, whyNot } from './parse.ts'

describe('parse', () => {
  it('reads JSON', () => {
    expect(parse('{"a": [1, -2.5e3, "x", null]}')).toEqual({ a: [1, -2500, 'x', null] })
  })

  it.each([
    '9007199254740991',
    '9007199254740994',
    '-0.12345678901234567',
    '1.5e-300',
    '"12345678901234567890"',
    '123456789012345680000'
  ])('keeps %s', (text) => {
    expect(parse(`[${text}]`)).toEqual([JSON.parse(text)])
  })

  it.each(['9007199254740993', '-12345678901234567890', '1e999'])('does not keep %s', (text) => {
    expect(() => parse(`{"a":[${text}]}`)).toThrow(RangeError)
  })

  it('throws at what is no JSON', () => {
    expect(() => parse('{')).toThrow(SyntaxError)
  })
})

describe('whyNot', () => {
  it('tells what is broken from what is only not understood', () => {
    expect(whyNot(new SyntaxError('x'))).toBe('malformed')
    expect(whyNot(new RangeError('x'))).toBe('unknown')
  })
})
