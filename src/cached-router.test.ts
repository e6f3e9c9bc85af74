import fc from 'fast-check'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ChaosStore } from '../test/support/chaos-store.ts'
import { temporaryFolder } from '../test/support/temporary-folder.ts'
import { WordsEmbedder } from '../test/support/words-embedder.ts'
import {
  type CachedProvider,
  type CachedRouter,
  type CachedRouterOptions,
  createCachedRouter
} from './cached-router.ts'
import { AllProvidersFailedError } from './core/all-providers-failed-error.ts'
import { ProviderError } from './core/errors.ts'
import type { Event } from './core/events.ts'
import { OverBudgetError } from './core/over-budget-error.ts'
import {
  type Options,
  type Question,
  type Reply,
  type SimulatedProvider,
  simulatedProvider
} from './testing/simulated-provider.ts'

/** What the simulated models say next; undefined: what they would have said. */
let reply: (question: Question) => Reply | undefined | Promise<Reply | undefined> = () => undefined
const speaking: Options = { answer: (question) => reply(question) }

let main: SimulatedProvider
let spare: SimulatedProvider
const routers: CachedRouter[] = []

beforeAll(async () => {
  main = await simulatedProvider(speaking)
  spare = await simulatedProvider(speaking)
})

beforeEach(() => {
  main.reset()
  spare.reset()
  reply = () => undefined
})

afterEach(async () => {
  for (const router of routers.splice(0)) await router.close()
})

afterAll(() => Promise.all([main.close(), spare.close()]))

/** In US dollars for a million tokens. */
const mainPrice = { input: 10, output: 30 }
const sparePrice = { input: 40, output: 200 }

function mainProvider(own: Partial<CachedProvider> = {}): CachedProvider {
  const prices = { 'gpt-4o-mini': mainPrice }
  return { kind: 'openai', url: main.openaiUrl, key: 'main-key', model: 'gpt-4o-mini', prices, ...own }
}

function spareProvider(own: Partial<CachedProvider> = {}): CachedProvider {
  const prices = { 'claude-haiku-4-5': sparePrice }
  return { kind: 'anthropic', url: spare.anthropicUrl, key: 'spare-key', model: 'claude-haiku-4-5', prices, ...own }
}

async function open(options: Partial<CachedRouterOptions> = {}): Promise<CachedRouter> {
  const router = await createCachedRouter({ providers: [mainProvider()], retry: { attempts: 0 }, ...options })
  routers.push(router)
  return router
}

async function errorOf(call: Promise<unknown>): Promise<Error> {
  const error: unknown = await call.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown
  )
  return error as Error
}

function gate(): { readonly opened: Promise<undefined>; open(): void } {
  let open = (): void => {}
  const opened = new Promise<undefined>((resolve) => {
    open = () => resolve(undefined)
  })
  return { opened, open }
}

