import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { StoredVector, VectorListener } from '../../src/core/stored-vectors.ts'
import { embeddedStore } from '../../src/stores/embedded.ts'
import { type Environment, enterEnvironment } from '../../src/stores/embedded-environment.ts'
import { damageOf } from '../../src/stores/embedded-inspect.ts'
import { EmbeddedLog } from '../../src/stores/embedded-log.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { redisStore } from '../../src/stores/redis.ts'
import type { SetOptions, Store } from '../../src/stores/store.ts'
import { meddlingProxy } from '../support/meddling-proxy.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const longMs = 600_000
const megabyte = 1024 ** 2
const entry = Buffer.from('entry')

const opened: Store[] = []
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
})

function within(partition: string, bytes: Uint8Array = Buffer.from('vector'), ttlMs = longMs): SetOptions {
  return { ttlMs, tags: [], vector: { partition, bytes } }
}

async function read(store: Store, partition: string): Promise<StoredVector[]> {
  const all: StoredVector[] = []
  for await (const batch of store.vectors?.read(partition) ?? []) all.push(...batch)
  return all
}

/** A listener that remembers what it was told, and how often that something was lost. */
class Listener implements VectorListener {
  readonly keys: string[] = []
  losses = 0

  stored(_: string, key: string): void {
    this.keys.push(key)
  }

  lost(): void {
    this.losses++
  }
}

/** What is stored after this is told, also when others store it: where to begin has been asked by then. */
async function follow(store: Store): Promise<Listener> {
  const listener = new Listener()
  store.vectors?.follow(listener)
  await read(store, 'nobody').catch(() => {})
  return listener
}

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const untilMs = Date.now() + 20_000; Date.now() < untilMs; await delay(5)) if (await isSo()) return
  throw new Error(`not so within 20 s: ${what}`)
}

describe('the memory store', () => {
  it('counts vectors in its bound, and lets them go with the entries used least recently', async () => {
    const store = memoryStore({ maxBytes: megabyte })
    opened.push(store)
    for (let index = 0; index < 300; index++) {
      await store.set(`key:${index}`, entry, within(`p${index % 2}`, Buffer.alloc(10_000, index)))
      // To look for entries by meaning is not to use them; to ask for one is.
      await read(store, 'p1')
      await store.get('key:0')
    }
    const left = [...(await read(store, 'p0')), ...(await read(store, 'p1'))]
    expect(left.length).toBeGreaterThan(90)
    expect(left.length).toBeLessThanOrEqual(megabyte / 10_000)
    const keys = new Set(left.map(({ key }) => key))
    expect([keys.has('key:0'), keys.has('key:1'), keys.has('key:299')]).toEqual([true, false, true])
    for (let index = 0; index < 300; index++) {
      expect((await store.get(`key:${index}`)) !== undefined).toBe(keys.has(`key:${index}`))
    }
  })

  it('refuses an entry that is too large with its vector', async () => {
    const store = memoryStore({ maxBytes: 50_000 })
    opened.push(store)
    await expect(store.set('a', entry, within('p', Buffer.alloc(50_000)))).rejects.toMatchObject({
      code: 'body-too-large'
    })
  })
})

