import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyJson } from '../../test/support/arbitrary-json.ts'
import { notJson } from './not-json.ts'

class Point {
  x = 1
}

describe('notJson', () => {
  it('finds nothing in JSON, and only there: what it lets pass comes back the same', () => {
    fc.assert(
      fc.property(fc.oneof(anyJson, fc.anything()), (value) => {
        if (notJson(value, 'value') !== undefined) return
        const read: unknown = JSON.parse(JSON.stringify(value))
        expect(JSON.stringify(read)).toBe(JSON.stringify(value))
        expect(notJson(read, 'value')).toBeUndefined()
      })
    )
    fc.assert(
      fc.property(anyJson, (value) => {
        expect(notJson(value, 'value')).toBeUndefined()
      })
    )
  })

  it('takes a field that is undefined for none, and objects of another realm for objects', () => {
    expect(notJson({ id: undefined, a: Object.create(null) }, 'value')).toBeUndefined()
    expect(notJson(runInNewContext('({ a: [{}] })'), 'value')).toBeUndefined()
  })

  it.each<[unknown, string]>([
    [undefined, 'value is undefined'],
    [{ a: [1, undefined] }, 'value.a[1] is undefined'],
    [new Array(1), 'value[0] is undefined'],
    [{ a: { b: Number.NaN } }, 'value.a.b is NaN'],
    [[Number.NEGATIVE_INFINITY], 'value[0] is -Infinity'],
    [{ big: 1n }, 'value.big is a bigint'],
    [{ f: () => 1 }, 'value.f is a function'],
    [{ s: Symbol('s') }, 'value.s is a symbol'],
    [{ vector: new Float32Array(2) }, 'value.vector is a Float32Array'],
    [{ bytes: Buffer.from('x') }, 'value.bytes is a Buffer'],
    [{ at: new Date(0) }, 'value.at is a Date'],
    [[new Map()], 'value[0] is a Map'],
    [new Set(), 'value is a Set'],
    [new Point(), 'value is a Point'],
    [runInNewContext('({ a: new Map() })'), 'value.a is a Map']
  ])('names what is not, and where: case %#', (value, expected) => {
    expect(notJson(value, 'value')).toBe(expected)
  })

  it('does not follow a value for ever', () => {
    const circle: { inner?: unknown } = {}
    circle.inner = circle
    expect(notJson(circle, 'value')).toBe('value is nested too deep, or contains itself')
  })
})