describe('a cached router', () => {
  it('answers a prompt, and the same one again for nothing', async () => {
    reply = () => ({ text: 'Four.', usage: { input: 100, output: 20 } })
    const router = await open({ initialBudget: 1 })
    const cost = 0.0016
    expect(await router.invoke('What is 2 + 2?')).toMatchObject({
      response: 'Four.',
      cached: false,
      cost: expect.closeTo(cost, 12),
      provider: 'openai',
      model: 'gpt-4o-mini-2024-07-18'
    })
    const again = await router.invoke('What is 2 + 2?')
    expect(again).toMatchObject({ response: 'Four.', cached: true, cost: 0, provider: 'openai' })
    expect(again.origin).toMatchObject({ layer: 'exact', savedUsd: expect.closeTo(cost, 12) })
    expect(await router.stats()).toEqual({
      budgetSpent: expect.closeTo(cost, 9),
      budgetRemaining: expect.closeTo(1 - cost, 9),
      budgetSaved: expect.closeTo(cost, 12),
      hitRate: 0.5,
      semanticHitRate: 0,
      requests: 2,
      hits: 1,
      joined: 0,
      misses: 1,
      bypasses: 0,
      failures: 0,
      unpriced: 0
    })
    expect(main.count()).toBe(1)
  })

  it('sends what it was given, under the key of that provider alone', async () => {
    const router = await open({ providers: [mainProvider(), spareProvider()], storeFallbacks: true })
    await router.invoke('Hi', { system: 'Be brief.', temperature: 0.2, maxTokens: 50 })
    expect(main.calls[0]?.body).toEqual({
      model: 'gpt-4o-mini',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' }
      ],
      temperature: 0.2,
      max_completion_tokens: 50
    })
    expect(main.calls[0]?.headers.authorization).toBe('Bearer main-key')
    main.fail({ status: 500 })
    const carried = await router.invoke('Ho', { system: 'Be brief.', maxTokens: 50 })
    expect(carried).toMatchObject({ provider: 'anthropic', cached: false, origin: { fallback: true } })
    expect(spare.calls[0]?.body).toMatchObject({ model: 'claude-haiku-4-5', max_tokens: 50 })
    expect(spare.calls[0]?.headers['x-api-key']).toBe('spare-key')
    expect(JSON.stringify(spare.calls[0]?.headers)).not.toContain('main-key')
  })

  it('limits an answer in the older words where a provider is only compatible', async () => {
    const router = await open({ providers: [mainProvider({ kind: 'mistral' })] })
    await router.invoke('Hi', { maxTokens: 50 })
    expect(main.calls[0]?.body).toMatchObject({ max_tokens: 50 })
    expect(main.calls[0]?.body).not.toHaveProperty('max_completion_tokens')
  })

  it('tells the text while it is made, and that of a hit at once', async () => {
    const router = await open()
    const pieces: string[] = []
    const live = await router.invoke('Tell me', { onText: (text) => pieces.push(text) })
    expect(pieces.length).toBeGreaterThan(5)
    expect(pieces.join('')).toBe(live.response)
    const again: string[] = []
    const hit = await router.invoke('Tell me', { onText: (text) => again.push(text) })
    expect(hit).toMatchObject({ cached: true, response: live.response })
    expect(again).toEqual([live.response])
    expect(await router.invoke('Tell me')).toMatchObject({ cached: true, response: live.response })
  })

  it('tells the text of another dialect', async () => {
    const router = await open({ providers: [spareProvider()] })
    const pieces: string[] = []
    const { response } = await router.invoke('Tell me', { onText: (text) => pieces.push(text) })
    expect(response).not.toBe('')
    expect(pieces.join('')).toBe(response)
  })

  it('gives the words of a refusal', async () => {
    reply = () => ({ refusal: 'I would rather not.' })
    const router = await open()
    expect((await router.invoke('Do it')).response).toBe('I would rather not.')
    const pieces: string[] = []
    await router.invoke('Do that', { onText: (text) => pieces.push(text) })
    expect(pieces.join('')).toBe('I would rather not.')
  })

  it('gives the text of an answer in parts, and none of one that is none', async () => {
    const parts = [
      { type: 'thinking', thinking: [] },
      { type: 'text', text: 'Yes' },
      { type: 'text', text: '.' }
    ]
    const answer = (content: object[]): object => ({
      status: 200,
      body: { model: 'm', choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }] }
    })
    main.fail(answer(parts) as { status: number }, { status: 200, body: { error: { message: 'out of order' } } })
    const router = await open()
    expect((await router.invoke('In parts?')).response).toBe('Yes.')
    const error = await errorOf(router.invoke('None?'))
    expect(error).toMatchObject({ code: 'provider-malformed' })
    expect(error.message).toContain('out of order')
  })

  it('asks for the model that is named where it is to be had, and the others when that fails', async () => {
    const router = await open({ providers: [mainProvider(), spareProvider()] })
    const ask = async (model?: string): Promise<string | undefined> =>
      (await router.invoke('Hi', model === undefined ? {} : { model })).provider
    expect([await ask(), await ask('claude-haiku-4-5'), await ask('gpt-4o-mini')]).toEqual([
      'openai',
      'anthropic',
      'openai'
    ])
    expect((await router.stats()).hits).toBe(1)
    spare.fail({ status: 500 })
    expect((await router.invoke('Ho', { model: 'claude-haiku-4-5' })).provider).toBe('openai')
    await expect(router.invoke('Hi', { model: 'gpt-5' })).rejects.toThrow(
      'model: expected the model of one of the providers (gpt-4o-mini, claude-haiku-4-5), got "gpt-5"'
    )
  })

  it('asks in the order that the providers are listed, the same model of several included', async () => {
    const providers = [mainProvider(), spareProvider(), mainProvider({ url: `${spare.openaiUrl}` })]
    const router = await open({ providers })
    main.fail({ status: 500 })
    spare.fail({ status: 500 })
    const { provider } = await router.invoke('Hi')
    expect(provider).toBe('openai-2')
    expect(spare.calls.map(({ endpoint }) => endpoint)).toEqual(['messages', 'chat'])
  })

  it('lets the rules of a model and its prefix hold for prompts', async () => {
    const router = await open({ ttl: { models: { 'gpt-4o*': 0 } } })
    await router.invoke('Hi')
    expect((await router.invoke('Hi')).cached).toBe(false)
    const kept = await open()
    await kept.invoke('Hi')
    expect(await kept.cache.invalidate({ prefix: 'llm:gpt-4o-mini:' })).toBe(1)
  })

  it('draws by weight, and stores whatever was drawn', async () => {
    const router = await open({
      strategy: 'loadbalance',
      providers: [mainProvider({ weight: 0 }), spareProvider({ weight: 1 })]
    })
    expect((await router.invoke('Hi')).provider).toBe('anthropic')
    expect(await router.invoke('Hi')).toMatchObject({ cached: true, provider: 'anthropic' })
    expect((await router.invoke('Hi', { model: 'gpt-4o-mini' })).provider).toBe('openai')
    spare.fail({ status: 500 })
    expect((await router.invoke('Ho')).provider).toBe('openai')
  })

  it('shares what it knows with official SDKs, and counts what they ask', async () => {
    const router = await open({ initialBudget: 1 })
    const client = new OpenAI({ apiKey: 'sk-alice', fetch: router.completions.fetch, maxRetries: 0 })
    const body = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'Hi' }] }
    await router.invoke('Hi')
    expect((await router.completions.chat(body)).cacheHit).toBe(true)
    await client.chat.completions.create(body)
    await client.chat.completions.create(body)
    for await (const _ of await client.chat.completions.create({ ...body, stream: true }));
    main.fail({ status: 500 })
    await expect(client.chat.completions.create({ ...body, seed: 1 })).rejects.toBeInstanceOf(
      OpenAI.InternalServerError
    )
    expect(await router.stats()).toMatchObject({ requests: 6, hits: 3, misses: 2, failures: 1 })
    expect(main.count()).toBe(3)
  })

  it('tells its observer what happens to cache and providers', async () => {
    const events: Event[] = []
    const router = await open({ initialBudget: 1, observe: (event) => events.push(event) })
    await router.invoke('Hi')
    await router.invoke('Hi')
    const types = events.map(({ type }) => type)
    for (const type of ['miss', 'asked', 'charged', 'stored', 'hit']) expect(types).toContain(type)
  })

  it('says what is wrong with the store', async () => {
    await expect(open({ store: 'nowhere:' })).rejects.toMatchObject({ code: 'invalid-option' })
  })
})