describe('the embedded store', () => {
  let folder: TemporaryFolder

  beforeAll(() => {
    folder = temporaryFolder()
  })
  afterAll(() => folder.remove())

  async function open(name: string, maxBytes?: number): Promise<Store> {
    const store = await embeddedStore({
      folder: join(folder.path, name),
      ...(maxBytes === undefined ? {} : { maxBytes })
    })
    opened.push(store)
    return store
  }

  /** The database itself, under an open store. */
  async function inside<Result>(
    name: string,
    look: (environment: Environment) => Promise<Result> | Result
  ): Promise<Result> {
    const environment = await enterEnvironment(join(folder.path, name), megabyte)
    try {
      environment.database.resetReadTxn()
      return await look(environment)
    } finally {
      await environment.leave()
    }
  }

  function keysOf({ database }: Environment): Buffer[] {
    return [...database.getKeys({ start: Buffer.from([0]), end: Buffer.from([0xff]) })] as Buffer[]
  }

  it('finds vectors again when it is opened anew', async () => {
    const first = await open('again')
    await first.set('a', entry, within('p', Buffer.from('kept')))
    await first.set('brief', entry, within('p', Buffer.from('gone'), 1))
    await first.close()
    const second = await open('again')
    await until(async () => (await second.get('brief')) === undefined, 'it has expired')
    const found = await read(second, 'p')
    expect(found.map(({ key, bytes }) => [key, String(bytes)])).toEqual([['a', 'kept']])
    expect(String(await second.vectors?.get('p', 'a'))).toBe('kept')
  })

  it('stays within its bound on the disk while ten times as much is written with vectors', async () => {
    const maxBytes = 8 * megabyte
    const store = await open('churn', maxBytes)
    const file = join(folder.path, 'churn/entries.mdb')
    const source = Buffer.alloc(10_000, 7)
    let written = 0
    let largest = 0
    let count = 0
    while (written < 10 * maxBytes) {
      await Promise.all(
        Array.from({ length: 8 }, () => {
          // Keys in no order, and vectors of the sizes that models have: 256 to 1,536 numbers.
          const key = `${Math.imul(count, 0x9e3779b1) >>> 0}:${count}`
          const bytes = source.subarray(0, 1024 * ([1, 1.5, 3, 6][count++ % 4] ?? 1))
          written += bytes.length + 700
          return store.set(key, source.subarray(0, 700), within(`partition ${count % 3}`, bytes))
        })
      )
      largest = Math.max(largest, statSync(file).size)
    }
    expect(largest).toBeLessThan(2 * maxBytes)
    // It is bounded by letting go, not by keeping nothing; and what goes, goes whole.
    const left = (await Promise.all([0, 1, 2].map((number) => read(store, `partition ${number}`)))).flat()
    for (const { key } of left) expect(await store.get(key)).toBeDefined()
    expect(left.length).toBeGreaterThan(500)
    expect(await store.delete({ all: true })).toBe(left.length)
    expect(damageOf(file)).toBeUndefined()
  })

  it('keeps its account exactly, whatever happens to entries with vectors, and leaves nothing but the logs', async () => {
    const store = await open('account', 2 * megabyte)
    for (let index = 0; index < 2000; index++) {
      const key = `key:${(index * 7) % 500}`
      const tags = index % 3 === 0 ? [] : [`tag:${index % 20}`]
      const options = within(`partition ${index % 5}`, Buffer.alloc((index * 37) % 9000))
      if (index % 11 === 0) await store.delete({ key })
      else if (index % 101 === 0) await store.delete({ tag: `tag:${index % 20}` })
      else if (index % 4 === 0) await store.set(key, Buffer.alloc(100), { ttlMs: longMs, tags })
      else await store.set(key, Buffer.alloc((index * 13) % 3000), { ...options, tags })
    }
    await store.delete({ all: true })
    await inside('account', (environment) => {
      const keys = keysOf(environment).map(String)
      const records = keys.filter((key) => key.startsWith('n'))
      // Beside the log of deletions, its bounds, and the sum.
      expect(keys.filter((key) => !/^[nd]/.test(key)).sort()).toEqual(['b', 'k', 's'])
      const bounds = environment.database.getBinary(Buffer.from('b')) ?? Buffer.alloc(18)
      expect(bounds.readUIntBE(0, 6) - bounds.readUIntBE(6, 6) + 1).toBe(records.length)
      const deletions = environment.database.getBinary(Buffer.from('k'))?.readDoubleBE(24) ?? 0
      const sum = environment.database.getBinary(Buffer.from('s'))?.readDoubleBE(0)
      expect(sum).toBe(bounds.readUIntBE(12, 6) + deletions)
      // A sixteenth of the store, however much has come and gone.
      expect(bounds.readUIntBE(12, 6)).toBeLessThanOrEqual((2 * megabyte) / 16)
      expect(records.length).toBeGreaterThan(100)
    })
  })

  it('gives the room of expired vectors back by itself', async () => {
    const store = await embeddedStore({ folder: join(folder.path, 'sweep'), sweepEveryMs: 20 })
    opened.push(store)
    for (let index = 0; index < 200; index++) await store.set(`key:${index}`, entry, within('p', Buffer.alloc(900), 30))
    await inside('sweep', (environment) =>
      until(() => {
        environment.database.resetReadTxn()
        return !keysOf(environment).some((key) => String(key).startsWith('v') || String(key).startsWith('e'))
      }, 'nothing is left')
    )
  })

  it('keeps the last ten thousand records of its log', async () => {
    const store = await open('log')
    const listener = await follow(store)
    for (let from = 0; from < 10_500; from += 500) {
      await Promise.all(Array.from({ length: 500 }, (_, index) => store.set(`${from + index}`, entry, within('p'))))
    }
    const numbers = await inside('log', (environment) =>
      keysOf(environment)
        .filter((key) => key[0] === 0x6e)
        .map((key) => key.readUIntBE(1, 6))
    )
    expect(numbers).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 501))
    await until(() => new Set(listener.keys).size === 10_500, 'all have been told')
    expect(listener.losses).toBe(0)
  })

  it('tells of thousands that came at once in many turns, so that others have theirs', async () => {
    const store = await open('burst')
    const listener = await follow(store)
    let mostInATurn = 0
    const turning = (async () => {
      for (let before = 0; before < 5000; before = listener.keys.length) {
        await nextTurn()
        mostInATurn = Math.max(mostInATurn, listener.keys.length - before)
      }
    })()
    await inside('burst', async ({ database, queue }) => {
      const log = new EmbeddedLog(database, 1024 * megabyte)
      await queue.write(() => {
        for (let index = 0; index < 5000; index++) log.append('p', Buffer.from(`${index}`), Date.now() + longMs)
        return undefined
      })
    })
    await turning
    expect(listener.keys).toEqual(Array.from({ length: 5000 }, (_, index) => `${index}`))
    expect(mostInATurn).toBeGreaterThan(0)
    expect(mostInATurn).toBeLessThan(1000)
    expect(listener.losses).toBe(0)
  })

  it('says that something was lost when more was logged than the log keeps, and then goes on', async () => {
    const store = await open('behind', megabyte)
    const listener = await follow(store)
    await inside('behind', async ({ database, queue }) => {
      const log = new EmbeddedLog(database, megabyte)
      // In one transaction, which nobody can read along.
      await queue.write(() => {
        for (let index = 0; index < 2000; index++) log.append('p', Buffer.from(`${index}`), Date.now() + longMs)
        return undefined
      })
    })
    await until(() => listener.losses > 0, 'it has been said')
    await store.set('after', entry, within('p'))
    await until(() => listener.keys.includes('after'), 'it goes on')
    expect([listener.losses, listener.keys]).toEqual([1, ['after']])
  })

  it('shrinks its log with the bound it is opened under', async () => {
    const large = await open('shrink', 64 * megabyte)
    await Promise.all(Array.from({ length: 2000 }, () => large.set('a', entry, within('p'))))
    await large.close()
    const small = await open('shrink', megabyte)
    await Promise.all(Array.from({ length: 200 }, () => small.set('a', entry, within('p'))))
    const bytes = await inside('shrink', ({ database }) => database.getBinary(Buffer.from('b'))?.readUIntBE(12, 6))
    expect(bytes).toBeLessThanOrEqual(megabyte / 16)
  })
})

