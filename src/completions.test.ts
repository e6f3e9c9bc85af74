import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import { type Cache, type CacheOptions, createCache } from './cache.ts'
import type { Completions } from './completions.ts'
import { AllProvidersFailedError } from './core/all-providers-failed-error.ts'
import { ProviderError } from './core/errors.ts'
import type { Event } from './core/events.ts'
import type { Delta } from './core/handler.ts'
import { createRouter } from './router/open.ts'
import type { RouterOptions } from './router/router-options.ts'
import { type Options, type SimulatedProvider, simulatedProvider } from './testing/simulated-provider.ts'
import type { LlmKindOptions } from './wires/llm-kind.ts'
import { openaiChat } from './wires/openai-chat.ts'

interface Stand {
  readonly provider: SimulatedProvider
  readonly cache: Cache
  readonly completions: Completions
  readonly events: readonly Event[]
  openai(apiKey?: string): OpenAI
  anthropic(apiKey?: string): Anthropic
}

interface Setting extends LlmKindOptions {
  readonly simulated?: Options
  readonly cache?: CacheOptions
  readonly router?: (provider: SimulatedProvider) => RouterOptions
}

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

/** Each dialect's provider with the operator's own key. */
function bothProviders({ openaiUrl, anthropicUrl }: SimulatedProvider): RouterOptions {
  return {
    providers: {
      openai: { url: openaiUrl, key: 'operators-own' },
      anthropic: { url: anthropicUrl, key: 'operators-own' }
    }
  }
}

/** Clients do not ask again by themselves, so that a test sees what happened. */
async function makeStand({ simulated, cache: own, router: routed, ...options }: Setting = {}): Promise<Stand> {
  const provider = await simulatedProvider(simulated)
  const router = createRouter((routed ?? bothProviders)(provider))
  const events: Event[] = []
  const cache = await createCache({ ...own, observe: (event) => events.push(event) })
  open.push(async () => {
    await cache.close()
    await router.close()
    await provider.close()
  })
  const completions = cache.completions(router, options)
  const { fetch } = completions
  return {
    provider,
    cache,
    completions,
    events,
    openai: (apiKey = 'sk-alice') => new OpenAI({ apiKey, fetch, maxRetries: 0 }),
    anthropic: (apiKey = 'sk-alice') => new Anthropic({ apiKey, fetch, maxRetries: 0 })
  }
}

const messages = [{ role: 'user' as const, content: 'What is a cache?' }]
const chatBody = { model: 'gpt-4o-mini', messages }
const messageBody = { model: 'claude-haiku-4-5', max_tokens: 300, messages }
const responseBody = { model: 'gpt-4o-mini', input: 'What is a cache?' }

/** A gate that the simulated model waits at. */
function gate(): { readonly answer: NonNullable<Options['answer']>; release(): void } {
  let release = (): void => {}
  const opened = new Promise<void>((resolve) => {
    release = resolve
  })
  return { answer: () => opened.then(() => undefined), release }
}

/** Slow enough that whoever leaves has left before it ends. */
const slow: Options = { chunkTokens: 1, delay: { firstTokenMs: 0, perTokenMs: 40 } }

async function textsOf(stream: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
  return text
}