describe('the budget of a cached router', () => {
  it('is not exceeded, and hits stay free when it is spent', async () => {
    // 0.0016 each, and expected of the first: 1,000 tokens of output, some 0.03.
    reply = () => ({ text: 'Done.', usage: { input: 100, output: 20 } })
    const router = await open({ initialBudget: 0.034 })
    let asked = 0
    let error: Error | undefined
    for (; error === undefined && asked < 50; asked++) {
      const call = router.invoke(`Prompt ${asked}`)
      error = await call.then(
        () => undefined,
        (thrown: Error) => thrown
      )
    }
    expect(error).toBeInstanceOf(OverBudgetError)
    expect(error?.message).toContain('that initialBudget allows')
    expect(error).toMatchObject({ details: { budget: 'initialBudget', limitUsd: 0.034 } })
    expect(asked).toBeGreaterThan(10)
    expect(await router.invoke('Prompt 0')).toMatchObject({ cached: true, cost: 0 })
    const stats = await router.stats()
    expect(stats).toMatchObject({ hits: 1, misses: asked - 1, failures: 1, requests: asked + 1 })
    expect(stats.budgetSpent).toBeCloseTo((asked - 1) * 0.0016, 9)
    expect(stats.budgetSpent).toBeLessThanOrEqual(0.034)
    expect(stats.budgetRemaining).toBeCloseTo(0.034 - stats.budgetSpent, 9)
    expect(main.count()).toBe(asked - 1)
  })

  it('lasts as long as the store', async () => {
    const folder = temporaryFolder()
    try {
      const options: Partial<CachedRouterOptions> = { store: `embedded:${folder.path}`, initialBudget: 1 }
      const first = await open(options)
      await first.invoke('Hi')
      const { budgetSpent } = await first.stats()
      await first.close()
      routers.length = 0
      const second = await open(options)
      expect(await second.stats()).toMatchObject({ budgetSpent, requests: 0 })
      expect(budgetSpent).toBeGreaterThan(0)
      await second.close()
      routers.length = 0
    } finally {
      folder.remove()
    }
  })

  it('refuses what nobody knows the price of, or lets it through uncounted', async () => {
    const provider = mainProvider({ kind: 'compatible', prices: {} })
    const careful = await open({ providers: [provider], initialBudget: 1 })
    await expect(careful.invoke('Hi')).rejects.toMatchObject({ code: 'price-unknown' })
    expect(await careful.stats()).toMatchObject({ failures: 1, unpriced: 0 })
    expect(main.count()).toBe(0)
    const generous = await open({ providers: [provider], initialBudget: 1, unknownPrice: 'allow' })
    expect(await generous.invoke('Hi')).toMatchObject({ cached: false, cost: undefined })
    expect(await generous.invoke('Hi')).toMatchObject({ cached: true, cost: 0 })
    expect(await generous.stats()).toMatchObject({ budgetSpent: 0, budgetSaved: 0, unpriced: 1 })
  })

  it('is none where none is given', async () => {
    const router = await open()
    const { cost } = await router.invoke('Hi')
    const stats = await router.stats()
    expect(stats.budgetSpent).toBeCloseTo(cost ?? 0, 12)
    expect(stats.budgetSpent).toBeGreaterThan(0)
    expect(stats.budgetRemaining).toBeUndefined()
  })
})

