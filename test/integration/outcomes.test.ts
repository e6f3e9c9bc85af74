import { afterEach, describe, expect, it } from 'vitest'
import { createCachedRouter } from '../../src/cached-router.ts'
import type { Answered, Event } from '../../src/core/events.ts'
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts'
import type { Options } from '../../src/testing/simulated-provider.ts'
import { ChaosStore } from '../support/chaos-store.ts'
import { makeStand, type Stand } from '../support/gateway.ts'
import { WordsEmbedder } from '../support/words-embedder.ts'

let stand: Stand
const events: Event[] = []

afterEach(async () => {
  await stand.close()
  events.length = 0
})

async function start(options: GatewayOptions = {}, providerOptions: Options = {}): Promise<void> {
  const observe = (event: Event): void => void events.push(event)
  stand = await makeStand({ store: 'memory:', deadlineMs: 10_000, observe, ...options }, providerOptions)
}

function answered(): readonly Answered[] {
  return events.filter((event) => event.type === 'answered')
}

function outcomes(): readonly string[] {
  return answered().map(({ outcome }) => outcome)
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

function chat(content = 'What is a cache?') {
  return { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content }] }
}

function ask(content?: string, headers: Record<string, string> = {}) {
  return stand.openai().chat.completions.create(chat(content), { headers })
}

/** Whether what was looked up is what was found, missed or passed by, in each layer, and requests are what became of them. */
async function addsUp(): Promise<void> {
  const response = await fetch(`${stand.gateway.adminUrl}/metrics/cache/statistics`)
  const report = (await response.json()) as Record<string, Record<string, number>>
  for (const [name, layer] of Object.entries(report)) {
    if (!name.endsWith('_cache')) continue
    const { total_lookups: lookups, total_hits = 0, total_misses = 0, total_bypasses = 0 } = layer
    expect(lookups, name).toBe(total_hits + total_misses + total_bypasses)
  }
  const { total, ...each } = report['requests'] ?? {}
  expect(total).toBe(answered().length)
  expect(Object.values(each).reduce((sum, count) => sum + count, 0)).toBe(total)
}

describe('a request to the gateway has one outcome', () => {
  it('asked plainly or as a stream: a miss, and then hits', async () => {
    await start()
    await ask()
    await ask()
    await stand.openai().chat.completions.stream(chat()).finalChatCompletion()
    await stand.openai().chat.completions.stream(chat('Another one?')).finalChatCompletion()
    await stand.openai().chat.completions.stream(chat('Another one?')).finalChatCompletion()
    await ask('Another one?')
    expect(outcomes()).toEqual(['miss', 'hit', 'hit', 'miss', 'hit', 'hit'])
    expect(answered().map(({ layer }) => layer)).toEqual(['provider', 'exact', 'exact', 'provider', 'exact', 'exact'])
    await addsUp()
  })

  it('on a store that cannot be peeked at too', async () => {
    const store = new ChaosStore()
    await start({ store })
    await ask()
    await ask()
    expect(outcomes()).toEqual(['miss', 'hit'])
    await addsUp()
    store.chaos = () => {
      throw new Error('down')
    }
    await ask()
    expect(outcomes()).toEqual(['miss', 'hit', 'miss'])
    await addsUp()
  })

  it('by meaning', async () => {
    await start({ embedder: new WordsEmbedder() })
    await ask('How do I reset my password?')
    await ask('How can I reset my passwords please?')
    await ask('Who has written this book?')
    expect(answered().map(({ outcome, layer }) => [outcome, layer])).toEqual([
      ['miss', 'provider'],
      ['hit', 'semantic'],
      ['miss', 'provider']
    ])
    await addsUp()
  })

  it.each([false, true])('shared by those who ask the same at the same time, as a stream: %s', async (streams) => {
    let go: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    await start({}, { answer: () => gate.then(() => undefined) })
    const one = (): Promise<unknown> =>
      streams ? stand.openai().chat.completions.stream(chat()).finalChatCompletion() : ask()
    const all = [one(), one(), one()]
    await until(() => events.filter(({ type }) => type === 'joined').length === 2)
    go()
    await Promise.all(all)
    expect(outcomes().toSorted()).toEqual(['joined', 'joined', 'miss'])
    expect(stand.provider.count()).toBe(1)
    await addsUp()
  })

  it('rescued by what is stale', async () => {
    await start({ graceMs: 3_600_000 })
    await ask(undefined, { 'x-reprise-ttl': '1ms' })
    const isStale = Date.now() + 2
    await until(() => Date.now() > isStale)
    stand.provider.fail({ every: { status: 400 } })
    await ask().catch(() => {})
    stand.provider.fail({ every: { status: 503, headers: { 'retry-after': '60' } } })
    await ask()
    expect(outcomes()).toEqual(['miss', 'failed', 'rescued'])
    await addsUp()
  })

  it('past the cache: by the caller, by its temperature, by what is switched off', async () => {
    await start({ maxTemperature: 1 })
    await ask(undefined, { 'cache-control': 'no-store' })
    await stand.openai().chat.completions.create({ ...chat(), temperature: 1.5 })
    await ask(undefined, { 'cache-control': 'no-cache' })
    expect(outcomes()).toEqual(['bypass', 'bypass', 'miss'])
    await fetch(`${stand.gateway.url}/switches/llm`, { method: 'PUT', body: '{"on": false}' })
    await ask()
    // What is switched off is not counted.
    expect(answered()).toHaveLength(3)
    await addsUp()
  })

  it('failed, with all that can fail', async () => {
    await start()
    const { openai } = stand
    stand.provider.fail({ status: 400 }, { status: 429 }, 'malformed', 'cut')
    await expect(ask('a')).rejects.toMatchObject({ status: 400 })
    await expect(ask('b')).rejects.toMatchObject({ status: 429 })
    await ask('c').catch(() => {})
    await openai()
      .chat.completions.stream(chat('d'))
      .finalChatCompletion()
      .catch(() => {})
    await expect(ask('e', { 'cache-control': 'only-if-cached' })).rejects.toMatchObject({ status: 504 })
    // What a provider says with a 200 goes to its caller as it is; it is no answer to be stored.
    expect(outcomes()).toEqual(['failed', 'failed', 'miss', 'failed', 'failed'])
    await addsUp()
  })

  it('failed, when its caller leaves before it is answered, plainly and in mid-stream', async () => {
    await start()
    stand.provider.fail({ every: 'hang' })
    for (const stream of [false, true]) {
      const leaving = new AbortController()
      const before = stand.provider.count()
      const asked = fetch(`${stand.gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: 'Bearer sk-alice', 'content-type': 'application/json' },
        body: JSON.stringify({ ...chat(`left ${stream}`), stream }),
        signal: leaving.signal
      }).catch(() => {})
      await until(() => stand.provider.count() > before)
      leaving.abort()
      await asked
    }
    await until(() => answered().length === 2)
    expect(answered().map(({ outcome, error }) => [outcome, error])).toEqual([
      ['failed', expect.objectContaining({ code: 'aborted' })],
      ['failed', expect.objectContaining({ code: 'aborted' })]
    ])
    await addsUp()
  })

  it('is none where nothing was asked of it: what cannot be read, and what is passed on unread', async () => {
    await start()
    const post = (body: string): Promise<Response> =>
      fetch(`${stand.gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: 'Bearer sk-alice', 'content-type': 'application/json' },
        body
      })
    expect((await post('no JSON')).status).toBe(400)
    await stand.openai().models.list()
    await fetch(`${stand.gateway.url}/cache/explain`, { method: 'POST', body: JSON.stringify(chat()) })
    expect(answered()).toEqual([])
    await addsUp()
  })
})

