import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import wabt from 'wabt'
import { cosine, lengthOf } from '../core/vector-bytes.ts'
import { Blocks, largestBlock } from './blocks.ts'
import { headOf, Kernel, strideOf } from './kernel.ts'
import { kernelBinary } from './kernel-binary.ts'
import { errorBound, quantiseQuery, quantiseRow } from './quantise.ts'

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

/** Vectors of one length: of components of very different sizes, sparse ones, and such as lie in the head or the tail alone. */
function arbitraryUnits(count: number, mostDimensions = 230): fc.Arbitrary<Float32Array[]> {
  return fc.integer({ min: 1, max: mostDimensions }).chain((dimensions) => {
    const head = headOf(dimensions)
    const component = fc.double({ min: -1, max: 1, noNaN: true })
    const some = fc.array(component, { minLength: dimensions, maxLength: dimensions })
    const seeded = fc.integer({ min: 1 }).map((seed) => [...random(seed, dimensions)])
    const dense = fc.oneof(some, seeded)
    const vector = fc.oneof(
      dense,
      fc.nat({ max: dimensions - 1 }).map((one) => Array.from({ length: dimensions }, (_, at) => Number(at === one))),
      dense.map((values) => values.map((value, at) => (at % 7 === 0 ? value : 0))),
      dense.map((values) => values.map((value, at) => (at < head ? value : 0))),
      dense.map((values) => values.map((value, at) => (at < head ? 0 : value))),
      dense.map((values) => values.map((value, at) => (at < head ? value * 1e-4 : value)))
    )
    const alone = fc.array(vector, { minLength: 2, maxLength: count })
    // Some close to the first, from almost the same to hardly alike.
    const clustered = fc.tuple(alone, fc.array(fc.double({ min: 0, max: 1, noNaN: true }))).map(([all, shares]) =>
      all.map((values, at) => {
        const share = at === 0 ? 0 : (shares[at - 1] ?? 0)
        return values.map((value, index) => (all[0]?.[index] ?? 0) * share + value * (1 - share))
      })
    )
    return fc.oneof(alone, clustered).map((all) => all.map(unit))
  })
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
  const heads = blocks.allocate(largestBlock) ?? 0
  // What stood there before must not matter.
  blocks.bytes.fill(0x5a, heads, heads + largestBlock)
  const headLength = headOf(query.length)
  const tailLength = strideOf(query.length) - headLength
  const tails = heads + rows.length * headLength
  const scales = tails + rows.length * tailLength
  const lengths = scales + rows.length * 4
  blocks.codes.fill(0, heads, scales)
  let largest = 0
  for (const [row, vector] of rows.entries()) {
    const place = { head: heads + row * headLength, headLength, tail: tails + row * tailLength }
    const quantised = quantiseRow(vector, lengthOf(vector) ?? 1, blocks.codes, place)
    blocks.floats[scales / 4 + row] = quantised.scale
    blocks.halves[lengths / 2 + row] = quantised.tailLength
    largest = Math.max(largest, quantised.error)
  }
  kernel.aim(query, lengthOf(query) ?? 1)
  const count = kernel.scan({ heads, tails, scales, lengths, count: rows.length }, threshold)
  const found = Array.from({ length: count }, (_, place) => ({
    row: kernel.rowAt(place),
    similarity: kernel.similarityAt(place)
  }))
  return { found, bound: errorBound(kernel.error, largest) }
}

/** What a scan must find, by multiplying all codes of all rows. */
function scanPlainly(rows: readonly Float32Array[], query: Float32Array, threshold: number): Found[] {
  const asked = new Int16Array(query.length)
  const { scale: perQuery } = quantiseQuery(query, lengthOf(query) ?? 1, asked)
  const codes = new Int8Array(query.length)
  return [...rows.entries()].flatMap(([row, vector]) => {
    const place = { head: 0, headLength: query.length, tail: 0 }
    const { scale } = quantiseRow(vector, lengthOf(vector) ?? 1, codes, place)
    const product = codes.reduce((sum, code, index) => sum + code * (asked[index] ?? 0), 0)
    const similarity = Math.fround(Math.fround(scale) * Math.fround(product))
    return similarity >= Math.fround(threshold / perQuery) ? [{ row, similarity: similarity * perQuery }] : []
  })
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

  it('finds what multiplying all codes of all rows finds, to the last bit, whatever the threshold', () => {
    fc.assert(
      fc.property(
        arbitraryUnits(23),
        fc.oneof(fc.double({ min: -1.01, max: 1.01, noNaN: true }), fc.nat()),
        ([query = new Float32Array(), ...rows], threshold) => {
          // The similarity of one of the rows itself, or something else.
          const all = scanPlainly(rows, query, -2)
          const least = Number.isInteger(threshold) ? (all[threshold % all.length]?.similarity ?? 0) : threshold
          expect(scan(rows, query, least).found).toEqual(scanPlainly(rows, query, least))
        }
      ),
      { numRuns: 500 }
    )
  })

  it('reads no tail of a row that its head and the length of its tail exclude', () => {
    const dimensions = 384
    const along = unit(Array.from({ length: dimensions }, (_, at) => Number(at < 200)))
    const blocks = new Blocks(4 * 1024 ** 2)
    const kernel = new Kernel(blocks)
    const at = blocks.allocate(largestBlock) ?? 0
    const headLength = headOf(dimensions)
    const [tails, scales, lengths] = [at + headLength, at + dimensions, at + dimensions + 4]
    blocks.codes.fill(0, at, scales)
    // Against the query in the head: what is in the tail cannot make good for it.
    const against = along.map((value, index) => (index < headLength ? -value : value))
    const { scale, tailLength } = quantiseRow(against, 1, blocks.codes, { head: at, headLength, tail: tails })
    blocks.floats[scales / 4] = scale
    blocks.halves[lengths / 2] = tailLength
    // Were it read, this would be enough.
    blocks.codes.fill(127, tails, scales)
    kernel.aim(along, 1)
    const rows = { heads: at, tails, scales, lengths, count: 1 }
    expect(kernel.scan(rows, 0.1)).toBe(0)
    expect(kernel.scan(rows, -0.9)).toBe(1)
    expect(kernel.similarityAt(0)).toBeGreaterThan(-0.3)
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