describe('the failures of a cached router', () => {
  it('list every provider, and go into the statistics', async () => {
    const router = await open({ providers: [mainProvider(), spareProvider()] })
    main.fail({ status: 500 })
    spare.fail({ status: 401 })
    const error = await errorOf(router.invoke('Hi'))
    expect(error).toBeInstanceOf(AllProvidersFailedError)
    expect(error.message).toContain('no provider could answer for gpt-4o-mini')
    expect((error as AllProvidersFailedError).failures).toMatchObject([
      { target: 'openai/gpt-4o-mini', status: 500 },
      { target: 'anthropic/claude-haiku-4-5', status: 401 }
    ])
    expect(await router.stats()).toMatchObject({ requests: 1, failures: 1, misses: 0, budgetSpent: 0, hitRate: 0 })
  })

  it('are the provider’s own where there is one', async () => {
    const router = await open()
    main.fail({ status: 418 })
    expect(await errorOf(router.invoke('Hi'))).toBeInstanceOf(ProviderError)
  })

  it('are callers that left, too', async () => {
    const router = await open()
    main.fail('hang')
    const caller = new AbortController()
    const gone = expect(router.invoke('Hi', { signal: caller.signal })).rejects.toMatchObject({ code: 'aborted' })
    await expect.poll(() => main.count()).toBe(1)
    caller.abort()
    await gone
    expect(await router.stats()).toMatchObject({ requests: 1, failures: 1 })
    await expect.poll(async () => (await router.stats()).unpriced).toBe(1)
  })

  it('are not seen while an older answer is there', async () => {
    const router = await open({ graceMs: 60_000 })
    await router.invoke('Hi', { ttlMs: 1 })
    main.fail({ every: { status: 500 } })
    // Fresh for a moment, stale from then on.
    await expect.poll(async () => (await router.invoke('Hi')).origin.stale).toBe(true)
    expect(await router.invoke('Hi')).toMatchObject({ cached: true, cost: 0, origin: { layer: 'exact', stale: true } })
    const { failures, hits, misses, requests } = await router.stats()
    expect([failures, misses, hits]).toEqual([0, 1, requests - 1])
  })
})