describe('completions asked for by their bodies', () => {
  const asked = [
    { dialect: 'chat', body: chatBody, endpoint: 'chat' },
    { dialect: 'messages', body: messageBody, endpoint: 'messages' },
    { dialect: 'responses', body: responseBody, endpoint: 'responses' }
  ] as const

  it.each(asked)('are found again: $dialect', async ({ dialect, body, endpoint }) => {
    const { completions, provider } = await makeStand()
    const first = await completions[dialect](body)
    const second = await completions[dialect](body)
    expect(first).toMatchObject({ cacheHit: false, origin: { layer: 'provider', stored: true } })
    expect(first.origin.costUsd).toBeGreaterThan(0)
    expect(second).toMatchObject({ cacheHit: true, origin: { layer: 'exact', savedUsd: first.origin.costUsd } })
    expect(second.body).toEqual(first.body)
    expect(provider.count(endpoint)).toBe(1)
    expect(provider.count()).toBe(1)
  })

  it.each(asked)('are told while they are made, and whole in the end: $dialect', async ({ dialect, body }) => {
    const { completions } = await makeStand()
    const deltas: Delta[] = []
    const onDelta = (delta: Delta): void => void deltas.push(delta)
    const streamed = await completions[dialect]({ ...body, stream: true }, { onDelta })
    expect(deltas.length).toBeGreaterThan(3)
    expect(deltas[0]?.provider).toBeDefined()
    const told = deltas.length
    const plain = await completions[dialect](body)
    expect(plain).toMatchObject({ cacheHit: true, body: streamed.body })
    expect((await completions[dialect]({ ...body, stream: true }, { onDelta })).cacheHit).toBe(true)
    expect(deltas).toHaveLength(told)
  })

  it('do not show what was added to the request on the way', async () => {
    const { completions, provider } = await makeStand()
    const told: string[] = []
    const onDelta = ({ data }: Delta): void => void told.push(data)
    await completions.chat({ ...chatBody, stream: true }, { onDelta })
    expect(provider.calls[0]?.body).toMatchObject({ stream_options: { include_usage: true } })
    expect(told.filter((data) => data.includes('"usage"'))).toEqual([])
    await completions.chat({ ...chatBody, seed: 2, stream: true, stream_options: { include_usage: true } }, { onDelta })
    expect(told.filter((data) => data.includes('"usage":{'))).toHaveLength(1)
  })

  it('belong to the caller alone, though several share one call', async () => {
    const { answer, release } = gate()
    const { completions, provider } = await makeStand({ simulated: { answer } })
    const calls = [completions.chat(chatBody), completions.chat(chatBody), completions.chat(chatBody)]
    await expect.poll(() => provider.count()).toBe(1)
    release()
    const [first, second, third] = await Promise.all(calls)
    expect([first, second, third].map((one) => one?.cacheHit)).toEqual([false, true, true])
    expect(second?.origin).toMatchObject({ joined: true, savedUsd: first?.origin.costUsd })
    expect(provider.count()).toBe(1)
    expect(second?.body).toEqual(first?.body)
    const whole = JSON.stringify(third?.body)
    for (const one of [first, second]) Object.assign(one?.body ?? {}, { choices: 'gone' })
    expect(JSON.stringify(third?.body)).toBe(whole)
    expect(JSON.stringify((await completions.chat(chatBody)).body)).toBe(whole)
  })

  it('repeat the fields of their own request, and not of the one that was answered first', async () => {
    const { completions } = await makeStand()
    const mine = await completions.responses({ ...responseBody, metadata: { of: 'the first' } })
    const yours = await completions.responses({ ...responseBody, metadata: { of: 'the second' } })
    const without = await completions.responses(responseBody)
    expect([mine, yours, without].map(({ cacheHit }) => cacheHit)).toEqual([false, true, true])
    expect([mine, yours, without].map(({ body }) => body['metadata'])).toEqual([
      { of: 'the first' },
      { of: 'the second' },
      {}
    ])
  })

  it('are shared within a tenant and a scope, and found by their tags', async () => {
    const { completions, cache } = await makeStand()
    const hits = async (options: Parameters<Completions['chat']>[1]): Promise<boolean> =>
      (await completions.chat(chatBody, options)).cacheHit
    expect(await hits({ tenant: 'a', tags: ['run:1'] })).toBe(false)
    expect(await hits({ tenant: 'b' })).toBe(false)
    expect(await hits({ tenant: 'a', scope: ['x'] })).toBe(false)
    expect(await hits({ tenant: 'a' })).toBe(true)
    expect(await cache.invalidate({ tag: 'run:1' })).toBe(1)
    expect(await hits({ tenant: 'a' })).toBe(false)
    expect(await hits({ tenant: 'b' })).toBe(true)
  })

  it('are not looked up above maxTemperature, where none counts as 1', async () => {
    const { completions, provider } = await makeStand({ maxTemperature: 0.5 })
    for (const temperature of [0, 0.5, 0.6, undefined]) {
      const body = { ...chatBody, ...(temperature === undefined ? {} : { temperature }) }
      const first = await completions.chat(body)
      const second = await completions.chat(body)
      const isLow = temperature !== undefined && temperature <= 0.5
      expect([first.cacheHit, second.cacheHit]).toEqual([false, isLow])
      expect(second.origin.bypass).toBe(isLow ? undefined : 'temperature')
    }
    expect(provider.count()).toBe(6)
  })

  it('are refused for what is no request, before anybody is asked', async () => {
    const { completions, provider } = await makeStand()
    const { messages: _, ...incomplete } = chatBody
    await expect(completions.chat(incomplete)).rejects.toMatchObject({ code: 'invalid-body', field: 'messages' })
    await expect(completions.chat(undefined as unknown as object)).rejects.toMatchObject({ code: 'invalid-body' })
    expect(provider.count()).toBe(0)
  })

  it('fail with what the provider says, and with its words where they are no answer', async () => {
    const { completions, provider } = await makeStand()
    provider.fail({ status: 503 }, 'malformed')
    const refused = await completions.chat(chatBody).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(ProviderError)
    expect(refused).toMatchObject({ status: 503, provider: 'openai' })
    const nonsense = await completions.chat(chatBody).catch((error: unknown) => error)
    expect(nonsense).toMatchObject({ code: 'provider-malformed' })
    expect(String(nonsense)).toContain('openai answered with something that is no answer: {')
    expect((await completions.chat(chatBody)).cacheHit).toBe(false)
  })

  it('end with their caller, and so does the provider’s work', async () => {
    const { completions, provider } = await makeStand()
    provider.fail('hang')
    const caller = new AbortController()
    const asking = completions.chat(chatBody, { signal: caller.signal })
    const gone = expect(asking).rejects.toMatchObject({ code: 'aborted' })
    await expect.poll(() => provider.count()).toBe(1)
    caller.abort()
    await gone
    await expect.poll(() => provider.calls[0]?.outcome).toBe('aborted')
  })

  it('say what is wrong with their options', async () => {
    await expect(makeStand({ maxTemperature: Number.NaN })).rejects.toThrow(
      'maxTemperature: expected a number of at least 0, got NaN'
    )
    await expect(makeStand({ maxtemperature: 1 } as object)).rejects.toThrow('expected fields among maxTemperature')
  })
})

