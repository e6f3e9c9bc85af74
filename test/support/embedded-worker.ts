import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { RepriseError } from '../../src/core/errors.ts'
import { embeddedStore } from '../../src/stores/embedded.ts'
import { enterEnvironment } from '../../src/stores/embedded-environment.ts'

/** What a process of its own does with an embedded store. Ends by itself `forMs` after it has opened it, if not before. */
export interface EmbeddedWork {
  readonly folder: string
  readonly id: string
  /** Where what was acknowledged is noted, a number a line: in the file at once, so that a kill spares it. */
  readonly log: string
  /**
   * `write` goes on writing; `reopen` opens and closes in between; `count` increments 200 times; `lease` takes turns;
   * `die` and `stop` kill or stop themselves in the middle of a transaction, holding the write lock; `stop-reading` and
   * `die-reading` in the middle of a read; `fill` writes until ten writes have failed, and then still reads; `set-since`
   * sets what it has begun a moment before, and notes 1 for each that was stored and 0 for each that was refused.
   */
  readonly task:
    | 'write'
    | 'reopen'
    | 'count'
    | 'lease'
    | 'die'
    | 'stop'
    | 'die-reading'
    | 'stop-reading'
    | 'fill'
    | 'set-since'
  /** When to begin, so that several begin together. */
  readonly atMs: number
  readonly forMs: number
}

/** The value that a key must have: a size from a few bytes to many pages, filled by the key. */
export function expectedValue(key: string): Buffer {
  return Buffer.alloc(10 + ((numberOf(key) * 977) % 15_000), key)
}

/** Every third entry has a vector: its value again. */
export function hasVector(key: string): boolean {
  return numberOf(key) % 3 === 0
}

/** Of all entries of one worker. */
export function partitionOf(key: string): string {
  return `partition:${key.slice(0, key.lastIndexOf(':'))}`
}

function numberOf(key: string): number {
  return Number(key.slice(key.lastIndexOf(':') + 1))
}

const longMs = 600_000

async function main(): Promise<void> {
  const { folder, id, log, task, atMs, forMs } = JSON.parse(process.argv[2] ?? '') as EmbeddedWork
  const file = openSync(log, 'a')
  const note = (count: number): void => void writeSync(file, `${count}\n`)
  await delay(Math.max(0, atMs - Date.now()))
  let store = await embeddedStore({ folder })
  const untilMs = Date.now() + forMs
  let count = 0

  async function write(): Promise<void> {
    const number = count++
    const key = `${id}:${number}`
    const value = expectedValue(key)
    const tags = number % 2 === 0 ? [] : [`by:${id}`]
    const vector = { partition: partitionOf(key), bytes: value }
    await store.set(key, value, { ttlMs: longMs, tags, ...(hasVector(key) ? { vector } : {}) })
    note(number)
  }

  if (task === 'die' || task === 'stop') {
    await write()
    const { database, queue } = await enterEnvironment(folder, 1024 ** 3)
    void queue.write(() => {
      database.put(Buffer.from('never committed'), Buffer.alloc(5000))
      process.kill(process.pid, task === 'die' ? 'SIGKILL' : 'SIGSTOP')
      return undefined
    })
  }
  if (task === 'die-reading' || task === 'stop-reading') {
    await write()
    await store.get(`${id}:0`)
    process.kill(process.pid, task === 'die-reading' ? 'SIGKILL' : 'SIGSTOP')
  }
  while (Date.now() < untilMs) {
    if (task === 'count') {
      for (let index = 0; index < 200; index++) await store.increment('count', 1, longMs)
      break
    }
    if (task === 'fill') {
      let failures = 0
      while (failures < 10) {
        await write().catch((error: unknown) => {
          if (!(error instanceof RepriseError) || error.code !== 'store-unavailable') throw error
          failures++
        })
      }
      if ((await store.get(`${id}:0`)) === undefined) throw new Error('cannot read any more')
      break
    }
    if (task === 'set-since') {
      const since = await store.mark()
      await delay(3)
      const value = Buffer.from(`${since}`)
      const refused = await store.set(`${id}:${count++ % 50}`, value, { ttlMs: longMs, tags: ['shared'], since })
      if (refused?.selectors?.every((selector) => 'tag' in selector && selector.tag === 'shared') === false)
        throw new Error(`it was told that ${JSON.stringify(refused.selectors)} were deleted`)
      note(refused === undefined ? 1 : 0)
      continue
    }
    if (task === 'lease') {
      const lease = await store.lease('turn', longMs)
      if (lease !== undefined) {
        // Fails when anybody else is in here.
        closeSync(openSync(join(folder, 'turn'), 'wx'))
        await delay(1)
        unlinkSync(join(folder, 'turn'))
        note(count++)
        await lease.release()
      }
      await delay(1)
      continue
    }
    await Promise.all([write(), write()])
    if (task === 'reopen' && count % 10 === 0) {
      await store.close()
      store = await embeddedStore({ folder })
    }
  }
  await store.close()
}

if (process.argv[1]?.endsWith('embedded-worker.ts') === true) await main()
