import { createHash } from 'node:crypto'
import { createClient } from '@redis/client'
import type { RedisCommand } from '../src/core/redis-command.ts'
import { redisVectors } from '../src/vectors/redis.ts'
import type { VectorIndex } from '../src/vectors/vector-index.ts'
import { startRedisServer } from '../test/support/redis-server.ts'
import { findRedis8 } from '../test/support/redis8-server.ts'
import { cosine, near, randomUnit, seeded } from '../test/support/unit-vectors.ts'
import { count, markdown } from './tables.ts'

const dimensions = 384
const sizes = [1000, 10_000, 50_000]
const queries = 500
const partition = 'bench'
const minSimilarity = 0.85
const expiresAtMs = Date.now() + 10 ** 9

interface Connection {
  readonly command: RedisCommand
  close(): void
}

/**
 * The index on a real Redis 8 over the loopback, in one partition: what adding costs, how long it keeps others of the
 * server waiting, what a lookup costs (without embedding), whether the nearest is found, and what the server needs for
 * a vector, id and expiry included. Then how long the server reads what it wrote down of 10,000 vectors.
 */
export async function benchRedisVectors(): Promise<void> {
  const binary = await findRedis8()
  if (binary === undefined) {
    process.exitCode = 1
    return
  }
  const rows: string[][] = []
  for (const quantisation of ['none', 'int8'] as const) {
    for (const size of sizes) rows.push([quantisation, count(size), ...(await benchSize(binary, quantisation, size))])
  }
  console.log(
    `Redis vector sets, ${dimensions} dimensions, one partition, lookups one after the other, in milliseconds\n`
  )
  const head = ['kept as', 'vectors', 'add p50', 'others p99', 'near p50', 'near p99', 'far p50', 'nearest found']
  console.log(markdown([...head, 'largest error', 'bytes each'], rows))
  await benchRestart(binary)
}

async function benchRestart(binary: string): Promise<void> {
  const args = ['--appendonly', 'yes', '--auto-aof-rewrite-percentage', '0', '--enable-debug-command', 'yes']
  const server = await startRedisServer({ binary, args })
  const { command, close } = await connected(server.port)
  const index = redisVectors({ command, prefix: 'bench:' })
  try {
    const vectors = clustered(10_000, seeded(1))
    for (const [at, vector] of vectors.entries()) await index.add(partition, keyOf(at), vector, expiresAtMs)
    const replayMs = await timed(() => command(['DEBUG', 'LOADAOF']))
    const reloadMs = await timed(() => command(['DEBUG', 'RELOAD']))
    console.log(
      `${count(vectors.length)} vectors: append-only file read in ${(replayMs / 1000).toFixed(1)} s, snapshot written and read in ${(reloadMs / 1000).toFixed(1)} s`
    )
  } finally {
    await index.close()
    close()
    await server.stop()
  }
}

async function benchSize(binary: string, quantisation: 'none' | 'int8', size: number): Promise<string[]> {
  const server = await startRedisServer({ binary })
  const [own, other] = [await connected(server.port), await connected(server.port)]
  const index = redisVectors({ command: own.command, prefix: 'bench:', quantisation })
  try {
    const random = seeded(size)
    const vectors = clustered(size, random)
    const before = await usedMemory(own.command)
    const added: number[] = []
    let over = false
    const pinging = (async () => {
      const took: number[] = []
      while (!over) {
        took.push(await timed(() => other.command(['PING'])))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      return took
    })()
    for (const [at, vector] of vectors.entries())
      added.push(await timed(() => index.add(partition, keyOf(at), vector, expiresAtMs)))
    over = true
    const waited = await pinging
    const bytes = ((await usedMemory(own.command)) - before) / size
    const asked = Array.from({ length: queries }, (_, at) =>
      near(vectors[(at * 7919) % size] ?? first(vectors), 0.95, random)
    )
    const { took, found, error } = await lookUp(index, asked, vectors)
    const far: number[] = []
    for (let at = 0; at < queries; at++) {
      const query = randomUnit(random, dimensions)
      far.push(await timed(() => index.nearest(partition, query, minSimilarity, 1)))
    }
    // The last tenth is what the next one costs.
    return [
      quantile(added.slice(-size / 10), 0.5).toFixed(2),
      quantile(waited, 0.99).toFixed(1),
      quantile(took, 0.5).toFixed(2),
      quantile(took, 0.99).toFixed(2),
      quantile(far, 0.5).toFixed(2),
      found.toFixed(3),
      error.toExponential(0),
      count(Math.round(bytes))
    ]
  } finally {
    await index.close()
    for (const { close } of [own, other]) close()
    await server.stop()
  }
}

/** How long lookups take, how many of them find the nearest, and by how much they are wrong about its similarity. */
async function lookUp(
  index: VectorIndex,
  asked: readonly Float32Array[],
  vectors: readonly Float32Array[]
): Promise<{ took: readonly number[]; found: number; error: number }> {
  const took: number[] = []
  let right = 0
  let error = 0
  for (const [at, query] of asked.entries()) {
    const source = (at * 7919) % vectors.length
    const startedAt = performance.now()
    const [match] = await index.nearest(partition, query, minSimilarity, 1)
    took.push(performance.now() - startedAt)
    // At 0.95 to one and far less to all others, the one is the nearest.
    if (match?.key !== keyOf(source)) continue
    right += 1
    error = Math.max(error, Math.abs(match.similarity - cosine(query, vectors[source] ?? query)))
  }
  return { took, found: right / asked.length, error }
}

async function connected(port: number): Promise<Connection> {
  const client = createClient({ RESP: 3, socket: { host: '127.0.0.1', port }, commandOptions: { timeout: 0 } })
  await client.connect()
  return {
    command: (args) => client.sendCommand(args.map((part) => (typeof part === 'string' ? part : Buffer.from(part)))),
    close: () => client.destroy()
  }
}

/** Groups of twenty, some 0.6 alike within a group and not at all otherwise. */
function clustered(size: number, random: () => number): readonly Float32Array[] {
  let center = randomUnit(random, dimensions)
  return Array.from({ length: size }, (_, at) => {
    if (at % 20 === 0) center = randomUnit(random, dimensions)
    return near(center, 0.78, random)
  })
}

async function usedMemory(command: RedisCommand): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(String(await command(['INFO', 'memory'])))?.[1])
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await call()
  return performance.now() - startedAt
}

function quantile(took: readonly number[], share: number): number {
  return [...took].sort((one, other) => one - other)[Math.floor(took.length * share)] ?? 0
}

function keyOf(at: number): string {
  return `llm:gpt-4o:${createHash('sha256').update(`${at}`).digest('hex')}`
}

function first(vectors: readonly Float32Array[]): Float32Array {
  return vectors[0] ?? new Float32Array(dimensions)
}