describe('the official SDKs, by completions.fetch', () => {
  it('get chat completions plainly and streaming, from one answer', async () => {
    const { openai, provider } = await makeStand()
    const client = openai()
    const plain = await client.chat.completions.create(chatBody)
    const text = plain.choices[0]?.message.content
    expect(text).toBeTruthy()
    expect(await client.chat.completions.create(chatBody)).toEqual(plain)
    expect(await textsOf(await client.chat.completions.create({ ...chatBody, stream: true }))).toBe(text)
    const final = await client.chat.completions.stream(chatBody).finalChatCompletion()
    expect(final.choices[0]?.message.content).toBe(text)
    expect(final.id).toBe(plain.id)
    expect(provider.count()).toBe(1)
  })

  it('get a stream piece by piece, which is found again plainly', async () => {
    const { openai, provider } = await makeStand()
    const client = openai()
    const { data, response } = await client.chat.completions.create({ ...chatBody, stream: true }).withResponse()
    expect(response.headers.get('x-reprise-layer')).toBe('provider')
    const pieces: string[] = []
    for await (const chunk of data) pieces.push(chunk.choices[0]?.delta.content ?? '')
    expect(pieces.length).toBeGreaterThan(5)
    const again = await client.chat.completions.create(chatBody).withResponse()
    expect(again.data.choices[0]?.message.content).toBe(pieces.join(''))
    expect(again.response.headers.get('cache-status')).toMatch(/^reprise; hit; ttl=\d+; detail=exact$/)
    expect(provider.count()).toBe(1)
  })

  it('get responses, plainly and streaming', async () => {
    const { openai, provider } = await makeStand()
    const client = openai()
    const plain = await client.responses.create(responseBody)
    const streamed = await client.responses.stream(responseBody).finalResponse()
    expect(streamed.output_text).toBe(plain.output_text)
    expect(streamed.id).toBe(plain.id)
    const other = await client.responses.stream({ ...responseBody, input: 'Another?' }).finalResponse()
    expect((await client.responses.create({ ...responseBody, input: 'Another?' })).output_text).toBe(other.output_text)
    expect(provider.count('responses')).toBe(2)
  })

  it('get messages, plainly and streaming', async () => {
    const { anthropic, provider } = await makeStand()
    const client = anthropic()
    const plain = await client.messages.create(messageBody)
    const streamed = await client.messages.stream(messageBody).finalMessage()
    expect(streamed.content).toEqual(plain.content)
    expect(streamed.usage.output_tokens).toBe(plain.usage.output_tokens)
    const other = { ...messageBody, system: 'Be brief.' }
    const live = await client.messages.stream(other).finalMessage()
    expect((await client.messages.create(other)).content).toEqual(live.content)
    expect(provider.count('messages')).toBe(2)
  })

  it('learn from the headers where an answer comes from', async () => {
    const { openai } = await makeStand()
    const client = openai()
    const first = await client.chat.completions.create(chatBody).withResponse()
    const { headers } = first.response
    expect(headers.get('cache-status')).toBe('reprise; fwd=miss; stored')
    expect(headers.get('x-reprise-provider')).toBe('openai')
    expect(headers.get('content-type')).toContain('application/json')
    expect(Number(headers.get('x-reprise-cost-usd'))).toBeGreaterThan(0)
    expect(first.request_id).toBeTruthy()
    const second = await client.chat.completions.create(chatBody).withResponse()
    expect(second.response.headers.get('x-reprise-cost-usd')).toBe('0')
    expect(second.response.headers.get('x-reprise-saved-usd')).toBe(headers.get('x-reprise-cost-usd'))
    expect(second.response.headers.get('age')).toBe('0')
    expect(second.response.headers.get('x-reprise-entry')).toMatch(/^llm:gpt-4o-mini:/)
    const streamed = await client.chat.completions.create({ ...chatBody, stream: true }).withResponse()
    expect(streamed.response.headers.get('content-type')).toContain('text/event-stream')
    expect(streamed.response.headers.get('x-reprise-layer')).toBe('exact')
  })

  it('say by headers what the cache is to do', async () => {
    const { openai, provider, cache } = await makeStand()
    const client = openai()
    const ask = async (headers: Record<string, string> = {}): Promise<string | null> => {
      const { response } = await client.chat.completions.create(chatBody, { headers }).withResponse()
      return response.headers.get('cache-status')?.replace(/ttl=\d+/, 'ttl') ?? null
    }
    const hit = 'reprise; hit; ttl; detail=exact'
    const stored = 'reprise; fwd=miss; stored'
    expect(await ask({ 'cache-control': 'no-store' })).toBe('reprise; fwd=bypass; detail=no-store')
    expect(await ask({ 'x-reprise-ttl': '0' })).toBe('reprise; fwd=miss')
    expect(await ask({ 'x-reprise-tags': 'run:7, other' })).toBe(stored)
    expect(await ask()).toBe(hit)
    expect(await ask({ 'cache-control': 'max-age=600' })).toBe(hit)
    expect(await ask({ 'x-reprise-scope': 'mine' })).toBe(stored)
    expect(await ask({ 'cache-control': 'no-cache' })).toBe(stored)
    expect(await cache.invalidate({ tag: 'run:7' })).toBe(0)
    expect(await ask({ 'cache-control': 'no-cache', 'x-reprise-tags': 'run:8' })).toBe(stored)
    expect(await cache.invalidate({ tag: 'run:8' })).toBe(1)
    await expect(ask({ 'cache-control': 'only-if-cached' })).rejects.toMatchObject({
      status: 504,
      code: 'only-if-cached'
    })
    await expect(ask({ 'x-reprise-ttl': 'soon' })).rejects.toBeInstanceOf(OpenAI.BadRequestError)
    expect(provider.count()).toBe(6)
    expect(JSON.stringify(provider.calls.map(({ headers }) => headers))).not.toContain('x-reprise')
  })

  it('share nothing when their keys differ, and show them to no provider that has a key of its own', async () => {
    const { openai, anthropic, provider } = await makeStand()
    await openai('sk-alice').chat.completions.create(chatBody)
    await openai('sk-bob').chat.completions.create(chatBody)
    await openai('sk-alice').chat.completions.create(chatBody)
    await anthropic('sk-alice').messages.create(messageBody)
    await anthropic('sk-bob').messages.create(messageBody)
    expect(provider.count('chat')).toBe(2)
    expect(provider.count('messages')).toBe(2)
    const sent = provider.calls.map(({ headers }) => JSON.stringify(headers))
    expect(sent.filter((headers) => headers.includes('sk-'))).toEqual([])
    expect(sent.filter((headers) => headers.includes('operators-own'))).toHaveLength(4)
  })

  it('pay with their own keys where that is meant', async () => {
    const { openai, provider } = await makeStand({
      router: ({ openaiUrl }) => ({ providers: { openai: { url: openaiUrl, passCredential: true } } })
    })
    await openai('sk-alice').chat.completions.create(chatBody)
    expect(provider.calls[0]?.headers.authorization).toBe('Bearer sk-alice')
  })

  it('share one call when they ask the same at the same time, plainly and streaming', async () => {
    const { answer, release } = gate()
    const { openai, provider, events } = await makeStand({ simulated: { answer } })
    const client = openai()
    const streamed = client.chat.completions.create({ ...chatBody, stream: true }).withResponse()
    await expect.poll(() => provider.count()).toBe(1)
    const others = [
      client.chat.completions.create(chatBody).withResponse(),
      client.chat.completions.create({ ...chatBody, stream: true }).withResponse()
    ] as const
    await expect.poll(() => events.filter(({ type }) => type === 'joined').length).toBe(2)
    release()
    const [first, plain, late] = await Promise.all([streamed, ...others])
    const text = await textsOf(first.data)
    expect(plain.data.choices[0]?.message.content).toBe(text)
    expect(await textsOf(late.data)).toBe(text)
    expect(plain.response.headers.get('cache-status')).toContain('collapsed')
    expect(plain.response.headers.get('x-reprise-cost-usd')).toBe('0')
    expect(late.response.headers.get('cache-status')).toContain('collapsed')
    expect(provider.count()).toBe(1)
  })

  it('get answers that the provider would have compressed', async () => {
    const { openai } = await makeStand({ simulated: { compress: true } })
    const { data, response } = await openai().chat.completions.create(chatBody).withResponse()
    expect(response.headers.get('content-encoding')).toBeNull()
    expect(data.choices[0]?.message.content).toBeTruthy()
  })

  it('cannot spoil what is stored by what they do with the bytes', async () => {
    const { completions } = await makeStand()
    const read = async (spoil: boolean): Promise<string> => {
      const response = await completions.fetch('https://api.openai.com/v1/chat/completions', {
        method: 'POST',
        body: JSON.stringify(chatBody)
      })
      let text = ''
      for await (const chunk of response.body ?? []) {
        text += Buffer.from(chunk).toString()
        if (spoil) chunk.fill(32)
      }
      return text
    }
    const first = await read(true)
    expect(await read(true)).toBe(first)
    expect(await read(false)).toBe(first)
  })
})