describe('the redis store', () => {
  let server: RedisServer

  beforeAll(async () => {
    server = await startRedisServer()
  })
  afterAll(() => server.stop())

  async function open(prefix: string, url = server.url): Promise<Store> {
    const store = await redisStore({ url, prefix })
    opened.push(store)
    await ready(store)
    return store
  }

  function ready(store: Store): Promise<void> {
    return until(
      () =>
        store.get('ready').then(
          () => true,
          () => false
        ),
      'it is connected'
    )
  }

  /** What a command that was asked says as a number. */
  async function number(command: string): Promise<number> {
    return Number(/^:(-?\d+)/m.exec(await server.ask(command))?.[1])
  }

  it('leaves nothing behind that does not expire', async () => {
    const store = await open('expiry')
    await store.set('a', entry, within('p', entry, 1000))
    await store.set('b', entry, within('p', entry, 90_000))
    await store.set('c', entry, within('p', entry, 1000))
    for (const key of ['v:a', 'v:b', 'p:p', 'n:']) expect(await number(`PTTL expiry:${key}`)).toBeGreaterThan(0)
    // The partition lives as long as its longest-lived entry, whichever came last.
    expect(await number('PTTL expiry:p:p')).toBeGreaterThan(80_000)
    expect(await number('PTTL expiry:p:p')).toBeLessThanOrEqual(90_000)
    const keys = (await server.ask('KEYS expiry:*')).match(/^expiry:\S*/gm)
    expect(keys?.sort()).toEqual(
      ['a', 'b', 'c']
        .flatMap((key) => [`expiry:e:${key}`, `expiry:v:${key}`])
        .concat('expiry:n:', 'expiry:p:p')
        .sort()
    )
  })

  it('drops from a partition what has expired when it is written to, and what has gone when it is read', async () => {
    const store = await open('trim')
    for (let index = 0; index < 50; index++) await store.set(`brief:${index}`, entry, within('p', entry, 1))
    await delay(10)
    await store.set('last', entry, within('p'))
    expect(await number('ZCARD trim:p:p')).toBe(1)
    for (const key of ['evicted', 'moved', 'deleted']) await store.set(key, entry, within('p'))
    await server.ask('DEL trim:v:evicted')
    await store.set('moved', entry, within('elsewhere'))
    await store.delete({ key: 'deleted' })
    expect((await read(store, 'p')).map(({ key }) => key)).toEqual(['last'])
    expect(await number('ZCARD trim:p:p')).toBe(1)
  })

  it('tells other machines, and none with another prefix', async () => {
    const [one, other, foreign] = await Promise.all([open('shared'), open('shared'), open('foreign')])
    const [heard, unheard] = await Promise.all([follow(other), follow(foreign)])
    await foreign.set('foreign', entry, within('p'))
    await one.set('a', entry, within('p', Buffer.from('1')))
    await until(() => heard.keys.length > 0 && unheard.keys.length > 0, 'both have been told')
    expect(String(await other.vectors?.get('p', 'a'))).toBe('1')
    expect([heard.keys, unheard.keys, heard.losses]).toEqual([['a'], ['foreign'], 0])
  })

  it('goes on following after its connection was cut, and loses nothing of what came meanwhile', async () => {
    const [one, other] = await Promise.all([open('cut'), open('cut')])
    const listener = await follow(other)
    await one.set('before', entry, within('p'))
    await until(() => listener.keys.includes('before'), 'it has been told')
    for (let index = 0; index < 50; index++) {
      if (index % 10 === 5) await server.ask('CLIENT KILL TYPE normal')
      await ready(one)
      await one.set(`${index}`, entry, within('p'))
    }
    await until(() => new Set(listener.keys).size === 51, 'all have been told')
    expect(listener.losses).toBe(0)
  })

  it('says that something was lost when its log has gone, has a gap, or could not be asked, and goes on', async () => {
    const store = await open('gone')
    const listener = await follow(store)
    await store.set('a', entry, within('p'))
    await until(() => listener.keys.includes('a'), 'a has been told')
    await server.ask('DEL gone:n:')
    await until(() => listener.losses === 1, 'that the log has gone has been said')
    await store.set('b', entry, within('p'))
    await until(() => listener.keys.includes('b'), 'b has been told')
    // As if what came before it had been taken out by the server to make room.
    await server.ask('XADD gone:n: * partition p key c expiry 1 after 5-5')
    await until(() => listener.keys.includes('c'), 'c has been told')
    expect([listener.losses, listener.keys]).toEqual([2, ['a', 'b', 'c']])
  })

  it('follows a server that comes later, and says that it may have missed something; also when it comes back empty', async () => {
    const late = await startRedisServer()
    try {
      await late.kill()
      const store = await redisStore({ url: late.url })
      opened.push(store)
      const listener = await follow(store)
      await late.restart()
      await until(() => listener.losses === 1, 'it has been said')
      await ready(store)
      await store.set('a', entry, within('p'))
      await until(() => listener.keys.includes('a'), 'a has been told')
      await late.restart()
      await until(() => listener.losses === 2, 'it has been said again')
      await ready(store)
      await store.set('b', entry, within('p'))
      await until(() => listener.keys.includes('b'), 'b has been told')
      expect(listener.losses).toBe(2)
    } finally {
      await late.stop()
    }
  })

  it.each(['random', 'http', 'wrong-type'] as const)('gets over garbage while it follows (%s)', async (noise) => {
    const proxy = await meddlingProxy(server.port)
    try {
      const [behind, beside] = [
        await open(`noise-${noise}`, `redis://127.0.0.1:${proxy.port}`),
        await open(`noise-${noise}`)
      ]
      const listener = await follow(behind)
      await beside.set('a', entry, within('p'))
      await until(() => listener.keys.includes('a'), 'a has been told')
      proxy.meddle(noise)
      await until(
        () =>
          behind.get('a').then(
            () => false,
            () => true
          ),
        'it is disturbed'
      )
      await beside.set('b', entry, within('p'))
      // The next question of the follower comes within a second.
      await delay(1200)
      proxy.meddle('none')
      await until(() => listener.keys.includes('b'), 'b has been told')
      await beside.set('c', entry, within('p'))
      await until(() => listener.keys.includes('c'), 'c has been told')
    } finally {
      await proxy.close()
    }
  })

  it('lets others use its server: bytes as they are, refusals in the words of the server', async () => {
    const store = await open('command')
    expect(store.redis?.prefix).toBe('command:')
    const command = store.redis?.command ?? (() => Promise.reject(new Error('none')))
    // It has a connection of its own, made when it is first asked for.
    await expect.poll(() => command(['PING']).then(String, () => 'not yet')).toBe('PONG')
    const all = Uint8Array.from({ length: 300 }, (_, index) => index & 255)
    await command(['SET', 'command:x:a', all.subarray(3, 290)])
    expect(await command(['GET', 'command:x:a'])).toEqual(Buffer.from(all.subarray(3, 290)))
    expect(await command(['GET', 'command:x:b'])).toBeNull()
    await expect(command(['LPUSH', 'command:x:a', '1'])).rejects.toMatchObject({
      code: 'store-unavailable',
      message: expect.stringContaining('WRONGTYPE')
    })
    await store.close()
    await expect(command(['GET', 'command:x:a'])).rejects.toMatchObject({ code: 'store-closed' })
  })

  it.each(['app:v:', 'app:p:', 'n', 'x:app'])(
    'refuses the prefix %s, which looks like a part of its own',
    async (prefix) => {
      await expect(redisStore({ url: server.url, prefix })).rejects.toThrow(/prefix: expected/)
    }
  )
})
