import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GatewayOptions } from '../../src/gateway/gateway.ts'
import { type SimulatedProvider, simulatedProvider } from '../../src/testing/simulated-provider.ts'
import { makeGateway, type Stand } from '../support/gateway.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { findRedis8 } from '../support/redis8-server.ts'
import { WordsEmbedder } from '../support/words-embedder.ts'

const redis8 = await findRedis8()
const servers: RedisServer[] = []
let provider: SimulatedProvider

beforeAll(async () => {
  provider = await simulatedProvider()
})

afterAll(async () => {
  await provider.close()
  for (const server of servers) await server.stop()
})

async function redis(binary?: string): Promise<string> {
  const server = await startRedisServer(binary === undefined ? {} : { binary })
  servers.push(server)
  return server.url
}

const stores: [string, () => Promise<GatewayOptions>][] = [
  ['an embedded folder', async () => ({ store: `embedded:${await mkdtemp(join(tmpdir(), 'reprise-meaning-'))}` })],
  ['a plain Redis', async () => ({ store: await redis() })]
]
if (redis8 !== undefined) {
  stores.push(['Redis 8', async () => ({ store: await redis(redis8) })])
  stores.push(['Redis 8 Vector Sets', async () => ({ store: await redis(redis8), vectors: 'redis' as const })])
}

async function post(stand: Stand, path: string, content: string) {
  const response = await fetch(`${stand.gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-alice' },
    body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content }] })
  })
  const body = (await response.json()) as { outcome?: string }
  return { layer: response.headers.get('x-reprise-layer'), key: response.headers.get('x-reprise-entry'), ...body }
}

const ask = (stand: Stand, content: string) => post(stand, '/v1/chat/completions', content)
const outcome = async (stand: Stand, content: string) => (await post(stand, '/cache/explain', content)).outcome

describe.each(stores)('meaning on %s', (_, optionsOf) => {
  it('is shared by two gateways and survives a restart', async () => {
    const options = { ...(await optionsOf()), tenancy: 'one' as const }
    const open = () => makeGateway({ ...options, embedder: new WordsEmbedder() }, provider)
    const [one, two] = [await open(), await open()]
    // The connections are made in the background.
    await expect.poll(async () => (await ask(one, 'Is anybody there?')).layer, { timeout: 5000 }).toBe('exact')

    const { key } = await ask(one, 'How do I reset my password?')
    await expect.poll(() => outcome(two, 'How can I reset my password please?'), { timeout: 5000 }).toBe('semantic')
    const hit = await ask(two, 'How can I reset my password please?')
    expect(hit).toMatchObject({ layer: 'semantic', key })

    await one.gateway.close(0)
    const three = await open()
    await expect.poll(() => outcome(three, 'How should I reset my passwords?'), { timeout: 5000 }).toBe('semantic')
    expect((await ask(three, 'How should I reset my passwords?')).layer).toBe('semantic')
    await two.gateway.close(0)
    await three.gateway.close(0)
  })
})