describe('an error by completions.fetch', () => {
  const nowhere = 'http://127.0.0.1:9'

  it.each([
    [401, OpenAI.AuthenticationError, Anthropic.AuthenticationError],
    [403, OpenAI.PermissionDeniedError, Anthropic.PermissionDeniedError],
    [404, OpenAI.NotFoundError, Anthropic.NotFoundError],
    [429, OpenAI.RateLimitError, Anthropic.RateLimitError],
    [500, OpenAI.InternalServerError, Anthropic.InternalServerError],
    [529, OpenAI.InternalServerError, Anthropic.InternalServerError]
  ])('of status %i is the SDK’s own', async (status, ofOpenai, ofAnthropic) => {
    const { openai, anthropic, provider } = await makeStand()
    provider.fail({ every: { status } })
    for (const stream of [false, true]) {
      const asked = openai().chat.completions.create({ ...chatBody, stream })
      const error = await asked.catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(ofOpenai)
      expect(error).toMatchObject({ status })
      const message = anthropic().messages.create({ ...messageBody, stream })
      await expect(message).rejects.toBeInstanceOf(ofAnthropic)
    }
  })

  it('of our own is in the dialect: nobody can be reached', async () => {
    const { openai, anthropic } = await makeStand({
      router: () => ({ providers: { openai: { url: nowhere, key: 'k' }, anthropic: { url: nowhere, key: 'k' } } })
    })
    const error = await openai()
      .chat.completions.create(chatBody)
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OpenAI.InternalServerError)
    expect(error).toMatchObject({ status: 502, code: 'provider-unreachable' })
    await expect(anthropic().messages.create(messageBody)).rejects.toBeInstanceOf(Anthropic.InternalServerError)
  })

  it('lists each provider when all have failed', async () => {
    const { openai, completions } = await makeStand({
      router: ({ openaiUrl }) => ({
        providers: { first: { url: openaiUrl, key: 'k' }, second: { url: nowhere, key: 'k' } },
        routes: [{ model: '*', targets: ['first', 'second'], retry: { attempts: 0 } }]
      }),
      simulated: { keys: ['another'] }
    })
    const error = await openai()
      .chat.completions.create(chatBody)
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OpenAI.InternalServerError)
    expect(String(error)).toMatch(/first\/gpt-4o-mini: answered 401: .*; second\/gpt-4o-mini: .*could not be reached/)
    const thrown = await completions.chat(chatBody).catch((one: unknown) => one)
    expect(thrown).toBeInstanceOf(AllProvidersFailedError)
    expect((thrown as AllProvidersFailedError).failures).toMatchObject([
      { status: 401 },
      { target: 'second/gpt-4o-mini' }
    ])
  })

  it('says that a budget is spent, and is not asked again for', async () => {
    const { completions, provider } = await makeStand({
      router: (simulated) => ({ ...bothProviders(simulated), budgets: [{ name: 'all', limitUsd: 0 }] })
    })
    let asked = 0
    const fetch: typeof globalThis.fetch = (...given) => {
      asked += 1
      return completions.fetch(...given)
    }
    const client = new OpenAI({ apiKey: 'sk-alice', fetch, maxRetries: 3 })
    const error = await client.chat.completions.create(chatBody).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(error).toMatchObject({ code: 'over-budget' })
    expect((error as InstanceType<typeof OpenAI.APIError>).headers?.get('x-reprise-budget')).toBe('all')
    expect(asked).toBe(1)
    expect(provider.count()).toBe(0)
  })

  it('names the field of a wrong body, and the calls there are', async () => {
    const { openai, anthropic, provider } = await makeStand()
    const wrong = openai().chat.completions.create({ ...chatBody, n: 0 })
    await expect(wrong).rejects.toMatchObject({ status: 400, param: 'n', code: 'invalid-body' })
    const other = openai().models.list()
    await expect(other).rejects.toThrow(/no such call here: GET \/v1\/models; known are POST \/chat\/completions/)
    // Its path ends as that of Anthropic's messages does.
    const thread = openai().post('/threads/thread_1/messages', { body: messageBody })
    await expect(thread).rejects.toBeInstanceOf(OpenAI.NotFoundError)
    await expect(anthropic().messages.countTokens({ model: 'claude-haiku-4-5', messages })).rejects.toBeInstanceOf(
      Anthropic.NotFoundError
    )
    expect(provider.count()).toBe(0)
  })

  it('rejects what no response can be made of', async () => {
    const { completions, provider } = await makeStand()
    provider.fail({ status: 700 })
    const asked = completions.fetch('https://api.openai.com/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify(chatBody)
    })
    await expect(asked).rejects.toThrow(RangeError)
  })
})