describe('each input of a batch of embeddings has one outcome', () => {
  const embed = (input: string | string[]) =>
    stand.openai().embeddings.create({ model: 'text-embedding-3-small', input, encoding_format: 'float' })

  it('known ones are hits, and the others misses, though they are asked in one call', async () => {
    await start()
    await embed(['a', 'b'])
    await embed(['a', 'c', 'b', 'd'])
    await embed('a')
    expect(answered().every(({ kind }) => kind === 'embedding')).toBe(true)
    expect([outcomes().slice(0, 2), outcomes().slice(2, 6).toSorted(), outcomes().slice(6)]).toEqual([
      ['miss', 'miss'],
      ['hit', 'hit', 'miss', 'miss'],
      ['hit']
    ])
    expect(stand.provider.count()).toBe(2)
    await addsUp()
  })

  it('those that come twice share a call, and those of a batch that fails have all failed', async () => {
    await start()
    await embed(['a', 'a', 'b'])
    expect(outcomes().toSorted()).toEqual(['joined', 'miss', 'miss'])
    stand.provider.fail({ status: 500 }, { status: 500 })
    await embed(['a', 'c', 'd']).catch(() => {})
    expect(outcomes().slice(3).toSorted()).toEqual(['failed', 'failed', 'hit'])
    await addsUp()
  })
})

describe('the statistics of a cached router', () => {
  it('count what its router does too: who was asked, what that cost, and who stood in', async () => {
    await start()
    const prices = { 'gpt-4o-mini': { input: 10, output: 30 } }
    const spare = { 'claude-haiku-4-5': { input: 40, output: 200 } }
    const router = await createCachedRouter({
      providers: [
        { kind: 'openai', name: 'main', url: stand.provider.openaiUrl, key: 'k', model: 'gpt-4o-mini', prices },
        {
          kind: 'anthropic',
          name: 'spare',
          url: stand.provider.anthropicUrl,
          key: 'k',
          model: 'claude-haiku-4-5',
          prices: spare
        }
      ],
      store: 'memory:'
    })
    const first = await router.invoke('one', { tags: ['t'] })
    await router.invoke('one', { tags: ['t'] })
    stand.provider.fail({ status: 401 })
    const second = await router.invoke('two')
    expect(second.provider).toBe('spare')
    const report = await router.cache.statistics()
    expect(report).toMatchObject({
      requests: { total: 3, hits: 1, misses: 2 },
      llm_cache: { total_lookups: 3, total_hits: 1, total_misses: 2 },
      by_tag: [{ tag: 't', requests: 2, hits: 1 }]
    })
    const asked = Object.fromEntries(report.providers.map(({ provider, ok, failed }) => [provider, [ok, failed]]))
    expect(asked).toEqual({ main: [1, 1], spare: [1, 0] })
    expect(report.spent.usd).toBeCloseTo((first.cost ?? 0) + (second.cost ?? 0), 9)
    expect(report.saved.usd).toBeCloseTo(first.cost ?? 0, 9)
    expect(report.targets.reduce((sum, target) => sum + target.fell_back, 0)).toBe(1)
    await router.close()
  })
})
