import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { StoredVector, StoredVectors } from '../src/core/stored-vectors.ts'
import { vectorBytes } from '../src/core/vector-bytes.ts'
import { embeddedStore } from '../src/stores/embedded.ts'
import { localVectors } from '../src/vectors/local.ts'
import { usearchAccelerator } from '../src/vectors/usearch.ts'
import { near, randomUnit, seeded } from '../test/support/unit-vectors.ts'

const dimensions = 384
const sizes = [1000, 10_000, 100_000]
const rounds = 5
const partition = 'bench'
const minSimilarity = 0.85
const never = Date.now() + 10 ** 9

interface Timing {
  readonly p50Ms: number
  readonly p99Ms: number
}

/**
 * The local vector index in one partition of an embedded store: lookups (without embedding) near to a vector and far
 * from all, beside a plain loop over 32-bit floats in the same run; whether the nearest is found; what a vector takes; how
 * long a partition is read and how long that holds the event loop; and usearch at the largest size. Medians of rounds.
 */
export async function benchVectors(): Promise<void> {
  console.log(`local vector index, ${dimensions} dimensions, one partition; median of ${rounds} rounds\n`)
  await benchMemory()
  console.log(row(['vectors', 'query', 'p50 ms', 'p99 ms', 'float loop ms', 'ratio', 'recall@1']))
  const readings: string[] = []
  for (const size of sizes) readings.push(await benchSize(size))
  console.log(`\n${row(['vectors', 'read in ms', 'longest hold ms', 'beside ms'])}`)
  for (const reading of readings) console.log(reading)
  await benchUsearch()
}

