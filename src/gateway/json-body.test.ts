import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clipped, jsonBody } from './json-body.ts'

describe('a body of JSON', () => {
  it('is the object that it holds, whatever that is', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const text = JSON.stringify(value)
        expect(jsonBody(Buffer.from(text), 'an object')).toEqual(JSON.parse(text))
      })
    )
  })

  it.each([
    ['', 'expected {"on": true}, got an empty body'],
    ['on', 'expected {"on": true}, got what is not JSON'],
    ['{"on": true', 'expected {"on": true}, got what is not JSON'],
    ['on=true', 'expected {"on": true}, got what is not JSON'],
    ['[{"on": true}]', 'expected {"on": true}, got [{"on":true}]'],
    ['null', 'expected {"on": true}, got null'],
    ['"on"', 'expected {"on": true}, got "on"'],
    ['7', 'expected {"on": true}, got 7']
  ])('is refused when it is %j, saying what was expected and got', (text, message) => {
    expect(() => jsonBody(Buffer.from(text), '{"on": true}')).toThrow(
      expect.objectContaining({ code: 'invalid-body', status: 400, message })
    )
  })

  it('is quoted in a message as far as a message bears it', () => {
    expect(clipped('x'.repeat(1000))).toHaveLength(103)
    expect(clipped({ a: [1] })).toBe('{"a":[1]}')
    expect(clipped(undefined)).toBe('undefined')
  })
})
