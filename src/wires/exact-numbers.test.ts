import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inexactNumbers } from './exact-numbers.ts'

describe('inexactNumbers', () => {
  it.each([
    ['{"seed": 9007199254740993}', ['9007199254740993']],
    ['{"seed":-12345678901234567890,"n":1}', ['-12345678901234567890']],
    ['[1e400, 1E-400, 1e30]', ['1e400', '1E-400']],
    ['{"a": 0.1000000000000000055}', ['0.1000000000000000055']],
    ['{"a": "9007199254740993", "b": 2}', []],
    ['{"a": "\\"9007199254740993\\\\", "b": 123456789012345}', []],
    ['{"9007199254740993": 1.5}', []],
    ['{"a": 0.000000000000000001}', []],
    ['{}', []]
  ])('finds in %s what parsing would blur', (text, expected) => {
    expect(inexactNumbers(text)).toEqual(expected)
  })

  it('lists a number whenever another text parses to the same and is not equal to it', () => {
    const digits = fc.stringMatching(/^[1-9][0-9]{0,24}$/)
    fc.assert(
      fc.property(digits, digits, (a, b) => {
        if (a !== b && Number(a) === Number(b)) {
          expect(inexactNumbers(`{"seed":${a}}`)).toEqual([a])
          expect(inexactNumbers(`{"seed":${b}}`)).toEqual([b])
        }
      }),
      {
        numRuns: 2000,
        examples: [
          ['9007199254740992', '9007199254740993'],
          ['10000000000000000', '10000000000000001']
        ]
      }
    )
  })

  it('reads any JSON text to its end', () => {
    fc.assert(
      fc.property(fc.json(), (text) => Array.isArray(inexactNumbers(`${text} 12345678901234567`))),
      { numRuns: 500 }
    )
  })
})
