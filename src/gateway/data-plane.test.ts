import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type OverhearingServer, overhearingServer } from '../../test/support/overhearing-server.ts'
import { type Gateway, startGateway } from './gateway.ts'

const token = 'admin-token-7f3a'
let provider: OverhearingServer
let gateway: Gateway

beforeEach(async () => {
  provider = await overhearingServer()
  gateway = await startGateway({
    port: 0,
    store: 'memory:',
    deadlineMs: 10_000,
    adminToken: token,
    openaiUrl: `${provider.url}/v1`,
    anthropicUrl: provider.url
  })
})

afterEach(async () => {
  await gateway.close(0)
  await provider.close()
})

const own = {
  'x-reprise-admin-token': token,
  'x-reprise-tags': 'a-private-tag',
  'x-reprise-scope': 'a-private-scope',
  'x-reprise-unknown': 'a-private-thing'
}

const completion = JSON.stringify({
  id: 'c',
  object: 'chat.completion',
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }]
})

async function ask(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const response = await fetch(gateway.url + path, {
    method,
    headers: { authorization: 'Bearer sk-alice', 'content-type': 'application/json', ...own, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  return { status: response.status, text: await response.text() }
}

function hears(): string {
  return provider.heard.join('\n')
}

describe('a provider', () => {
  it.each<[string, string, object | undefined, Record<string, string>]>([
    ['POST', '/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content: 'q' }] }, {}],
    ['POST', '/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content: 'q' }], stream: true }, {}],
    ['POST', '/v1/responses', { model: 'm', input: 'q' }, {}],
    ['POST', '/v1/messages', { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'q' }] }, {}],
    ['POST', '/v1/embeddings', { model: 'm', input: ['q'] }, {}],
    [
      'POST',
      '/v1/chat/completions',
      { model: 'm', messages: [{ role: 'user', content: 'q' }] },
      { 'cache-control': 'no-store' }
    ],
    ['POST', '/v1/chat/completions', { model: 'm' }, { 'content-encoding': 'x-odd' }],
    ['GET', '/v1/models', undefined, {}],
    ['POST', '/v1/files', { purpose: 'batch' }, {}],
    ['DELETE', '/v1/files/f-1', undefined, {}],
    ['POST', '/v1/cache/invalidate', { all: true }, {}],
    ['GET', '/v1/switches', undefined, {}]
  ])('is never told what was said to the gateway: %s %s', async (method, path, body, headers) => {
    provider.answer(completion)
    await ask(method, path, body, headers)
    expect(provider.heard).toHaveLength(1)
    expect(hears()).toContain('Bearer sk-alice')
    expect(hears().toLowerCase()).not.toContain('x-reprise')
    expect(hears()).not.toMatch(/private|admin-token/)
  })

  it('is not told by those who speak something else than HTTP with it either', async () => {
    const headers = { connection: 'Upgrade', upgrade: 'websocket', authorization: 'Bearer sk-alice', ...own }
    const asking = httpRequest(`${gateway.url}/v1/realtime?model=m`, { headers }).end()
    asking.on('error', () => {})
    while (provider.heard.length === 0) await new Promise((resolve) => setImmediate(resolve))
    asking.destroy()
    expect(hears()).toContain('upgrade: websocket')
    expect(hears().toLowerCase()).not.toContain('x-reprise')
    expect(hears()).not.toContain(token)
  })
})

describe('what is not for the callers of models', () => {
  it.each([
    '/',
    '/v1',
    '/v2/chat/completions',
    '/chat/completions',
    '/cache',
    '/cache/entries/',
    '/V1/models',
    '//v1/models'
  ])('is no provider’s: %s', async (path) => {
    const asking = httpRequest(gateway.url, { path, method: 'POST', headers: { ...own, 'content-length': '2' } })
    asking.end('{}')
    const [response] = await once(asking, 'response')
    response.resume()
    // The root is the gateway's own, and says how it is.
    expect(response.statusCode).toBe(path === '/' ? 200 : 404)
    expect(provider.heard).toEqual([])
  })

  it('is told what to do instead', async () => {
    expect(JSON.parse((await ask('GET', '/chat/completions')).text)).toMatchObject({
      error: {
        code: 'not-found',
        message:
          "no such path: /chat/completions; a client's base URL is this address with /v1 (OpenAI) or without (Anthropic)"
      }
    })
  })
})