describe('the statistics of a cached router', () => {
  it('count a shared call once, and what it saved the others', async () => {
    const { opened, open: release } = gate()
    reply = () => opened.then(() => ({ text: 'Shared.', usage: { input: 100, output: 20 } }))
    const router = await open()
    const calls = [router.invoke('Hi'), router.invoke('Hi'), router.invoke('Hi')]
    await expect.poll(() => main.count()).toBe(1)
    release()
    const answers = await Promise.all(calls)
    expect(answers.map(({ cached }) => cached)).toEqual([false, true, true])
    expect(answers.map(({ cost }) => cost)).toEqual([expect.closeTo(0.0016, 12), 0, 0])
    const stats = await router.stats()
    expect(stats).toMatchObject({ requests: 3, hits: 2, joined: 2, misses: 1 })
    expect(stats.budgetSaved).toBeCloseTo(0.0032, 12)
    expect(stats.budgetSpent).toBeCloseTo(0.0016, 12)
  })

  it('do not count a failed fallback’s price, but the price of whoever answered', async () => {
    reply = () => ({ text: 'From the other.', usage: { input: 100, output: 20 } })
    const router = await open({ providers: [mainProvider(), spareProvider()], initialBudget: 5 })
    main.fail({ status: 500 })
    const { cost } = await router.invoke('Hi')
    expect(cost).toBeCloseTo(0.008, 12)
    expect((await router.stats()).budgetSpent).toBeCloseTo(0.008, 9)
  })

  // What the topic costs follows from the topic, whoever words it.
  const topics = ['password', 'username', 'router', 'invoice'] as const
  const usageOf = (topic: number): { input: number; output: number } => ({
    input: 50 + 7 * topic,
    output: 20 + 11 * topic
  })
  const wordings = (topic: number): readonly [string, string] => [
    `How do I reset my ${topics[topic]}?`,
    `How can I reset my ${topics[topic]}?`
  ]
  const costAt = (price: { input: number; output: number }, topic: number): number =>
    (usageOf(topic).input * price.input + usageOf(topic).output * price.output) / 1e6

  const step = fc.record({
    topic: fc.nat({ max: topics.length - 1 }),
    wording: fc.constantFrom(0, 1),
    hot: fc.boolean(),
    callers: fc.integer({ min: 1, max: 3 }),
    down: fc.constantFrom('none', 'none', 'none', 'main', 'both'),
    refresh: fc.boolean()
  })

  it('add up, whatever happens', async () => {
    reply = ({ lastUserText }) => {
      const topic = topics.findIndex((name) => lastUserText.includes(name))
      return { text: `About ${lastUserText}`, usage: usageOf(topic) }
    }
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), fc.boolean(), async (steps, hasBudget) => {
        main.reset()
        spare.reset()
        const refreshed: Event[] = []
        const router = await createCachedRouter({
          providers: [mainProvider(), spareProvider()],
          retry: { attempts: 0 },
          breaker: { failures: 1000 },
          maxTemperature: 0.5,
          embedder: new WordsEmbedder(),
          ...(hasBudget ? { initialBudget: 1000 } : {}),
          observe: (event) => {
            if (event.type === 'refreshed') refreshed.push(event)
          }
        })
        try {
          const kept = new Set<string>()
          const want = { requests: 0, hits: 0, semantic: 0, misses: 0, bypasses: 0, failures: 0, spent: 0, saved: 0 }
          for (const { topic, wording, hot, callers, down, refresh } of steps) {
            if (down !== 'none') main.fail({ every: { status: 500 } })
            if (down === 'both') spare.fail({ every: { status: 500 } })
            const prompt = wordings(topic)[wording] ?? ''
            const isKept = kept.has(prompt)
            const meansKept = wordings(topic).some((text) => kept.has(text))
            // Only then is there something to be asked anew, and somebody who can answer.
            const asksAnew = refresh && !hot && isKept && down === 'none'
            const before = refreshed.length
            // However soon an entry is due, it is not in the millisecond in which it was stored.
            const startedAtMs = Date.now()
            while (asksAnew && Date.now() === startedAtMs) await new Promise((resolve) => setImmediate(resolve))
            const options = { temperature: hot ? 0.9 : 0.1, eagerRefresh: asksAnew ? 1e-12 : 1 }
            const outcomes = await Promise.allSettled(
              Array.from({ length: callers }, () => router.invoke(prompt, options))
            )
            if (asksAnew) await expect.poll(() => refreshed.length, { timeout: 20_000 }).toBeGreaterThan(before)

            const mainCost = costAt(mainPrice, topic)
            const cost = down === 'none' ? mainCost : costAt(sparePrice, topic)
            want.requests += callers
            if (!hot && meansKept) {
              want.hits += callers
              want.saved += callers * mainCost
              if (!isKept) want.semantic += callers
              if (asksAnew) want.spent += mainCost * (refreshed.length - before)
            } else if (down === 'both') want.failures += callers
            else if (hot) {
              want.bypasses += callers
              want.spent += callers * cost
            } else {
              want.misses += 1
              want.hits += callers - 1
              want.spent += cost
              want.saved += (callers - 1) * cost
              // Another model's answer is served, and not kept.
              if (down === 'none') kept.add(prompt)
            }
            const failed = outcomes.filter(({ status }) => status === 'rejected').length
            expect(failed).toBe(down === 'both' && (hot || !meansKept) ? callers : 0)
            main.fail({ every: 'none' })
            spare.fail({ every: 'none' })
          }
          const { budgetSpent, budgetSaved, budgetRemaining, semanticHitRate, hitRate, ...counts } =
            await router.stats()
          const lookups = want.hits + want.misses
          expect(counts).toMatchObject({
            requests: want.requests,
            hits: want.hits,
            misses: want.misses,
            bypasses: want.bypasses,
            failures: want.failures,
            unpriced: 0
          })
          expect(counts.requests).toBe(counts.hits + counts.misses + counts.bypasses + counts.failures)
          expect(budgetSpent).toBeCloseTo(want.spent, 8)
          expect(budgetSaved).toBeCloseTo(want.saved, 10)
          expect(hitRate).toBeCloseTo(lookups === 0 ? 0 : want.hits / lookups, 10)
          expect(semanticHitRate).toBeCloseTo(lookups === 0 ? 0 : want.semantic / lookups, 10)
          if (hasBudget) expect(budgetRemaining).toBeCloseTo(1000 - want.spent, 8)
          else expect(budgetRemaining).toBeUndefined()
        } finally {
          await router.close()
        }
      }),
      { numRuns: 40 }
    )
  })
})

