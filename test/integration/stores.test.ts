import { closeSync, openSync, readdirSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { messageOf, RepriseError } from '../../src/core/errors.ts'
import { embeddedStore } from '../../src/stores/embedded.ts'
import { damageOf } from '../../src/stores/embedded-inspect.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { openStore } from '../../src/stores/open.ts'
import { redisStore } from '../../src/stores/redis.ts'
import type { Store } from '../../src/stores/store.ts'
import { storeContract } from '../../src/testing/store-contract.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const longMs = 600_000
const lasting = { ttlMs: longMs, tags: [] }
const megabyte = 1024 ** 2

/** Stores connect in the background; most tests want one that has. */
async function ready(opening: Promise<Store> | Store): Promise<Store> {
  const store = await opening
  await until(async () => {
    await store.get('ready')
    return true
  })
  return store
}

async function until(isSo: () => Promise<boolean>, withinMs = 15_000): Promise<void> {
  let last: unknown
  for (const untilMs = Date.now() + withinMs; Date.now() < untilMs; await delay(10)) {
    try {
      if (await isSo()) return
    } catch (error) {
      last = error
    }
  }
  throw new Error(`it has not come to that within ${withinMs} ms`, { cause: last })
}

async function failureOf(call: () => Promise<unknown>): Promise<RepriseError> {
  const error = await call().then(
    () => undefined,
    (reason: unknown) => reason
  )
  expect(error).toBeInstanceOf(RepriseError)
  return error as RepriseError
}

const text = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString()

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

describe('the memory store', () => {
  describe('keeps the contract:', () => {
    for (const { name, run } of storeContract(() => openStore('memory:'))) it(name, run)
  })

  it('stays within its bound, and lets the least recently used go', async () => {
    const store = memoryStore({ maxBytes: megabyte })
    const value = Buffer.alloc(10_000, 1)
    for (let index = 0; index < 1000; index++) {
      await store.set(`key:${index}`, value, { ttlMs: longMs, tags: [`tag:${index % 10}`] })
      await store.get('key:0')
    }
    const left = (await Promise.all(Array.from({ length: 1000 }, (_, index) => store.get(`key:${index}`)))).filter(
      Boolean
    )
    expect(left.length).toBeGreaterThan(90)
    expect(left.length).toBeLessThanOrEqual(megabyte / 10_000)
    expect(await store.get('key:0')).toBeDefined()
    expect(await store.get('key:1')).toBeUndefined()
    // Tags know of none that went.
    let tagged = 0
    for (let tag = 0; tag < 10; tag++) tagged += await store.delete({ tag: `tag:${tag}` })
    expect(tagged).toBe(left.length)
    await store.close()
  })

  it('does not grow with what has come and gone', async () => {
    const store = memoryStore({ maxBytes: megabyte })
    let count = 0
    async function churn(): Promise<number> {
      for (let index = 0; index < 20_000; index++) {
        const key = `key:${index}`
        const own = `own:${count++}`
        const vector = { partition: own, bytes: Buffer.alloc(10) }
        await store.set(key, Buffer.alloc(100), { ttlMs: 1 + (index % 3), tags: [own, 'shared'], vector })
        if (index % 2 === 0) await store.delete({ key })
      }
      await store.delete({ all: true })
      collectGarbage()
      return process.memoryUsage().heapUsed
    }
    await churn()
    const before = await churn()
    const after = await churn()
    expect(after - before).toBeLessThan(2 * megabyte)
    expect(await store.delete({ tag: 'shared' })).toBe(0)
    await store.close()
  })

  it.each([{ tag: 'tag' }, { prefix: 'key' }, { pattern: '*e*' }, { all: true as const }])(
    'deletes what was there when it was told to, and nothing that was set since: %j',
    async (selector) => {
      const store = memoryStore()
      for (let index = 0; index < 20_000; index++)
        await store.set(`key:${index}`, Buffer.from('old'), { ttlMs: longMs, tags: ['tag'] })
      let isDeleting = true
      const deleting = store.delete(selector).finally(() => {
        isDeleting = false
      })
      const since = await store.mark()
      const names = ['key:19998', 'key:19999', 'key:new']
      for (const name of names) await store.set(name, Buffer.from('new'), { ttlMs: longMs, tags: ['tag'], since })
      expect(await store.replace('key:19997', Buffer.from('x'), ['tag', 'more'], Buffer.from('old'), since)).toBe(true)
      // With so many, others have their turn in between.
      expect(isDeleting).toBe(true)
      expect(await deleting).toBe(19_998)
      const left: string[] = []
      for await (const batch of store.keys({ all: true })) left.push(...batch)
      expect(left.sort()).toEqual(names)
      expect(await store.size()).toMatchObject({ entries: 3 })
      await store.close()
    }
  )

  it('gives others their turn while it goes through many keys', async () => {
    const store = memoryStore()
    for (let index = 0; index < 30_000; index++) await store.set(`key:${index}`, Buffer.from('x'), lasting)
    const turnsDuring = async (work: Promise<unknown>): Promise<number> => {
      let isRunning = true
      void work.then(() => {
        isRunning = false
      })
      let turns = 0
      for (; isRunning; turns++) await nextTurn()
      return turns
    }
    const listed = async () => {
      const lengths: number[] = []
      for await (const batch of store.keys({ prefix: 'key' })) lengths.push(batch.length)
      return lengths
    }
    expect(await turnsDuring(listed())).toBeGreaterThan(50)
    expect(await turnsDuring(store.delete({ all: true }))).toBeGreaterThan(50)
    await store.close()
  })

  it('keeps its size to the byte, whatever happens to entries', async () => {
    const store = memoryStore()
    const empty = await store.size()
    expect(empty).toEqual({ entries: 0, bytes: 0, maxBytes: 256 * megabyte })
    const vector = { partition: 'p', bytes: Buffer.alloc(100) }
    await store.set('a', Buffer.alloc(1000), { ttlMs: longMs, tags: ['one', 'two'], vector })
    const { bytes: withVector = 0 } = await store.size()
    await store.replace('a', Buffer.alloc(3000), ['one', 'two'], Buffer.alloc(0), await store.mark())
    expect(await store.size()).toMatchObject({ entries: 1, bytes: withVector + 2000 })
    await store.replace('a', Buffer.alloc(1000), ['two', 'one', 'two'], Buffer.alloc(0), await store.mark())
    expect(await store.size()).toMatchObject({ entries: 1, bytes: withVector })
    await store.set('a', Buffer.alloc(1000), lasting)
    expect((await store.size()).bytes).toBeLessThan(withVector - 500)
    await store.delete({ key: 'a' })
    expect(await store.size()).toEqual(empty)
    await store.close()
  })

  it('refuses an entry that is larger than itself, and keeps what it has', async () => {
    const store = memoryStore({ maxBytes: 100_000 })
    await store.set('small', Buffer.from('x'), lasting)
    const error = await failureOf(() => store.set('large', Buffer.alloc(100_000), lasting))
    expect(error).toMatchObject({ code: 'body-too-large', message: expect.stringContaining('100000') })
    expect(text(await store.get('small'))).toBe('x')
    await store.close()
  })

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses a bound of %s bytes', (maxBytes) => {
    expect(() => memoryStore({ maxBytes })).toThrow(/maxBytes: expected a whole number/)
  })
})

