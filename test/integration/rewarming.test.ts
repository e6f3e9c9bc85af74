import { request as httpRequest } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isObject, type JsonObject } from '../../src/core/json.ts'
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { Store } from '../../src/stores/store.ts'
import { type Options, type SimulatedProvider, simulatedProvider } from '../../src/testing/simulated-provider.ts'
import { makeGateway, type Stand } from '../support/gateway.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const operatorKey = 'sk-operator'
let provider: SimulatedProvider
let folder: TemporaryFolder
let store: Store
const stands: Stand[] = []

beforeEach(() => {
  folder = temporaryFolder()
  store = memoryStore()
})

afterEach(async () => {
  for (const { gateway } of stands.splice(0)) await gateway.close(0)
  await provider.close()
  folder.remove()
})

/** A gateway whose answers are of use for as long as a test says, and that remembers what was asked. */
async function start(options: GatewayOptions = {}, providerOptions: Options = {}): Promise<Stand> {
  provider = await simulatedProvider(providerOptions)
  return another(options)
}

async function another(options: GatewayOptions = {}): Promise<Stand> {
  const stand = await makeGateway(
    {
      store,
      deadlineMs: 10_000,
      openaiKey: operatorKey,
      anthropicKey: operatorKey,
      rememberRequests: true,
      ...options
    },
    provider
  )
  stands.push(stand)
  return stand
}

function chat(content: string) {
  return { model: 'gpt-4o', messages: [{ role: 'user' as const, content }] }
}

interface Warmed {
  readonly status: number
  readonly lines: readonly JsonObject[]
  readonly last: JsonObject
}

async function warm({ gateway }: Stand, wish: object = { popular: 100 }): Promise<Warmed> {
  const response = await fetch(`${gateway.adminUrl}/cache/warm`, { method: 'POST', body: JSON.stringify(wish) })
  const lines = (await response.text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JsonObject)
  return { status: response.status, lines, last: lines.at(-1) ?? {} }
}

/** Asks until it is answered from the cache, so that it is among the most valuable; gives the entry's key. */
async function popular(
  stand: Stand,
  content: string,
  { key = 'sk-alice', tags, ttl = '1h' }: { key?: string; tags?: string; ttl?: string } = {}
): Promise<string> {
  const headers = { 'x-reprise-ttl': ttl, ...(tags === undefined ? {} : { 'x-reprise-tags': tags }) }
  await stand.openai(key).chat.completions.create(chat(content), { headers })
  const { response } = await stand.openai(key).chat.completions.create(chat(content), { headers }).withResponse()
  expect(response.headers.get('x-reprise-layer')).toBe('exact')
  return response.headers.get('x-reprise-entry') ?? ''
}

/** Takes an answer out of the store, as one is that is not used for long: what was asked for it stays. */
async function evicted(key: string): Promise<void> {
  expect(await store.delete({ key: `default:${key}` })).toBe(1)
}