async function benchSize(size: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-bench-'))
  const store = await embeddedStore({ folder, maxBytes: 2 * 1024 ** 3 })
  try {
    const stored = store.vectors
    if (stored === undefined) throw new Error('the embedded store keeps no vectors')
    const vectors = clustered(size)
    for (let from = 0; from < size; from += 500)
      await Promise.all(
        vectors.slice(from, from + 500).map((vector, at) =>
          store.set(keyOf(from + at), new Uint8Array(8), {
            ttlMs: 3_600_000,
            tags: [],
            vector: { partition, bytes: vectorBytes(vector) }
          })
        )
      )
    const reading = await benchReading(size, folder)
    const index = localVectors({ vectors: stored, hydrateWithinMs: 600_000 })
    const random = seeded(size)
    const queries = {
      near: Array.from({ length: 1000 }, (_, at) => near(vectors[(at * 7919) % size] ?? first(vectors), 0.95, random)),
      far: Array.from({ length: 1000 }, () => randomUnit(random, dimensions))
    }
    await index.nearest(partition, first(vectors), minSimilarity, 1)
    for (const [name, asked] of Object.entries(queries)) {
      const timings: Timing[] = []
      for (let round = 0; round < rounds; round++) {
        const took: number[] = []
        for (const query of asked) {
          const startedAt = performance.now()
          await index.nearest(partition, query, minSimilarity, 1)
          took.push(performance.now() - startedAt)
        }
        timings.push(timingOf(took))
      }
      const p50Ms = median(timings.map((timing) => timing.p50Ms))
      const plain = asked.slice(0, 2_000_000 / size).map((query) => plainScan(vectors, query).tookMs)
      const plainMs = median(plain)
      let recall = '-'
      if (name === 'near') {
        const checked = asked.slice(0, Math.min(asked.length, 20_000_000 / size))
        let right = 0
        for (const query of checked) {
          const [match] = await index.nearest(partition, query, minSimilarity, 1)
          if (match?.key === keyOf(plainScan(vectors, query).best)) right += 1
        }
        recall = (right / checked.length).toFixed(4)
      }
      const p99 = median(timings.map((timing) => timing.p99Ms))
      console.log(row([size, name, digits(p50Ms), digits(p99), digits(plainMs), (plainMs / p50Ms).toFixed(1), recall]))
    }
    await index.close()
    return reading
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Reads the partition in fresh processes, while a probe looks how long the event loop does not come round. */
async function benchReading(size: number, folder: string): Promise<string> {
  const readings: Reading[] = []
  for (let round = 0; round < rounds; round++) {
    const program = join(import.meta.dirname, 'reading.ts')
    const { stdout } = await run(process.execPath, ['--import', 'tsx', program, folder, partition, String(dimensions)])
    const reading = JSON.parse(stdout) as Reading
    if (reading.vectors !== size) throw new Error(`read ${reading.vectors} of ${size} vectors`)
    readings.push(reading)
  }
  const of = (field: keyof Reading): number => median(readings.map((reading) => reading[field]))
  return row([size, of('tookMs').toFixed(0), of('holdMs').toFixed(1), of('besideMs').toFixed(1)])
}

interface Reading {
  readonly vectors: number
  readonly tookMs: number
  readonly holdMs: number
  readonly besideMs: number
}

const run = promisify(execFile)

/** What vectors take, by the index's own count and by the process's, with a store that holds nothing in memory. */
async function benchMemory(): Promise<void> {
  console.log(row(['vectors', 'bytes/vector', 'process bytes']))
  for (const size of [1000, ...sizes.slice(1)]) {
    const source = made(size)
    const before = memory()
    const index = localVectors({ vectors: source, hydrateWithinMs: 600_000 })
    await index.nearest(partition, first(clustered(1)), 0.999, 1)
    const { vectors, bytes } = index.usage()
    const grown = memory() - before
    if (vectors !== size) throw new Error(`read ${vectors} of ${size} vectors`)
    // What the first run takes is the code, compiled.
    if (size > 1000) console.log(row([size, (bytes / size).toFixed(1), (grown / size).toFixed(0)]))
    await index.close()
  }
  console.log()
}

async function benchUsearch(): Promise<void> {
  const size = sizes.at(-1) ?? 0
  const usearch = await usearchAccelerator(dimensions)
  if (usearch === undefined) {
    console.log('\nusearch is not installed')
    return
  }
  const vectors = clustered(size)
  const startedAt = performance.now()
  for (const [at, vector] of vectors.entries()) usearch.put(keyOf(at), vector)
  const builtMs = performance.now() - startedAt
  const random = seeded(size)
  const queries = Array.from({ length: 500 }, (_, at) =>
    near(vectors[(at * 7919) % size] ?? first(vectors), 0.95, random)
  )
  const took: number[] = []
  let right = 0
  for (const [at, query] of queries.entries()) {
    const askedAt = performance.now()
    const found = usearch.nearest(query, 16)
    took.push(performance.now() - askedAt)
    if (at < 200 && found.some(({ key }) => key === keyOf(plainScan(vectors, query).best))) right += 1
  }
  const { p50Ms, p99Ms } = timingOf(took)
  const insertMs = digits(builtMs / size)
  console.log(
    `\nusearch, ${size} vectors: p50 ${digits(p50Ms)} ms, p99 ${digits(p99Ms)} ms, insert ${insertMs} ms, nearest among 16 in ${right / 2} %`
  )
}

/** Vectors in groups of about twenty, some 0.9 alike within a group and not at all otherwise. */
function clustered(count: number): Float32Array[] {
  return Array.from({ length: count }, (_, at) => clusteredAt(at))
}

function clusteredAt(at: number): Float32Array {
  const center = roughUnit(seeded(Math.floor(at / 20) + 1))
  const other = roughUnit(seeded(-at - 1))
  let squares = 0
  for (let index = 0; index < dimensions; index++) {
    const value = (center[index] ?? 0) * 0.95 + (other[index] ?? 0) * 0.31
    center[index] = value
    squares += value * value
  }
  const length = Math.sqrt(squares)
  return center.map((value) => value / length)
}

/** About as long as a unit vector, and quickly made. */
function roughUnit(random: () => number): Float32Array {
  const vector = new Float32Array(dimensions)
  const most = Math.sqrt(3 / dimensions)
  for (let index = 0; index < dimensions; index++) vector[index] = (random() * 2 - 1) * most
  return vector
}

/** Vectors that are made when they are asked for. */
function made(count: number): StoredVectors {
  return {
    async get(_, key) {
      return vectorBytes(clusteredAt(Number.parseInt(key.slice(-8), 16) % count))
    },
    async *read() {
      for (let from = 0; from < count; from += 250) {
        const batch: StoredVector[] = []
        for (let at = from; at < Math.min(count, from + 250); at++)
          batch.push({ key: keyOf(at), bytes: vectorBytes(clusteredAt(at)), expiresAtMs: never })
        yield batch
      }
    },
    follow: () => () => undefined
  }
}

/** The nearest by a loop over 32-bit floats, four at a time. */
function plainScan(vectors: readonly Float32Array[], query: Float32Array): { best: number; tookMs: number } {
  const startedAt = performance.now()
  let best = -1
  let highest = Number.NEGATIVE_INFINITY
  for (let at = 0; at < vectors.length; at++) {
    const vector = vectors[at] ?? query
    let a = 0
    let b = 0
    let c = 0
    let d = 0
    for (let index = 0; index < dimensions; index += 4) {
      a += (vector[index] ?? 0) * (query[index] ?? 0)
      b += (vector[index + 1] ?? 0) * (query[index + 1] ?? 0)
      c += (vector[index + 2] ?? 0) * (query[index + 2] ?? 0)
      d += (vector[index + 3] ?? 0) * (query[index + 3] ?? 0)
    }
    const similarity = a + b + c + d
    if (similarity > highest) {
      highest = similarity
      best = at
    }
  }
  return { best, tookMs: performance.now() - startedAt }
}

function memory(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let time = 0; time < 4; time++) collect()
  return process.memoryUsage().rss
}

function keyOf(at: number): string {
  return `llm:gpt-4o:${createHash('sha256').update(String(at)).digest('hex')}`
}

function first(vectors: readonly Float32Array[]): Float32Array {
  return vectors[0] ?? new Float32Array(dimensions)
}

function timingOf(took: readonly number[]): Timing {
  const sorted = [...took].sort((a, b) => a - b)
  return { p50Ms: sorted[sorted.length >> 1] ?? 0, p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0 }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0
}

function digits(value: number): string {
  return value.toFixed(3)
}

function row(cells: readonly (string | number)[]): string {
  return cells.map((cell) => String(cell).padStart(17)).join('')
}
