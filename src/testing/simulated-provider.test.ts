import { createHash, randomBytes } from 'node:crypto'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import { type Options, type SimulatedProvider, simulatedProvider } from './simulated-provider.ts'

let provider: SimulatedProvider
afterEach(() => provider.close())

async function start(options: Options = {}) {
  provider = await simulatedProvider(options)
  const openai = new OpenAI({ apiKey: 'key', baseURL: provider.openaiUrl, maxRetries: 0 })
  const anthropic = new Anthropic({ apiKey: 'key', baseURL: provider.anthropicUrl, maxRetries: 0 })
  return { openai, anthropic }
}

function chat(content: string): { model: string; messages: OpenAI.ChatCompletionMessageParam[] } {
  return { model: 'gpt-4o-mini', messages: [{ role: 'user', content }] }
}
function message(content: string): Anthropic.MessageCreateParamsNonStreaming {
  return { model: 'claude-haiku-4-5', max_tokens: 1000, messages: [{ role: 'user', content }] }
}
function thrown(promise: PromiseLike<unknown>): Promise<unknown> {
  return Promise.resolve(promise).then(
    () => undefined,
    (error: unknown) => error
  )
}
async function textOf(openai: OpenAI, content: string): Promise<string> {
  return (await openai.chat.completions.create(chat(content))).choices[0]?.message.content ?? ''
}
async function drain(stream: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of stream) count += 1
  return count
}

describe('the words', () => {
  it('are the same for the same request, and others for another', async () => {
    const { openai } = await start()
    const questions = Array.from({ length: 60 }, (_, index) => `Question ${index}`)
    const texts = await Promise.all(questions.map((question) => textOf(openai, question)))
    expect(new Set(texts).size).toBe(60)
    expect(await textOf(openai, 'Question 7')).toBe(texts[7])
    const { choices } = await openai.chat.completions.create({ ...chat('Question 7'), temperature: 0.5 })
    expect(choices[0]?.message.content).not.toBe(texts[7])
  })

  it('do not depend on the order of fields', async () => {
    await start()
    const ask = async (body: string) => {
      const headers = { authorization: 'Bearer key' }
      const response = await fetch(`${provider.openaiUrl}/chat/completions`, { method: 'POST', headers, body })
      return ((await response.json()) as OpenAI.ChatCompletion).choices[0]?.message.content
    }
    const one = await ask('{"model":"m","messages":[{"role":"user","content":"x"}]}')
    expect(one).toEqual(expect.any(String))
    expect(await ask('{"messages":[{"content":"x","role":"user"}],"model":"m"}')).toBe(one)
  })

  it('are 60 to 250 tokens long', async () => {
    const { openai } = await start()
    const questions = Array.from({ length: 40 }, (_, index) => `Question ${index}`)
    const answers = await Promise.all(questions.map((question) => openai.chat.completions.create(chat(question))))
    const lengths = answers.map((answer) => answer.usage?.completion_tokens ?? 0)
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(60)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(250)
  })

  it('are new answers with new ids each time, unless they are to be repeatable', async () => {
    const { openai } = await start()
    const [one, two] = [
      await openai.chat.completions.create(chat('x')),
      await openai.chat.completions.create(chat('x'))
    ]
    expect(one.id).not.toBe(two.id)
    expect(one.choices).toEqual(two.choices)
  })

  it('can be chosen', async () => {
    const { openai } = await start({
      answer: async ({ lastUserText, model }) =>
        lastUserText === 'hi' ? { text: `${model} says hi`, usage: { input: 3, output: 5 } } : undefined
    })
    const { choices, usage } = await openai.chat.completions.create(chat('hi'))
    expect(choices[0]?.message.content).toBe('gpt-4o-mini says hi')
    expect(usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 })
    expect(await textOf(openai, 'something else')).toContain('Reference')
  })

  it('arrive whole when a stream is cut into single bytes', async () => {
    const { openai } = await start({ cut: 1, answer: () => ({ text: 'Ünïcödé — 🚀🚀 “fin”' }) })
    const completion = await openai.chat.completions.stream(chat('x')).finalChatCompletion()
    expect(completion.choices[0]?.message.content).toBe('Ünïcödé — 🚀🚀 “fin”')
  })

  it('come in pieces of as many tokens as wanted', async () => {
    const { openai } = await start({ chunkTokens: 2, answer: () => ({ text: 'one two three four five' }) })
    const pieces: string[] = []
    for await (const chunk of await openai.chat.completions.create({ ...chat('x'), stream: true })) {
      pieces.push(chunk.choices[0]?.delta.content ?? '')
    }
    expect(pieces.filter((piece) => piece !== '')).toEqual(['one two', ' three four', ' five'])
  })
})

describe('the record', () => {
  it('holds every request, and can be forgotten', async () => {
    const { openai, anthropic } = await start()
    await openai.chat.completions.create(chat('one'))
    await anthropic.messages.create(message('two'))
    await drain(await openai.chat.completions.create({ ...chat('three'), stream: true }))
    expect(provider.calls).toMatchObject([
      { endpoint: 'chat', model: 'gpt-4o-mini', stream: false, outcome: 'answered', body: chat('one') },
      {
        endpoint: 'messages',
        model: 'claude-haiku-4-5',
        stream: false,
        outcome: 'answered',
        headers: { authorization: 'Bearer key' }
      },
      { endpoint: 'chat', stream: true, outcome: 'answered' }
    ])
    expect([provider.count(), provider.count('chat'), provider.count('embeddings')]).toEqual([3, 2, 0])
    provider.fail({ status: 500 })
    provider.reset()
    expect(provider.calls).toEqual([])
    await openai.chat.completions.create(chat('four'))
    expect(provider.count()).toBe(1)
  })
})

