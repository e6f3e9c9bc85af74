import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts'
import { makeStand, type Stand } from '../support/gateway.ts'

const token = 'admin-token-7f3a'
const shown = { 'x-reprise-admin-token': token }
let stand: Stand

afterEach(() => stand?.close())

async function start(options: GatewayOptions = {}): Promise<void> {
  stand = await makeStand({ store: 'memory:', deadlineMs: 10_000, ...options })
}

interface Asked {
  readonly method: string
  readonly path: string
  readonly body?: string
  /** What it is answered with. Default: 200. */
  readonly status?: number
}

/** All that only those may ask who look after the gateway. */
const guarded: readonly Asked[] = [
  { method: 'GET', path: '/switches' },
  { method: 'PUT', path: '/switches/llm', body: '{"on": true}' },
  { method: 'GET', path: '/budgets' },
  { method: 'GET', path: '/providers' },
  { method: 'GET', path: '/store' },
  { method: 'GET', path: '/cache/entries' },
  { method: 'GET', path: '/cache/entries?text=a' },
  { method: 'GET', path: '/cache/entries/llm:gpt-4o:0', status: 404 },
  { method: 'POST', path: '/cache/invalidate', body: '{"all": true}' },
  { method: 'POST', path: '/cache/import', body: '{"pairs": []}' },
  { method: 'POST', path: '/cache/warm', body: '{"popular": 1}' },
  {
    method: 'POST',
    path: '/cache/explain',
    body: '{"model": "gpt-4o", "messages": [{"role": "user", "content": "a"}]}'
  }
]

/** What anybody may ask who reaches it. */
const open: readonly string[] = [
  '/metrics',
  '/metrics/cache/statistics',
  '/metrics/cache/statistics/llm',
  '/metrics/cache/history',
  '/dashboard/',
  '/dashboard/icon.svg'
]

async function ask(
  { method, path, body }: Asked,
  headers: Record<string, string> = {},
  url: string = stand.gateway.adminUrl
): Promise<{ status: number; text: string }> {
  const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body }) })
  return { status: response.status, text: await response.text() }
}

function get(path: string, headers: Record<string, string> = {}, url?: string): ReturnType<typeof ask> {
  return ask({ method: 'GET', path }, headers, url)
}

function post(path: string, body: string, headers: Record<string, string> = {}): ReturnType<typeof ask> {
  return ask({ method: 'POST', path, body }, headers)
}

function chat(content: string) {
  return { model: 'gpt-4o', messages: [{ role: 'user' as const, content }] }
}

async function entries(headers: Record<string, string> = {}): Promise<number> {
  const { text: body } = await get('/cache/entries', headers)
  return JSON.parse(body).entries.length
}

describe('with a token', () => {
  it.each(guarded)('$method $path is for whoever shows it, in either header, and for nobody else', async (asked) => {
    await start({ adminToken: token })
    await stand.openai().chat.completions.create(chat('a'))
    const wrong: readonly Record<string, string>[] = [
      {},
      { 'x-reprise-admin-token': 'wrong' },
      { 'x-reprise-admin-token': '' },
      { 'x-reprise-admin-token': `${token} ${token}` },
      { authorization: 'Bearer wrong' },
      { authorization: token },
      { authorization: `Basic ${token}` },
      { authorization: 'Bearer sk-alice' },
      { 'x-api-key': token },
      // What is shown in the one header is not made good by the other.
      { 'x-reprise-admin-token': 'wrong', authorization: `Bearer ${token}` },
      { cookie: `x-reprise-admin-token=${token}` }
    ]
    for (const headers of wrong) {
      const { status, text: said } = await ask(asked, headers)
      expect([status, JSON.parse(said)], JSON.stringify(headers)).toMatchObject([
        401,
        { error: { code: 'unauthorized' } }
      ])
      expect(said).not.toContain(token)
    }
    const query = `${asked.path.includes('?') ? '&' : '?'}token=${token}`
    expect((await ask({ ...asked, path: asked.path + query })).status).toBe(401)
    expect(await entries(shown)).toBe(1)
    const { status: found = 200 } = asked
    for (const headers of [
      shown,
      { authorization: `Bearer ${token}` },
      { authorization: `bearer ${token}`, origin: 'https://dashboard.example' },
      { ...shown, authorization: 'Bearer sk-alice' }
    ]) {
      expect((await ask(asked, headers)).status).toBe(found)
    }
    expect(stand.provider.count()).toBe(1)
  })

  it.each(open)('%s needs none', async (path) => {
    await start({ adminToken: token })
    expect((await get(path)).status).toBe(200)
    expect((await get(path, { 'x-reprise-admin-token': 'wrong' })).status).toBe(200)
  })

  it('is asked for before a body is read', async () => {
    await start({ adminToken: token, maxBodyBytes: 1000 })
    const large = '{"tag": "'.padEnd(5000, 'x')
    expect((await post('/cache/invalidate', large)).status).toBe(401)
    expect(await post('/cache/invalidate', large, shown)).toMatchObject({
      status: 413,
      text: expect.stringContaining('"code":"body-too-large"')
    })
  })
})