describe('leaving, by completions.fetch', () => {
  it('ends the provider’s work when a stream is aborted, and the loop as it does over HTTP', async () => {
    const { openai, provider } = await makeStand({ simulated: slow })
    const stream = await openai().chat.completions.create({ ...chatBody, stream: true })
    let seen = 0
    for await (const _ of stream) {
      seen += 1
      if (seen === 3) stream.controller.abort()
    }
    expect(seen).toBe(3)
    await expect.poll(() => provider.calls[0]?.outcome).toBe('aborted')
  })

  it('ends it when the loop is left, in either dialect', async () => {
    const { openai, anthropic, provider } = await makeStand({ simulated: slow })
    for await (const _ of await openai().chat.completions.create({ ...chatBody, stream: true })) break
    for await (const _ of await anthropic().messages.create({ ...messageBody, stream: true })) break
    await expect.poll(() => provider.calls.map(({ outcome }) => outcome)).toEqual(['aborted', 'aborted'])
  })

  it('tells whoever reads that it was aborted, by the reason given', async () => {
    const { completions, provider } = await makeStand({ simulated: slow })
    const caller = new AbortController()
    const response = await completions.fetch('https://api.openai.com/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify({ ...chatBody, stream: true }),
      signal: caller.signal
    })
    const reading = response.text()
    caller.abort(new Error('had enough'))
    await expect(reading).rejects.toThrow('had enough')
    await expect.poll(() => provider.calls[0]?.outcome).toBe('aborted')
  })

  it('ends a plain call', async () => {
    const { openai, provider } = await makeStand()
    provider.fail('hang')
    const caller = new AbortController()
    const asking = openai().chat.completions.create(chatBody, { signal: caller.signal })
    const gone = expect(asking).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
    await expect.poll(() => provider.count()).toBe(1)
    caller.abort()
    await gone
    await expect.poll(() => provider.calls[0]?.outcome).toBe('aborted')
  })

  it('before anything was asked asks nobody', async () => {
    const { completions, provider, events } = await makeStand()
    const signal = AbortSignal.abort(new Error('too late'))
    const asked = completions.fetch('https://api.openai.com/v1/chat/completions', {
      method: 'POST',
      body: '{}',
      signal
    })
    await expect(asked).rejects.toThrow('too late')
    expect(provider.count()).toBe(0)
    expect(events).toEqual([])
  })

  it('does not take the answer from those who stay', async () => {
    const { openai, provider, events } = await makeStand({
      simulated: { ...slow, delay: { firstTokenMs: 0, perTokenMs: 2 } }
    })
    const client = openai()
    const first = await client.chat.completions.create({ ...chatBody, stream: true })
    const second = client.chat.completions.create({ ...chatBody, stream: true })
    await expect.poll(() => events.some(({ type }) => type === 'joined')).toBe(true)
    for await (const _ of first) break
    const text = await textsOf(await second)
    expect((await client.chat.completions.create(chatBody)).choices[0]?.message.content).toBe(text)
    expect(provider.calls.map(({ outcome }) => outcome)).toEqual(['answered'])
  })
})

describe('a stream of another dialect', () => {
  it('reaches the SDK in its own', async () => {
    const { openai, anthropic, provider } = await makeStand({
      router: (simulated) => ({
        ...bothProviders(simulated),
        routes: [
          { model: 'gpt-*', targets: ['anthropic/claude-haiku-4-5'] },
          { model: 'claude-*', targets: ['openai/gpt-4o-mini'] }
        ]
      })
    })
    const text = await textsOf(await openai().chat.completions.create({ ...chatBody, stream: true }))
    expect(text).not.toBe('')
    expect((await openai().chat.completions.create(chatBody)).choices[0]?.message.content).toBe(text)
    const message = await anthropic().messages.stream(messageBody).finalMessage()
    expect(message.content[0]).toMatchObject({ type: 'text' })
    expect(provider.calls.map(({ endpoint }) => endpoint)).toEqual(['messages', 'chat'])
  })

  it('is folded by its own wire', async () => {
    const { completions } = await makeStand()
    const fold = openaiChat.fold({ ...chatBody, stream: true })
    const { body } = await completions.chat({ ...chatBody, stream: true }, { onDelta: (delta) => fold.add(delta) })
    const folded = fold.end()
    expect(folded.answer?.['choices']).toEqual(body['choices'])
  })
})