describe('the door', () => {
  it('lets nobody in without a key', async () => {
    await start()
    const openai = await fetch(`${provider.url}/v1/chat/completions`, { method: 'POST', body: '{}' })
    expect([openai.status, await openai.json()]).toMatchObject([401, { error: { type: 'invalid_request_error' } }])
    const anthropic = await fetch(`${provider.url}/v1/messages`, { method: 'POST', body: '{}' })
    expect([anthropic.status, await anthropic.json()]).toMatchObject([401, { error: { type: 'authentication_error' } }])
  })

  it('knows its keys', async () => {
    const { openai, anthropic } = await start({ keys: ['right'] })
    expect(await thrown(openai.chat.completions.create(chat('x')))).toBeInstanceOf(OpenAI.AuthenticationError)
    expect(await thrown(anthropic.messages.create(message('x')))).toBeInstanceOf(Anthropic.AuthenticationError)
    const known = new OpenAI({ apiKey: 'right', baseURL: provider.openaiUrl })
    expect((await known.chat.completions.create(chat('x'))).object).toBe('chat.completion')
    // The SDK sends its key as a bearer token since 1.0; before, and with curl, it has a header of its own.
    const bearer = new Anthropic({ apiKey: 'right', baseURL: provider.anthropicUrl })
    expect((await bearer.messages.create(message('x'))).type).toBe('message')
    const headers = { 'x-api-key': 'right', 'anthropic-version': '2023-06-01' }
    const response = await fetch(`${provider.url}/v1/messages`, {
      method: 'POST',
      headers,
      body: JSON.stringify(message('x'))
    })
    expect(response.status).toBe(200)
  })

  it('wants to know the version of an Anthropic request', async () => {
    await start()
    const headers = { 'x-api-key': 'key' }
    const response = await fetch(`${provider.url}/v1/messages`, { method: 'POST', headers, body: '{}' })
    const said = [response.status, await response.json()]
    expect(said).toMatchObject([400, { error: { message: 'anthropic-version: header is required' } }])
  })

  it('lists its models in both dialects', async () => {
    const { openai, anthropic } = await start()
    const ids: string[] = []
    for await (const model of openai.models.list()) ids.push(model.id)
    for await (const model of anthropic.models.list()) ids.push(model.id)
    expect(ids).toEqual(expect.arrayContaining(['gpt-4o-mini', 'text-embedding-3-small', 'claude-haiku-4-5-20251001']))
    expect(await openai.models.retrieve('gpt-4o')).toMatchObject({ id: 'gpt-4o', object: 'model' })
    expect(await thrown(openai.models.retrieve('gpt-none'))).toBeInstanceOf(OpenAI.NotFoundError)
  })

  it('knows no other models than its own when it has some', async () => {
    const { openai, anthropic } = await start({ models: ['gpt-4o-mini'] })
    expect((await openai.chat.completions.create({ ...chat('x'), model: 'gpt-4o-mini-2024-07-18' })).object).toBe(
      'chat.completion'
    )
    const error = await thrown(openai.chat.completions.create({ ...chat('x'), model: 'gpt-4o' }))
    expect(error).toBeInstanceOf(OpenAI.NotFoundError)
    expect(error).toMatchObject({ code: 'model_not_found' })
    expect(await thrown(anthropic.messages.create(message('x')))).toBeInstanceOf(Anthropic.NotFoundError)
  })

  it('says back what it was sent at any other path', async () => {
    await start()
    const body = randomBytes(5000)
    const headers = { authorization: 'Bearer key', 'content-type': 'application/octet-stream', 'x-mine': 'yes' }
    const response = await fetch(`${provider.url}/v1/files/upload?purpose=x&purpose=y`, {
      method: 'PUT',
      headers,
      body
    })
    expect(await response.json()).toMatchObject({
      path: '/v1/files/upload',
      query: '?purpose=x&purpose=y',
      method: 'PUT',
      headers: { 'x-mine': 'yes' },
      bodySha256: createHash('sha256').update(body).digest('hex'),
      bodyBytes: 5000
    })
    expect((await fetch(`${provider.url}/elsewhere`)).status).toBe(404)
  })

  it('refuses what is not JSON, or nested too deep', async () => {
    await start()
    const post = async (body: string) =>
      (
        await fetch(`${provider.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { authorization: 'Bearer key' },
          body
        })
      ).status
    expect(await post('{"model":')).toBe(400)
    expect(await post('[]')).toBe(400)
    const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`
    expect(await post(`{"model":"m","messages":[{"role":"user","content":"x"}],"metadata":{"deep":${deep}}}`)).toBe(400)
  })

  it('takes fields that do not exist yet when it is not strict', async () => {
    const { openai } = await start({ strict: false })
    expect((await openai.chat.completions.create({ ...chat('x'), ...{ tomorrow: 1 } })).object).toBe('chat.completion')
  })

  it('packs plain answers for those who can unpack them', async () => {
    const { openai } = await start({ compress: true })
    const { data, response } = await openai.chat.completions.create(chat('x')).withResponse()
    expect(response.headers.get('content-encoding')).toBe('gzip')
    expect(data.choices[0]?.message.content).toContain('Reference')
  })
})
