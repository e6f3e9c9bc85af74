import fc from 'fast-check'
import { Pool } from 'undici'
import { expect, it } from 'vitest'
import { ChaosStore } from '../support/chaos-store.ts'
import { makeStand } from '../support/gateway.ts'

const total = 10_000
const paths = ['/v1/chat/completions', '/v1/responses', '/v1/embeddings', '/v1/messages'] as const

const valid = JSON.stringify({
  model: 'gpt-4o-mini',
  max_tokens: 9,
  messages: [{ role: 'user', content: 'é "quoted" \\ text' }],
  input: 'text'
})

/** Bodies of which none is a request that any provider could answer. */
const malformed: fc.Arbitrary<Buffer> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from([0xff, ...bytes])),
  // Cut anywhere before the end.
  fc.nat(valid.length - 1).map((length) => Buffer.from(valid.slice(0, length))),
  // Not an object.
  fc
    .oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.array(fc.jsonValue()))
    .map((value) => Buffer.from(JSON.stringify(value))),
  // Bytes that are not UTF-8 within a text.
  fc
    .nat(30)
    .map((at) =>
      Buffer.concat([
        Buffer.from(`{"model":"m${'x'.repeat(at)}`),
        Buffer.from([0xc3, 0x28]),
        Buffer.from('","messages":[{"role":"user","content":"a"}],"input":"a","max_tokens":9}')
      ])
    ),
  // An object whose fields have the wrong shape.
  fc
    .record({
      model: fc.oneof(fc.constant(''), fc.constant(null), fc.double(), fc.array(fc.string())),
      messages: fc.jsonValue(),
      input: fc.jsonValue(),
      max_tokens: fc.jsonValue(),
      stream: fc.jsonValue()
    })
    .map((value) => Buffer.from(JSON.stringify(value))),
  fc
    .record({
      model: fc.string({ minLength: 1 }),
      messages: fc.oneof(
        fc.constant([]),
        fc.constant(null),
        fc.string(),
        fc.array(fc.integer(), { minLength: 1 }),
        fc.constant([{ role: 'nobody' }])
      ),
      input: fc.oneof(
        fc.constant([]),
        fc.constant(null),
        fc.boolean(),
        fc.dictionary(fc.string(), fc.string()),
        fc.constant([1.5]),
        fc.constant([null])
      ),
      max_tokens: fc.oneof(fc.string(), fc.constant(null)),
      stream: fc.oneof(fc.constant('yes'), fc.integer(), fc.constant([]))
    })
    .map((value) => Buffer.from(JSON.stringify(value))),
  // Nested deeper than anyone can walk.
  fc.integer({ min: 1000, max: 20_000 }).map((depth) => Buffer.from('['.repeat(depth) + ']'.repeat(depth))),
  fc
    .integer({ min: 1000, max: 20_000 })
    .map((depth) => Buffer.from(`{"model":"m","stream":3,"x":${'['.repeat(depth)}${']'.repeat(depth)}}`))
)

it(`answers each of ${total} malformed bodies with a 4xx in the caller's dialect, and stores nothing`, async () => {
  const store = new ChaosStore()
  const stand = await makeStand({ store, shareStatistics: false })
  const pool = new Pool(stand.gateway.url, { connections: 32 })
  try {
    const bodies = fc.sample(malformed, { numRuns: total })
    let next = 0
    async function send(): Promise<void> {
      for (let index = next++; index < bodies.length; index = next++) {
        const path = paths[index % paths.length] ?? paths[0]
        const headers = {
          'content-type': 'application/json',
          authorization: 'Bearer x',
          ...(path === '/v1/messages' ? { 'anthropic-version': '2023-06-01' } : {})
        }
        const { statusCode, body } = await pool.request({ method: 'POST', path, headers, body: bodies[index] ?? null })
        const text = await body.text()
        const about = `${path} ${bodies[index]?.toString('latin1').slice(0, 200)} -> ${statusCode} ${text.slice(0, 200)}`
        expect(statusCode, about).toBeGreaterThanOrEqual(400)
        expect(statusCode, about).toBeLessThan(500)
        const { type, error } = JSON.parse(text)
        expect(typeof error.message, about).toBe('string')
        expect(error.message.length, about).toBeGreaterThan(0)
        if (path === '/v1/messages') expect([type, typeof error.type], about).toEqual(['error', 'string'])
        else
          expect([typeof error.type, error.param === null || typeof error.param === 'string'], about).toEqual([
            'string',
            true
          ])
      }
    }
    await Promise.all(Array.from({ length: 32 }, send))
    expect(next).toBeGreaterThanOrEqual(total)
    expect(store.values.size).toBe(0)
    const health = await pool.request({ method: 'GET', path: '/health' })
    expect(health.statusCode).toBe(200)
    await health.body.dump()
  } finally {
    await pool.close()
    await stand.close()
  }
})
