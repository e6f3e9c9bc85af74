import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../core/json.ts'
import { sampleOfSchema } from './sample-of-schema.ts'
import { seeded } from './seeded.ts'

/** Twenty samples, so that what is left to chance is seen both ways. */
function samples(schema: JsonObject) {
  return Array.from({ length: 20 }, (_, index) => sampleOfSchema(schema, seeded(`sample ${index}`)))
}

describe('sampleOfSchema', () => {
  it('has all required fields, of their types, and no others than the known ones', () => {
    const schema = {
      type: 'object',
      properties: {
        name: { type: 'string' },
        count: { type: 'integer', minimum: 3, maximum: 5 },
        price: { type: ['number', 'null'] },
        colour: { enum: ['red', 'blue'] },
        kind: { const: 'thing' },
        tags: { type: 'array', items: { type: 'boolean' }, minItems: 2, maxItems: 3 }
      },
      required: ['name', 'count', 'kind', 'tags']
    }
    for (const sample of samples(schema)) {
      expect(sample).toMatchObject({ name: expect.any(String), kind: 'thing' })
      const { count, colour, tags, ...rest } = sample as {
        count: number
        colour?: string
        tags: boolean[]
        name: string
      }
      expect([3, 4, 5]).toContain(count)
      if (colour !== undefined) expect(['red', 'blue']).toContain(colour)
      expect(tags.every((tag) => typeof tag === 'boolean') && tags.length >= 2 && tags.length <= 3).toBe(true)
      expect(Object.keys(rest).every((field) => ['name', 'kind', 'price'].includes(field))).toBe(true)
    }
  })

  it('follows references, and ends where a schema refers to itself', () => {
    const schema = {
      $defs: {
        node: {
          type: 'object',
          properties: { value: { type: 'integer' }, next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
          required: ['value', 'next']
        }
      },
      $ref: '#/$defs/node'
    }
    for (const sample of samples(schema)) expect(sample).toHaveProperty('value', expect.any(Number))
  })

  it('puts the parts of allOf together', () => {
    const schema = {
      allOf: [
        { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
        { properties: { b: { type: 'boolean' } }, required: ['b'] }
      ]
    }
    for (const sample of samples(schema)) expect(sample).toEqual({ a: expect.any(String), b: expect.any(Boolean) })
  })

  it('is the same for the same random', () => {
    const schema = { type: 'object', properties: { when: { type: 'string', format: 'date' } }, required: ['when'] }
    expect(sampleOfSchema(schema, seeded('x'))).toEqual(sampleOfSchema(schema, seeded('x')))
    expect(sampleOfSchema(schema, seeded('x'))).toEqual({ when: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) })
  })
})
