import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { redisStore } from '../../src/stores/redis.ts'
import { selects } from '../../src/stores/selects.ts'
import type { Selector, SetOptions, Store } from '../../src/stores/store.ts'
import { storeContract } from '../../src/testing/store-contract.ts'
import { type RedisServer, type RedisServerOptions, startRedisServer } from '../support/redis-server.ts'
import { findRedis8 } from '../support/redis8-server.ts'

const longMs = 600_000
const value = Buffer.from('value')
const redis8 = await findRedis8()
const plain = process.env['REPRISE_REDIS_SERVER'] ?? 'redis-server'

const servers: RedisServer[] = []
const stores: Store[] = []

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
})
afterAll(async () => {
  for (const server of servers) await server.stop()
})

function lasting(tags: readonly string[] = []): SetOptions {
  return { ttlMs: longMs, tags }
}

/** A store that is connected; with a prefix that nobody else has unless it is given. */
async function open(server: RedisServer, prefix: string, url = server.url): Promise<Store> {
  const store = await redisStore({ url, prefix })
  stores.push(store)
  await expect.poll(() => store.get('ready').then(() => true, String), { timeout: 15_000, interval: 10 }).toBe(true)
  return store
}

async function start(options: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedisServer(options)
  servers.push(server)
  return server
}

