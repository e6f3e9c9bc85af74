import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AdminStand, adminStand } from '../../test/support/admin-stand.ts'
import { RepriseError } from '../core/errors.ts'
import { adminGuard } from './admin.ts'
import type { AdminExchange, AdminRoute } from './administration.ts'
import { writeJson } from './write-json.ts'

const exchanges: AdminExchange[] = []
let stand: AdminStand

function tell(exchange: AdminExchange): void {
  exchanges.push(exchange)
  const { path, caught, query, raw, isAdmin } = exchange
  writeJson(exchange.response, 200, { path, caught, query: [...query], length: raw.length, isAdmin })
}

const routes: readonly AdminRoute[] = [
  { method: 'GET', path: /^\/things$/, usage: 'GET /things', answer: tell },
  { method: 'POST', path: /^\/things$/, usage: 'POST /things', answer: tell },
  { method: 'GET', path: /^\/things\/(.+)$/, usage: 'GET /things/{name}', answer: tell },
  {
    method: 'GET',
    path: /^\/waits$/,
    usage: 'GET /waits',
    answer: (exchange) => {
      exchanges.push(exchange)
    }
  },
  { method: 'GET', path: /^\/open(?:\/([^/]+))?$/, usage: 'GET /open', open: true, answer: tell },
  {
    method: 'PUT',
    path: /^\/broken$/,
    usage: 'PUT /broken',
    answer() {
      throw new RepriseError('conflict', 'at once')
    }
  },
  {
    method: 'POST',
    path: /^\/broken$/,
    usage: 'POST /broken',
    async answer() {
      throw new RepriseError('store-unavailable', 'later')
    }
  }
]

beforeEach(async () => {
  exchanges.length = 0
  stand = await adminStand(routes, adminGuard({ token: 'secret', loopback: true }))
})

afterEach(() => stand.close())

const admin = { 'x-reprise-admin-token': 'secret' }

function ask(method: string, path: string, body?: string): ReturnType<AdminStand['ask']> {
  return stand.ask(method, path, body, admin)
}

