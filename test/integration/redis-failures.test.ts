import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Event } from '../../src/core/events.ts'
import { makeGateway, makeStand, type Stand } from '../support/gateway.ts'
import { type MeddlingProxy, meddlingProxy } from '../support/meddling-proxy.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'

const workers = 8

let redis: RedisServer
let stand: Stand
let events: Event[]

beforeEach(async () => {
  redis = await startRedisServer()
})

afterEach(async () => {
  await stand.close()
  await redis.stop()
})

async function open(url = redis.url): Promise<void> {
  events = []
  stand = await makeStand({ store: url, observe: (event) => events.push(event) })
}

function post({ gateway }: Stand, question: string): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-a', 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: question }] })
  })
}

/** Asks one question; the layer that answered. Throws when anything but an answer comes. */
async function ask(question: string): Promise<string> {
  const response = await post(stand, question)
  const body = (await response.json()) as { choices: { message: { content: string } }[] }
  expect([response.status, typeof body.choices[0]?.message.content]).toEqual([200, 'string'])
  return response.headers.get('x-reprise-layer') ?? ''
}

/** Lets workers ask new and known questions until `during` has ended; what they were answered by. */
async function whileAsking(during: () => Promise<void>): Promise<Record<string, number>> {
  const layers: Record<string, number> = {}
  let over = false
  let next = 0
  async function work(): Promise<void> {
    while (!over) {
      next += 1
      const layer = await ask(next % 2 === 0 ? 'a known question' : `question ${next}`)
      layers[layer] = (layers[layer] ?? 0) + 1
      // So that the one process that plays all parts has time for each.
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  const asking = Promise.all(Array.from({ length: workers }, work))
  try {
    await during()
  } finally {
    over = true
  }
  await asking
  return layers
}

function count(type: Event['type'], operation?: string): number {
  return events.filter(
    (event) =>
      event.type === type && (operation === undefined || ('operation' in event && event.operation === operation))
  ).length
}

/** Waits until a known question is a hit again. */
async function untilHits(): Promise<void> {
  await expect.poll(() => ask('a known question'), { timeout: 20_000, interval: 50 }).toBe('exact')
}

async function asked(times: number): Promise<void> {
  const before = stand.provider.count()
  await expect.poll(() => stand.provider.count() - before, { timeout: 20_000 }).toBeGreaterThan(times)
}

describe('a Redis', () => {
  it('that is there: is shared by gateways, and keeps what they were answered', async () => {
    await open()
    await untilHits()
    const other = await makeGateway({ store: redis.url }, stand.provider)
    await expect
      .poll(async () => (await post(other, 'until it is connected')).headers.get('x-reprise-layer'))
      .toBe('exact')
    const response = await other
      .openai('sk-a')
      .chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'a known question' }] })
      .asResponse()
    expect(response.headers.get('x-reprise-layer')).toBe('exact')
    await other.gateway.close(0)
  })

  it('that is absent at the start: requests are answered, and hits come once it is there', async () => {
    await redis.kill()
    await open()
    const layers = await whileAsking(() => asked(50))
    expect(Object.keys(layers)).toEqual(['provider'])
    await redis.restart()
    await untilHits()
  })

  it('that is killed and restarted while requests flow: none fails, and hits return', async () => {
    await open()
    await untilHits()
    await whileAsking(async () => {
      await asked(20)
      await redis.kill()
      await asked(100)
      await redis.restart()
      await untilHits()
    })
    expect(count('opened')).toBeGreaterThan(0)
    expect(count('closed')).toBe(count('opened'))
  })

  it('that hangs while requests flow: each request in flight waits for it once, then it is left out', async () => {
    await open()
    await untilHits()
    await whileAsking(async () => {
      await asked(20)
      redis.freeze()
      await expect.poll(() => count('opened'), { timeout: 10_000 }).toBeGreaterThan(0)
      await expect
        .poll(async () => (await (await fetch(`${stand.gateway.url}/health`)).json()) as unknown)
        .toMatchObject({ store: { state: 'down' } })
      const waited = count('failed')
      // Those who were under way when it hung, with a read or a write: one each.
      expect(waited).toBeLessThanOrEqual(2 * workers)
      await asked(200)
      expect(count('failed') - waited).toBeLessThanOrEqual(workers)
      redis.thaw()
      await untilHits()
    })
    await expect.poll(() => count('closed')).toBe(count('opened'))
  })

  it.each(['random', 'http', 'wrong-type'] as const)(
    'that returns garbage (%s) while requests flow: none fails, none is answered by it, and hits return',
    async (noise) => {
      const proxy: MeddlingProxy = await meddlingProxy(redis.port)
      try {
        await open(`redis://127.0.0.1:${proxy.port}`)
        await untilHits()
        await whileAsking(async () => {
          await asked(20)
          proxy.meddle(noise)
          await asked(200)
          proxy.meddle('none')
          await untilHits()
        })
      } finally {
        await proxy.close()
      }
    }
  )

  it('whose entries were damaged: each is deleted, and asked again', async () => {
    await open()
    await untilHits()
    const keys = [...(await redis.ask('KEYS *')).matchAll(/^(reprise:\S*llm:\S+)\r$/gm)].map(([, key]) => key ?? '')
    expect(keys).toHaveLength(1)
    for (const damage of [`SETRANGE ${keys[0]} 200 xxx`, `SET ${keys[0]} garbage`, `APPEND ${keys[0]} more`]) {
      await redis.ask(damage)
      // A gateway that has not read the entry before it was damaged.
      const { provider } = stand
      await stand.gateway.close(0)
      stand = await makeGateway({ store: redis.url, observe: (event) => events.push(event) }, provider)
      await expect
        .poll(async () => (await post(stand, 'until it is connected')).headers.get('x-reprise-layer'))
        .toBe('exact')
      expect(await ask('a known question')).toBe('provider')
      expect(await ask('a known question')).toBe('exact')
    }
    expect(count('failed', 'decode')).toBe(3)
  })

  it('that is full: what it has is still answered', async () => {
    await open()
    await untilHits()
    await redis.ask('CONFIG SET maxmemory 1')
    expect(await ask('a new question')).toBe('provider')
    expect(await ask('a new question')).toBe('provider')
    expect(await ask('a known question')).toBe('exact')
  })

  it('with a password and TLS', async () => {
    await redis.stop()
    redis = await startRedisServer({ password: 'secret', tls: true })
    events = []
    stand = await makeStand({
      store: redis.url,
      password: 'secret',
      ...(redis.ca === undefined ? {} : { ca: redis.ca })
    })
    await untilHits()
  })

  it('whose password is wrong: requests are answered, and the reason is told without it', async () => {
    await redis.stop()
    redis = await startRedisServer({ password: 'secret' })
    events = []
    stand = await makeStand({
      store: redis.url.replace('redis://', 'redis://:a-wrong-one@'),
      observe: (event) => events.push(event)
    })
    for (let question = 0; question < 8; question++) expect(await ask(`question ${question}`)).toBe('provider')
    const reasons = events.flatMap((event) => (event.type === 'failed' ? [event.error.message] : []))
    await expect.poll(() => reasons.length).toBeGreaterThan(0)
    expect(reasons.join()).not.toContain('a-wrong-one')
  })
})