/** Waits until an answer is no longer fresh. */
async function expired(stand: Stand, key: string): Promise<void> {
  while (true) {
    const response = await fetch(`${stand.gateway.adminUrl}/cache/entries/${encodeURIComponent(key)}`)
    const entry = (await response.json()) as JsonObject
    if (response.status === 404 || entry['state'] === 'stale') return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function invalidate({ gateway }: Stand, selection: object): Promise<void> {
  const response = await fetch(`${gateway.adminUrl}/cache/invalidate`, {
    method: 'POST',
    body: JSON.stringify(selection)
  })
  expect(response.status).toBe(200)
}

async function layerOf(stand: Stand, content: string, key = 'sk-alice'): Promise<string | null> {
  const asked = stand
    .openai(key)
    .chat.completions.create(chat(content), { headers: { 'cache-control': 'only-if-cached' } })
  return asked.withResponse().then(
    ({ response }) => response.headers.get('x-reprise-layer'),
    (error: { status?: number }) => String(error.status)
  )
}

/** Long enough to be asked for twice on a busy machine, short enough to be waited for. */
const briefly = '3s'

describe('POST /cache/warm', () => {
  it('asks anew, with the operator’s key, for what has expired, and stores it for those who had it', async () => {
    const stand = await start()
    const keys = [
      await popular(stand, 'one', { ttl: briefly, tags: 'faq' }),
      await popular(stand, 'two', { ttl: briefly, key: 'sk-bob' })
    ]
    for (const key of keys) await expired(stand, key)
    expect(await layerOf(stand, 'one')).toBe('504')
    provider.reset()
    const { status, lines, last } = await warm(stand)
    expect(status).toBe(200)
    expect(last).toEqual({
      type: 'done',
      done: 2,
      total: 2,
      hits: 0,
      asked: 2,
      failed: 0,
      costUsd: expect.any(Number),
      skipped: []
    })
    expect(Number(last['costUsd'])).toBeGreaterThan(0)
    expect(lines.slice(0, -1).map(({ type, done, total }) => [type, done, total])).toEqual([
      ['progress', 1, 2],
      ['progress', 2, 2]
    ])
    expect(provider.calls.map(({ headers }) => headers.authorization)).toEqual([
      `Bearer ${operatorKey}`,
      `Bearer ${operatorKey}`
    ])
    expect(await layerOf(stand, 'one')).toBe('exact')
    expect(await layerOf(stand, 'two', 'sk-bob')).toBe('exact')
    // As before, and no wider.
    expect(await layerOf(stand, 'one', 'sk-bob')).toBe('504')
    expect(await layerOf(stand, 'two')).toBe('504')
    await invalidate(stand, { tag: 'faq' })
    expect([await layerOf(stand, 'one'), await layerOf(stand, 'two', 'sk-bob')]).toEqual(['504', 'exact'])
  })

  it('leaves alone what is fresh, and asks for no more than are wanted', async () => {
    const stand = await start()
    await popular(stand, 'one')
    await popular(stand, 'two')
    await popular(stand, 'three')
    provider.reset()
    expect((await warm(stand)).last).toMatchObject({ done: 3, total: 3, hits: 3, asked: 0, costUsd: 0, skipped: [] })
    expect((await warm(stand, { popular: 2 })).last).toMatchObject({ done: 2, total: 2, hits: 2 })
    expect(provider.count()).toBe(0)
  })

  it('has nothing to do where nothing was answered from the cache', async () => {
    const stand = await start()
    await stand.openai().chat.completions.create(chat('one'))
    const { lines } = await warm(stand)
    expect(lines).toEqual([{ type: 'done', done: 0, total: 0, hits: 0, asked: 0, failed: 0, costUsd: 0, skipped: [] }])
  })

  it('asks as it was asked: in its dialect and version, whether it was streamed, with its query', async () => {
    const stand = await start()
    const headers = {
      'x-reprise-ttl': briefly,
      'anthropic-beta': 'context-1m-2025-08-07',
      'openai-beta': 'assistants=v2'
    }
    const message = { model: 'claude-haiku-4-5', max_tokens: 500, messages: [{ role: 'user' as const, content: 'm' }] }
    const openai = stand.openai()
    const anthropic = stand.anthropic()
    const ask = async (): Promise<readonly string[]> => {
      const streamed = await openai.chat.completions.create({ ...chat('c'), stream: true }, { headers }).withResponse()
      for await (const _chunk of streamed.data);
      const answers = [
        streamed,
        await openai.responses.create({ model: 'gpt-4o', input: 'r' }, { headers }).withResponse(),
        await anthropic.messages.create(message, { headers }).withResponse(),
        await anthropic.messages.create(message, { headers, query: { beta: 'true' } }).withResponse()
      ]
      return answers.map(({ response }) => response.headers.get('x-reprise-entry') ?? '')
    }
    const calls = (): readonly string[] =>
      provider.calls
        .map(({ path, body, headers: sent }) => {
          const { 'anthropic-version': version, 'anthropic-beta': beta, 'openai-beta': openaiBeta } = sent
          return JSON.stringify([path, body, version, beta, openaiBeta])
        })
        .toSorted()
    await ask()
    const first = calls()
    expect(first).toHaveLength(4)
    for (const key of await ask()) await evicted(key)
    provider.reset()
    expect((await warm(stand)).last).toMatchObject({ asked: 4, failed: 0, skipped: [] })
    expect(calls()).toEqual(first)
    provider.reset()
    await ask()
    expect(provider.count()).toBe(0)
  })

  it('is not asked for again what was invalidated, by whatever', async () => {
    for (const selection of [{ tag: 'faq' }, { kind: 'llm' }, { model: 'gpt-4o' }, { prefix: 'llm:' }, { all: true }]) {
      const stand = await start()
      await popular(stand, 'one', { tags: 'faq' })
      await invalidate(stand, selection)
      provider.reset()
      const { last } = await warm(stand)
      expect(last).toMatchObject({ done: 1, total: 1, hits: 0, asked: 0, failed: 0 })
      expect(last['skipped']).toMatchObject([{ reason: expect.stringContaining('has not been kept') }])
      expect(provider.count()).toBe(0)
      await stand.gateway.close(0)
      await provider.close()
      store = memoryStore()
    }
    await start()
  })

  it('says what to do where what was asked is not remembered', async () => {
    const stand = await start({ rememberRequests: false })
    const key = await popular(stand, 'one')
    await evicted(key)
    expect((await warm(stand)).last).toMatchObject({
      done: 1,
      asked: 0,
      failed: 0,
      skipped: [{ key, reason: 'what was asked has not been kept: start the gateway with --remember-requests on' }]
    })
  })

  it('stops where the money ends, and names what it has not asked for', async () => {
    const stand = await start()
    const keys = []
    for (const content of ['one', 'two', 'three']) keys.push(await popular(stand, content))
    for (const key of keys) await evicted(key)
    provider.reset()
    expect((await warm(stand, { popular: 3, budgetUsd: 0 })).last).toMatchObject({
      done: 3,
      asked: 0,
      costUsd: 0,
      skipped: [{ reason: 'over budget' }, { reason: 'over budget' }, { reason: 'over budget' }]
    })
    expect(provider.count()).toBe(0)
    const { last } = await warm(stand, { popular: 3, budgetUsd: 1e-9, concurrency: 1 })
    expect(last).toMatchObject({ done: 3, asked: 1, skipped: [{ reason: 'over budget' }, { reason: 'over budget' }] })
    expect(provider.count()).toBe(1)
  })

  it('goes on past what fails or is not fit to be stored, and says why', async () => {
    const stand = await start()
    const keys = []
    for (const content of ['one', 'two', 'three']) keys.push(await popular(stand, content))
    for (const key of keys) await evicted(key)
    provider.reset()
    provider.fail({ status: 400 }, 'truncate')
    const { last } = await warm(stand, { popular: 3, concurrency: 1 })
    expect(last).toMatchObject({ done: 3, hits: 0, asked: 2, failed: 1 })
    expect(last['skipped']).toEqual([
      { key: expect.any(String), reason: 'openai answered 400' },
      { key: expect.any(String), reason: 'its answer was not fit to be stored' }
    ])
  })

  it('stops when whoever asked for it leaves', async () => {
    const stand = await start()
    const keys = []
    for (const content of ['one', 'two', 'three']) keys.push(await popular(stand, content))
    for (const key of keys) await evicted(key)
    provider.reset()
    provider.fail({ every: 'hang' })
    const asking = httpRequest(`${stand.gateway.adminUrl}/cache/warm`, { method: 'POST' })
    asking.on('error', () => {})
    asking.end('{"popular": 3, "concurrency": 1}')
    while (provider.count() === 0) await new Promise((resolve) => setImmediate(resolve))
    asking.destroy()
    while (provider.calls[0]?.outcome === 'pending') await new Promise((resolve) => setImmediate(resolve))
    provider.fail({ every: 'none' })
    // Whoever comes next finds everything as it was.
    expect((await warm(stand)).last).toMatchObject({ done: 3, asked: 3, failed: 0 })
    expect(provider.count()).toBe(4)
  })

  it('does not ask at another address for what was answered at one', async () => {
    const embedded = { store: `embedded:${folder.path}` }
    const stand = await start(embedded)
    const key = await popular(stand, 'one', { ttl: briefly })
    await stand.gateway.close()
    stands.pop()
    const elsewhere = await simulatedProvider()
    const moved = await another({ ...embedded, openaiUrl: elsewhere.openaiUrl })
    await expired(moved, key)
    expect((await warm(moved)).last).toMatchObject({
      done: 1,
      asked: 0,
      failed: 0,
      skipped: [{ key, reason: 'such a request is sent to another address now' }]
    })
    expect(elsewhere.count()).toBe(0)
    await elsewhere.close()
  })

  it('knows after a restart what was popular before it', async () => {
    const embedded = { store: `embedded:${folder.path}` }
    const stand = await start(embedded)
    const key = await popular(stand, 'one', { ttl: briefly })
    await stand.gateway.close()
    stands.pop()
    const next = await another(embedded)
    await expired(next, key)
    expect((await warm(next)).last).toMatchObject({ done: 1, asked: 1, skipped: [] })
    expect(await layerOf(next, 'one')).toBe('exact')
  })

  it('counts no requests and no lookups of its own', async () => {
    const stand = await start()
    const key = await popular(stand, 'one')
    await evicted(key)
    const read = async (): Promise<JsonObject> =>
      (await (await fetch(`${stand.gateway.adminUrl}/metrics/cache/statistics`)).json()) as JsonObject
    const before = await read()
    await warm(stand)
    const after = await read()
    expect(after['requests']).toEqual(before['requests'])
    const lookups = ({ llm_cache: layer }: JsonObject): unknown => isObject(layer) && layer['total_lookups']
    expect(lookups(after)).toBe(lookups(before))
    expect(after).toMatchObject({ llm_cache: { total_writes: 2 }, providers: [{ provider: 'openai', ok: 2 }] })
  })

  it.each<[string, string]>([
    ['', 'expected a JSON object such as {"popular": 100}, got an empty body'],
    ['{}', 'popular: expected a whole number from 1 to 100, got undefined'],
    ['{"popular": 0}', 'popular: expected a whole number from 1 to 100, got 0'],
    ['{"popular": 1.5}', 'popular: expected a whole number from 1 to 100, got 1.5'],
    ['{"popular": "10"}', 'popular: expected a whole number from 1 to 100, got "10"'],
    ['{"popular": 10000}', 'popular: expected a whole number from 1 to 100, got 10000'],
    ['{"popular": 1, "budgetUsd": -1}', 'budgetUsd: expected a number from 0 to 1000000000, got -1'],
    ['{"popular": 1, "budgetUsd": null}', 'budgetUsd: expected a number from 0 to 1000000000, got null'],
    ['{"popular": 1, "concurrency": 65}', 'concurrency: expected a whole number from 1 to 64, got 65']
  ])('refuses %s, and says what was expected', async (body, message) => {
    const { gateway } = await start()
    const response = await fetch(`${gateway.adminUrl}/cache/warm`, { method: 'POST', body })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code: 'invalid-body', message } })
  })
})
