import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { GatewayOptions } from '../../src/gateway/gateway.ts'
import { type Fleet, makeFleet } from '../support/fleet.ts'
import { type Ask, chat as askChat, type Caller, message } from '../support/fleet-callers.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { WordsEmbedder } from '../support/words-embedder.ts'

const fleets: Fleet[] = []

afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.close()
})

async function start(options: GatewayOptions = {}): Promise<Fleet> {
  const fleet = await makeFleet(options)
  fleets.push(fleet)
  return fleet
}

interface Stands {
  readonly switches: Readonly<Record<string, { readonly on: boolean; readonly by: string }>>
}

async function switches(fleet: Fleet): Promise<Stands['switches']> {
  const response = await fetch(`${fleet.gateway.url}/switches`)
  return ((await response.json()) as Stands).switches
}

async function turn(fleet: Fleet, name: string, on: boolean): Promise<void> {
  const response = await fetch(`${fleet.gateway.url}/switches/${name}`, { method: 'PUT', body: JSON.stringify({ on }) })
  expect([response.status, ((await response.json()) as Stands).switches[name]?.on]).toEqual([200, on])
}

// Later versions of Anthropic's dialect have no temperature.
const version = { 'anthropic-version': '2023-06-01' }

async function told(caller: Caller, fleet: Fleet, content: string, { headers = {}, ...own }: Ask = {}) {
  return saidBy((await caller(fleet, content, { ...own, headers: { ...version, ...headers } })).headers)
}

const chat = (fleet: Fleet, content: string) => told(askChat, fleet, content)

function saidBy(headers: Headers) {
  return {
    layer: headers.get('x-reprise-layer'),
    bypass: headers.get('x-reprise-bypass-reason'),
    status: headers.get('cache-status')
  }
}

const off = { layer: 'provider', bypass: 'switched-off', status: 'reprise; fwd=bypass; detail=switched-off' }

/** They follow within a second; how busy this machine is is another matter. */
const patiently = { timeout: 10_000, interval: 10 }

const ways = [askChat, message].flatMap((caller) =>
  [false, true].map((stream) => ({
    ask: (fleet: Fleet, content: string, own: Ask = {}) => told(caller, fleet, content, own),
    stream,
    name: caller.name
  }))
)

describe.each(['embedded', 'redis'] as const)('two gateways on one store: %s', (kind) => {
  let home: TemporaryFolder
  let redis: RedisServer | undefined

  beforeAll(async () => {
    home = temporaryFolder()
    redis = kind === 'redis' ? await startRedisServer() : undefined
  })
  afterAll(async () => {
    await redis?.stop()
    home.remove()
  })

  it('follow each other when one is switched, and have what was stored when it is on again', async () => {
    const store = redis?.url ?? `embedded:${join(home.path, 'store')}`
    const [one, other] = [await start({ store }), await start({ store })]
    // Until it is connected, a store is not there.
    for (const fleet of [one, other]) await expect.poll(async () => (await chat(fleet, 'known')).layer).toBe('exact')
    await turn(one, 'llm', false)
    await expect.poll(async () => (await switches(other))['llm'], patiently).toEqual({ on: false, by: 'runtime' })
    for (const fleet of [one, other]) expect(await chat(fleet, 'known')).toEqual(off)
    await turn(other, 'llm', true)
    await expect.poll(async () => (await switches(one))['llm']?.on, patiently).toBe(true)
    for (const fleet of [one, other]) expect((await chat(fleet, 'known')).layer).toBe('exact')
  })
})

describe.each(ways)('a request that is switched off, $name (streaming: $stream)', ({ ask, stream }) => {
  it.each(['llm', 'cache'])('by %s is neither read nor written nor counted, and says so', async (name) => {
    const fleet = await start({ embedder: new WordsEmbedder() })
    await ask(fleet, 'known')
    await turn(fleet, name, false)
    fleet.events.length = 0
    for (const content of ['known', 'new']) expect(await ask(fleet, content, { stream })).toEqual(off)
    expect([...new Set(fleet.events.map(({ type }) => type))].toSorted()).toEqual(['asked', 'charged'])
    await turn(fleet, name, true)
    expect((await ask(fleet, 'known', { stream })).layer).toBe('exact')
    expect((await ask(fleet, 'new', { stream })).layer).toBe('provider')
  })

  it('by the configuration cannot be switched on while it runs', async () => {
    const fleet = await start({ switches: { llm: false } })
    expect(await ask(fleet, 'known', { stream })).toEqual(off)
    const response = await fetch(`${fleet.gateway.url}/switches/llm`, { method: 'PUT', body: '{"on": true}' })
    expect(response.status).toBe(409)
    expect(await response.json()).toMatchObject({ error: { code: 'conflict' } })
    expect(await ask(fleet, 'known', { stream })).toEqual(off)
  })

  it('in one layer only goes on to the others', async () => {
    const fleet = await start({ embedder: new WordsEmbedder() })
    await ask(fleet, 'How do I reset my password?')
    await turn(fleet, 'exact', false)
    expect((await ask(fleet, 'How do I reset my password?', { stream })).layer).toBe('semantic')
    await turn(fleet, 'exact', true)
    await turn(fleet, 'semantic', false)
    expect((await ask(fleet, 'How can I reset my passwords please?', { stream })).layer).toBe('provider')
    expect((await ask(fleet, 'How do I reset my password?', { stream })).layer).toBe('exact')
  })

  it('says why it went past the cache whichever layers are on', async () => {
    const fleet = await start({ maxTemperature: 0.5, switches: { exact: false } })
    const headers = { 'cache-control': 'no-store' }
    expect((await ask(fleet, 'known', { stream, headers })).bypass).toBe('no-store')
    expect((await ask(fleet, 'known', { stream })).bypass).toBe('temperature')
  })
})

