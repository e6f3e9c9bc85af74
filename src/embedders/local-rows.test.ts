import { array, assert, double, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { padded, pool } from './local-rows.ts'

const number = double({ min: -100, max: 100, noNaN: true })

describe('pooling', () => {
  it('gives each text its mean, however long the others are and whatever stands in the padding', () => {
    const texts = array(array(array(number, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 5
    })
    assert(
      property(texts, number, (rows, filler) => {
        const longest = Math.max(...rows.map((row) => row.length))
        const data = rows.flatMap((row) => [
          ...row.flat(),
          ...new Array<number>((longest - row.length) * 3).fill(filler)
        ])
        const lengths = rows.map((row) => row.length)
        const hidden = { data: Float32Array.from(data), dims: [rows.length, longest, 3] }
        const means = pool(hidden, lengths, 'mean')
        const firsts = pool(hidden, lengths, 'cls')
        for (const [text, row] of rows.entries()) {
          for (let index = 0; index < 3; index++) {
            const mean = row.reduce((sum, vector) => sum + (vector[index] ?? 0), 0) / row.length
            expect(means[text * 3 + index]).toBeCloseTo(mean, 3)
            expect(firsts[text * 3 + index]).toBeCloseTo(row[0]?.[index] ?? Number.NaN, 3)
          }
        }
      })
    )
  })
})

describe('padding', () => {
  it('fills each row up at its end', () => {
    expect(padded([[5, 6, 7], [8], []], 1)).toEqual(BigInt64Array.of(5n, 6n, 7n, 8n, 1n, 1n, 1n, 1n, 1n))
  })
})
