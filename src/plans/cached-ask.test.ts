import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Cache, createCache } from '../cache.ts'
import { RepriseError } from '../core/errors.ts'
import { createRouter } from '../router/open.ts'
import type { Router } from '../router/router.ts'
import { type SimulatedProvider, simulatedProvider } from '../testing/simulated-provider.ts'
import { type CachedCompletions, cachedAsk } from './cached-ask.ts'
import type { AtomRequest } from './plan.ts'
import { readPlan } from './read-plan.ts'
import { WaveExecutor } from './wave-executor.ts'

let provider: SimulatedProvider
let cache: Cache
let router: Router
let completions: CachedCompletions

beforeAll(async () => {
  provider = await simulatedProvider()
})

beforeEach(async () => {
  provider.reset()
  cache = await createCache({ store: 'memory:', deadlineMs: 10_000 })
  router = createRouter({
    providers: {
      openai: { url: provider.openaiUrl, key: 'sk-1' },
      anthropic: { url: provider.anthropicUrl, key: 'sk-2' }
    },
    routes: [
      { model: 'claude*', targets: ['anthropic'], retry: { attempts: 0 } },
      { model: '*', targets: ['openai'], retry: { attempts: 0 } }
    ]
  })
  completions = cache.completions(router)
})

afterEach(async () => {
  await cache.close()
  await router.close()
})

afterAll(() => provider.close())

const never = new AbortController().signal

function request(more: Partial<AtomRequest> = {}): AtomRequest {
  const body = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] }
  return { atom: 'a', path: '/v1/chat/completions', body, tags: ['masterplan:p'], batch: false, ...more }
}

describe('cachedAsk', () => {
  it('asks in three dialects, through the cache', async () => {
    const plan = readPlan(`
id: three
defaults: {model: gpt-4o}
atoms:
  - {id: chat, prompt: Say one thing}
  - {id: message, model: claude-sonnet-5, prompt: "Say another than {{chat}}", needs: [chat]}
  - {id: response, endpoint: /v1/responses, prompt: "Say neither {{chat}} nor {{message}}", needs: [chat, message]}
`)
    const executor = new WaveExecutor({ ask: cachedAsk(completions), spendingLimit: 5 })
    const first = await executor.run(plan)
    expect(first).toMatchObject({ end: 'finished', done: 3, hits: 0, failed: 0, unpriced: 0 })
    expect(first.costUsd).toBeGreaterThan(0)
    expect(provider.calls.map(({ path }) => path)).toEqual(['/v1/chat/completions', '/v1/messages', '/v1/responses'])
    expect(first.answers.get('chat')).toMatchObject({
      layer: 'provider',
      isHit: false,
      usage: { inputTokens: expect.any(Number), outputTokens: expect.any(Number) }
    })
    const second = await executor.run(plan)
    expect(second).toMatchObject({ end: 'finished', done: 3, hits: 3, costUsd: 0 })
    expect(second.savedUsd).toBeCloseTo(first.costUsd)
    expect(second.answers.get('response')?.text).toBe(first.answers.get('response')?.text)
    expect(provider.calls).toHaveLength(3)
    expect(await cache.invalidate({ tag: 'wave:2' })).toBe(1)
    expect(await cache.invalidate({ tag: 'masterplan:three' })).toBe(2)
  })

  it('keeps an isolated plan apart from others, and gives answers the time that they have', async () => {
    const ask = cachedAsk(completions)
    const hit = async (more: Partial<AtomRequest>) => {
      const asked = await ask(request(more), never)
      return asked.ok && asked.answer.isHit
    }
    expect(await hit({})).toBe(false)
    expect(await hit({ scope: 'masterplan:p' })).toBe(false)
    expect(await hit({ scope: 'masterplan:p' })).toBe(true)
    expect(await hit({ scope: 'masterplan:q', ttl: '0' })).toBe(false)
    expect(await hit({ scope: 'masterplan:q' })).toBe(false)
    expect(await hit({})).toBe(true)
  })

  it('takes no cut answer for an answer, and says what it has cost', async () => {
    const body = { ...request().body, max_tokens: 1 }
    expect(await cachedAsk(completions)(request({ body }), never)).toEqual({
      ok: false,
      message: 'the answer was cut off at its limit of tokens: allow more in parameters, or ask for less',
      mayPass: false,
      concernsAll: false,
      costUsd: expect.any(Number)
    })
  })

  it('says of a failure whether it may pass, and when', async () => {
    provider.fail({ status: 429, headers: { 'retry-after': '7' } })
    expect(await cachedAsk(completions)(request(), never)).toMatchObject({
      ok: false,
      status: 429,
      mayPass: true,
      retryAfterMs: 7000,
      concernsAll: true
    })
    provider.fail({ status: 400 })
    const body = { model: 'claude-sonnet-5', max_tokens: 9, messages: [{ role: 'user', content: 'Hello' }] }
    const refused = await cachedAsk(completions)(request({ path: '/v1/messages', body }), never)
    expect(refused).toMatchObject({ ok: false, status: 400, mayPass: false, concernsAll: false })
  })

  it('throws when it is aborted', async () => {
    const abort = new AbortController()
    abort.abort(new Error('enough'))
    await expect(cachedAsk(completions)(request(), abort.signal)).rejects.toThrow()
  })

  it('throws what no other atom will fare better with', async () => {
    const closed = {
      chat: () => Promise.reject(new RepriseError('store-closed', 'closed'))
    } as unknown as CachedCompletions
    await expect(cachedAsk(closed)(request(), never)).rejects.toThrow('closed')
    await expect(cachedAsk(completions)(request({ path: '/v1/embeddings' }), never)).resolves.toMatchObject({
      ok: false,
      message: 'atom a: path: expected one of /v1/chat/completions, /v1/messages, /v1/responses, got /v1/embeddings'
    })
  })
})