describe('without a token on this machine', () => {
  const page = { 'content-type': 'text/plain' }

  it.each(guarded)('$method $path is for programs, and for no page that a browser has got elsewhere', async (asked) => {
    await start()
    await stand.openai().chat.completions.create(chat('a'))
    const { port } = new URL(stand.gateway.url)
    const foreign: readonly Record<string, string>[] = [
      { ...page, origin: 'http://evil.example' },
      { ...page, origin: 'null' },
      { ...page, origin: 'http://127.0.0.1:1' },
      { ...page, origin: `http://localhost:${port}` },
      { ...page, 'sec-fetch-site': 'cross-site' },
      { ...page, 'sec-fetch-site': 'same-site' },
      { ...page, origin: 'http://evil.example', 'content-type': 'application/x-www-form-urlencoded' }
    ]
    for (const headers of foreign) expect(await refusedBy(asked, headers), JSON.stringify(headers)).toBe(true)
    for (const host of ['evil.example', `evil.example:${port}`, `localhost.evil.example:${port}`, '10.0.0.1']) {
      expect(await refusedBy(asked, { ...page, host }), host).toBe(true)
      expect(await refusedBy(asked, { ...page, host, origin: `http://${host}` }), host).toBe(true)
    }
    expect(await entries()).toBe(1)
    const { status: found = 200 } = asked
    expect((await ask(asked)).status).toBe(found)
    const own = { ...page, origin: stand.gateway.url, 'sec-fetch-site': 'same-origin' }
    expect((await ask(asked, own)).status).toBe(found)
  })

  /** Whether it is refused; spoken by hand, because clients choose their own host. */
  async function refusedBy({ method, path, body = '' }: Asked, headers: Record<string, string>): Promise<boolean> {
    const { port } = new URL(stand.gateway.url)
    const socket = connect(Number(port), '127.0.0.1')
    const all = { host: `127.0.0.1:${port}`, connection: 'close', 'content-length': `${body.length}`, ...headers }
    const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n${body}`)
    const said = await text(socket)
    expect(said.toLowerCase()).not.toContain('access-control-allow-origin')
    return (
      said.startsWith('HTTP/1.1 403 ') && said.includes('"code":"forbidden"') && said.includes('REPRISE_ADMIN_TOKEN')
    )
  }

  it('answers no preflight', async () => {
    await start()
    for (const { path } of guarded) {
      const headers = { origin: 'http://evil.example', 'access-control-request-method': 'POST' }
      const response = await fetch(stand.gateway.url + path, { method: 'OPTIONS', headers })
      expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([404, null])
      await response.text()
    }
  })
})

describe('with a port of its own', () => {
  it('is not there for the callers of models, who are not there for it', async () => {
    await start({ adminPort: 0, adminHost: '127.0.0.2', adminToken: token })
    const { url, adminUrl } = stand.gateway
    expect(adminUrl).toMatch(/^http:\/\/127\.0\.0\.2:\d+$/)
    await stand.openai().chat.completions.create(chat('a'))
    for (const asked of [...guarded, ...open.map((path): Asked => ({ method: 'GET', path }))]) {
      const { status, text: said } = await ask(asked, shown, url)
      expect([asked.path, status]).toEqual([asked.path, 404])
      expect(JSON.parse(said)).toMatchObject({ error: { code: 'not-found' } })
      expect((await ask(asked, shown)).status, asked.path).toBe(asked.status ?? 200)
    }
    for (const path of ['/v1/models', '/v1/chat/completions', '/v1/messages', '/v1/files']) {
      for (const method of ['GET', 'POST']) {
        const { status, text: said } = await ask({ method, path, ...(method === 'POST' ? { body: '{}' } : {}) }, shown)
        expect([status, JSON.parse(said)]).toMatchObject([404, { error: { code: 'not-found' } }])
      }
    }
    expect(stand.provider.count()).toBe(1)
    for (const at of [url, adminUrl]) expect((await get('/health', {}, at)).status).toBe(200)
  })

  it('asks for the token there too', async () => {
    await start({ adminPort: 0, adminToken: token })
    expect((await get('/switches')).status).toBe(401)
    expect((await get('/switches', shown)).status).toBe(200)
  })

  it('does not start where the port is taken, and leaves nothing listening', async () => {
    await start()
    const { port } = new URL(stand.gateway.url)
    const starting = startGateway({ port: 0, adminPort: Number(port), store: 'memory:' })
    await expect(starting).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining(`:${port}`)
    })
  })
})

describe('where other machines reach it', () => {
  it.each<[GatewayOptions, string]>([
    [{ host: '0.0.0.0' }, 'host: other machines reach 0.0.0.0'],
    [{ host: '::' }, 'host: other machines reach ::'],
    [{ host: '192.168.0.10' }, 'host: other machines reach 192.168.0.10'],
    [{ host: 'gateway.example' }, 'host: other machines reach gateway.example'],
    [{ host: '127.0.0.1.evil.example' }, 'host: other machines reach 127.0.0.1.evil.example'],
    [{ adminHost: '::', adminPort: 0 }, 'admin-host: other machines reach ::'],
    [{ host: '0.0.0.0', adminHost: '127.0.0.1', adminPort: 0 }, 'host: other machines reach 0.0.0.0']
  ])('does not start without a token, and says what to do: %j', async (options, what) => {
    const message = `${what}, and there is no admin token: set REPRISE_ADMIN_TOKEN, or listen on 127.0.0.1`
    await expect(startGateway({ port: 0, store: 'memory:', ...options })).rejects.toMatchObject({
      code: 'invalid-option',
      message
    })
  })

  it.each<[GatewayOptions, string]>([
    [{ host: '' }, 'host: expected an address'],
    [{ adminHost: '', adminPort: 0 }, 'admin-host: expected an address'],
    [{ adminHost: '127.0.0.2' }, 'admin-host: expected an admin-port beside it'],
    [{ adminToken: '' }, 'admin-token: expected at least one character']
  ])('does not start with what cannot be meant: %j', async (options, message) => {
    const starting = startGateway({ port: 0, store: 'memory:', ...options })
    await expect(starting).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining(message)
    })
  })

  it('starts with one, and a host header of whatever name does', async () => {
    await start({ host: '0.0.0.0', adminToken: token })
    const { port } = new URL(stand.gateway.url)
    const url = `http://127.0.0.1:${port}`
    expect((await get('/switches', {}, url)).status).toBe(401)
    expect((await get('/switches', shown, url)).status).toBe(200)
  })
})

describe('POST /cache/explain', () => {
  it('speaks of what the caller’s own key shares, and asks nobody', async () => {
    await start({ adminToken: token })
    await stand.openai('sk-alice').chat.completions.create(chat('a'))
    const explained = async (headers: Record<string, string>): Promise<JsonObject> =>
      JSON.parse((await post('/cache/explain', JSON.stringify(chat('a')), { ...shown, ...headers })).text)
    expect(await explained({ authorization: 'Bearer sk-alice' })).toMatchObject({ outcome: 'exact' })
    expect(await explained({ authorization: 'Bearer sk-bob' })).toMatchObject({ outcome: 'miss' })
    expect(await explained({})).toMatchObject({ outcome: 'miss' })
    expect(stand.provider.count()).toBe(1)
    const { text: report } = await get('/metrics/cache/statistics')
    expect(JSON.parse(report)).toMatchObject({ requests: { total: 1 }, llm_cache: { total_lookups: 1 } })
  })
})

describe('the dashboard', () => {
  it('holds the token of nobody', async () => {
    await start({ adminToken: token })
    const { text: page } = await get('/dashboard/', shown)
    expect(page).toContain('<!doctype html>')
    expect(page).not.toContain(token)
  })
})
