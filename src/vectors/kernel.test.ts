import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import wabt from 'wabt'
import { Blocks, largestBlock } from './blocks.ts'
import { Kernel, strideOf } from './kernel.ts'
import { kernelBinary } from './kernel-binary.ts'
import { errorBound, quantiseRow } from './quantise.ts'
import { cosine, lengthOf } from './vector-bytes.ts'

const text = join(import.meta.dirname, 'kernel.wat')
const binary = join(import.meta.dirname, 'kernel-binary.ts')

describe('the kernel’s bytes', () => {
  it('are what its text compiles to (UPDATE_KERNEL=1 writes them)', async () => {
    const module = (await wabt()).parseWat('kernel.wat', readFileSync(text, 'utf8'), { simd: true })
    const bytes = Buffer.from(module.toBinary({}).buffer)
    module.destroy()
    expect(bytes.length).toBeLessThan(1024)
    if (process.env['UPDATE_KERNEL'] === '1') {
      const lines = bytes.toString('base64').match(/.{1,110}/g) ?? []
      writeFileSync(
        binary,
        '/** What kernel.wat compiles to, as base64. Not to be edited: `UPDATE_KERNEL=1 npx vitest run src/vectors/kernel.test.ts` writes it. */\n' +
          `export const kernelBinary =\n${lines.map((line) => `  '${line}'`).join(' +\n')}\n`
      )
    } else expect(kernelBinary).toBe(bytes.toString('base64'))
  })
})

/** Vectors whose components are of very different sizes too. */
function arbitraryUnits(count: number): fc.Arbitrary<Float32Array[]> {
  return fc.integer({ min: 1, max: 70 }).chain((dimensions) =>
    fc.array(
      fc
        .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: dimensions, maxLength: dimensions })
        .map((values) => unit(values)),
      { minLength: 2, maxLength: count }
    )
  )
}

function unit(values: readonly number[]): Float32Array {
  const length = Math.hypot(...values)
  return length > 1e-3
    ? Float32Array.from(values, (value) => value / length)
    : Float32Array.from(values, (_, index) => (index === 0 ? 1 : 0))
}

function random(seed: number, dimensions: number): Float32Array {
  let state = seed
  return unit(
    Array.from({ length: dimensions }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
      return state / 2 ** 31
    })
  )
}

interface Found {
  readonly row: number
  readonly similarity: number
}

/** Lays rows out in a block and scans them. */
function scan(
  rows: readonly Float32Array[],
  query: Float32Array,
  threshold: number
): { found: Found[]; bound: number } {
  const blocks = new Blocks(4 * 1024 ** 2)
  const kernel = new Kernel(blocks)
  const at = blocks.allocate(largestBlock) ?? 0
  // What stood there before must not matter.
  blocks.bytes.fill(0x5a, at, at + largestBlock)
  const stride = strideOf(query.length)
  const scales = at + stride * rows.length
  let largest = 0
  for (const [row, vector] of rows.entries()) {
    blocks.codes.fill(0, at + row * stride, at + (row + 1) * stride)
    const { scale, error } = quantiseRow(vector, lengthOf(vector) ?? 1, blocks.codes, at + row * stride)
    blocks.floats[scales / 4 + row] = scale
    largest = Math.max(largest, error)
  }
  kernel.aim(query, lengthOf(query) ?? 1)
  const count = kernel.scan(at, scales, rows.length, stride, threshold)
  const found = Array.from({ length: count }, (_, place) => ({
    row: kernel.rowAt(place),
    similarity: kernel.similarityAt(place)
  }))
  return { found, bound: errorBound(kernel.error, largest) }
}

describe('the kernel', () => {
  it('finds every row in order, and is never more wrong than the bound says, for any number of rows and components', () => {
    fc.assert(
      fc.property(arbitraryUnits(23), ([query = new Float32Array(), ...rows]) => {
        const { found, bound } = scan(rows, query, -2)
        expect(found.map(({ row }) => row)).toEqual(rows.map((_, row) => row))
        for (const { row, similarity } of found)
          expect(Math.abs(similarity - cosine(query, rows[row] ?? query))).toBeLessThanOrEqual(bound)
      })
    )
  })

  it('leaves out the rows below the threshold, and no others', () => {
    fc.assert(
      fc.property(arbitraryUnits(23), fc.double({ min: -1, max: 1, noNaN: true }), (vectors, threshold) => {
        const [query = new Float32Array(), ...rows] = vectors
        const all = scan(rows, query, -2).found
        const expected = all.filter(({ similarity }) => Math.abs(similarity - threshold) > 1e-6)
        const { found } = scan(rows, query, threshold)
        expect(found.filter(({ similarity }) => Math.abs(similarity - threshold) > 1e-6)).toEqual(
          expected.filter(({ similarity }) => similarity > threshold)
        )
      })
    )
  })

  it('does not overflow: the largest codes in as many components as there may be', () => {
    for (const dimensions of [384, 4096, 16_384]) {
      const flat = new Float32Array(dimensions).fill(1 / Math.sqrt(dimensions))
      const { found } = scan([flat, flat.map((value) => -value)], flat, -2)
      expect(found.map(({ similarity }) => Math.round(similarity * 1e4) / 1e4)).toEqual([1, -1])
    }
  })

  it('is wrong by less than a thousandth or two where vectors have many components, far less than the bound', () => {
    const rows = Array.from({ length: 500 }, (_, row) => random(row + 1, 384))
    const query = random(1000, 384)
    const { found, bound } = scan(rows, query, -2)
    const worst = Math.max(
      ...found.map(({ row, similarity }) => Math.abs(similarity - cosine(query, rows[row] ?? query)))
    )
    expect(worst).toBeLessThan(0.002)
    expect(bound).toBeLessThan(0.02)
  })
})
