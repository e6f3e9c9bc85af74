import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyJson } from '../../test/support/arbitrary-json.ts'
import type { Json } from '../core/json.ts'
import { hasDuplicateMembers } from './duplicate-members.ts'

const check = (text: string): boolean => hasDuplicateMembers(text, JSON.parse(text) as Json)

describe('hasDuplicateMembers', () => {
  it.each([
    '{"model":"a","model":"b"}',
    '{"model":"a","mod\\u0065l":"b"}',
    '{"messages":[{"role":"user","content":"a","content":"b"}]}',
    '{"a":{"b":1,"b":2}}',
    '{"__proto__":1,"__proto__":2}'
  ])('finds them in %s', (text) => expect(check(text)).toBe(true))

  it.each([
    '{}',
    '[]',
    '{"a":"b:c","d":"\\\\\\":{}"}',
    '{"a":[{"a":1},{"a":1}]}',
    '{"__proto__":{"a":1}}',
    '" : \\" : "'
  ])('finds none in %s', (text) => expect(check(text)).toBe(false))

  it('finds none in what was written from a value, however it is spaced, and finds one that is added', () => {
    fc.assert(
      fc.property(anyJson, fc.constantFrom(undefined, 2, '\t'), (value, space) => {
        expect(check(JSON.stringify(value, undefined, space))).toBe(false)
        const twice = `{"x":1,"y":${JSON.stringify(value)},"x":2}`
        expect(check(twice)).toBe(true)
      })
    )
  })
})
