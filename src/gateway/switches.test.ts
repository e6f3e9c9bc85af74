import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { messageOf, RepriseError } from '../core/errors.ts'
import { switchNames } from '../core/switch-names.ts'
import { Switches } from '../layers/switches.ts'
import { memoryStore } from '../stores/memory.ts'
import type { Store } from '../stores/store.ts'
import { readBody } from './read-body.ts'
import { answerSwitches } from './switches.ts'

let store: Store
let switches: Switches
let server: Server
let url: string

beforeEach(async () => {
  store = memoryStore()
  switches = new Switches(store, { switches: { llm: false, value: true } })
  await switches.start()
  server = createServer((request, response) => {
    readBody(request, 1000, (_, raw) => {
      answerSwitches(switches, request, response, request.url ?? '', raw).catch((error: unknown) => {
        const { status, code, field } = error instanceof RepriseError ? error : new RepriseError('internal', '')
        response.writeHead(status)
        response.end(JSON.stringify({ code, field, message: messageOf(error) }))
      })
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  switches.close()
  server.close()
  await store.close()
})

async function ask(method: string, path: string, body?: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url + path, { method, ...(body === undefined ? {} : { body }) })
  return { status: response.status, body: await response.json() }
}

describe('GET /switches', () => {
  it('says how each switch stands, and by whom', async () => {
    await switches.set('semantic', false)
    const { status, body } = await ask('GET', '/switches')
    expect(status).toBe(200)
    expect(body).toEqual({
      switches: {
        ...Object.fromEntries(switchNames.map((name) => [name, { on: true, by: 'default' }])),
        llm: { on: false, by: 'configuration' },
        value: { on: true, by: 'configuration' },
        semantic: { on: false, by: 'runtime' }
      }
    })
  })
})

describe('PUT /switches/{name}', () => {
  it.each(['{"on": false}', '{"enabled": false}', '{"on": false, "enabled": false}'])('switches by %s', async (off) => {
    const answered = await ask('PUT', '/switches/single-flight', off)
    expect(answered).toMatchObject({
      status: 200,
      body: { switches: { 'single-flight': { on: false, by: 'runtime' } } }
    })
    expect(switches.isOn('single-flight')).toBe(false)
    await ask('PUT', '/switches/single-flight', off.replaceAll('false', 'true'))
    expect(switches.isOn('single-flight')).toBe(true)
  })

  it('knows retrieval as rag', async () => {
    const { body } = await ask('PUT', '/switches/rag', '{"on": false}')
    expect(body).toMatchObject({ switches: { retrieval: { on: false } } })
  })

  it('does not know what is no switch, and lists those there are', async () => {
    const { status, body } = await ask('PUT', '/switches/everything', '{"on": false}')
    expect([status, body]).toEqual([
      404,
      { code: 'not-found', message: `no switch "everything"; there are ${switchNames.join(', ')}` }
    ])
  })

  it.each([
    ['', 'an empty body'],
    ['off', 'what is not JSON'],
    ['false', 'got false'],
    ['[true]', 'got [true]'],
    ['{}', 'got {}'],
    ['{"on": "off"}', 'got {"on":"off"}'],
    ['{"on": null, "enabled": true}', 'got {"on":null'],
    ['{"on": true, "enabled": false}', 'got {"on":true,"enabled":false}'],
    [JSON.stringify({ on: 'x'.repeat(500) }), 'xxx...']
  ])('takes no %j, and says what it expected', async (text, got) => {
    const { status, body } = await ask('PUT', '/switches/exact', text)
    expect(status).toBe(400)
    const message = expect.stringMatching(/^expected \{"on": true\} or \{"on": false\}, got .{1,110}$/)
    expect(body).toMatchObject({ code: 'invalid-body', message })
    expect((body as { message: string }).message).toContain(got)
    expect(switches.isOn('exact')).toBe(true)
  })

  it('does not switch on what the configuration switches off', async () => {
    const { status, body } = await ask('PUT', '/switches/llm', '{"on": true}')
    expect([status, body]).toMatchObject([409, { code: 'conflict' }])
  })

  it('passes on what the store fails with', async () => {
    await store.close()
    expect(await ask('PUT', '/switches/exact', '{"on": false}')).toMatchObject({
      status: 503,
      body: { code: 'store-closed' }
    })
  })

  it.each([
    ['DELETE', '/switches/exact'],
    ['POST', '/switches'],
    ['GET', '/switches/exact'],
    ['PUT', '/switches'],
    ['PUT', '/switches/exact/on']
  ])('is not %s %s', async (method, path) => {
    expect(await ask(method, path, method === 'GET' ? undefined : '{"on": false}')).toMatchObject({
      status: 404,
      body: { message: `expected GET /switches or PUT /switches/{name}, got ${method} ${path}` }
    })
  })
})
