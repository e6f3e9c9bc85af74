import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Cache, createCache } from '../../src/cache.ts'
import type { Event } from '../../src/core/events.ts'
import { redisStore } from '../../src/stores/redis.ts'
import type { Lease, Store } from '../../src/stores/store.ts'
import { makeStand, type Stand } from '../support/gateway.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'

describe('two caches on one Redis', () => {
  let server: RedisServer
  let caches: Cache[]
  /** Whether each lease that was asked for was to be had. */
  const leases: boolean[] = []
  const events: Event[] = []

  beforeAll(async () => {
    server = await startRedisServer()
    caches = await Promise.all(
      [1, 2].map(async () =>
        createCache({ store: await watched(), staleWhileRevalidateMs: 60_000, observe: (event) => events.push(event) })
      )
    )
  })

  afterAll(async () => {
    await Promise.all(caches.map((cache) => cache.close()))
    await server.stop()
  })

  async function watched(): Promise<Store> {
    const store = await redisStore({ url: server.url })
    const take = store.lease.bind(store)
    async function lease(key: string, ttlMs: number): Promise<Lease | undefined> {
      const taken = await take(key, ttlMs)
      leases.push(taken !== undefined)
      return taken
    }
    return Object.assign(store, { lease })
  }

  it('ask anew once between them for what both serve', async () => {
    const [one, other] = caches as [Cache, Cache]
    await expect.poll(() => one.set('k', 'old', { ttlMs: 1 })).toBe(true)
    let answer = (): void => {}
    let computed = 0
    const compute = (): Promise<string> => {
      computed += 1
      return new Promise((resolve) => (answer = () => resolve('new')))
    }
    const ask = (cache: Cache) => cache.getOrSet('k', compute, { ttlMs: 60_000 })
    await expect.poll(async () => (await one.get('k')) === undefined).toBe(true)
    const hits = await Promise.all([one, other, one, other].map(ask))
    expect(hits.map(({ value, origin }) => [value, origin.stale])).toEqual(Array(4).fill(['old', true]))
    await expect.poll(() => leases.toSorted()).toEqual([false, true])
    await expect.poll(() => computed).toBe(1)
    expect((await ask(other)).value).toBe('old')
    answer()
    await expect.poll(() => events.filter(({ type }) => type === 'refreshed')).toMatchObject([{ ok: true }])
    for (const cache of caches) expect(await ask(cache)).toMatchObject({ value: 'new', cacheHit: true })
    expect(computed).toBe(1)
  })
})

describe('a gateway', () => {
  let stand: Stand
  let events: Event[]

  afterEach(() => stand.close())

  async function open(): Promise<void> {
    events = []
    stand = await makeStand({ ttl: '1ms', staleWhileRevalidateMs: 60_000, observe: (event) => events.push(event) })
  }

  const refreshed = (): readonly Event[] => events.filter(({ type }) => type === 'refreshed')
  const outlive = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

  it('says that what it serves meanwhile is stale, and asks anew', async () => {
    await open()
    for (const stream of [false, true]) {
      // Each time a new one: what is asked anew in the background is fresh for a moment.
      const content = `What is the capital of Peru${stream ? ', please' : ''}?`
      const body = { model: 'gpt-4o', messages: [{ role: 'user' as const, content }] }
      await stand.openai().chat.completions.create(body)
      await outlive()
      const before = refreshed().length
      const response = await fetch(`${stand.gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: 'Bearer sk-alice', 'content-type': 'application/json' },
        body: JSON.stringify({ ...body, stream })
      })
      expect(response.headers.get('cache-status')).toMatch(/^reprise; hit; ttl=-\d+; detail=exact$/)
      await response.text()
      await expect.poll(() => refreshed().length).toBeGreaterThan(before)
    }
    expect(refreshed().every((event) => event.type === 'refreshed' && event.ok)).toBe(true)
  })

  it('asks anew for the inputs of a batch together', async () => {
    await open()
    const body = { model: 'text-embedding-3-small', input: ['a', 'b', 'c'] }
    await stand.openai().embeddings.create(body)
    await outlive()
    const { response } = await stand.openai().embeddings.create(body).withResponse()
    expect(response.headers.get('cache-status')).toMatch(/^reprise; hit; ttl=-\d+; detail=exact$/)
    await expect.poll(() => refreshed().length).toBe(3)
    expect(refreshed()).toMatchObject(Array(3).fill({ kind: 'embedding', ok: true }))
    expect(stand.provider.count()).toBe(2)
  })
})