describe('the embedded store', () => {
  let folder: TemporaryFolder
  const opened: Store[] = []

  beforeAll(() => {
    folder = temporaryFolder()
  })
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close()
  })
  afterAll(() => folder.remove())

  async function open(name: string, options: Partial<Parameters<typeof embeddedStore>[0]> = {}): Promise<Store> {
    const store = await embeddedStore({ folder: join(folder.path, name), ...options })
    opened.push(store)
    return store
  }

  function warnings(): { readonly texts: readonly string[]; [Symbol.dispose](): void } {
    const texts: string[] = []
    const listen = (warning: Error): void => void texts.push(`${warning.message}`)
    process.on('warning', listen)
    return { texts, [Symbol.dispose]: () => void process.off('warning', listen) }
  }

  describe('keeps the contract:', () => {
    for (const { name, run } of storeContract(() => openStore(`embedded:${join(folder.path, 'contract')}`)))
      it(name, run)
  })

  it('makes its folder, and those above it, for this user only', async () => {
    await open('a/b/c')
    expect(statSync(join(folder.path, 'a/b/c')).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder.path, 'a/b/c/entries.mdb')).mode & 0o777).toBe(0o600)
  })

  it('finds everything again when it is opened anew: entries, tags, counters and leases', async () => {
    const first = await open('again')
    await first.set('a', Buffer.from('kept'), { ttlMs: longMs, tags: ['tag'] })
    await first.set('brief', Buffer.from('gone'), { ttlMs: 1, tags: [] })
    await first.increment('count', 41, longMs)
    await first.lease('lease', longMs)
    await first.close()
    const second = await open('again')
    expect(text(await second.get('a'))).toBe('kept')
    expect(await second.get('brief')).toBeUndefined()
    expect(await second.increment('count', 1, longMs)).toBe(42)
    expect(await second.lease('lease', longMs)).toBeUndefined()
    expect(await second.delete({ tag: 'tag' })).toBe(1)
  })

  it('lets several stores of a process share a folder, and closes with the last', async () => {
    const [first, second] = await Promise.all([open('shared'), open('shared')])
    await Promise.all([first?.set('a', Buffer.from('1'), lasting), second?.set('b', Buffer.from('2'), lasting)])
    await first?.close()
    expect(text(await second?.get('a'))).toBe('1')
    await second?.set('c', Buffer.from('3'), lasting)
    await second?.close()
    const third = await open('shared')
    expect([text(await third.get('b')), text(await third.get('c'))]).toEqual(['2', '3'])
  })

  it('can be opened again while it is still being closed, with writes under way', async () => {
    for (let round = 0; round < 5; round++) {
      const first = await open('reopened')
      const writing = Array.from({ length: 30 }, (_, index) =>
        first.set(`${round}:${index}`, Buffer.from('x'), lasting)
      )
      const closing = first.close()
      const second = await open('reopened')
      await second.set(`${round}:second`, Buffer.from('x'), lasting)
      await Promise.all([...writing, closing])
      expect(await second.delete({ prefix: `${round}:` })).toBe(31)
    }
  })

  it('stays within its bound on the disk while ten times as much is written', async () => {
    const maxBytes = 8 * megabyte
    const store = await open('churn', { maxBytes })
    const file = join(folder.path, 'churn/entries.mdb')
    const source = Buffer.alloc(megabyte, 7)
    let written = 0
    let largest = 0
    for (let round = 0; written < 10 * maxBytes; round++) {
      await Promise.all(
        Array.from({ length: 8 }, (_, index) => {
          // From a hundred bytes to half a megabyte, as many small ones as large ones.
          const size = Math.round(100 * 5000 ** (((round * 8 + index) * 0.618) % 1))
          written += size
          return store.set(`key:${round}:${index}`, source.subarray(0, size), {
            ttlMs: longMs,
            tags: [`round:${round % 50}`]
          })
        })
      )
      largest = Math.max(largest, statSync(file).size)
    }
    expect(largest).toBeLessThan(2 * maxBytes)
    // It is bounded by letting go, not by keeping nothing.
    const count = await store.delete({ all: true })
    expect(count).toBeGreaterThan(50)
    expect(damageOf(file)).toBeUndefined()
  })

  it('lets the least recently used go first', async () => {
    const store = await open('recency', { maxBytes: megabyte, touchAfterMs: 20 })
    const value = Buffer.alloc(50_000, 1)
    for (let index = 0; index < 15; index++) await store.set(`key:${index}`, value, lasting)
    await delay(30)
    expect(await store.get('key:0')).toBeDefined()
    // Reads are noted a little later, all together.
    await delay(100)
    for (let index = 15; index < 30; index++) await store.set(`key:${index}`, value, lasting)
    expect(await store.get('key:0')).toBeDefined()
    expect(await store.get('key:1')).toBeUndefined()
    expect(await store.get('key:29')).toBeDefined()
  })

  it('takes what has expired before what has not, however lately it was used', async () => {
    const store = await open('expired-first', { maxBytes: megabyte, sweepEveryMs: longMs })
    const value = Buffer.alloc(50_000, 1)
    for (let index = 0; index < 8; index++) await store.set(`lasting:${index}`, value, lasting)
    for (let index = 0; index < 8; index++) await store.set(`brief:${index}`, value, { ttlMs: 5, tags: [] })
    await delay(10)
    for (let index = 8; index < 14; index++) await store.set(`lasting:${index}`, value, lasting)
    for (let index = 0; index < 14; index++) expect(await store.get(`lasting:${index}`)).toBeDefined()
  })

  it('gives the room of expired entries, counters and leases back by itself', async () => {
    const store = await open('sweep', { maxBytes: megabyte, sweepEveryMs: 20 })
    for (let index = 0; index < 300; index++) {
      await store.set(`key:${index}`, Buffer.from('x'), { ttlMs: 30, tags: ['tag'] })
      await store.increment(`count:${index}`, 1, 30)
      await store.lease(`lease:${index}`, 30)
    }
    const { enterEnvironment } = await import('../../src/stores/embedded-environment.ts')
    const environment = await enterEnvironment(join(folder.path, 'sweep'), megabyte)
    await until(async () => {
      environment.database.resetReadTxn()
      // Nothing but the sum is left, and it is none, and the bounds of the log of deletions.
      const keys = [...environment.database.getKeys({ start: Buffer.from([0]), end: Buffer.from([0xff]) })]
      return keys.length === 2
    })
    expect(environment.database.getBinary(Buffer.from('s'))?.readDoubleBE(0)).toBe(0)
    await environment.leave()
  })

  it('keeps its account exactly, whatever happens to entries', async () => {
    const store = await open('account', { maxBytes: 2 * megabyte })
    const vector = { partition: 'p', bytes: Buffer.alloc(700) }
    for (let index = 0; index < 2000; index++) {
      const key = `key:${(index * 7) % 500}`
      const tags = index % 3 === 0 ? [] : [`tag:${index % 20}`, `other:${index % 7}`]
      if (index % 11 === 0) await store.delete({ key })
      else if (index % 13 === 0)
        await store.replace(key, Buffer.alloc((index * 53) % 9000), tags, Buffer.alloc(0), await store.mark())
      else if (index % 101 === 0) await store.delete({ tag: `tag:${index % 20}` })
      else if (index % 5 === 0) await store.set(key, Buffer.alloc((index * 37) % 9000), { ttlMs: longMs, tags, vector })
      else await store.set(key, Buffer.alloc((index * 37) % 9000), { ttlMs: longMs, tags })
    }
    await store.delete({ all: true })
    const { enterEnvironment } = await import('../../src/stores/embedded-environment.ts')
    const environment = await enterEnvironment(join(folder.path, 'account'), megabyte)
    environment.database.resetReadTxn()
    // Two logs and their bounds, and the sum with the number of entries.
    const found = [...environment.database.getKeys({ start: Buffer.from([0]), end: Buffer.from([0xff]) })] as Buffer[]
    expect(new Set(found.map((key) => key.toString('latin1', 0, 1)))).toEqual(new Set(['b', 'd', 'k', 'n', 's']))
    const sum = environment.database.getBinary(Buffer.from('s'))
    const bounds = environment.database.getBinary(Buffer.from('k'))
    const vectorBounds = environment.database.getBinary(Buffer.from('b'))
    expect(sum?.readDoubleBE(0)).toBe((bounds?.readDoubleBE(24) ?? 0) + (vectorBounds?.readUIntBE(12, 6) ?? 0))
    expect(sum?.readDoubleBE(8)).toBe(0)
    expect(sum?.length).toBe(16)
    expect(bounds?.readDoubleBE(16)).toBe(found.filter((key) => key[0] === 'd'.charCodeAt(0)).length)
    await environment.leave()
  })

  it('remembers when it is opened anew what was deleted, and gives marks that only grow', async () => {
    let last = 0
    const marks: number[] = []
    for (let round = 0; round < 4; round++) {
      const store = await open('marks')
      expect(await store.mark()).toBeGreaterThanOrEqual(last)
      if (round > 0) expect(await store.mark()).toBe(last)
      marks.push(await store.mark())
      await store.delete({ tag: `${round}` })
      const mark = await store.mark()
      expect(mark).toBeGreaterThan(last)
      last = mark
      const told = marks.map(async (since) => (await store.deletedSince(since)).selectors)
      const expected = marks.map((_, from) => marks.map((_, at) => ({ tag: `${at}` })).slice(from))
      expect(await Promise.all(told)).toEqual(expected)
      await store.close()
    }
  })

  it('knows nothing of marks from before it was damaged and begun anew', async () => {
    using heard = warnings()
    const first = await open('damaged-marks')
    await first.delete({ tag: 'a' })
    const mark = await first.mark()
    await first.close()
    truncateSync(join(folder.path, 'damaged-marks/entries.mdb'), 5000)
    const second = await open('damaged-marks')
    expect((await second.deletedSince(mark)).selectors).toBeUndefined()
    expect(await second.mark()).toBeGreaterThan(mark)
    const refused = await second.set('a', Buffer.from('x'), { ...lasting, since: mark })
    expect(refused?.selectors).toBeUndefined()
    expect(await second.get('a')).toBeUndefined()
    await until(async () => heard.texts.length > 0)
  })

  it('remembers ten thousand deletions, and fewer where there is little room', async () => {
    const deleteMany = async (store: Store, count: number): Promise<number[]> => {
      const marks = [await store.mark()]
      for (let done = 0; done < count; done += 500) {
        await Promise.all(Array.from({ length: 500 }, (_, index) => store.delete({ key: `key:${done + index}` })))
        marks.push(await store.mark())
      }
      return marks
    }
    const large = await open('many-deletions')
    const marks = await deleteMany(large, 11_000)
    const told = await Promise.all(marks.map(async (mark) => (await large.deletedSince(mark)).selectors?.length))
    expect(told).toEqual([undefined, undefined, ...Array.from({ length: 21 }, (_, index) => 10_000 - 500 * index)])

    const small = await open('few-deletions', { maxBytes: megabyte })
    const smallMarks = await deleteMany(small, 2000)
    expect((await small.deletedSince(smallMarks[0] ?? 0)).selectors).toBeUndefined()
    expect((await small.deletedSince(smallMarks.at(-2) ?? 0)).selectors).toHaveLength(500)
    expect((await small.size()).bytes).toBeLessThan(megabyte / 16)
  })

  it('counts the entries of a database from before their number was kept, while others come and go', async () => {
    const store = await open('uncounted')
    const keys = Array.from({ length: 3000 }, (_, index) => `key:${index}`)
    await Promise.all(keys.map((key) => store.set(key, Buffer.from('x'), lasting)))
    expect((await store.size()).entries).toBe(3000)
    const { enterEnvironment } = await import('../../src/stores/embedded-environment.ts')
    const { database, queue, leave } = await enterEnvironment(join(folder.path, 'uncounted'), megabyte)
    const sum = database.getBinary(Buffer.from('s')) ?? Buffer.alloc(0)
    await queue.write(() => void database.put(Buffer.from('s'), sum.subarray(0, 8)))
    const { bytes } = await store.size()
    expect(await store.size()).toEqual({ bytes, maxBytes: 1024 * megabyte })
    let deleted = 0
    await until(async () => {
      const at = (deleted * 37) % 2500
      deleted += await store.delete({ key: `key:${at}` })
      await store.set(`zzz:${deleted}`, Buffer.from('x'), lasting)
      await store.set(`abc:${deleted}`, Buffer.from('x'), lasting)
      return (await store.size()).entries !== undefined
    })
    let left = 0
    for await (const batch of store.keys({ all: true })) left += batch.length
    expect((await store.size()).entries).toBe(left)
    await leave()
  })

  it('shrinks to a smaller bound than it was filled under', async () => {
    const large = await open('shrink', { maxBytes: 8 * megabyte })
    for (let index = 0; index < 100; index++) await large.set(`key:${index}`, Buffer.alloc(60_000), lasting)
    await large.close()
    const small = await open('shrink', { maxBytes: megabyte })
    await small.set('new', Buffer.alloc(60_000), lasting)
    expect(await small.get('new')).toBeDefined()
    expect(await small.delete({ all: true })).toBeLessThanOrEqual(17)
  })

  it('refuses an entry of more than a quarter of itself', async () => {
    const store = await open('large', { maxBytes: megabyte })
    const error = await failureOf(() => store.set('large', Buffer.alloc(300_000), lasting))
    expect(error).toMatchObject({ code: 'body-too-large' })
    await store.set('fits', Buffer.alloc(200_000), lasting)
  })

  it('says in one line which folder it cannot use, why, and what to do', async () => {
    const file = join(folder.path, 'a-file')
    writeFileSync(file, '')
    for (const path of [join(file, 'below'), file, '/proc/reprise']) {
      const error = await failureOf(() => embeddedStore({ folder: path }))
      expect(error.code).toBe('invalid-option')
      expect(error.message).toContain(path)
      expect(error.message).toMatch(/E[A-Z]{4,}.*choose a folder/)
      expect(error.message).not.toContain('\n')
    }
  })

  it.each([0, 1000, Number.NaN])('refuses a bound of %s bytes', async (maxBytes) => {
    await expect(open('bound', { maxBytes })).rejects.toThrow(/maxBytes: expected a whole number of at least 1048576/)
  })

  describe('sets a damaged file aside and begins anew:', () => {
    const damages: Readonly<Record<string, (file: string, size: number) => void>> = {
      'cut to half': (file, size) => truncateSync(file, size / 2),
      'cut to its head': (file) => truncateSync(file, 8192),
      'cut to a few bytes': (file) => truncateSync(file, 100),
      'all of it garbage': (file, size) => writeFileSync(file, Buffer.alloc(size, 0xa5)),
      'a text': (file) => writeFileSync(file, 'this is not a database\n'.repeat(1000)),
      'zeroes all over': (file, size) => writeFileSync(file, Buffer.alloc(size)),
      'garbage after the head': (file, size) => overwrite(file, 8192, Buffer.alloc(size - 8192, 0xff)),
      'zeroes after the head': (file, size) => overwrite(file, 8192, Buffer.alloc(size - 8192)),
      'a head of another version': (file) => overwrite(file, 28, Buffer.from([9, 9, 9, 9]))
    }

    function overwrite(file: string, position: number, bytes: Buffer): void {
      const handle = openSync(file, 'r+')
      writeSync(handle, bytes, 0, bytes.length, position)
      closeSync(handle)
    }
    for (const [what, damage] of Object.entries(damages)) {
      it(what, async () => {
        const name = `damage-${what.replaceAll(' ', '-')}`
        const store = await open(name)
        for (let index = 0; index < 400; index++) await store.set(`key:${index}`, Buffer.alloc(index * 20, 1), lasting)
        await store.close()
        const path = join(folder.path, name)
        const file = join(path, 'entries.mdb')
        damage(file, statSync(file).size)
        using warned = warnings()
        const again = await open(name)
        expect(await again.get('key:7')).toBeUndefined()
        await again.set('key:7', Buffer.from('new'), lasting)
        expect(text(await again.get('key:7'))).toBe('new')
        expect(readdirSync(path).filter((entry) => entry.includes('.damaged-'))).toHaveLength(1)
        await delay(5)
        expect(warned.texts.join()).toContain(`${file} is damaged`)
      })
    }

    it('but opens an empty file, one of a process that died while making it, as it is', async () => {
      const path = join(folder.path, 'empty')
      await (await open('empty')).close()
      truncateSync(join(path, 'entries.mdb'), 0)
      const store = await open('empty')
      await store.set('a', Buffer.from('x'), lasting)
      expect(readdirSync(path).filter((entry) => entry.includes('.damaged-'))).toEqual([])
    })

    it('and minds no damage to the file of locks', async () => {
      const path = join(folder.path, 'locks')
      const store = await open('locks')
      await store.set('a', Buffer.from('x'), lasting)
      await store.close()
      writeFileSync(join(path, 'entries.mdb-lock'), Buffer.alloc(5000, 0xa5))
      expect(text(await (await open('locks')).get('a'))).toBe('x')
    })
  })
})