describe('embeddings that are switched off', () => {
  it('are neither read nor written nor counted, and say so', async () => {
    const fleet = await start()
    const ask = async (...input: string[]) => {
      const asked = fleet.openai().embeddings.create({ model: 'text-embedding-3-small', input })
      return saidBy((await asked.withResponse()).response.headers)
    }
    await ask('one')
    await turn(fleet, 'embedding', false)
    fleet.events.length = 0
    for (const input of [['one'], ['one', 'two']]) expect(await ask(...input)).toEqual(off)
    expect([...new Set(fleet.events.map(({ type }) => type))].toSorted()).toEqual(['asked', 'charged'])
    await turn(fleet, 'embedding', true)
    expect((await ask('one')).layer).toBe('exact')
    expect((await ask('two')).layer).toBe('provider')
  })
})

describe.each(ways)('a request above maxTemperature, $name (streaming: $stream)', ({ ask, stream }) => {
  it('is neither looked up nor stored, and says so; one that names none counts as 1', async () => {
    const fleet = await start({ maxTemperature: 0.5 })
    const hot = { layer: 'provider', bypass: 'temperature', status: 'reprise; fwd=bypass; detail=temperature' }
    for (const fields of [{ temperature: 0.6 }, { temperature: 0.6 }, {}]) {
      expect(await ask(fleet, 'known', { stream, fields })).toEqual(hot)
    }
    const layers = []
    const fields = { temperature: 0.5 }
    for (let count = 0; count < 2; count++) layers.push(await ask(fleet, 'known', { stream, fields }))
    expect(layers).toMatchObject([
      { layer: 'provider', bypass: null },
      { layer: 'exact', bypass: null }
    ])
  })
})

describe('who may administrate', () => {
  const paths = [
    ['GET', '/switches'],
    ['PUT', '/switches/llm'],
    ['GET', '/budgets']
  ] as const

  /** Node's own client: it sends whatever headers it is told. */
  function ask(port: string, method: string, path: string, headers: Record<string, string> = {}): Promise<number> {
    const body = method === 'PUT' ? '{"on": false}' : ''
    return new Promise((resolve, reject) => {
      const sent = httpRequest({ host: '127.0.0.1', port, method, path, headers }, (response) => {
        response.resume()
        response.once('end', () => resolve(response.statusCode ?? 0))
      })
      sent.once('error', reject)
      sent.end(body)
    })
  }

  const portOf = ({ gateway }: Fleet): string => new URL(gateway.url).port

  it.each(paths)('is whoever shows the token where there is one: %s %s', async (method, path) => {
    const fleet = await start({ adminToken: 'open sesame' })
    const port = portOf(fleet)
    expect(await ask(port, method, path)).toBe(401)
    expect(await ask(port, method, path, { authorization: 'Bearer sk-alice' })).toBe(401)
    expect(((await fleet.gateway) && (await chat(fleet, 'known'))).bypass).toBeNull()
    expect(await ask(port, method, path, { authorization: 'Bearer open sesame' })).toBe(200)
    expect(await ask(port, method, path, { 'x-reprise-admin-token': 'open sesame' })).toBe(200)
  })

  it.each(paths)('is no page that a browser has got from elsewhere: %s %s', async (method, path) => {
    const port = portOf(await start())
    expect(await ask(port, method, path, { origin: 'https://evil.example' })).toBe(403)
    expect(await ask(port, method, path, { 'sec-fetch-site': 'cross-site' })).toBe(403)
    expect(await ask(port, method, path, { host: `evil.example:${port}` })).toBe(403)
    expect(await ask(port, method, path, { origin: `http://127.0.0.1:${port}` })).toBe(200)
  })

  it.each(paths)('is nobody without a token where others reach the gateway: %s %s', async (method, path) => {
    await expect(start({ host: '0.0.0.0' })).rejects.toThrow('REPRISE_ADMIN_TOKEN')
    const withToken = portOf(await start({ host: '0.0.0.0', adminToken: 'open sesame' }))
    expect(await ask(withToken, method, path)).toBe(401)
    expect(await ask(withToken, method, path, { authorization: 'Bearer open sesame' })).toBe(200)
  })
})
