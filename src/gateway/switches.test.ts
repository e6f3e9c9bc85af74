import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AdminStand, adminStand } from '../../test/support/admin-stand.ts'
import { switchNames } from '../core/switch-names.ts'
import { Switches } from '../layers/switches.ts'
import { memoryStore } from '../stores/memory.ts'
import type { Store } from '../stores/store.ts'
import { switching } from './switches.ts'

let store: Store
let switches: Switches
let stand: AdminStand

beforeEach(async () => {
  store = memoryStore()
  switches = new Switches(store, { switches: { llm: false, value: true } })
  await switches.start()
  stand = await adminStand(switching(switches))
})

afterEach(async () => {
  switches.close()
  await stand.close()
  await store.close()
})

const ask: AdminStand['ask'] = (...asked) => stand.ask(...asked)

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
    ['DELETE', '/switches/exact', 'expected PUT /switches/{name}, got DELETE /switches/exact'],
    ['POST', '/switches', 'expected GET /switches, got POST /switches'],
    ['GET', '/switches/exact', 'expected PUT /switches/{name}, got GET /switches/exact'],
    ['PUT', '/switches', 'expected GET /switches, got PUT /switches'],
    ['PUT', '/switches/exact/on', 'no such path: /switches/exact/on']
  ])('is not %s %s', async (method, path, message) => {
    const answer = await ask(method, path, method === 'GET' ? undefined : '{"on": false}')
    expect(answer).toMatchObject({ status: 404, body: { message } })
  })
})
