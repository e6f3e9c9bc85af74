import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import { createCache } from '../cache.ts'
import { freshnessRules } from '../core/freshness.ts'
import type { GatewayOptions } from '../gateway/gateway.ts'
import { assemble } from './assemble.ts'
import { loadSettings } from './load.ts'

let home: TemporaryFolder

beforeAll(() => {
  home = temporaryFolder()
})
afterAll(() => home.remove())

function assembled(text: string, environment: NodeJS.ProcessEnv = {}): Promise<GatewayOptions> {
  const file = join(home.path, 'reprise.yaml')
  writeFileSync(file, text)
  return assemble(loadSettings(['--config', file], environment), undefined, environment)
}

describe('the gateway of a file', () => {
  it('has all that the file says', async () => {
    const certificate = join(home.path, 'ca.pem')
    writeFileSync(certificate, 'PEM')
    const options = await assembled(`
port: 0
host: 127.0.0.2
store: redis://cache
store-size: 1kb
redis-password: p
redis-ca: ${certificate}
openai-url: http://o/v1
anthropic-url: http://a
openai-key: sk-o
anthropic-key: sk-a
embedder: openai:small
min-similarity: 0.9
guards: strict
vectors: redis
verifier: openai:judge
verify-below: 0.95
namespace: n
tenancy: one
secret: s
ttl: 5m
grace: 1m
stale-while-revalidate: 2m
eager-refresh: 0.9
jitter: 0.1
adaptive-ttl: 1m..1h
max-temperature: 0.5
last-resort: 0.7
switches: { semantic: off }
unknown-price: allow
admin-token: t
deadline: 100ms
max-body: 2kb
`)
    expect(options).toMatchObject({
      port: 0,
      host: '127.0.0.2',
      store: 'redis://cache',
      maxBytes: 1024,
      password: 'p',
      ca: 'PEM',
      openaiUrl: 'http://o/v1',
      anthropicUrl: 'http://a',
      openaiKey: 'sk-o',
      anthropicKey: 'sk-a',
      embedder: 'openai:small',
      embedding: { openaiUrl: 'http://o/v1', openaiKey: 'sk-o' },
      minSimilarity: 0.9,
      guards: 'strict',
      vectors: 'redis',
      verifierModel: 'judge',
      verifyBelow: 0.95,
      namespace: 'n',
      tenancy: 'one',
      secret: 's',
      ttl: '5m',
      graceMs: 60_000,
      staleWhileRevalidateMs: 120_000,
      eagerRefresh: 0.9,
      jitter: 0.1,
      adaptiveTtl: { minMs: 60_000, maxMs: 3_600_000 },
      maxTemperature: 0.5,
      lastResortSimilarity: 0.7,
      switches: { semantic: false },
      unknownPrice: 'allow',
      adminToken: 't',
      deadlineMs: 100,
      maxBodyBytes: 2048
    })
  })

  it('has rules of freshness that the cache understands', async () => {
    const { ttl, ...options } = await assembled(`
ttl:
  default: { ttl: 24h, jitter: 0.2 }
  kinds:
    retrieval: { ttl: 30m, stale-while-revalidate: 2h }
  models:
    gpt-4o-mini*: { ttl: 1h, eager-refresh: 0.9, grace: 5m, adaptive: 10m..7d, jitter: 0 }
    o3: 60
grace: 7d
eager-refresh: 0.5
`)
    const freshnessOf = freshnessRules(ttl, options)
    const hour = 3_600_000
    expect(freshnessOf('llm', 'gpt-4o-mini-2')).toEqual({
      ttlMs: hour,
      staleWhileRevalidateMs: 0,
      graceMs: hour / 12,
      eagerRefresh: 0.9,
      jitter: 0,
      adaptive: { minMs: hour / 6, maxMs: 168 * hour }
    })
    expect(freshnessOf('llm', 'o3')).toMatchObject({
      ttlMs: 60_000,
      graceMs: 168 * hour,
      eagerRefresh: 0.5,
      jitter: 0.2
    })
    expect(freshnessOf('retrieval', 'docs')).toMatchObject({ ttlMs: hour / 2, staleWhileRevalidateMs: 2 * hour })
  })

  it('has a single time to live for all where the file says but one, retrievals apart', async () => {
    const { ttl } = await assembled('ttl: 12h')
    expect([freshnessRules(ttl)('llm', 'm').ttlMs, freshnessRules(ttl)('retrieval', 'm').ttlMs]).toEqual([
      43_200_000, 3_600_000
    ])
  })

  it('asks together as it is told to', async () => {
    expect((await assembled('batch: on\nbatch-window: 200ms\nbatch-size: 8')).batch).toEqual({
      on: true,
      windowMs: 200,
      size: 8
    })
    expect((await assembled('')).batch).toEqual({})
  })

  it("keeps its entries in the user's cache folder where nothing is said", async () => {
    expect(Object.keys(await assembled('')).sort()).toEqual(['batch', 'embedding', 'store'])
    expect((await assembled('')).store).toMatch(/^embedded:.*reprise$/)
  })

  it('has its switches from wherever they are said', async () => {
    const { switches = {} } = await assembled('switches: {semantic: off}', {
      MGE_V2_RAG_CACHE_ENABLED: '0',
      REPRISE_SWITCHES: 'exact=off'
    })
    const cache = await createCache({ switches })
    const off = Object.entries(cache.switches.states()).filter(([, { on }]) => !on)
    expect(off.map(([name, { by }]) => [name, by])).toEqual([
      ['retrieval', 'configuration'],
      ['exact', 'configuration'],
      ['semantic', 'configuration']
    ])
    await cache.close()
  })

  it('says which certificate cannot be read', async () => {
    await expect(assembled('redis-ca: /no/such.pem')).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining('/no/such.pem')
    })
  })
})

describe('an embedder of OpenAI', () => {
  const where = async (text: string) => {
    const { openaiUrl, openaiKey } = (await assembled(text, { A_KEY: 'sk-env' })).embedding ?? {}
    return [openaiUrl, openaiKey]
  }

  it.each([
    [
      'embedder-url: http://e/v1\nembedder-key: sk-e\nopenai-url: http://o/v1\nopenai-key: sk-o',
      ['http://e/v1', 'sk-e']
    ],
    ['openai-url: http://o/v1\nopenai-key: sk-o', ['http://o/v1', 'sk-o']],
    ['providers: { openai: { url: http://p/v1, key-env: A_KEY } }', ['http://p/v1', 'sk-env']],
    ['providers: { openai: { kind: azure, url: http://p, key-env: A_KEY } }', [undefined, undefined]],
    ['providers: { south: { url: http://p/v1, key-env: A_KEY } }', [undefined, undefined]],
    ['', [undefined, undefined]]
  ])('is where the provider is: %j', async (text, expected) => {
    expect(await where(text)).toEqual(expected)
  })
})
