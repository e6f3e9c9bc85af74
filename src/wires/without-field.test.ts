import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyJson, anyText } from '../../test/support/arbitrary-json.ts'
import type { JsonObject } from '../core/json.ts'
import { withoutField } from './without-field.ts'

const spaces = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
const name = fc.oneof(fc.constantFrom('cache', 'a', '__proto__', '', 'caches', '"cache"', 'Cache'), anyText)
const value = fc.oneof(
  fc.constantFrom('9007199254740993', '-0', '1.50', '{"cache":{}}', '["}",{"cache":1}]', '"\\"cache\\":"', '{}'),
  anyJson.map((json) => JSON.stringify(json))
)

/** A field as it is written, between commas. */
const member = fc
  .tuple(name, value, fc.tuple(spaces, spaces, spaces, spaces))
  .map(([called, its, [a, b, c, d]]) => ({ called, text: `${a}${JSON.stringify(called)}${b}:${c}${its}${d}` }))
const members = fc.array(member, { maxLength: 6 })

function without(text: string, field = 'cache'): string {
  return withoutField(Buffer.from(text), field).toString()
}

describe('withoutField', () => {
  it('takes out what JSON.parse reads, and nothing else', () => {
    fc.assert(
      fc.property(members, name, (fields, field) => {
        const text = `{${fields.map((one) => one.text).join(',')}}`
        const all = Object.entries(JSON.parse(text) as JsonObject)
        const left: unknown = JSON.parse(without(text, field))
        expect(isDeepStrictEqual(left, Object.fromEntries(all.filter(([key]) => key !== field)))).toBe(true)
      }),
      { numRuns: 2000 }
    )
  })

  it('gives back, byte for byte, what was there before the field was put in, wherever that was', () => {
    fc.assert(
      fc.property(members, value, fc.nat(), spaces, (all, its, where, space) => {
        const others = all.filter(({ called }) => called !== 'cache').map(({ text }) => text.trim())
        const at = where % (others.length + 1)
        const field = `"cache"${space}:${its}`
        const before = `${space}{${space}${others.join(`${space},${space}`)}${space}}${space}`
        const isLast = at === others.length
        const [head, tail] = [others.slice(0, at), others.slice(at)]
        const list = isLast
          ? `${head.join(`${space},${space}`)}${head.length === 0 ? '' : `${space},`}${field}`
          : `${head.map((text) => `${text}${space},${space}`).join('')}${field},${tail.join(`${space},${space}`)}`
        expect(without(`${space}{${space}${list}${space}}${space}`)).toBe(before)
      }),
      { numRuns: 2000 }
    )
  })

  it('leaves what has no such field as it is, and is the same object then', () => {
    const raw = Buffer.from('{ "a": {"cache":{}}, "b": "\\"cache\\":" }')
    expect(withoutField(raw, 'cache')).toBe(raw)
  })

  it.each([
    ['{"cache":{}}', '{}'],
    ['{ "cache": {"ttl":1} }', '{  }'],
    ['{"cache":{},"a":1}', '{"a":1}'],
    ['{"a":1,"cache":{}}', '{"a":1}'],
    ['{"a":1, "cache":{}, "b":2}', '{"a":1, "b":2}'],
    ['{"cache":1,"cache":{"a":"}"}}', '{}'],
    ['{"cache":1,"a":1,"cache":2,"cache":3}', '{"a":1}'],
    ['{"c\\u0061che":{},"seed":9007199254740993}', '{"seed":9007199254740993}'],
    ['\n{\n  "a": 1,\n  "cache": {"x": ["\\\\"]}\n}\n', '\n{\n  "a": 1\n}\n']
  ])('makes of %s what it is without', (text, expected) => {
    expect(without(text)).toBe(expected)
  })
})