async function socketTo(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** What is answered to a request as it is written, its path not tidied up by a client. */
async function raw(path: string): Promise<string> {
  const socket = await socketTo(stand.url)
  socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-reprise-admin-token: secret\r\nconnection: close\r\n\r\n`)
  return text(socket)
}

describe('a request to whoever looks after the gateway', () => {
  it('goes to the route of its path and method', async () => {
    expect(await ask('GET', '/things')).toEqual({
      status: 200,
      body: { path: '/things', caught: [], query: [], length: 0, isAdmin: true }
    })
    expect(await ask('POST', '/things', 'twelve bytes')).toMatchObject({ status: 200, body: { length: 12 } })
  })

  it.each([
    ['DELETE', '/things', 'expected GET /things or POST /things, got DELETE /things'],
    ['OPTIONS', '/things', 'expected GET /things or POST /things, got OPTIONS /things'],
    ['POST', '/things/a', 'expected GET /things/{name}, got POST /things/a'],
    ['PATCH', '/open', 'expected GET /open, got PATCH /open'],
    ['GET', '/broken', 'expected PUT /broken or POST /broken, got GET /broken'],
    ['HEAD', '/broken', undefined],
    ['GET', '/', 'no such path: /'],
    ['GET', '/thing', 'no such path: /thing'],
    ['GET', '/things/', 'no such path: /things/']
  ])('is told how to ask when it is %s %s', async (method, path, message) => {
    const body = message === undefined ? undefined : { code: 'not-found', message }
    expect(await ask(method, path)).toEqual({ status: 404, body })
    expect(exchanges).toEqual([])
  })

  it('is answered with head and no body when it is HEAD', async () => {
    const response = await fetch(`${stand.url}/things`, { method: 'HEAD', headers: admin })
    expect(response.status).toBe(200)
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(10)
    expect(await response.text()).toBe('')
  })

  it('has what its pattern caught decoded, and its query', async () => {
    const name = 'llm:a/b:100% ü 👩‍👧 "x" ?&#+='
    const { body } = await ask('GET', `/things/${encodeURIComponent(name)}?tag=a%20b+c&tag=%C3%BC&empty=`)
    expect(body).toMatchObject({
      caught: [name],
      query: [
        ['tag', 'a b c'],
        ['tag', 'ü'],
        ['empty', '']
      ]
    })
    expect(await ask('GET', '/things/a/b%2Fc')).toMatchObject({ body: { caught: ['a/b/c'] } })
    expect(await ask('GET', '/open')).toMatchObject({ body: { caught: [''] } })
  })

  it.each(['/things/%', '/things/%zz', '/things/%c3%28'])(
    'is refused when its path is no percent-encoding: %s',
    async (path) => {
      const [, , coded] = path.split('/')
      const message = `expected a path in percent-encoding, got ${coded}`
      expect(await ask('GET', path)).toEqual({ status: 404, body: { code: 'not-found', message } })
    }
  )

  it.each([
    '/things/../open',
    '/open/../things',
    '//things',
    '//',
    '//[',
    '/./things',
    '\\things',
    '/things/%2e%2e/open'
  ])('goes nowhere by dots and slashes: %s', async (path) => {
    const said = await raw(path)
    // A name may be whatever it is; it is not the name of another path.
    if (/^\/things\/./.test(path)) expect(exchanges.map((one) => one.path)).toEqual([path])
    else expect(said).toMatch(/^HTTP\/1\.1 40[04] /)
  })

  it('fails with what its route throws, at once or later', async () => {
    expect(await ask('PUT', '/broken', '')).toEqual({ status: 409, body: { code: 'conflict', message: 'at once' } })
    expect(await ask('POST', '/broken', '')).toEqual({
      status: 503,
      body: { code: 'store-unavailable', message: 'later' }
    })
  })
})

describe('the guard', () => {
  it('is asked before the body is read, and of an open path only who asks', async () => {
    const huge = 'x'.repeat(1_000_000)
    expect(await stand.ask('POST', '/things', huge)).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    expect(await stand.ask('GET', '/open/a')).toMatchObject({ status: 200, body: { isAdmin: false } })
    expect(await ask('GET', '/open/a')).toMatchObject({ status: 200, body: { isAdmin: true } })
    const wrong = await stand.ask('GET', '/open/a', undefined, { authorization: 'Bearer wrong' })
    expect(wrong).toMatchObject({ status: 200, body: { isAdmin: false } })
    expect(exchanges).toHaveLength(3)
  })
})

describe('a body', () => {
  it('is refused when it announces more than the limit, or goes beyond it unannounced', async () => {
    const large = 'x'.repeat(100_001)
    expect(await ask('POST', '/things', large)).toEqual({
      status: 413,
      body: {
        code: 'body-too-large',
        message: 'the body has 100001 bytes or more, and the limit is 100000 (--max-body)'
      }
    })
    const socket = await socketTo(stand.url)
    socket.on('error', () => {})
    socket.write(
      'POST /things HTTP/1.1\r\nhost: a\r\nx-reprise-admin-token: secret\r\ntransfer-encoding: chunked\r\n\r\n'
    )
    for (let chunk = 0; chunk < 3; chunk++) socket.write(`c350\r\n${'x'.repeat(50_000)}\r\n`)
    const [said] = await once(socket, 'data')
    expect(String(said)).toMatch(/^HTTP\/1\.1 413 /)
    socket.destroy()
    expect(exchanges).toEqual([])
    expect(await ask('POST', '/things', 'x'.repeat(100_000))).toMatchObject({ status: 200, body: { length: 100_000 } })
  })

  it('that breaks off does nothing, and is nobody’s error', async () => {
    const head = 'POST /things HTTP/1.1\r\nhost: a\r\nx-reprise-admin-token: secret\r\n'
    for (const begun of ['content-length: 1000\r\n\r\n{"half', 'transfer-encoding: chunked\r\n\r\n5\r\n{"hal\r\n']) {
      const socket = await socketTo(stand.url)
      socket.write(head + begun)
      // Another request on its own connection is answered meanwhile.
      expect(await ask('GET', '/things')).toMatchObject({ status: 200 })
      socket.destroy()
      await once(socket, 'close')
    }
    expect(await ask('GET', '/things')).toMatchObject({ status: 200 })
    expect(exchanges.map(({ request }) => request.method)).toEqual(['GET', 'GET', 'GET'])
  })

  it('has a caller who is seen to leave', async () => {
    const socket = await socketTo(stand.url)
    socket.write('GET /waits HTTP/1.1\r\nhost: a\r\nx-reprise-admin-token: secret\r\n\r\n')
    while (exchanges.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const signal = exchanges[0]?.caller.signal
    expect(signal?.aborted).toBe(false)
    socket.destroy()
    while (signal?.aborted === false) await new Promise((resolve) => setImmediate(resolve))
    expect(signal?.aborted).toBe(true)
  })
})