describe('the options of a cached router', () => {
  const key = 'k'
  it.each<[string, unknown, string]>([
    ['none at all', undefined, 'options of createCachedRouter: expected an object'],
    ['no providers', {}, "providers: expected a list of at least one, such as [{ kind: 'openai', key: '...', model:"],
    ['an empty list', { providers: [] }, 'providers: expected a list of at least one'],
    ['no model', { providers: [{ kind: 'openai', key }] }, 'providers[0].model: expected the name of the model'],
    ['no kind', { providers: [{ model: 'gpt-4o', key }] }, 'providers[0]: expected a kind such as openai or anthropic'],
    [
      'an unknown kind',
      { providers: [{ kind: 'opnai', model: 'gpt-4o', key }] },
      'kind: expected one of openai, anthropic, azure,'
    ],
    ['no key', { providers: [{ kind: 'openai', model: 'gpt-4o' }] }, 'providers[0].key: expected the key for openai'],
    [
      'no key by name',
      { providers: [{ name: 'anthropic', model: 'm' }] },
      'providers[0].key: expected the key for anthropic'
    ],
    [
      'no url for azure',
      { providers: [{ kind: 'azure', model: 'gpt-4o', key }] },
      'azure: url: expected an address such as https://NAME.openai.azure.com, got none'
    ],
    [
      'no url for what is only compatible',
      { providers: [{ kind: 'compatible', name: 'mine', model: 'm', key }] },
      'mine: url: expected an address such as https://api.example.com/v1, got none'
    ],
    [
      'a misspelt field of a provider',
      { providers: [{ kind: 'openai', model: 'gpt-4o', apiKey: key }] },
      'providers[0]: expected fields among name, model, weight, kind, url, key'
    ],
    [
      'one name twice',
      {
        providers: [
          { name: 'a', url: 'http://127.0.0.1:9', model: 'm' },
          { name: 'a', url: 'http://127.0.0.1:9', model: 'n' }
        ]
      },
      'providers: expected names that differ, got a twice'
    ],
    [
      'a misspelt budget',
      { providers: [{ kind: 'openai', model: 'm', key }], budget: 5 },
      'expected fields among providers, initialBudget'
    ],
    [
      'a budget that is none',
      { providers: [{ kind: 'openai', model: 'm', key }], initialBudget: Number.NaN },
      'initialBudget: expected US dollars from 0 on, got NaN; leave it out for no limit'
    ],
    [
      'a budget in words',
      { providers: [{ kind: 'openai', model: 'm', key }], initialBudget: '5' },
      'initialBudget: expected US dollars from 0 on, got "5"'
    ],
    [
      'a wrong temperature',
      { providers: [{ kind: 'openai', model: 'm', key }], maxTemperature: -1 },
      'maxTemperature: expected a number of at least 0, got -1'
    ],
    [
      'a wrong weight',
      { providers: [{ kind: 'openai', model: 'm', key, weight: -1 }] },
      'providers[0].weight: expected a number of at least 0, got -1'
    ]
  ])('are refused with the remedy: %s', async (_name, options, message) => {
    const error = await errorOf(createCachedRouter(options as CachedRouterOptions))
    expect(error).toMatchObject({ code: 'invalid-option' })
    expect(error.message).toContain(message)
  })

  it.each([
    [42, {}, 'prompt: expected a text, got 42'],
    ['Hi', { temperature: Number.NaN }, 'temperature: expected a number of at least 0, got NaN'],
    ['Hi', { maxTokens: 0 }, 'maxTokens: expected a whole number of at least 1, got 0']
  ])('of a prompt are refused as well: %j %j', async (prompt, options, message) => {
    const router = await open()
    await expect(router.invoke(prompt as string, options)).rejects.toThrow(message)
    expect((await router.stats()).requests).toBe(0)
  })

  it('may name several providers of one kind, and a model that is called default', async () => {
    const router = await open({
      providers: [
        mainProvider({ model: 'default' }),
        mainProvider({ model: 'gpt-4o' }),
        mainProvider({ name: 'openai-2' })
      ],
      strategy: 'loadbalance'
    })
    expect([...router.router.providers.keys()].sort()).toEqual(['openai', 'openai-2', 'openai-3'])
    expect((await router.invoke('Hi')).response).not.toBe('')
  })

  it('may say how long the store may hold a request up, and how long all providers together', async () => {
    const store = new ChaosStore()
    store.chaos = (operation) => (operation === 'get' ? new Promise<void>(() => {}) : undefined)
    const failed: string[] = []
    const router = await open({
      store,
      storeDeadlineMs: 21,
      deadlineMs: 120,
      observe: (event) => {
        if (event.type === 'failed') failed.push(event.error.message)
      }
    })
    expect((await router.invoke('Hi')).cached).toBe(false)
    expect(failed.join()).toContain('21 ms')
    main.fail('hang')
    await expect(router.invoke('Ho')).rejects.toThrow(/within \d+ ms/)
  })
})
