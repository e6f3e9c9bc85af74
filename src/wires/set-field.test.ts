import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyJson, anyText } from '../../test/support/arbitrary-json.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { setField } from './set-field.ts'

const spaces = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
/** Numbers as nobody here would write them, and some that a double cannot hold. */
const oddNumber = fc.constantFrom(
  '9007199254740993',
  '-0',
  '1.50',
  '1E400',
  '0.1000000000000000055',
  '12345678901234567890'
)
const fieldName = fc.oneof(
  fc.constantFrom('model', 'stream', 'a', '__proto__', '', 'mod', 'models', '"model"', 'mod\\u0065l', '1'),
  anyText
)

/** A JSON text in its pieces, with spaces wherever they may be. */
const looseText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    oddNumber,
    fc.constantFrom('true', 'null', '"}"', '"]\\""', '"\\\\"', '"{\\"model\\":1,"', '{}', '[]', '""'),
    anyText.map((text) => JSON.stringify(text)),
    fc
      .tuple(fc.array(tie('value'), { maxLength: 3 }), spaces)
      .map(([values, space]) => `[${space}${values.join(`${space},`)}${space}]`),
    fc
      .tuple(fc.array(fc.tuple(fieldName, tie('value')), { maxLength: 3 }), spaces)
      .map(
        ([fields, space]) =>
          `{${space}${fields.map(([name, value]) => `${JSON.stringify(name)}${space}:${space}${value}`).join(`${space},`)}${space}}`
      )
  )
})).value

/** The same text in JSON, with some of its characters as escapes. */
const spelling = (name: string) =>
  fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map(
      (escaped) =>
        `"${Array.from({ length: name.length }, (_, at) =>
          escaped[at]
            ? `\\u${name.charCodeAt(at).toString(16).padStart(4, '0')}`
            : JSON.stringify(name[at]).slice(1, -1)
        ).join('')}"`
    )

/** Between fields, what stands before the value and after it. */
interface Member {
  readonly name: string
  readonly before: string
  readonly value: string
  readonly after: string
}

const member: fc.Arbitrary<Member> = fieldName.chain((name) =>
  fc
    .record({ spelt: spelling(name), value: looseText, spaces: fc.array(spaces, { minLength: 4, maxLength: 4 }) })
    .map(({ spelt, value, spaces: [a = '', b = '', c = '', d = ''] }) => ({
      name,
      before: `${a}${spelt}${b}:${c}`,
      value,
      after: d
    }))
)

function write(members: readonly Member[], lead: string, tail: string): string {
  return `${lead}{${members.map(({ before, value, after }) => before + value + after).join(',')}}${tail}`
}

describe('setField', () => {
  it('sets what JSON.parse reads, and nothing else', () => {
    const anyObject = fc.dictionary(fieldName, anyJson).map((fields) => JSON.stringify(fields))
    const written = fc
      .tuple(fc.array(member, { maxLength: 5 }), spaces)
      .map(([members, space]) => write(members, space, space))
    fc.assert(
      fc.property(fc.oneof(anyObject, written), fieldName, anyJson, (text, field, value) => {
        const before: JsonObject = JSON.parse(text)
        const after: unknown = JSON.parse(setField(Buffer.from(text), field, value).toString())
        const expected = { ...before, [field]: JSON.parse(JSON.stringify(value)) as Json }
        expect(isDeepStrictEqual(after, expected)).toBe(true)
      }),
      { numRuns: 3000 }
    )
  })

  it('leaves every byte beside the value as it was, wherever and however often the field is written', () => {
    fc.assert(
      fc.property(
        fc.array(member, { minLength: 1, maxLength: 6 }),
        spaces,
        fc.nat(),
        anyJson,
        (members, space, pick, value) => {
          const field = members[pick % members.length]?.name ?? ''
          const set = setField(Buffer.from(write(members, space, space)), field, value).toString()
          const text = JSON.stringify(value)
          const expected = members.map((one) => (one.name === field ? { ...one, value: text } : one))
          expect(set).toBe(write(expected, space, space))
        }
      ),
      { numRuns: 3000 }
    )
  })

  it('adds in front what is absent', () => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: 4 }), spaces, anyJson, (members, space, value) => {
        const others = members.map((one) => ({ ...one, name: `${one.name}?`, before: one.before.replace('"', '"?') }))
        const set = setField(Buffer.from(write(others, space, space)), 'new', value).toString()
        const added = `"new":${JSON.stringify(value)}${others.length === 0 ? '' : ','}`
        expect(set).toBe(write(others, space, space).replace('{', () => `{${added}`))
      })
    )
  })

  it.each([
    ['{ }', '{"model":"b" }'],
    ['{"mod\\u0065l":"a"}', '{"mod\\u0065l":"b"}'],
    ['{"model":"a","n":1,"model":{"model":2}}', '{"model":"b","n":1,"model":"b"}'],
    ['{"messages":[{"model":"x}\\"]"}],"model":12345678901234567890}', '{"messages":[{"model":"x}\\"]"}],"model":"b"}'],
    ['\r\n{\t"model"\n: null\n, "seed": 9007199254740993 }\n', '\r\n{\t"model"\n: "b"\n, "seed": 9007199254740993 }\n'],
    ['{"user":"日本\\\\","model":true}', '{"user":"日本\\\\","model":"b"}'],
    ['{"\\"model":"a"}', '{"model":"b","\\"model":"a"}']
  ])('makes of %s another model', (text, expected) => {
    expect(setField(Buffer.from(text), 'model', 'b').toString()).toBe(expected)
  })

  it('says that only an object has fields', () => {
    expect(() => setField(Buffer.from('["model"]'), 'model', 'b')).toThrow(
      'cannot set model: the body must be a JSON object'
    )
  })

  it('comes to an end with anything', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(setField(Buffer.from(`{${text}`), 'model', 'b')).toBeInstanceOf(Buffer)
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError)
        }
      })
    )
  })
})
