import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Entries } from '../src/stores/entries.ts'
import { openStore } from '../src/stores/open.ts'
import { type RedisServerOptions, startRedisServer } from '../test/support/redis-server.ts'
import { findRedis8 } from '../test/support/redis8-server.ts'
import { keyOf, type Lookups, lookups } from './invalidation-lookups.ts'
import { count, markdown } from './tables.ts'

const entryCount = 1_000_000
const tagCount = 100
const rounds = 5
const body = Buffer.from(`{"answer":"${'It depends on what is asked. '.repeat(16)}"}`)
const maxBytes = 4 * 1024 ** 3

/**
 * Invalidates 10,000 of 1,000,000 entries by tag, five times, each time another tag: how long it takes, and how long
 * lookups take meanwhile, in the same process and in another one, beside lookups while nothing happens.
 */
export async function benchInvalidation(): Promise<void> {
  const of = `${count(entryCount / tagCount)} of ${count(entryCount)} entries of ${body.length} bytes`
  console.log(`${of}, by tag; medians of ${rounds} rounds\n`)
  const [, ...wanted] = process.argv.slice(2)
  const benches: Readonly<Record<string, () => Promise<string[][]>>> = {
    memory: () => benchStore('memory', 'memory:'),
    embedded: benchEmbedded,
    redis: () => benchRedis('Redis 7'),
    redis8: async () => {
      const binary = await findRedis8()
      if (binary !== undefined) return benchRedis('Redis 8', { binary })
      console.log('Redis 8 is left out: REPRISE_REDIS8_SERVER names none')
      return []
    }
  }
  const rows: string[][] = []
  for (const name of wanted.length > 0 ? wanted : Object.keys(benches)) rows.push(...((await benches[name]?.()) ?? []))
  const times = ['quiet p50 ms', 'quiet p99 ms', 'meanwhile p50 ms', 'meanwhile p99 ms', 'longest ms']
  console.log(`\n${markdown(['store', 'gone', 'ms', 'lookups', ...times], rows)}`)
}

async function benchEmbedded(): Promise<string[][]> {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-bench-'))
  try {
    return await benchStore('embedded', `embedded:${folder}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function benchRedis(name: string, options: RedisServerOptions = {}): Promise<string[][]> {
  const redis = await startRedisServer(options)
  try {
    return await benchStore(name, redis.url)
  } finally {
    await redis.stop()
  }
}

async function benchStore(name: string, spec: string): Promise<string[][]> {
  const entries = new Entries(await openStore(spec, { maxBytes }), { deadlineMs: 10_000 })
  // A server that is just being connected to takes nothing yet.
  while ((await entries.mark()) === undefined) await delay(100)
  const startedMs = performance.now()
  await fill(entries)
  console.log(`${name}: filled in ${((performance.now() - startedMs) / 1000).toFixed(0)} s`)
  const other = name === 'memory' ? undefined : await startReader(spec)
  const [took, quiet, busy, otherQuiet, otherBusy]: [number[], Lookups[], Lookups[], Lookups[], Lookups[]] = [
    [],
    [],
    [],
    [],
    []
  ]
  let gone = 0
  for (let round = 0; round < rounds; round++) {
    const calm = new AbortController()
    setTimeout(() => calm.abort(), 1000)
    const [own, others] = await Promise.all([lookups(entries, entryCount, calm.signal), other?.during(calm.signal)])
    quiet.push(own)
    if (others !== undefined) otherQuiet.push(others)
    const over = new AbortController()
    const watched = Promise.all([lookups(entries, entryCount, over.signal), other?.during(over.signal)])
    const from = performance.now()
    gone = await entries.invalidate({ tag: tagOf(round) })
    took.push(performance.now() - from)
    over.abort()
    const [ownBusy, othersBusy] = await watched
    busy.push(ownBusy)
    if (othersBusy !== undefined) otherBusy.push(othersBusy)
  }
  other?.stop()
  await entries.close()
  const row = (where: string, calm: Lookups[], during: Lookups[]): string[] => [
    name,
    count(gone),
    median(took).toFixed(0),
    where,
    ...[calm.map(({ p50Ms }) => p50Ms), calm.map(({ p99Ms }) => p99Ms)].map((values) => median(values).toFixed(3)),
    ...[during.map(({ p50Ms }) => p50Ms), during.map(({ p99Ms }) => p99Ms), during.map(({ maxMs }) => maxMs)].map(
      (values) => median(values).toFixed(3)
    )
  ]
  const rows = [
    row('same process', quiet, busy),
    ...(other === undefined ? [] : [row('another', otherQuiet, otherBusy)])
  ]
  for (const one of rows) console.log(one.join('  '))
  return rows
}

function tagOf(index: number): string {
  return `masterplan:${index % tagCount}`
}

async function fill(entries: Entries): Promise<void> {
  const storedAtMs = Date.now()
  const expiresAtMs = storedAtMs + 3_600_000
  const atOnce = 1000
  for (let from = 0; from < entryCount; from += atOnce) {
    const stored = await Promise.all(
      Array.from({ length: atOnce }, (_, at) => {
        const index = from + at
        const tags = [tagOf(index)]
        return entries.put({
          key: keyOf(index),
          kind: 'llm',
          storedAtMs,
          freshUntilMs: expiresAtMs,
          expiresAtMs,
          tags,
          body
        })
      })
    )
    if (stored.includes(false)) throw new Error(`not all of the entries from ${from} on were stored`)
  }
}

interface Reader {
  during(signal: AbortSignal): Promise<Lookups>
  stop(): void
}

/** A process of its own that looks entries up when it is told to. */
async function startReader(spec: string): Promise<Reader> {
  const child = fork(join(import.meta.dirname, 'invalidation-reader.ts'), [spec, String(entryCount)], {
    execArgv: ['--import', 'tsx']
  })
  await once(child, 'message')
  return {
    async during(signal) {
      child.send('begin')
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      const told = once(child, 'message')
      child.send('end')
      const [found] = (await told) as [Lookups]
      return found
    },
    stop: () => child.kill()
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
