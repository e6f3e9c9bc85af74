import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cosine, lengthOf, vectorBytes, vectorOf } from './vector-bytes.ts'

function unit(...values: number[]): Float32Array {
  const length = Math.hypot(...values)
  return Float32Array.from(values, (value) => value / length)
}

const arbitraryUnit = fc
  .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 })
  .filter((values) => Math.hypot(...values) > 0.01)
  .map((values) => unit(...values))

describe('the bytes of a vector', () => {
  it('are its floats, little-endian', () => {
    expect([...vectorBytes(Float32Array.of(1, -2))]).toEqual([0, 0, 128, 63, 0, 0, 0, 192])
  })

  it('give the vector back, wherever in a buffer they lie', () => {
    fc.assert(
      fc.property(arbitraryUnit, fc.integer({ min: 0, max: 9 }), (vector, offset) => {
        const bytes = vectorBytes(vector)
        const buffer = new Uint8Array(bytes.length + offset + 5)
        buffer.set(bytes, offset)
        expect(vectorOf(buffer.subarray(offset, offset + bytes.length))).toEqual(vector)
      })
    )
  })

  it('are a copy', () => {
    const vector = unit(3, 4)
    const bytes = vectorBytes(vector)
    vector.fill(0)
    expect(vectorOf(bytes)).toEqual(unit(3, 4))
  })

  it('are no vector when they are not that of a finite unit vector', () => {
    const bad = [[], [0, 0], [Number.NaN, 1], [Number.POSITIVE_INFINITY], [1, 0.1], [0.5], [1.002], [0.998]]
    for (const values of bad) expect(vectorOf(vectorBytes(Float32Array.from(values)))).toBeUndefined()
    expect(vectorOf(vectorBytes(unit(1, 2)).subarray(1))).toBeUndefined()
    expect(vectorOf(vectorBytes(Float32Array.of(1.0009)))).toBeDefined()
  })
})

describe('the length of a vector', () => {
  it('is told of unit vectors only', () => {
    expect(lengthOf(unit(1, 2, 3))).toBeCloseTo(1, 6)
    expect(lengthOf(Float32Array.of(0, 0))).toBeUndefined()
    expect(lengthOf(new Float32Array(0))).toBeUndefined()
  })
})

describe('the cosine', () => {
  it('of a vector and itself is 1, of opposites -1, and never beyond', () => {
    fc.assert(
      fc.property(arbitraryUnit, (vector) => {
        expect(cosine(vector, vector)).toBe(1)
        const opposite = vector.map((value) => -value)
        expect(cosine(vector, opposite)).toBe(-1)
      })
    )
  })

  it('is the product of what would be unit vectors exactly', () => {
    expect(cosine(Float32Array.of(1.0005, 0), Float32Array.of(0.6, 0.8))).toBeCloseTo(0.6, 6)
  })
})
