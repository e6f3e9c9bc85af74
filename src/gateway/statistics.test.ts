import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeStand, type Stand } from '../../test/support/gateway.ts'
import { parsePrometheus } from '../../test/support/prometheus-text.ts'
import type { GatewayOptions } from './gateway-options.ts'

const admin = { 'x-reprise-admin-token': 'secret' }
let stand: Stand

async function start(options: GatewayOptions = {}): Promise<void> {
  stand = await makeStand({ store: 'memory:', adminToken: 'secret', deadlineMs: 10_000, ...options })
}

beforeEach(() => start())
afterEach(() => stand.close())

function chat(content: string) {
  return { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content }] }
}

async function ask(content: string, tags?: string): Promise<void> {
  const headers = tags === undefined ? {} : { 'x-reprise-tags': tags }
  await stand.openai().chat.completions.create(chat(content), { headers })
}

async function get(path: string, headers: Record<string, string> = {}): Promise<{ status: number; body: unknown }> {
  const response = await fetch(stand.gateway.adminUrl + path, { headers })
  return { status: response.status, body: await response.json() }
}

/** The samples of a metric by their labels. */
async function samples(name: string): Promise<Readonly<Record<string, number>>> {
  const response = await fetch(`${stand.gateway.adminUrl}/metrics`)
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const found = parsePrometheus(await response.text()).samples.filter((sample) => sample.name === name)
  return Object.fromEntries(found.map(({ labels, value }) => [Object.values(labels).join(' '), value]))
}

describe('GET /metrics', () => {
  it('counts what has happened, for whoever asks', async () => {
    await ask('a')
    await ask('a')
    await ask('b')
    expect(await samples('reprise_cache_hits_total')).toMatchObject({ llm: 1, llm_semantic: 0, rag: 0 })
    expect(await samples('reprise_cache_misses_total')).toMatchObject({ llm: 2 })
    expect(await samples('reprise_cache_writes_total')).toMatchObject({ llm: 2 })
    expect(await samples('reprise_store_entries')).toEqual({ '': 2 })
    expect(await samples('reprise_store_up')).toEqual({ '': 1 })
    expect(Object.values(await samples('reprise_build_info'))).toEqual([1])
    await fetch(`${stand.gateway.url}/cache/invalidate`, { method: 'POST', headers: admin, body: '{"all": true}' })
    expect(await samples('reprise_cache_invalidations_total')).toMatchObject({ llm: 2 })
  })

  it('has names that begin as they are to', async () => {
    await stand.close()
    await start({ metricsPrefix: 'v2_' })
    await ask('a')
    expect(await samples('v2_cache_misses_total')).toMatchObject({ llm: 1 })
    expect(await samples('reprise_cache_misses_total')).toEqual({})
  })

  it('names nothing that a caller has said', async () => {
    await ask('a very private question', 'a-private-tag')
    const text = await (await fetch(`${stand.gateway.url}/metrics`)).text()
    expect(text).not.toMatch(/private|sk-alice/)
  })

  it('is not started with a prefix that no name can begin with', async () => {
    await expect(makeStand({ metricsPrefix: '2_' })).rejects.toMatchObject({ code: 'invalid-option' })
  })
})

describe('GET /metrics/cache/statistics', () => {
  beforeEach(async () => {
    await ask('a', 'run:7')
    await ask('a', 'run:7')
  })

  it('has the fields that it has always had, under their names', async () => {
    const { status, body } = await get('/metrics/cache/statistics')
    expect(status).toBe(200)
    const layer = {
      cache_layer: 'llm',
      hit_rate: 0.5,
      total_hits: 1,
      total_misses: 1,
      total_writes: 1,
      total_invalidations: 0,
      total_errors: 0
    }
    expect(body).toMatchObject({
      llm_cache: layer,
      llm_semantic_cache: { cache_layer: 'llm_semantic', total_lookups: 0 },
      rag_cache: { cache_layer: 'rag' },
      rag_similarity_cache: { cache_layer: 'rag_similarity' },
      combined_hit_rate: 0.5,
      scope: 'process',
      processes: 1,
      requests: { total: 2, hits: 1, misses: 1, joined: 0, rescued: 0, bypassed: 0, failed: 0 },
      by_model: [{ model: 'gpt-4o-mini', requests: 2, hits: 1 }]
    })
  })

  it('names tags, entries and near misses only to whoever may administrate', async () => {
    for (const headers of [{}, { 'x-reprise-admin-token': 'wrong' }]) {
      const { body } = await get('/metrics/cache/statistics', headers)
      for (const name of ['by_tag', 'top_entries', 'near_misses']) expect(body).not.toHaveProperty(name)
      expect(JSON.stringify(body)).not.toContain('run:7')
    }
    expect((await get('/metrics/cache/statistics', admin)).body).toMatchObject({
      by_tag: [{ tag: 'run:7', requests: 2, hits: 1 }],
      top_entries: [{ kind: 'llm', model: 'gpt-4o-mini', hits: 1, text: 'a' }],
      near_misses: []
    })
  })

  it('is told of one layer, by its name with or without _cache', async () => {
    const llm = await get('/metrics/cache/statistics/llm')
    expect(llm).toMatchObject({ status: 200, body: { cache_layer: 'llm', total_hits: 1 } })
    expect(await get('/metrics/cache/statistics/llm_cache')).toEqual(llm)
    for (const layer of ['rag', 'rag_similarity', 'llm_semantic']) {
      expect(await get(`/metrics/cache/statistics/${layer}`)).toMatchObject({ body: { cache_layer: layer } })
    }
    for (const layer of ['requests', 'constructor', '__proto__', 'LLM', 'toString', 'top_entries']) {
      const { status, body } = await get(`/metrics/cache/statistics/${layer}`, admin)
      expect(status).toBe(404)
      expect(body).toMatchObject({
        error: { code: 'not-found', message: `no layer "${layer}"; there are llm, llm_semantic, rag, rag_similarity` }
      })
    }
  })

  it('is of this process, or of all that share the store; there is no other scope', async () => {
    expect(await get('/metrics/cache/statistics?scope=fleet')).toMatchObject({
      status: 200,
      body: { scope: 'fleet', processes: 1, requests: { total: 2 } }
    })
    expect(await get('/metrics/cache/statistics?scope=all')).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid-body', param: 'scope', message: 'scope: expected process or fleet, got "all"' } }
    })
  })
})

describe('GET /metrics/cache/history', () => {
  it('has a point for each step, and in them what has happened', async () => {
    await ask('a')
    await ask('a')
    for (const [path, step, most] of [
      ['', 10_000, 361],
      ['?range=hour', 10_000, 361],
      ['?range=day', 300_000, 289]
    ] as const) {
      const { status, body } = await get(`/metrics/cache/history${path}`)
      expect(status).toBe(200)
      const { step_ms, points } = body as { step_ms: number; points: { requests: number; hit_requests: number }[] }
      expect(step_ms).toBe(step)
      expect(points.length).toBeLessThanOrEqual(most)
      expect(points.reduce((sum, { requests }) => sum + requests, 0)).toBe(2)
      expect(points.reduce((sum, point) => sum + point.hit_requests, 0)).toBe(1)
    }
  })
})
