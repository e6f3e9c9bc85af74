import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Fleet } from '../../src/metrics/fleet.ts'
import { Statistics } from '../../src/metrics/statistics.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { openStore } from '../../src/stores/open.ts'
import type { Store } from '../../src/stores/store.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const hourMs = 3_600_000

interface Process {
  readonly fleet: Fleet
  readonly statistics: Statistics
  count(lookups: number): void
  lookups(): Promise<number>
}

const processes: Process[] = []
const stores: Store[] = []
let laterMs = 0

afterEach(async () => {
  for (const { fleet } of processes.splice(0)) await fleet.close()
  for (const store of stores.splice(0)) await store.close()
  laterMs = 0
})

function start(store: Store, namespace: string): Process {
  const now = (): number => Date.now() + laterMs
  const statistics = new Statistics({ now })
  const fleet = new Fleet(store, statistics, { namespace, writeEveryMs: 1e9, now })
  const process: Process = {
    fleet,
    statistics,
    count(lookups) {
      for (let count = 0; count < lookups; count++) {
        statistics.note({ type: 'looked-up', layer: 'exact', kind: 'llm' })
      }
    },
    async lookups() {
      const { snapshot, complete } = await fleet.sum(statistics.snapshot())
      expect(complete).toBe(true)
      return snapshot.layers['llm']?.lookups ?? 0
    }
  }
  processes.push(process)
  return process
}

/** Redis is connected to in the background. */
async function isConnected(store: Store): Promise<void> {
  for (;;) {
    const isThere = await store.get('any').then(
      () => true,
      () => false
    )
    if (isThere) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function keysOf(store: Store, namespace: string): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const batch of store.keys({ tag: `:statistics:${namespace}` })) keys.push(...batch)
  return keys
}

describe.each(['memory', 'embedded', 'redis'] as const)('processes that share their statistics: %s', (kind) => {
  let folder: TemporaryFolder
  let redis: RedisServer | undefined
  const memory = Object.assign(memoryStore(), { ownProcessOnly: false })
  let namespace: string
  let count = 0

  beforeAll(async () => {
    folder = temporaryFolder()
    redis = kind === 'redis' ? await startRedisServer() : undefined
  })
  afterAll(async () => {
    await redis?.stop()
    await memory.close()
    folder.remove()
  })

  function address(): string {
    return redis?.url ?? `embedded:${folder.path}`
  }

  /** A store of a process's own, to what they share. */
  async function open(): Promise<Store> {
    namespace = `test-${count}`
    if (kind === 'memory') return memory
    const store = await openStore(address())
    stores.push(store)
    await isConnected(store)
    return store
  }

  it('sum up exactly, fold what has ended, and let a late returner go on', async () => {
    count += 1
    const opened = [await open(), await open(), await open()] as const
    const [one, two, three] = opened.map((store) => start(store, namespace)) as [Process, Process, Process]
    for (const [place, process] of [one, two, three].entries()) process.count(10 ** place)
    for (const { fleet } of [one, two, three]) await fleet.write()
    expect(await Promise.all([one, two, three].map((each) => each.lookups()))).toEqual([111, 111, 111])
    // `two` ends, `three` sleeps.
    two.count(10)
    await two.fleet.close()
    laterMs += 2 * hourMs
    await one.fleet.write()
    await one.fleet.fold()
    expect(await keysOf(opened[0], namespace)).toHaveLength(1)
    three.count(100)
    expect(await three.lookups()).toBe(221)
    await three.fleet.write()
    expect(await one.lookups()).toBe(221)
    // Entries may all go.
    await opened[0].delete({ prefix: `${namespace}:` })
    expect(await one.lookups()).toBe(221)
  })

  it('write, fold and sum at the same time without losing or doubling anything', async () => {
    count += 1
    const all = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const store = await open()
        return { store, process: start(store, namespace) }
      })
    )
    let counted = 0
    for (let round = 0; round < 30; round++) {
      if (round % 10 === 9) laterMs += 2 * hourMs
      await Promise.all(
        all.map(async ({ process }, place) => {
          process.count(1)
          counted += 1
          // Each at something else, and what deletes between them.
          if ((round + place) % 3 === 0) await process.fleet.write()
          else if ((round + place) % 3 === 1) await process.fleet.fold()
          else expect(await process.lookups()).toBeLessThanOrEqual((round + 1) * 3)
        })
      )
    }
    for (const { process } of all) await process.fleet.write()
    for (const { process } of all) expect(await process.lookups()).toBe(counted)
  })

  it.skipIf(kind === 'memory')('keep what a killed process has written', async () => {
    count += 1
    const store = await open()
    namespace = 'default'
    const one = start(store, namespace)
    const before = await one.lookups()
    const killed = startWorker(address())
    await killed.tell('count 5', 'counted')
    await killed.tell('write', 'written')
    await killed.kill()
    expect(await one.lookups()).toBe(before + 5)
    const closed = startWorker(address())
    await closed.tell('count 7', 'counted')
    await closed.close()
    expect(await one.lookups()).toBe(before + 12)
    laterMs += 2 * hourMs
    await one.fleet.fold()
    expect(await keysOf(store, namespace)).toHaveLength(0)
    expect(await one.lookups()).toBe(before + 12)
  })
})

interface Worker {
  tell(line: string, answer: string): Promise<void>
  kill(): Promise<void>
  close(): Promise<void>
}

const workers: ChildProcess[] = []
afterEach(() => {
  for (const child of workers.splice(0)) child.kill('SIGKILL')
})

function startWorker(store: string): Worker {
  const script = join(import.meta.dirname, '../support/statistics-worker.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', script, store], { stdio: ['pipe', 'pipe', 'inherit'] })
  workers.push(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const exited = once(child, 'exit')
  return {
    async tell(line, answer) {
      child.stdin.write(`${line}\n`)
      const { value } = await lines.next()
      expect(value).toBe(answer)
    },
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    async close() {
      child.stdin.end('close\n')
      expect(await exited).toEqual([0, null])
    }
  }
}
