import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Json, JsonObject } from './json.ts'
import { canonical, keyOf } from './key.ts'

const kind = { name: 'llm', identity: (request: { body: Json }) => request.body, model: () => 'gpt-4o' }
const key = (body: Json, scope: readonly string[] = []): string => keyOf(kind, { body }, scope)

/** The same value with the fields of every object in another order. */
function shuffled(value: Json, seed: number): Json {
  if (Array.isArray(value)) return value.map((part) => shuffled(part, seed))
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value as JsonObject).map(
    ([name, part]) => [name, shuffled(part as Json, seed)] as const
  )
  return Object.fromEntries(seed % 2 === 0 ? fields.reverse() : [...fields.slice(1), ...fields.slice(0, 1)])
}

// Through text, as every request comes: what JSON cannot say (-0, __proto__ as a prototype) cannot be asked.
const json = fc.jsonValue({ maxDepth: 5 }).map((value) => JSON.parse(JSON.stringify(value)) as Json)

describe('the key of a request', () => {
  it('does not depend on the order of fields', () => {
    fc.assert(
      fc.property(json, fc.nat(), (value, seed) => key(shuffled(value, seed)) === key(value)),
      { numRuns: 500 }
    )
  })

  it('differs when the value differs', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        const equal = canonical(a) === canonical(b)
        expect(key(a) === key(b)).toBe(equal)
        // The canonical text is a text of the value itself: nothing is lost on the way.
        expect(JSON.parse(canonical(a))).toEqual(a)
      }),
      { numRuns: 500 }
    )
  })

  it('keeps fields apart whose names differ only in form', () => {
    expect(key({ é: 1 })).not.toBe(key({ 'e\u0301': 1 }))
    expect(key(JSON.parse('{"\\u00e9": 1}'))).toBe(key({ é: 1 }))
    expect(key({ a: '1' })).not.toBe(key({ a: 1 }))
    expect(key({ a: null })).not.toBe(key({}))
  })

  it('does not lose a field called __proto__', () => {
    expect(key(JSON.parse('{"__proto__": {"model": "a"}}'))).not.toBe(key(JSON.parse('{"__proto__": {"model": "b"}}')))
    expect(key(JSON.parse('{"__proto__": 1}'))).not.toBe(key({}))
  })

  it('treats equal numbers as equal however they are written', () => {
    expect(key(JSON.parse('{"temperature": 1.0}'))).toBe(key(JSON.parse('{"temperature": 1}')))
    expect(key(JSON.parse('{"temperature": 1e0}'))).toBe(key(JSON.parse('{"temperature": 1}')))
    expect(key(JSON.parse('{"temperature": 0.1}'))).not.toBe(key(JSON.parse('{"temperature": 0.10000000000000002}')))
  })

  it('keeps scopes apart, also where their parts run into each other', () => {
    expect(key('x', ['a', 'b'])).not.toBe(key('x', ['ab']))
    expect(key('x', ['a', ''])).not.toBe(key('x', ['a']))
    expect(key('x', ['a'])).not.toBe(key('x', ['b']))
  })

  it('is asked of an object once, and again when the scope is another', () => {
    const request = { body: { a: 1 } }
    expect(keyOf(kind, request, ['a'])).toBe(keyOf(kind, request, ['a']))
    expect(keyOf(kind, request, ['b'])).toBe(key({ a: 1 }, ['b']))
  })

  it('carries the whole SHA-256, and kind and model in a readable form', () => {
    expect(key('x')).toMatch(/^llm:gpt-4o:[0-9a-f]{64}$/)
    const odd = { ...kind, model: () => 'a b:c/\u0000é'.repeat(20) }
    expect(keyOf(odd, { body: 1 }, [])).toMatch(/^llm:[\w./@-]{64}:[0-9a-f]{64}$/)
  })

  it('throws for what is nested too deep to walk', () => {
    let deep: Json = 0
    for (let level = 0; level < 100_000; level++) deep = [deep]
    expect(() => key(deep)).toThrow(RangeError)
  })
})
