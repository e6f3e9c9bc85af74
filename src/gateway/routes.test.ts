import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeStand, type Stand } from '../../test/support/gateway.ts'
import { temporaryFolder } from '../../test/support/temporary-folder.ts'
import type { GatewayOptions } from './gateway-options.ts'

let stand: Stand

async function start(options: GatewayOptions = {}): Promise<void> {
  stand = await makeStand({ store: 'memory:', deadlineMs: 10_000, ...options })
}

beforeEach(() => start())
afterEach(() => stand.close())

async function get(path: string): Promise<unknown> {
  const response = await fetch(stand.gateway.adminUrl + path)
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
  return response.json()
}

const chat = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'What is a cache?' }] }

describe('GET /providers', () => {
  it('names the parts, and of the routes the targets that have been asked', async () => {
    expect(await get('/providers')).toEqual({ targets: [], parts: [{ part: 'store', state: 'up' }] })
    await stand.close()
    await start({ routes: [{ model: '*', targets: ['openai'] }] })
    await stand.openai().chat.completions.create(chat)
    expect(await get('/providers')).toEqual({
      targets: [{ target: 'openai/gpt-4o-mini', state: 'up', leftOutUntil: null }],
      parts: [{ part: 'store', state: 'up' }]
    })
  })

  it('says until when a target is left out', async () => {
    await stand.close()
    const breaker = { failures: 1, leftOutMs: 30_000 }
    await start({ routes: [{ model: '*', targets: ['openai'], retry: { attempts: 0 }, breaker }] })
    stand.provider.fail({ status: 500 })
    await stand
      .openai()
      .chat.completions.create(chat)
      .catch(() => {})
    const { targets } = (await get('/providers')) as { targets: { leftOutUntil: string }[] }
    expect(targets).toMatchObject([{ target: 'openai/gpt-4o-mini', state: 'left-out' }])
    expect(Date.parse(targets[0]?.leftOutUntil ?? '')).toBeGreaterThan(Date.now())
  })
})

describe('GET /store', () => {
  it('says how much is in it', async () => {
    expect(await get('/store')).toEqual({
      name: 'memory',
      state: 'up',
      entries: 0,
      bytes: expect.any(Number),
      maxBytes: 256 * 1024 ** 2
    })
    await stand.openai().chat.completions.create(chat)
    expect(await get('/store')).toMatchObject({ entries: 1 })
  })

  it('says so of a store on disk too, and how much it may hold', async () => {
    await stand.close()
    const folder = temporaryFolder()
    await start({ store: `embedded:${folder.path}`, maxBytes: 64 * 1024 ** 2 })
    await stand.openai().chat.completions.create(chat)
    expect(await get('/store')).toEqual({
      name: 'embedded',
      state: 'up',
      entries: 1,
      bytes: expect.any(Number),
      maxBytes: 64 * 1024 ** 2
    })
    folder.remove()
  })
})

describe('GET /health', () => {
  it('says that the gateway is there, which it is, and how its store is', async () => {
    const health = {
      status: 'ok',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      store: { name: 'memory', state: 'up' }
    }
    for (const path of ['/health', '/', '/health?probe=1']) expect(await get(path)).toEqual(health)
  })
})