function bulk(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

describe.skipIf(redis8 === undefined || redis8 === plain)('the redis store on a Redis 8', () => {
  let server: RedisServer

  beforeAll(async () => {
    server = await start({ binary: redis8 ?? '' })
  })

  describe('keeps the contract:', () => {
    for (const { name, run } of storeContract(() => open(server, 'contract'))) it(name, run)
  })
})

it('deletes and refuses on a node of a cluster too, under a prefix in braces', async () => {
  const server = await start({ binary: plain, args: ['--cluster-enabled', 'yes'] })
  await server.ask('CLUSTER ADDSLOTSRANGE 0 16383')
  await expect.poll(() => server.ask('CLUSTER INFO'), { timeout: 15_000 }).toContain('cluster_state:ok')
  const store = await open(server, '{app}')
  const since = await store.mark()
  const vector = { partition: 'p', bytes: value }
  for (const selector of [{ key: 'a' }, { tag: 'tag' }, { prefix: 'a' }] satisfies Selector[]) {
    const mark = await store.mark()
    expect(await store.set('a', value, { ...lasting(['tag', 'too']), vector, since: mark })).toBeUndefined()
    expect(await store.replace('a', value, ['tag'], value, mark)).toBe(true)
    for await (const keys of store.keys(selector)) expect(keys).toEqual(['a'])
    expect(await store.delete(selector)).toBe(1)
  }
  expect((await store.set('a', value, { ...lasting(), since }))?.selectors).toHaveLength(3)
})

it.each(['d', 'app:d:'])('has no prefix that could be taken for its own keys of deletions: %s', async (prefix) => {
  await expect(redisStore({ url: 'redis://127.0.0.1:1', prefix })).rejects.toThrow(/no part that is .* d,/)
})

describe.each([
  ['the Redis of the tests', plain],
  ['a Redis 8', redis8]
])('deletions on %s', (_, binary) => {
  if (binary === undefined || (binary === redis8 && redis8 === plain)) return it.skip('needs a server of its own')
  let server: RedisServer
  let prefix: string

  beforeAll(async () => {
    server = await start({ binary })
  })

  /** Two processes' stores, as far as the server can tell. */
  async function both(): Promise<readonly [Store, Store]> {
    prefix = randomUUID()
    return [await open(server, prefix), await open(server, prefix)]
  }

  it.each([{ key: 'a:1' }, { prefix: 'a:' }, { pattern: '?:*' }, { tag: 'tag' }, { all: true }] satisfies Selector[])(
    'of another process, by %j, refuse what began before them',
    async (selector) => {
      const [one, other] = await both()
      for (const options of [
        lasting(),
        lasting(['tag']),
        { ...lasting(), vector: { partition: 'p', bytes: value } },
        { ...lasting(['tag']), vector: { partition: 'p', bytes: value } }
      ]) {
        const since = await one.mark()
        await other.set('a:1', value, lasting(['tag']))
        expect(await other.delete(selector)).toBe(1)
        const refused = await one.set('a:1', value, { ...options, since })
        expect(refused).toEqual({ mark: await other.mark(), selectors: [selector] })
        expect(await one.get('a:1')).toBeUndefined()
        expect(await one.vectors?.get('p', 'a:1')).toBeUndefined()
        expect(await one.set('a:1', value, { ...options, since: refused?.mark ?? 0 })).toBeUndefined()
        expect(String(await other.get('a:1'))).toBe('value')
        expect(await other.delete({ key: 'a:1' })).toBe(1)
      }
    }
  )

  it('and entries of two processes in any order: no entry is older than a deletion that would have met it', async () => {
    const names = ['a:1', 'a:2', 'b:1', 'b:2']
    const tags = ['red', 'blue']
    const at = fc.integer({ min: 0, max: 1 })
    const selector: fc.Arbitrary<Selector> = fc.oneof(
      fc.record({ key: fc.constantFrom(...names) }),
      fc.record({ tag: fc.constantFrom(...tags) }),
      fc.record({ prefix: fc.constantFrom('a:', 'b:', '') }),
      fc.record({ pattern: fc.constantFrom('*:1', 'b:?') }),
      fc.constant({ all: true as const })
    )
    const write = fc.record({
      at,
      name: fc.constantFrom(...names),
      tags: fc.subarray(tags),
      // How long it takes whoever makes the value, in trips to the server.
      trips: fc.integer({ min: 0, max: 6 }),
      hasVector: fc.boolean()
    })
    const deletion = fc.record({ at, after: fc.integer({ min: 0, max: 6 }), selector })
    const pair = await both()
    let refusals = 0
    let kept = 0
    const of = (index: number): Store => pair[index] ?? pair[0]

    await fc.assert(
      fc.asyncProperty(
        fc.array(write, { minLength: 2, maxLength: 8 }),
        fc.array(deletion, { minLength: 1, maxLength: 4 }),
        async (writes, deletions) => {
          await pair[0].delete({ all: true })
          const began: number[] = []
          await Promise.all([
            ...writes.map(async ({ at, name, tags, trips, hasVector }, index) => {
              const store = of(at)
              let since = await store.mark()
              for (let trip = 0; trip < trips; trip++) await store.get('nothing')
              const vector = hasVector ? { vector: { partition: 'p', bytes: value } } : {}
              for (;;) {
                began[index] = since
                const refused = await store.set(name, Buffer.from(`${index}`), { ...lasting(tags), ...vector, since })
                if (refused === undefined) return
                refusals++
                const { mark, selectors } = refused
                if (selectors === undefined || selectors.some((one) => selects(one, name, tags))) return
                since = mark
              }
            }),
            ...deletions.map(async ({ at, after, selector }) => {
              for (let trip = 0; trip < after; trip++) await of(at).get('nothing')
              await of(at).delete(selector)
            })
          ])
          for (const name of names) {
            const found = await pair[0].get(name)
            if (found === undefined) continue
            kept++
            const writer = Number(found)
            for (const store of pair) {
              const { selectors } = await store.deletedSince(began[writer] ?? 0)
              expect(selectors?.filter((one) => selects(one, name, writes[writer]?.tags ?? []))).toEqual([])
            }
          }
        }
      ),
      { numRuns: 300 }
    )
    // Else it has shown nothing.
    expect(refusals).toBeGreaterThan(100)
    expect(kept).toBeGreaterThan(100)
  })

  it('are told the same way by a process that has read them before, and by one that has not', async () => {
    const [one, other] = await both()
    const marks = [await one.mark()]
    for (const index of bulk(0, 20)) {
      await (index % 2 === 0 ? one : other).delete({ tag: `${index}` })
      marks.push(await one.mark())
      // This one reads on, sometimes from what it knows and sometimes before it.
      await Promise.all([1, index, 0].map((back) => one.deletedSince(marks.at(-1 - back) ?? 0)))
    }
    const fresh = await open(server, prefix)
    for (const [index, mark] of marks.entries()) {
      const expected = { mark: marks.at(-1), selectors: bulk(index, 20).map((number) => ({ tag: `${number}` })) }
      for (const store of [one, other, fresh]) expect(await store.deletedSince(mark)).toEqual(expected)
    }
  })

  it('are remembered up to a number, and before that nobody knows', async () => {
    const [one, other] = await both()
    const marks = [await one.mark()]
    const remember = async (from: number, to: number): Promise<void> => {
      for (let next = from; next < to; next += 400) {
        await Promise.all(bulk(next, Math.min(next + 400, to)).map((index) => other.delete({ key: `${index}` })))
        marks.push(await other.mark())
      }
    }
    await remember(0, 800)
    // One has read the beginning, and then for a long time nothing.
    expect((await one.deletedSince(marks[0] ?? 0)).selectors).toHaveLength(800)
    await remember(800, 11_200)
    const mark = marks.at(-1) ?? 0
    for (const store of [one, other, await open(server, prefix)]) {
      for (const early of marks.slice(0, 3))
        expect(await store.deletedSince(early)).toEqual({ mark, selectors: undefined })
      for (const [index, late] of marks.entries()) {
        if (index >= 4) expect((await store.deletedSince(late)).selectors).toHaveLength(11_200 - index * 400)
      }
      expect(await store.set('a', value, { ...lasting(), since: marks[0] ?? 0 })).toEqual({
        mark,
        selectors: undefined
      })
    }
    expect(await server.ask(`ZCARD ${prefix}:d:`)).toContain(':10000\r\n')
  })

  it('that a server has forgotten may have been anything: nothing is stored of what began before', async () => {
    const own = await start({ binary })
    const one = await open(own, 'one')
    const other = await open(own, 'one')
    for (const forget of ['FLUSHALL', 'DEL one:d:mark', 'DEL one:d: one:d:mark', 'SET one:d:mark nonsense']) {
      await other.delete({ tag: 'tag' })
      const since = await one.mark()
      await other.set('kept', value, lasting())
      // One of the two knows what the server had.
      await one.deletedSince(since)
      await own.ask(forget)
      for (const [index, store] of [one, other].entries()) {
        const refused = await store.set('a', value, { ...lasting(index === 0 ? [] : ['tag']), since })
        expect(refused, forget).toMatchObject({ selectors: undefined })
        expect(refused?.mark, forget).toBeGreaterThan(since)
        expect(refused?.mark, forget).toBe(await one.mark())
      }
      expect(await one.get('a'), forget).toBeUndefined()
      expect(await one.replace('kept', value, [], value, since), forget).toBe(false)
      const again = await one.mark()
      expect(await one.set('a', value, { ...lasting(), since: again }), forget).toBeUndefined()
      await other.delete({ key: 'a' })
      for (const store of [one, other]) {
        expect((await store.deletedSince(again)).selectors, forget).toEqual([{ key: 'a' }])
        expect((await store.deletedSince(since)).selectors, forget).toBeUndefined()
      }
    }
    // The marks are there, and what they stand for has gone.
    const before = await one.mark()
    await other.delete({ key: 'a' })
    const since = await one.mark()
    await own.ask('DEL one:d:')
    for (const store of [one, other]) {
      expect(await store.deletedSince(since)).toEqual({ mark: since, selectors: [] })
      expect(await store.deletedSince(before)).toEqual({ mark: since, selectors: undefined })
      expect(await store.set('a', value, { ...lasting(), since })).toBeUndefined()
    }
    await other.delete({ key: 'a' })
    expect((await one.deletedSince(since)).selectors).toEqual([{ key: 'a' }])
    expect((await one.deletedSince(before)).selectors).toBeUndefined()
    // Some of the records have gone, after those that one of the two has read.
    for (const key of ['b', 'c']) await other.delete({ key })
    const last = await one.mark()
    await other.delete({ key: 'd' })
    await own.ask('ZREMRANGEBYRANK one:d: 0 -2')
    for (const store of [one, other]) {
      expect((await store.deletedSince(since)).selectors).toBeUndefined()
      expect((await store.deletedSince(last)).selectors).toEqual([{ key: 'd' }])
    }
  })

  it('have growing marks also on a server whose clock was ahead once', async () => {
    const [one, other] = await both()
    const ahead = (Date.now() + longMs) * 1000
    await server.ask(`SET ${prefix}:d:mark ${ahead}`)
    expect(await one.mark()).toBe(ahead)
    await Promise.all(bulk(0, 20).map((index) => (index % 2 ? one : other).delete({ key: 'a' })))
    expect(await one.mark()).toBe(ahead + 20)
    expect((await other.deletedSince(ahead + 10)).selectors).toHaveLength(10)
    expect(await one.set('a', value, { ...lasting(), since: ahead + 20 })).toBeUndefined()
  })

  it('by a tag of many tell each key once, while entries are stored and others delete too', async () => {
    const [one, other] = await both()
    const count = 5000
    for (let next = 0; next < count; next += 500)
      await Promise.all(bulk(next, next + 500).map((index) => one.set(`${index}`, value, lasting(['tag', 'too']))))
    const told: string[] = []
    const since = await one.mark()
    let lookups = 0
    let isOver = false
    const looking = (async () => {
      for (; !isOver; lookups++) await other.get(`${lookups % count}`)
    })()
    const storing = bulk(0, 500).map(async (index) => {
      await delay(index % 50)
      return other.set(`${index}`, value, { ...lasting(['tag']), since })
    })
    const counts = await Promise.all([
      one.delete({ tag: 'tag' }, (key) => told.push(key)),
      other.delete({ tag: 'too' }, (key) => told.push(key)),
      other.delete({ prefix: '4' }, (key) => told.push(key))
    ])
    isOver = true
    await Promise.all([looking, ...storing])
    expect(lookups).toBeGreaterThan(10)
    // Some may have been stored before the first of the deletions was announced; none is there after the last.
    expect(counts.reduce((sum, each) => sum + each)).toBe(told.length)
    expect([...new Set(told)]).toHaveLength(count)
    expect(told).toHaveLength(count)
    for await (const keys of one.keys({ all: true })) expect(keys).toEqual([])
    expect(await server.ask(`ZCARD ${prefix}:t:tag`)).toContain(':0\r\n')
  })

  it('are done by a server that is full, and stores nothing more', async () => {
    const full = await start({ binary, maxmemory: '4mb' })
    const store = await open(full, 'full')
    let error: unknown
    for (let index = 0; index < 200 && error === undefined; index++) {
      await store.set(`key:${index}`, Buffer.alloc(50_000), lasting(['tag'])).catch((reason: unknown) => {
        error = reason
      })
    }
    expect(String(error)).toContain('OOM')
    await full.ask('CONFIG SET maxmemory 1')
    const since = await store.mark()
    await expect(store.set('a', value, { ...lasting(), since })).rejects.toThrow('OOM')
    expect(await store.delete({ key: 'key:0' })).toBe(1)
    expect(await store.delete({ key: 'key:1' })).toBe(1)
    expect(await store.delete({ tag: 'tag' })).toBeGreaterThan(1)
    expect((await store.deletedSince(since)).selectors).toEqual([{ key: 'key:0' }, { key: 'key:1' }, { tag: 'tag' }])
    expect((await store.size()).maxBytes).toBe(1)
  })

  it('find an entry by a tag that it was given later, also when the tag would have gone before it', async () => {
    const [one, other] = await both()
    await one.set('long', value, lasting())
    await one.set('brief', value, { ttlMs: 50, tags: ['tag'] })
    const since = await one.mark()
    expect(await one.replace('long', value, ['tag'], value, since)).toBe(true)
    await expect.poll(() => other.get('brief'), { interval: 10 }).toBeUndefined()
    await delay(50)
    expect(await other.delete({ tag: 'tag' })).toBe(1)
    await other.set('long', value, lasting())
    expect(await one.replace('long', value, ['tag'], value, since)).toBe(false)
  })

  it('leave one key behind that does not expire, and that is small', async () => {
    const [store] = await both()
    await store.set('a', value, lasting(['tag']))
    await store.delete({ tag: 'tag' })
    await store.delete({ key: 'a' })
    const left = [...(await server.ask(`KEYS ${prefix}:*`)).matchAll(/^([\w:-]+:d:\w*)\r$/gm)].map(
      ([, key]) => key ?? ''
    )
    expect(left.map((key) => key.slice(prefix.length)).sort()).toEqual([':d:', ':d:mark'])
    expect(await server.ask(`PTTL ${prefix}:d:mark`)).toContain(':-1\r\n')
    expect(await server.ask(`STRLEN ${prefix}:d:mark`)).toContain(':16\r\n')
    expect(Number(/:(\d+)/.exec(await server.ask(`PTTL ${prefix}:d:`))?.[1])).toBeGreaterThan(29 * 86_400_000)
  })

  it('need no more commands of the server than are written down, and no size where it may not be asked', async () => {
    const commands = [
      ...['get', 'set', 'getrange', 'del', 'unlink', 'exists', 'incrby', 'pexpire', 'pttl', 'zadd', 'zrem', 'zscore'],
      ...[
        'zremrangebyscore',
        'zremrangebyrank',
        'zrangebyscore',
        'zscan',
        'scan',
        'time',
        'eval',
        'evalsha',
        'ping',
        'hello'
      ],
      'client'
    ]
    await server.ask(`ACL SETUSER least on >secret ~least:* ${commands.map((name) => `+${name}`).join(' ')}`)
    const store = await open(server, 'least', server.url.replace('//', '//least:secret@'))
    const since = await store.mark()
    await store.set('a', value, { ...lasting(['tag']), since })
    expect(await store.replace('a', Buffer.from('values'), ['tag', 'too'], value, since)).toBe(true)
    for await (const keys of store.keys({ tag: 'too' })) expect(keys).toEqual(['a'])
    expect(await store.delete({ tag: 'tag' })).toBe(1)
    await store.set('a', value, lasting())
    for await (const keys of store.keys({ key: 'a' })) expect(keys).toEqual(['a'])
    expect(await store.delete({ prefix: 'a' })).toBe(1)
    expect((await store.deletedSince(since)).selectors).toEqual([{ tag: 'tag' }, { prefix: 'a' }])
    expect(await store.size()).toEqual({})
    await server.ask('ACL SETUSER least +info')
    expect(await store.size()).toEqual({ bytes: expect.any(Number) })
  })
})
