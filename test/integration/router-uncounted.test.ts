import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Gateway, type GatewayOptions, startGateway } from '../../src/gateway/gateway.ts'
import { type SimulatedProvider, simulatedProvider } from '../../src/testing/simulated-provider.ts'

let provider: SimulatedProvider
let gateways: Gateway[]

beforeEach(async () => {
  provider = await simulatedProvider({ embed: (text) => (text.includes('wide') ? [0, 1, 0] : [1, 0]) })
  gateways = []
})

afterEach(async () => {
  await Promise.all(gateways.map((gateway) => gateway.close(0)))
  await provider.close()
})

async function gatewayWith(options: GatewayOptions): Promise<string> {
  const gateway = await startGateway({
    port: 0,
    openaiUrl: provider.openaiUrl,
    anthropicUrl: provider.anthropicUrl,
    ...options
  })
  gateways.push(gateway)
  return gateway.url
}

const budgets = [{ name: 'none', limitUsd: 0 }]

function post(url: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    body: typeof body === 'string' ? body : Buffer.from(body),
    headers: { authorization: 'Bearer sk-alice', 'content-type': 'application/json', ...headers }
  })
}

const question = JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] })

describe('what the gateway hands on unread', () => {
  it('is not paid with the operator’s key past a budget', async () => {
    const url = await gatewayWith({ openaiKey: 'sk-operator', budgets })
    const coded = await post(`${url}/v1/chat/completions`, gzipSync(question), { 'content-encoding': 'gzip' })
    expect(coded.status).toBe(403)
    expect(await coded.json()).toMatchObject({ error: { code: 'price-unknown' } })
    expect((await post(`${url}/v1/images/generations`, '{"prompt": "a cat"}')).status).toBe(403)
    expect(provider.count()).toBe(0)
  })

  it('is not paid past a budget of some models either, since nobody knows which model it is', async () => {
    const url = await gatewayWith({
      openaiKey: 'sk-operator',
      budgets: [{ name: 'few', limitUsd: 1, model: 'gpt-5*' }]
    })
    expect((await post(`${url}/v1/completions`, question)).status).toBe(403)
    expect(provider.count()).toBe(0)
  })

  it('passes where it only looks, and where the caller pays', async () => {
    const operators = await gatewayWith({ openaiKey: 'sk-operator', budgets })
    expect((await fetch(`${operators}/v1/models`)).status).toBe(200)
    const callers = await gatewayWith({ budgets })
    expect((await post(`${callers}/v1/images/generations`, '{"prompt": "a cat"}')).status).toBe(200)
  })

  it('passes where unknown prices are allowed, and is counted as one', async () => {
    const url = await gatewayWith({
      openaiKey: 'sk-operator',
      unknownPrice: 'allow',
      budgets: [{ name: 'some', limitUsd: 1 }]
    })
    expect((await post(`${url}/v1/images/generations`, '{"prompt": "a cat"}')).status).toBe(200)
    const { budgets: shown } = (await (await fetch(`${url}/budgets`)).json()) as { budgets: object[] }
    expect(shown).toMatchObject([{ name: 'some', spentUsd: 0, unpriced: 1 }])
  })
})

describe('a connection that is to become something else', () => {
  const upgrade = (path: string): string =>
    `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`

  it('is refused past a budget', async () => {
    const url = await gatewayWith({ openaiKey: 'sk-operator', budgets })
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(upgrade('/v1/realtime'))
    const [said] = (await once(socket, 'data')) as [Buffer]
    expect(said.toString()).toMatch(/^HTTP\/1\.1 403 /)
    socket.destroy()
  })

  it('does not take the gateway along when its caller resets it', async () => {
    const url = await gatewayWith({})
    for (let time = 0; time < 5; time++) {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      await once(socket, 'connect')
      socket.write(upgrade('/nowhere'))
      setImmediate(() => socket.resetAndDestroy())
      await once(socket, 'close')
    }
    expect((await fetch(`${url}/health`)).status).toBe(200)
  })
})

describe('a batch of embeddings of which some are known', () => {
  it('is asked as a whole when another model stands in, so that its vectors can be compared', async () => {
    const other = await simulatedProvider({ embed: () => [0, 1, 0] })
    const url = await gatewayWith({
      providers: { other: { kind: 'compatible', url: other.openaiUrl, key: 'sk-other' } },
      routes: [{ model: 'small', targets: ['openai', 'other/large'], retry: { attempts: 0 } }]
    })
    const embed = (input: string[]): Promise<Response> =>
      post(`${url}/v1/embeddings`, JSON.stringify({ model: 'small', input, encoding_format: 'float' }))
    await (await embed(['x'])).json()
    provider.fail({ every: { status: 503 } })
    const mixed = await embed(['x', 'y'])
    const { data } = (await mixed.json()) as { data: { embedding: number[] }[] }
    expect(data.map(({ embedding }) => embedding)).toEqual([
      [0, 1, 0],
      [0, 1, 0]
    ])
    expect(mixed.headers.get('x-reprise-fallback')).toBe('true')
    // What is known stays known.
    const known = (await (await embed(['x'])).json()) as { data: { embedding: number[] }[] }
    expect(known.data[0]?.embedding).toEqual([1, 0])
    await other.close()
  })
})