describe('the redis store', () => {
  const servers: RedisServer[] = []
  const stores: Store[] = []
  let plain: RedisServer

  async function server(...options: Parameters<typeof startRedisServer>): Promise<RedisServer> {
    const started = await startRedisServer(...options)
    servers.push(started)
    return started
  }

  async function open(...options: Parameters<typeof redisStore>): Promise<Store> {
    const store = await redisStore(...options)
    stores.push(store)
    return store
  }

  beforeAll(async () => {
    plain = await server()
  })
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close()
  })
  afterAll(async () => {
    for (const each of servers) await each.stop()
  })

  describe('keeps the contract:', () => {
    for (const { name, run } of storeContract(() => ready(openStore(plain.url)))) it(name, run)
  })

  describe('keeps the contract with a password, a database and a prefix of its own:', () => {
    let locked: RedisServer
    beforeAll(async () => {
      locked = await server({ password: 'open sesame/@:' })
    })
    const open = (): Promise<Store> => {
      const url = locked.url.replace('//', `//:${encodeURIComponent('open sesame/@:')}@`)
      return ready(openStore(`${url}/3?prefix=app-1`))
    }
    for (const { name, run } of storeContract(open)) it(name, run)

    it('and leaves nothing in other databases, or under other prefixes', async () => {
      const store = await open()
      await store.set('a', Buffer.from('x'), lasting)
      await store.close()
      expect(await locked.ask('SELECT 0', 'DBSIZE')).toContain(':0\r\n')
      const keys = (await locked.ask('SELECT 3', 'KEYS *')).match(/^[a-z].*$/gm)
      expect(keys?.length).toBeGreaterThan(0)
      expect(keys?.filter((key) => !key.startsWith('app-1:'))).toEqual([])
    })
  })

  describe('keeps the contract over TLS:', () => {
    let secret: RedisServer
    beforeAll(async () => {
      secret = await server({ tls: true, password: 'hush' })
    })
    const open = (): Promise<Store> => ready(openStore(secret.url, { ...given(secret.ca), password: 'hush' }))
    for (const { name, run } of storeContract(open)) it(name, run)

    it('and trusts no server whose authority it does not know', async () => {
      const store = await redisStore({ url: secret.url, password: 'hush' })
      await until(async () => /self-signed/.test((await failureOf(() => store.get('a'))).message))
      await store.close()
    })
  })

  it('keeps two prefixes on one server apart, also when everything is deleted', async () => {
    const one = await ready(open({ url: plain.url, prefix: 'one' }))
    const two = await ready(open({ url: plain.url, prefix: 'two:' }))
    for (const store of [one, two]) {
      await store.set('a', Buffer.from('x'), { ttlMs: longMs, tags: ['tag'] })
      await store.set('b', Buffer.from('x'), lasting)
      await store.increment('n', 1, longMs)
    }
    expect(await one.delete({ all: true })).toBe(2)
    expect(await one.get('b')).toBeUndefined()
    expect(await two.get('b')).toBeDefined()
    expect(await one.delete({ tag: 'tag' })).toBe(0)
    expect(await two.delete({ tag: 'tag' })).toBe(1)
    expect(await two.delete({ pattern: '*' })).toBe(1)
  })

  it('leaves nothing behind that does not expire', async () => {
    const store = await ready(open({ url: plain.url, prefix: 'expiry' }))
    await store.set('a', Buffer.from('x'), { ttlMs: 1000, tags: ['t'] })
    await store.set('b', Buffer.from('x'), { ttlMs: 90_000, tags: ['t'] })
    await store.set('c', Buffer.from('x'), { ttlMs: 1000, tags: ['t'] })
    await store.increment('n', 1, 5000)
    await store.lease('l', 5000)
    const keys = ['e:a', 'e:b', 't:t', 'c:n', 'l:l'].map((key) => `expiry:${key}`)
    const left = (await plain.ask(...keys.map((key) => `PTTL ${key}`)))
      .match(/^:(-?\d+)/gm)
      ?.map((line) => Number(line.slice(1)))
    expect(left).toHaveLength(keys.length)
    for (const ttlMs of left ?? []) expect(ttlMs).toBeGreaterThan(0)
    // The tag lives as long as its longest-lived entry, whichever came last.
    expect(left?.[2]).toBeGreaterThan(80_000)
    expect(left?.[2]).toBeLessThanOrEqual(90_000)
  })

  it('drops what has expired from a tag that is still used', async () => {
    const store = await ready(open({ url: plain.url, prefix: 'trim' }))
    for (let index = 0; index < 50; index++)
      await store.set(`brief:${index}`, Buffer.from('x'), { ttlMs: 1, tags: ['t'] })
    await delay(10)
    await store.set('last', Buffer.from('x'), { ttlMs: longMs, tags: ['t'] })
    expect(await plain.ask('ZCARD trim:t:t')).toContain(':1\r\n')
  })

  it('returns before it is connected, fails at once while it is not, and connects by itself', async () => {
    const late = await server()
    await late.kill()
    const store = await open({ url: late.url.replace('//', '//somebody:geheim@') })
    await until(async () => (await failureOf(() => store.get('a'))).message.includes('ECONNREFUSED'))
    const error = await failureOf(() => store.set('a', Buffer.from('x'), lasting))
    expect(error).toMatchObject({ code: 'store-unavailable', retryable: true })
    expect(error.message).toContain(`127.0.0.1:${late.port}`)
    expect(error.cause).toBeInstanceOf(Error)
    expect(`${error.message} ${error.stack} ${messageOf(error.cause)}`).not.toContain('geheim')
    await late.restart()
    // That server has no users, so that it refuses this one, in its own words.
    await until(async () => /WRONGPASS|AUTH/.test((await failureOf(() => store.get('a'))).message))
    const plainly = await open({ url: late.url })
    await ready(plainly)
    await plainly.set('a', Buffer.from('x'), lasting)
    expect(text(await plainly.get('a'))).toBe('x')
  })

  it('says that a password is wrong, and not which', async () => {
    const locked = await server({ password: 'right' })
    const wrong = await open({ url: locked.url, password: 'wr0ng' })
    const none = await open({ url: locked.url })
    await until(async () => (await failureOf(() => wrong.get('a'))).message.includes('WRONGPASS'))
    expect((await failureOf(() => wrong.get('a'))).message).not.toContain('wr0ng')
    await until(async () => (await failureOf(() => none.get('a'))).message.includes('NOAUTH'))
  })

  it('survives a restart of the server, scripts and all', async () => {
    const restarted = await server()
    const store = await ready(open({ url: restarted.url }))
    await store.set('a', Buffer.from('x'), { ttlMs: longMs, tags: ['t'] })
    await restarted.restart()
    await ready(store)
    expect(await store.get('a')).toBeUndefined()
    await store.set('a', Buffer.from('x'), { ttlMs: longMs, tags: ['t'] })
    expect(await store.increment('n', 1, longMs)).toBe(1)
    await restarted.ask('SCRIPT FLUSH')
    expect(await store.delete({ tag: 't' })).toBe(1)
    expect(await store.increment('n', 1, longMs)).toBe(2)
  })

  it('connects again after silence, also while others keep asking', async () => {
    const silent = await server()
    const store = await ready(open({ url: silent.url }))
    await store.set('a', Buffer.from('x'), lasting)
    silent.freeze()
    const calls: Promise<unknown>[] = []
    const asking = setInterval(() => calls.push(store.get('a').catch((error: unknown) => error)), 50)
    await until(async () => /no answer for/.test((await failureOf(() => store.get('a'))).message))
    clearInterval(asking)
    silent.thaw()
    await ready(store)
    expect(text(await store.get('a'))).toBe('x')
    // Not one of them is left waiting for ever.
    expect((await Promise.all(calls)).some((outcome) => outcome instanceof RepriseError)).toBe(true)
  })

  it('passes on why a server refuses, and goes on with what it does not refuse', async () => {
    const full = await server({ maxmemory: '3mb' })
    const store = await ready(open({ url: full.url }))
    let refused: RepriseError | undefined
    for (let index = 0; index < 100 && refused === undefined; index++) {
      const tags = index % 2 === 0 ? [] : ['t']
      await store.set(`key:${index}`, Buffer.alloc(100_000), { ttlMs: longMs, tags }).catch((error: RepriseError) => {
        refused = error
      })
    }
    expect(refused).toMatchObject({ code: 'store-unavailable', message: expect.stringContaining('OOM') })
    expect(messageOf(refused?.cause)).toMatch(/^OOM/)
    expect(await store.get('key:0')).toBeDefined()
    expect(await store.delete({ prefix: 'key:' })).toBeGreaterThan(0)
    await store.set('after', Buffer.from('x'), lasting)
  })

  it('gives what somebody else has written as it is, and fails where that is no value at all', async () => {
    const store = await ready(open({ url: plain.url, prefix: 'nonsense' }))
    await plain.ask(
      'SET nonsense:e:other anything',
      'SET nonsense:e:none ""',
      'RPUSH nonsense:e:list 1',
      'SET nonsense:c:word word'
    )
    // Whoever reads values knows what they must be; a store that failed here would keep them from deleting it.
    expect(String(await store.get('other'))).toBe('anything')
    expect(String(await store.get('none'))).toBe('')
    expect((await failureOf(() => store.get('list'))).message).toContain('WRONGTYPE')
    expect((await failureOf(() => store.increment('word', 1, longMs))).message).toContain('not an integer')
  })

  describe('behind something that is no Redis server', () => {
    let liar: Server
    let url: string
    let answer: (request: string) => string
    const sockets = new Set<Socket>()

    beforeAll(async () => {
      liar = createServer((socket) => {
        sockets.add(socket)
        socket.on('error', () => {})
        socket.on('data', (data) => {
          const request = data.toString()
          if (request.includes('HELLO')) socket.write('%1\r\n+proto\r\n:3\r\n')
          else if (request.includes('PING')) socket.write('+PONG\r\n')
          else socket.write(answer(request))
        })
      }).listen(0, '127.0.0.1')
      await new Promise((resolve) => liar.once('listening', resolve))
      const address = liar.address()
      url = `redis://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
    })
    afterAll(() => {
      for (const socket of sockets) socket.destroy()
      liar.close()
    })

    it.each([
      ['a number', ':7\r\n'],
      ['a status', '+OK\r\n'],
      ['a list', '*1\r\n$1\r\nx\r\n']
    ])('rejects %s for an entry', async (_, reply) => {
      answer = () => '$-1\r\n'
      const store = await ready(open({ url }))
      answer = () => reply
      expect(await failureOf(() => store.get('a'))).toMatchObject({ code: 'store-unavailable' })
    })

    it('takes no reply for the answer to another question once one could not be read', async () => {
      answer = () => '$-1\r\n'
      const store = await ready(open({ url }))
      const before = sockets.size
      // After the garbage comes what would be an answer to the second question.
      answer = () => 'HTTP/1.1 400 Bad Request\r\n$4\r\n\u0001\u0000\u0000x\r\n'
      const outcomes = await Promise.allSettled([store.get('a'), store.get('b')])
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
      answer = () => '$-1\r\n'
      await ready(store)
      expect(sockets.size).toBeGreaterThan(before)
      expect(await store.get('a')).toBeUndefined()
    })
  })

  it('closes in time when the server does not answer any more', async () => {
    const silent = await server()
    const store = await ready(open({ url: silent.url }))
    silent.freeze()
    const call = store.get('a').catch((error: unknown) => error)
    await store.close()
    expect(await call).toBeInstanceOf(RepriseError)
    silent.thaw()
  })

  it.each([
    [{ url: 'redis://127.0.0.1:1', tls: {} }, /rediss:/],
    [{ url: 'redis://127.0.0.1:1', prefix: 'a b' }, /prefix: expected/],
    [{ url: 'redis://127.0.0.1:1', prefix: 'app:e:' }, /prefix: expected/]
  ])('refuses %j', async (options, message) => {
    await expect(redisStore(options)).rejects.toThrow(message)
  })
})

function given(ca: string | undefined): { ca: string } | Record<string, never> {
  return ca === undefined ? {} : { ca }
}
