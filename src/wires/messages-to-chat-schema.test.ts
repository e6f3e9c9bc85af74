import { describe, expect, it } from 'vitest'
import type { Json, JsonObject } from '../core/json.ts'
import { whyNotStrict } from './messages-to-chat-schema.ts'

function closed(properties: JsonObject, more: JsonObject = {}): JsonObject {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false, ...more }
}

const open = { type: 'object', properties: {} }

describe('whyNotStrict', () => {
  it('has nothing against a schema whose objects are closed, with all properties required', () => {
    const city = { type: 'string', enum: ['Paris', 'Rome'] }
    const schema = closed(
      {
        city,
        days: { type: 'array', items: closed({ day: { anyOf: [{ type: 'integer' }, { type: 'null' }] } }) },
        inner: { $ref: '#/$defs/inner' },
        // Properties may be called what keywords are called.
        not: { type: 'string' },
        properties: closed({})
      },
      { $defs: { inner: closed({ city }, { type: ['object', 'null'] }) } }
    )
    expect(whyNotStrict(schema)).toBeUndefined()
  })

  it.each<[string, Json | undefined]>([
    ['a schema is an object', undefined],
    ['a strict schema describes an object at its root', { type: 'array', items: { type: 'string' } }],
    ['a strict schema describes an object at its root', closed({}, { anyOf: [] })],
    ['a strict schema has additionalProperties false in each object', open],
    ['a strict schema has additionalProperties false in each object', closed({ a: open })],
    ['a strict schema has additionalProperties false in each object', closed({ a: { type: 'array', items: open } })],
    ['a strict schema has additionalProperties false in each object', closed({ a: { anyOf: [open] } })],
    ['a strict schema has additionalProperties false in each object', closed({}, { $defs: { open } })],
    ['a strict schema has additionalProperties false in each object', closed({ a: { type: ['object', 'null'] } })],
    ['a strict schema requires each property, and a is optional', closed({ a: {}, b: {} }, { required: ['b'] })],
    ['a strict schema requires each property, and a is optional', closed({ b: closed({ a: {} }, { required: null }) })],
    ['a strict schema may not have allOf', closed({ a: { allOf: [] } })],
    ['a strict schema may not have oneOf', closed({ a: { oneOf: [] } })],
    ['a strict schema may not have patternProperties', closed({}, { patternProperties: {} })]
  ])('says that %s', (words, schema) => {
    expect(whyNotStrict(schema)).toBe(words)
  })

  it('says that a schema is nested too deep', () => {
    let deep: JsonObject = closed({})
    for (let depth = 0; depth < 100_000; depth++) deep = closed({ deep })
    expect(whyNotStrict(deep)).toBe('it is nested too deep')
  })
})
