import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { embeddedStore } from '../../src/stores/embedded.ts'
import { damageOf } from '../../src/stores/embedded-inspect.ts'
import type { Store } from '../../src/stores/store.ts'
import { type EmbeddedWork, expectedValue, hasVector, partitionOf } from '../support/embedded-worker.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const lasting = { ttlMs: 600_000, tags: [] }

describe('processes that share an embedded store', () => {
  let home: TemporaryFolder
  const workers: Worker[] = []
  const stores: Store[] = []

  beforeAll(() => {
    home = temporaryFolder()
  })
  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.kill()
    for (const store of stores.splice(0)) await store.close()
  })
  afterAll(() => home.remove())

  interface Worker {
    readonly id: string
    /** The keys that it was told are written. */
    acknowledged(): string[]
    kill(): Promise<void>
    /** Resolves when it has ended by itself; rejects when it ended otherwise. */
    ended(): Promise<void>
    readonly process: ChildProcess
  }

  let workerCount = 0

  interface StartOptions {
    readonly atMs?: number
    readonly forMs?: number
    /** The largest that a file may become, in kilobytes: as if the disk were full. */
    readonly fileKilobytes?: number
  }

  function start(folder: string, task: EmbeddedWork['task'], options: StartOptions = {}): Worker {
    const id = `worker-${workerCount++}`
    const log = join(home.path, `${id}.log`)
    const work: EmbeddedWork = { folder, id, log, task, atMs: options.atMs ?? 0, forMs: options.forMs ?? 60_000 }
    const script = join(import.meta.dirname, '../support/embedded-worker.ts')
    const command = [process.execPath, '--import', 'tsx', script, JSON.stringify(work)]
    const limit = options.fileKilobytes === undefined ? '' : `ulimit -f ${2 * options.fileKilobytes};`
    const child = spawn('sh', ['-c', `${limit} exec "$@"`, 'sh', ...command], { stdio: ['ignore', 'ignore', 'pipe'] })
    let complaints = ''
    child.stderr?.on('data', (data) => {
      complaints += data
    })
    const exited = once(child, 'close')
    const worker: Worker = {
      id,
      process: child,
      acknowledged: () =>
        (existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1) : []).map((n) => `${id}:${n}`),
      async kill() {
        child.kill('SIGKILL')
        child.kill('SIGCONT')
        await exited
      },
      async ended() {
        const [code, signal] = await exited
        expect({ code, signal, complaints }).toEqual({ code: 0, signal: null, complaints: '' })
      }
    }
    workers.push(worker)
    return worker
  }

  function newFolder(): string {
    return join(home.path, `folder-${workerCount++}`)
  }

  async function open(folder: string, maxBytes?: number): Promise<Store> {
    const store = await embeddedStore({ folder, ...(maxBytes === undefined ? {} : { maxBytes }) })
    stores.push(store)
    return store
  }

  async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
    for (const untilMs = Date.now() + 20_000; Date.now() < untilMs; await delay(5)) if (await isSo()) return
    throw new Error(`not so within 20 s: ${what}`)
  }

  /** Those of the keys that are not there, or not as they were written, vectors included. */
  async function lost(store: Store, keys: readonly string[]): Promise<string[]> {
    const wrong: string[] = []
    for (const key of keys) {
      const value = await store.get(key)
      const vector = await store.vectors?.get(partitionOf(key), key)
      const expected = hasVector(key) ? expectedValue(key) : undefined
      if (value === undefined || !expectedValue(key).equals(value)) wrong.push(key)
      else if (vector === undefined ? expected !== undefined : expected?.equals(vector) !== true) wrong.push(key)
    }
    return wrong
  }

  it('lose nothing when three of them make the folder at the same moment', async () => {
    for (let round = 0; round < 3; round++) {
      const folder = newFolder()
      const atMs = Date.now() + 800
      const three = [1, 2, 3].map(() => start(folder, 'write', { atMs, forMs: 300 }))
      await Promise.all(three.map((worker) => worker.ended()))
      const keys = three.flatMap((worker) => worker.acknowledged())
      expect(new Set(keys.map((key) => key.split(':')[0])).size).toBe(3)
      expect(await lost(await open(folder), keys)).toEqual([])
      expect(damageOf(join(folder, 'entries.mdb'))).toBeUndefined()
    }
  })

  it('lose nothing when some open the folder again and again while another writes', async () => {
    const folder = newFolder()
    const atMs = Date.now() + 800
    const three = (['write', 'reopen', 'reopen'] as const).map((task) => start(folder, task, { atMs, forMs: 2500 }))
    await Promise.all(three.map((worker) => worker.ended()))
    const keys = three.flatMap((worker) => worker.acknowledged())
    expect(keys.length).toBeGreaterThan(100)
    expect(await lost(await open(folder), keys)).toEqual([])
    expect(damageOf(join(folder, 'entries.mdb'))).toBeUndefined()
    // Nobody leaves anything behind that keeps others out.
    expect(
      readdirSync(folder).filter((name) => !name.startsWith('entries.mdb') && !name.startsWith('writing.'))
    ).toEqual([])
  })

  it('lose nothing acknowledged when they are killed in the middle of writing', async () => {
    const folder = newFolder()
    const all: Worker[] = []
    for (let round = 0; round < 4; round++) {
      const running = [1, 2].map(() => start(folder, 'write'))
      all.push(...running)
      await until(() => running.every((worker) => worker.acknowledged().length > 20), 'both write')
      await delay(Math.random() * 50)
      await running[0]?.kill()
      const before = running[1]?.acknowledged().length ?? 0
      await until(() => (running[1]?.acknowledged().length ?? 0) > before + 20, 'the other one goes on')
      await running[1]?.kill()
    }
    const store = await open(folder)
    const keys = all.flatMap((worker) => worker.acknowledged())
    expect(await lost(store, keys)).toEqual([])
    expect(damageOf(join(folder, 'entries.mdb'))).toBeUndefined()
    // The tags too: every second entry has one.
    for (const worker of all) {
      const tagged = worker.acknowledged().filter((key) => Number(key.split(':')[1]) % 2 === 1)
      expect(await store.delete({ tag: `by:${worker.id}` })).toBeGreaterThanOrEqual(tagged.length)
      expect(await lost(store, tagged)).toEqual(tagged)
    }
  })

  it('go on writing when one dies holding the write lock, and see nothing of what it had not committed', async () => {
    const folder = newFolder()
    const store = await open(folder)
    await store.set('mine', Buffer.from('1'), lasting)
    const victim = start(folder, 'die')
    await once(victim.process, 'close')
    expect(victim.process.signalCode).toBe('SIGKILL')
    await store.set('mine', Buffer.from('2'), lasting)
    expect(String(await store.get('mine'))).toBe('2')
    expect(await lost(store, victim.acknowledged())).toEqual([])
    expect(damageOf(join(folder, 'entries.mdb'))).toBeUndefined()
    // Neither does its being dead keep anybody from opening.
    const next = start(folder, 'count')
    await next.ended()
  })

  it('go on reading while one is stopped that holds the write lock, and write when it goes on', async () => {
    const folder = newFolder()
    const store = await open(folder)
    await store.set('before', Buffer.from('1'), lasting)
    const stopped = start(folder, 'stop')
    await until(() => stateOf(stopped.process.pid) === 'T', 'it has stopped')
    let isWritten = false
    const writing = store.set('after', Buffer.from('2'), lasting).then(() => {
      isWritten = true
    })
    for (let index = 0; index < 200; index++) {
      expect(String(await store.get('before'))).toBe('1')
      if (index % 20 === 0) await delay(5)
    }
    expect(isWritten).toBe(false)
    expect(await store.get('after')).toBeUndefined()
    stopped.process.kill('SIGCONT')
    await writing
    expect(String(await store.get('after'))).toBe('2')
  })

  it('keep the file small when one is killed while it reads, and writes go on', async () => {
    const folder = newFolder()
    const store = await open(folder, 1024 ** 2)
    await store.set('first', Buffer.from('x'), lasting)
    await once(start(folder, 'die-reading').process, 'close')
    for (let index = 0; index < 400; index++) {
      await store.set(`key:${index}`, Buffer.alloc(50_000), lasting)
    }
    expect(statSync(join(folder, 'entries.mdb')).size).toBeLessThan(2 * 1024 ** 2)
  })

  it('do not fill the disk when one is stopped while it reads: writes fail, and say why, until it goes on', async () => {
    const folder = newFolder()
    const store = await open(folder, 1024 ** 2)
    const stopped = start(folder, 'stop-reading')
    await until(() => stateOf(stopped.process.pid) === 'T', 'it has stopped')
    let failure: unknown
    await until(async () => {
      await store.set('key', Buffer.alloc(50_000), lasting).catch((error: unknown) => {
        failure = error
      })
      return failure !== undefined
    }, 'a write fails')
    expect(failure).toMatchObject({
      code: 'store-unavailable',
      message: expect.stringContaining(`${stopped.process.pid}`)
    })
    expect(await store.get('key')).toBeDefined()
    stopped.process.kill('SIGCONT')
    await until(
      () =>
        store.set('key', Buffer.from('x'), lasting).then(
          () => true,
          () => false
        ),
      'a write succeeds'
    )
  })

  it('see at once what another one has acknowledged', async () => {
    const folder = newFolder()
    const store = await open(folder)
    const writer = start(folder, 'write', { forMs: 3000 })
    let seen = 0
    await until(async () => {
      const keys = writer.acknowledged()
      const latest = keys.at(-1)
      if (latest !== undefined) {
        expect(await lost(store, [latest])).toEqual([])
        seen++
      }
      return seen > 100
    }, 'a hundred looks')
  })

  it('tell each other of what they store with a vector, and let it be read', async () => {
    const folder = newFolder()
    const store = await open(folder)
    const told = new Map<string, string>()
    const stop = store.vectors?.follow({
      stored: (partition, key) => void told.set(key, partition),
      lost: () => {}
    })
    const writers = [1, 2].map(() => start(folder, 'write', { forMs: 600 }))
    await Promise.all(writers.map((worker) => worker.ended()))
    const keys = writers.flatMap((worker) => worker.acknowledged()).filter(hasVector)
    expect(keys.length).toBeGreaterThan(50)
    await until(() => keys.every((key) => told.get(key) === partitionOf(key)), 'all have been told')
    expect([...told.keys()].filter((key) => !hasVector(key))).toEqual([])
    expect(await lost(store, keys)).toEqual([])
    for (const worker of writers) {
      const read: string[] = []
      for await (const batch of store.vectors?.read(partitionOf(`${worker.id}:0`)) ?? []) {
        read.push(...batch.map(({ key }) => key))
      }
      expect(read.sort()).toEqual(worker.acknowledged().filter(hasVector).sort())
    }
    stop?.()
  })

  it('leave nothing behind of what began before another one deleted it', async () => {
    const folder = newFolder()
    const store = await open(folder)
    const setters = [1, 2].map(() => start(folder, 'set-since'))
    const outcomes = () => setters.map((worker) => worker.acknowledged().map((noted) => noted.slice(-1)))
    await until(() => outcomes().every((noted) => noted.includes('1')), 'both have set something')
    let last = 0
    await until(async () => {
      await store.delete({ tag: 'shared' })
      const mark = await store.mark()
      expect(mark).toBeGreaterThan(last)
      last = mark
      for await (const keys of store.keys({ tag: 'shared' })) {
        // What it was set with: the mark of when whoever set it began.
        for (const key of keys) expect(Number(await store.get(key))).toBeGreaterThanOrEqual(mark)
      }
      await delay(Math.random() * 10)
      return outcomes().every((noted) => noted.filter((outcome) => outcome === '0').length >= 10)
    }, 'both have been refused ten times')
    for (const worker of setters) expect(worker.process.exitCode).toBeNull()
  })

  it('count together without losing any', async () => {
    const folder = newFolder()
    const atMs = Date.now() + 800
    await Promise.all([1, 2, 3].map(() => start(folder, 'count', { atMs }).ended()))
    expect(await (await open(folder)).increment('count', 0, 1000)).toBe(600)
  })

  it('hold a lease one at a time', async () => {
    const folder = newFolder()
    const atMs = Date.now() + 800
    const three = [1, 2, 3].map(() => start(folder, 'lease', { atMs, forMs: 1000 }))
    await Promise.all(three.map((worker) => worker.ended()))
    expect(three.filter((worker) => worker.acknowledged().length > 0).length).toBeGreaterThan(1)
  })

  it('fail to write, and do not fall, when the disk is full; what was acknowledged is still there', async () => {
    const folder = newFolder()
    const full = start(folder, 'fill', { fileKilobytes: 4096 })
    const [code] = await once(full.process, 'close')
    expect(code).toBe(0)
    const keys = full.acknowledged()
    expect(keys.length).toBeGreaterThan(50)
    const store = await open(folder)
    expect(await lost(store, keys)).toEqual([])
    await store.set('with room again', Buffer.alloc(5_000_000), lasting)
    expect(damageOf(join(folder, 'entries.mdb'))).toBeUndefined()
  })

  it('are not kept out by what a process left behind that died while it opened or wrote', async () => {
    const folder = newFolder()
    mkdirSync(folder)
    const dead = start(newFolder(), 'count')
    await dead.ended()
    const owner = `${hostname()}.${dead.process.pid}.${crypto.randomUUID()}`
    writeFileSync(join(folder, 'opening'), owner)
    writeFileSync(join(folder, `writing.${owner}`), '')
    // Those that come together after such a death do not open together either.
    const atMs = Date.now() + 800
    const three = [1, 2, 3].map(() => start(folder, 'write', { atMs, forMs: 200 }))
    await Promise.all(three.map((worker) => worker.ended()))
    const keys = three.flatMap((worker) => worker.acknowledged())
    expect(await lost(await open(folder), keys)).toEqual([])
    expect(existsSync(join(folder, `writing.${owner}`))).toBe(false)
  })
})

/** The state of a process as Linux has it: `R`, `S`, `T` for stopped. */
function stateOf(pid: number | undefined): string | undefined {
  return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]
}
