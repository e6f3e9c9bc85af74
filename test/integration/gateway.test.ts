import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import OpenAI from 'openai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeStand, type Stand } from '../support/gateway.ts'

let stand: Stand

// Not strict: a provider of tomorrow knows fields that this one does not.
beforeEach(async () => {
  stand = await makeStand({}, { strict: false })
})

afterEach(() => stand.close())

const chat = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'What is a cache?' }] }
const message = {
  model: 'claude-haiku-4-5',
  max_tokens: 500,
  messages: [{ role: 'user' as const, content: 'What is a cache?' }]
}

async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${stand.gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-alice', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body)
  })
}

describe('the second time', () => {
  it('answers a chat completion from the cache, plain and streaming alike', async () => {
    const client = stand.openai()
    const plain = await client.chat.completions.create(chat).withResponse()
    expect(plain.response.headers.get('cache-status')).toBe('reprise; fwd=miss; stored')
    const again = await client.chat.completions.create(chat).withResponse()
    expect(again.data).toEqual(plain.data)
    expect(again.response.headers.get('cache-status')).toMatch(/^reprise; hit; ttl=86\d{3}; detail=exact$/)
    expect(again.response.headers.get('x-reprise-layer')).toBe('exact')
    expect(again.response.headers.get('x-reprise-entry')).toMatch(/^llm:gpt-4o-mini:[0-9a-f]{64}$/)
    expect(Number(again.response.headers.get('x-reprise-saved-usd'))).toBeGreaterThan(0)
    expect(again.response.headers.get('age')).toMatch(/^\d+$/)
    const streamed = await client.chat.completions
      .stream({ ...chat, stream_options: { include_usage: true } })
      .finalChatCompletion()
    expect(streamed.choices[0]?.message.content).toBe(plain.data.choices[0]?.message.content)
    expect(streamed.usage).toEqual(plain.data.usage)
    expect(streamed.choices[0]?.finish_reason).toBe(plain.data.choices[0]?.finish_reason)
    expect(stand.provider.count()).toBe(1)
  })

  it('answers plainly what was streamed the first time', async () => {
    const client = stand.openai()
    const streamed = await client.chat.completions.stream(chat).finalChatCompletion()
    const plain = await client.chat.completions.create(chat)
    expect(plain.choices[0]?.message.content).toBe(streamed.choices[0]?.message.content)
    // Asked for on the way, so that plain callers are told too, and hidden from who did not ask for it.
    expect(plain.usage?.total_tokens).toBeGreaterThan(0)
    expect(streamed.usage ?? undefined).toBeUndefined()
    expect(stand.provider.count()).toBe(1)
  })

  it('shows a stream as the provider would: without usage unless it was asked for', async () => {
    const raw = async (body: object): Promise<string> =>
      (await post('/v1/chat/completions', { ...body, stream: true })).text()
    const missed = await raw(chat)
    const hit = await raw(chat)
    for (const text of [missed, hit]) {
      expect(text).not.toContain('"usage"')
      expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
    }
    expect(await raw({ ...chat, stream_options: { include_usage: true } })).toContain('"usage":{')
    expect(stand.provider.count()).toBe(1)
  })

  it('answers a message, plain and streaming alike', async () => {
    const client = stand.anthropic()
    const plain = await client.messages.create(message)
    const streamed = await client.messages.stream(message).finalMessage()
    expect(streamed).toMatchObject(plain)
    expect(stand.provider.count()).toBe(1)
  })

  it("answers a response, plain and streaming alike, with each caller's own metadata", async () => {
    const client = stand.openai()
    const body = { model: 'gpt-4o-mini', input: 'What is a cache?' }
    const plain = await client.responses.create({ ...body, metadata: { trace: '1' } })
    const again = await client.responses.create({ ...body, metadata: { trace: '2' } })
    expect(again.output_text).toBe(plain.output_text)
    expect(again.usage).toEqual(plain.usage)
    expect(again.metadata).toEqual({ trace: '2' })
    const streamed = await client.responses.stream(body).finalResponse()
    expect(streamed.output_text).toBe(plain.output_text)
    expect(streamed.metadata).toEqual({})
    expect(stand.provider.count()).toBe(1)
  })

  it('keeps tools, several choices and log probabilities', async () => {
    const client = stand.openai()
    const body = {
      ...chat,
      messages: [{ role: 'user' as const, content: 'Please use the tool.' }],
      tools: [
        {
          type: 'function' as const,
          function: { name: 'look_up', parameters: { type: 'object', properties: { word: { type: 'string' } } } }
        }
      ]
    }
    const plain = await client.chat.completions.create(body)
    expect(plain.choices[0]?.finish_reason).toBe('tool_calls')
    const streamed = await client.chat.completions.stream(body).finalChatCompletion()
    const calls = (completion: OpenAI.ChatCompletion) =>
      completion.choices[0]?.message.tool_calls?.map((call) =>
        call.type === 'function' ? [call.id, call.function.name, call.function.arguments] : []
      )
    expect(calls(streamed)).toEqual(calls(plain))
    const several = { ...chat, n: 3, logprobs: true, top_logprobs: 2 }
    const choices = (await client.chat.completions.create(several)).choices
    const shown = (await client.chat.completions.stream(several).finalChatCompletion()).choices
    expect(shown.map(({ message: { content }, logprobs }) => [content, logprobs?.content])).toEqual(
      choices.map(({ message: { content }, logprobs }) => [content, logprobs?.content])
    )
    expect(stand.provider.count()).toBe(2)
  })

  it('does not mind the order of fields, white space, or what cannot change the answer', async () => {
    await post('/v1/chat/completions', chat)
    await post(
      '/v1/chat/completions',
      JSON.stringify(
        { user: 'bob', metadata: { a: 'b' }, messages: chat.messages, stream: false, model: chat.model },
        null,
        2
      )
    )
    expect(stand.provider.count()).toBe(1)
  })

  it.each([
    ['a system prompt', { messages: [{ role: 'system', content: 'Be brief.' }, ...chat.messages] }],
    ['another model', { model: 'gpt-4o' }],
    ['a temperature', { temperature: 0.7 }],
    [
      'a tool',
      { tools: [{ type: 'function', function: { name: 'x', parameters: { type: 'object', properties: {} } } }] }
    ],
    ['a format', { response_format: { type: 'json_object' } }],
    ['a seed', { seed: 1 }],
    ['a field nobody has heard of', { reasoning_style: 'calm' }]
  ])('asks again for %s', async (_, change) => {
    await post('/v1/chat/completions', chat)
    const other = await post('/v1/chat/completions', { ...chat, ...change })
    expect(other.headers.get('x-reprise-layer')).toBe('provider')
    expect(stand.provider.count()).toBe(2)
  })

  it('sends the body to the provider as the caller wrote it', async () => {
    const body = `{ "messages":${JSON.stringify(chat.messages)},\n  "model" : "gpt-4o-mini", "seed": 9007199254740993, "stream": true, "new_field": [1.50] }`
    await (await post('/v1/chat/completions', body)).text()
    expect(stand.provider.calls[0]?.body).toMatchObject({ new_field: [1.5], stream_options: { include_usage: true } })
    // Two seeds that parse to the same double are two requests.
    const other = await post('/v1/chat/completions', body.replace('0993', '0992'))
    expect(other.headers.get('x-reprise-layer')).toBe('provider')
    await other.text()
  })
})

describe('law 3: answers are shared within a scope only', () => {
  it('keeps callers with different keys apart', async () => {
    await stand.openai('sk-alice').chat.completions.create(chat)
    await stand.openai('sk-bob').chat.completions.create(chat)
    expect(stand.provider.count()).toBe(2)
    await stand.openai('sk-bob').chat.completions.create(chat)
    expect(stand.provider.count()).toBe(2)
  })

  it('keeps accounts of one key apart', async () => {
    await post('/v1/chat/completions', chat)
    await post('/v1/chat/completions', chat, { 'openai-project': 'proj_1' })
    expect(stand.provider.count()).toBe(2)
  })

  it('takes one key for one tenant in whichever header it comes', async () => {
    const send = (headers: Record<string, string>) =>
      fetch(`${stand.gateway.url}/v1/messages`, {
        method: 'POST',
        headers: { 'anthropic-version': '2023-06-01', 'content-type': 'application/json', ...headers },
        body: JSON.stringify(message)
      })
    await send({ 'x-api-key': 'sk-alice' })
    const second = await send({ authorization: 'Bearer sk-alice' })
    expect(second.headers.get('x-reprise-layer')).toBe('exact')
  })

  it('lets no header widen the scope, only narrow it', async () => {
    await post('/v1/chat/completions', chat)
    for (const scope of ['a', 'b', '']) {
      expect(
        (await post('/v1/chat/completions', chat, { 'x-reprise-scope': scope })).headers.get('x-reprise-layer')
      ).toBe('provider')
    }
    expect((await post('/v1/chat/completions', chat, { 'x-reprise-scope': 'a' })).headers.get('x-reprise-layer')).toBe(
      'exact'
    )
    const bob = await post('/v1/chat/completions', chat, { 'x-reprise-scope': 'a', authorization: 'Bearer sk-bob' })
    expect(bob.headers.get('x-reprise-layer')).toBe('provider')
  })

  it("shares among all when the operator says so, and sends the operator's key", async () => {
    const shared = await makeStand({ tenancy: 'one', openaiKey: 'sk-operator', anthropicKey: 'sk-operator-2' })
    try {
      await shared.openai('sk-alice').chat.completions.create(chat)
      await shared.openai('sk-bob').chat.completions.create(chat)
      await shared.anthropic('sk-carol').messages.create(message)
      expect(shared.provider.calls.map(({ headers }) => headers['authorization'] ?? headers['x-api-key'])).toEqual([
        'Bearer sk-operator',
        'sk-operator-2'
      ])
      expect(JSON.stringify(shared.provider.calls)).not.toMatch(/sk-(alice|bob|carol)/)
    } finally {
      await shared.close()
    }
  })
})

describe('errors', () => {
  it.each([
    [429, { 'retry-after': '7' }, OpenAI.RateLimitError],
    [500, {}, OpenAI.InternalServerError],
    [401, {}, OpenAI.AuthenticationError]
  ])("passes a provider's %i on as it is, and stores nothing", async (status, headers, type) => {
    stand.provider.fail({ status, headers, body: { error: { message: 'no', type: 'x', param: null, code: 'y' } } })
    const error = await stand
      .openai()
      .chat.completions.create(chat)
      .catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(type)
    const { headers: seen, message: text, code } = error as InstanceType<typeof OpenAI.APIError>
    expect([text, code, seen?.get('retry-after')]).toEqual([`${status} no`, 'y', 'retry-after' in headers ? '7' : null])
    const next = await post('/v1/chat/completions', chat)
    expect([next.status, next.headers.get('x-reprise-layer')]).toEqual([200, 'provider'])
  })

  it('says in the dialect that the provider cannot be reached', async () => {
    await stand.provider.close()
    const openai = await post('/v1/chat/completions', chat)
    expect(openai.status).toBe(502)
    expect(await openai.json()).toMatchObject({
      error: {
        type: 'server_error',
        code: 'provider-unreachable',
        message: expect.stringContaining('could not be reached')
      }
    })
    const anthropic = await post('/v1/messages', message, { 'anthropic-version': '2023-06-01' })
    expect(await anthropic.json()).toMatchObject({
      type: 'error',
      error: { type: 'api_error', message: expect.stringContaining('could not be reached') }
    })
  })

  it.each(['cut', 'malformed', 'stream-error', 'truncate', 'empty', 'filter'] as const)(
    'stores nothing of a stream with the fault %s',
    async (fault) => {
      for (const path of ['/v1/chat/completions', '/v1/messages', '/v1/responses']) {
        const body =
          path === '/v1/messages' ? message : path === '/v1/responses' ? { model: 'gpt-4o-mini', input: 'Hello' } : chat
        stand.provider.fail(fault)
        const first = await post(path, { ...body, stream: true }, { 'anthropic-version': '2023-06-01' })
        const broke = await first.text().then(
          () => false,
          () => true
        )
        expect(broke).toBe(fault === 'cut')
        const second = await post(path, body, { 'anthropic-version': '2023-06-01' })
        expect([path, second.headers.get('x-reprise-layer')]).toEqual([path, 'provider'])
        await second.text()
      }
    }
  )

  it('passes a plain answer that is no answer on as it came, and stores nothing', async () => {
    const bodies = {
      '/v1/chat/completions': chat,
      '/v1/messages': message,
      '/v1/responses': { model: 'gpt-4o-mini', input: 'Hello' }
    }
    for (const [path, body] of Object.entries(bodies)) {
      for (const stream of [false, true]) {
        stand.provider.fail('malformed', 'malformed')
        const said = await post(path, { ...body, stream }, { 'anthropic-version': '2023-06-01' })
        expect([path, said.status]).toEqual([path, 200])
        const text = await said.text()
        if (!stream) expect(() => JSON.parse(text)).toThrow(SyntaxError)
        stand.provider.reset()
        const next = await post(path, body, { 'anthropic-version': '2023-06-01' })
        expect([path, next.headers.get('cache-status')]).toEqual([path, 'reprise; fwd=miss; stored'])
        await next.text()
        await stand.close()
        stand = await makeStand({}, { strict: false })
      }
    }
  })

  it('answers 504 in the dialect to only-if-cached, and tells the SDK not to ask again', async () => {
    const missing = await post('/v1/chat/completions', chat, { 'cache-control': 'only-if-cached' })
    expect([missing.status, missing.headers.get('x-should-retry')]).toEqual([504, 'false'])
    expect(await missing.json()).toMatchObject({ error: { code: 'only-if-cached' } })
    expect(stand.provider.count()).toBe(0)
  })

  it('serves a stale answer when the provider fails, and says so', async () => {
    const graced = await makeStand({ ttl: '1ms', graceMs: 60_000 })
    try {
      const client = graced.openai()
      const first = await client.chat.completions.create(chat)
      await new Promise((resolve) => setTimeout(resolve, 5))
      graced.provider.fail({ status: 503 })
      const { data, response } = await client.chat.completions.create(chat).withResponse()
      expect(data).toEqual(first)
      expect(response.headers.get('cache-status')).toMatch(/^reprise; hit; ttl=-\d+; detail=exact$/)
    } finally {
      await graced.close()
    }
  })

  it('names what is wrong with a header of its own', async () => {
    const wrong = await post('/v1/chat/completions', chat, { 'x-reprise-ttl': 'soon' })
    expect(wrong.status).toBe(400)
    expect(await wrong.json()).toMatchObject({
      error: { code: 'invalid-header', message: expect.stringContaining('x-reprise-ttl: expected a duration') }
    })
  })

  it('refuses a body that is too large, announced or not', async () => {
    const small = await makeStand({ maxBodyBytes: 1000 })
    try {
      const send = (body: string | ReadableStream) =>
        fetch(`${small.gateway.url}/v1/chat/completions`, {
          method: 'POST',
          body,
          ...(body instanceof ReadableStream ? { duplex: 'half' } : {})
        } as RequestInit)
      expect((await send('x'.repeat(2000))).status).toBe(413)
      const chunks = new ReadableStream({
        start(controller) {
          for (let part = 0; part < 4; part++) controller.enqueue(Buffer.alloc(500, 'x'))
          controller.close()
        }
      })
      expect((await send(chunks)).status).toBe(413)
    } finally {
      await small.close()
    }
  })
})

describe('single flight', () => {
  it.each([false, true])('asks once for 64 identical requests at the same time (stream: %s)', async (stream) => {
    const slow = await makeStand({}, { delay: { firstTokenMs: 100, perTokenMs: 1 } })
    try {
      const client = slow.openai()
      const texts = await Promise.all(
        Array.from({ length: 64 }, async () => {
          if (!stream) return (await client.chat.completions.create(chat)).choices[0]?.message.content
          return (await client.chat.completions.stream(chat).finalChatCompletion()).choices[0]?.message.content
        })
      )
      expect(new Set(texts).size).toBe(1)
      expect(texts[0]).toBeTruthy()
      expect(slow.provider.count()).toBe(1)
    } finally {
      await slow.close()
    }
  })

  it.each([true, false])(
    'answers plain and streaming callers of one call each in their own way (the leader streams: %s)',
    async (leads) => {
      const slow = await makeStand({}, { delay: { firstTokenMs: 100, perTokenMs: 1 } })
      try {
        const client = slow.openai()
        const body = { model: 'gpt-4o-mini', input: 'What is a cache?' }
        const plainly = async () => [
          (await client.responses.create(body)).output_text,
          (await client.chat.completions.create(chat)).choices[0]?.message.content
        ]
        const streaming = async () => [
          (await client.responses.stream(body).finalResponse()).output_text,
          (await client.chat.completions.stream(chat).finalChatCompletion()).choices[0]?.message.content
        ]
        const [first, second] = leads ? [streaming, plainly] : [plainly, streaming]
        const leading = first()
        await expect.poll(() => slow.provider.count()).toBeGreaterThan(0)
        const followed = await second()
        expect(followed).toEqual(await leading)
        expect(slow.provider.count()).toBe(2)
      } finally {
        await slow.close()
      }
    }
  )

  it('lets a follower stream along before the leader has ended', async () => {
    const slow = await makeStand({}, { delay: { firstTokenMs: 20, perTokenMs: 20 } })
    try {
      const client = slow.openai()
      const leader = await client.chat.completions.create({ ...chat, stream: true })
      const leading = leader[Symbol.asyncIterator]()
      await leading.next()
      await leading.next()
      const follower = await client.chat.completions.create({ ...chat, stream: true })
      const first = await follower[Symbol.asyncIterator]().next()
      expect(first.done).toBe(false)
      // The leader is still being told, so the follower did not wait for its end.
      expect(slow.provider.calls.map(({ outcome }) => outcome)).not.toContain('answered')
      expect(slow.provider.count()).toBe(1)
    } finally {
      await slow.close()
    }
  })

  it("stops the provider's call when the last caller has gone, not before", async () => {
    const slow = await makeStand({}, { delay: { firstTokenMs: 10_000, perTokenMs: 1 } })
    try {
      const client = slow.openai()
      const callers = [new AbortController(), new AbortController()]
      const answers = callers.map(({ signal }) =>
        client.chat.completions.create(chat, { signal }).catch((error: Error) => error.constructor.name)
      )
      await expect.poll(() => slow.provider.count()).toBe(1)
      callers[0]?.abort()
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(slow.provider.calls[0]?.outcome).not.toBe('aborted')
      callers[1]?.abort()
      await expect.poll(() => slow.provider.calls[0]?.outcome).toBe('aborted')
      expect(await Promise.all(answers)).toEqual(['APIUserAbortError', 'APIUserAbortError'])
    } finally {
      await slow.close()
    }
  })
})

describe('embeddings', () => {
  it('asks for the one of ten inputs that is not known', async () => {
    const client = stand.openai()
    const texts = Array.from({ length: 10 }, (_, index) => `text ${index}`)
    const nine = await client.embeddings.create({ model: 'text-embedding-3-small', input: texts.slice(0, 9) })
    const { data: ten, response } = await client.embeddings
      .create({ model: 'text-embedding-3-small', input: texts })
      .withResponse()
    expect(stand.provider.calls[1]?.body).toMatchObject({ input: ['text 9'] })
    expect(ten.data.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(ten.data.slice(0, 9).map(({ embedding }) => embedding)).toEqual(nine.data.map(({ embedding }) => embedding))
    expect(response.headers.get('cache-status')).toBe('reprise; fwd=partial; detail="9 of 10"')
    const { response: all } = await client.embeddings
      .create({ model: 'text-embedding-3-small', input: [...texts].reverse() })
      .withResponse()
    expect(all.headers.get('x-reprise-layer')).toBe('exact')
    expect(stand.provider.count()).toBe(2)
  })

  it('answers in the encoding asked for, whichever was stored, and counts tokens alike', async () => {
    const client = stand.openai()
    const ask = (encoding_format: 'float' | 'base64') =>
      client.embeddings.create({ model: 'text-embedding-3-small', input: ['one', 'two three'], encoding_format })
    const float = await ask('float')
    const base64 = await ask('base64')
    expect(stand.provider.count()).toBe(1)
    expect(base64.usage).toEqual(float.usage)
    const decoded = base64.data.map(({ embedding }) => [
      ...new Float32Array(Uint8Array.from(Buffer.from(String(embedding), 'base64')).buffer)
    ])
    expect(decoded).toEqual(float.data.map(({ embedding }) => embedding))
    const direct = new OpenAI({ apiKey: 'sk-alice', baseURL: stand.provider.openaiUrl })
    expect(float).toEqual(
      await direct.embeddings.create({
        model: 'text-embedding-3-small',
        input: ['one', 'two three'],
        encoding_format: 'float'
      })
    )
  })

  it('asks once for an input that comes twice, and for batches at the same time that overlap', async () => {
    const slow = await makeStand({}, { delay: { firstTokenMs: 100, perTokenMs: 0 } })
    try {
      const client = slow.openai()
      const ask = (input: string[]) => client.embeddings.create({ model: 'text-embedding-3-small', input })
      const [a, b] = await Promise.all([ask(['x', 'y', 'x']), ask(['y', 'z'])])
      expect(a.data[0]?.embedding).toEqual(a.data[2]?.embedding)
      expect(a.data[1]?.embedding).toEqual(b.data[0]?.embedding)
      const inputs = slow.provider.calls.flatMap(({ body }) => (body as { input: string[] }).input)
      expect(inputs.sort()).toEqual(['x', 'y', 'z'])
    } finally {
      await slow.close()
    }
  })

  it('takes tokens as input, one list or several', async () => {
    const client = stand.openai()
    const one = await client.embeddings.create({ model: 'text-embedding-3-small', input: [1, 2, 3] })
    const two = await client.embeddings.create({ model: 'text-embedding-3-small', input: [[1, 2, 3], [4]] })
    expect([one.data.length, two.data.length]).toEqual([1, 2])
    expect(two.data[0]?.embedding).toEqual(one.data[0]?.embedding)
    expect(stand.provider.calls[1]?.body).toMatchObject({ input: [[4]] })
  })

  it("passes a provider's error on", async () => {
    stand.provider.fail({ status: 429, headers: { 'retry-after': '3' } })
    await expect(
      stand.openai().embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] })
    ).rejects.toBeInstanceOf(OpenAI.RateLimitError)
    expect(
      (await stand.openai().embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] })).data
    ).toHaveLength(2)
  })
})

describe('everything else under /v1', () => {
  it('passes through untouched: method, query, body, status', async () => {
    const bytes = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 256))
    const response = await fetch(`${stand.gateway.url}/v1/some/new/thing?a=1&b=%20`, {
      method: 'PUT',
      headers: { authorization: 'Bearer x', 'content-type': 'application/octet-stream' },
      body: bytes
    })
    const direct = await fetch(`${stand.provider.url}/v1/some/new/thing?a=1&b=%20`, {
      method: 'PUT',
      headers: { authorization: 'Bearer x', 'content-type': 'application/octet-stream' },
      body: bytes
    })
    const { bodySha256, bodyBytes, method, path } = (await response.json()) as Record<string, unknown>
    expect({ bodySha256, bodyBytes, method, path }).toEqual(
      Object.fromEntries(
        Object.entries((await direct.json()) as object).filter(([name]) =>
          ['bodySha256', 'bodyBytes', 'method', 'path'].includes(name)
        )
      )
    )
    expect(response.headers.get('x-reprise-bypass-reason')).toBe('path')
  })

  it('asks whose SDK is speaking', async () => {
    const openai = await stand.openai().models.list()
    expect(openai.data.length).toBeGreaterThan(0)
    const anthropic = await stand.anthropic().models.list()
    expect(anthropic.data[0]?.type).toBe('model')
    expect(
      (await stand.anthropic().messages.countTokens({ model: message.model, messages: message.messages })).input_tokens
    ).toBeGreaterThan(0)
  })

  it('does not look into a body in a content coding', async () => {
    const { gzipSync } = await import('node:zlib')
    const response = await fetch(`${stand.gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer x', 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify(chat))
    })
    expect(response.headers.get('x-reprise-bypass-reason')).toBe('path')
    await response.text()
  })

  it('tells who comes to a wrong path what the base URL is', async () => {
    const wrong = await fetch(`${stand.gateway.url}/chat/completions`, { method: 'POST', body: '{}' })
    expect(wrong.status).toBe(404)
    expect(await wrong.text()).toContain('base URL')
  })

  it('says how it is', async () => {
    const health = await fetch(`${stand.gateway.url}/health`)
    expect(await health.json()).toMatchObject({ status: 'ok', store: { name: 'memory', state: 'up' } })
  })

  it('joins connections that are to speak something else, and passes a refusal on', async () => {
    const realtime = createServer((_, response) => response.writeHead(426, { 'x-said-by': 'provider' }).end('no'))
    realtime.on('upgrade', (request, socket) => {
      if (request.url === '/v1/refused') socket.end('HTTP/1.1 403 Forbidden\r\nx-said-by: provider\r\n\r\nno')
      else
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\nx-path: ${request.url}\r\nx-key: ${request.headers.authorization}\r\n\r\n`
        )
      socket.pipe(socket)
    })
    await new Promise<void>((resolve) => realtime.listen(0, '127.0.0.1', resolve))
    const { port } = realtime.address() as AddressInfo
    const own = await makeStand({ openaiUrl: `http://127.0.0.1:${port}/v1`, openaiKey: 'sk-operator' })
    const connect = (path: string) =>
      httpRequest(`${own.gateway.url}${path}`, {
        headers: { connection: 'Upgrade', upgrade: 'echo', authorization: 'Bearer sk-alice' }
      })
    try {
      const echoed = await new Promise<string[]>((resolve, reject) => {
        const request = connect('/v1/realtime?model=x')
        request.on('error', reject)
        request.on('upgrade', (response, socket) => {
          socket.write('are you there?')
          socket.once('data', (data) => {
            // The connection stays open: closing the gateway ends it.
            socket.on('error', () => {})
            resolve([String(response.headers['x-path']), String(response.headers['x-key']), data.toString()])
          })
        })
        request.end()
      })
      expect(echoed).toEqual(['/v1/realtime?model=x', 'Bearer sk-operator', 'are you there?'])
      const refused = await new Promise<unknown[]>((resolve, reject) => {
        const request = connect('/v1/refused')
        request.on('error', reject)
        request.on('response', (response) => resolve([response.statusCode, response.headers['x-said-by']]))
        request.end()
      })
      expect(refused).toEqual([403, 'provider'])
    } finally {
      await own.close()
      realtime.closeAllConnections()
      realtime.close()
    }
  })

  it('closes when all have been answered, though they keep their connections', async () => {
    const { Agent } = await import('node:http')
    const agent = new Agent({ keepAlive: true })
    const slow = await makeStand({}, { delay: { firstTokenMs: 200, perTokenMs: 0 } })
    const answered = new Promise<number | undefined>((resolve, reject) => {
      const headers = { authorization: 'Bearer x' }
      const request = httpRequest(
        `${slow.gateway.url}/v1/chat/completions`,
        { agent, method: 'POST', headers },
        (response) => response.resume().on('end', () => resolve(response.statusCode))
      )
      request.on('error', reject)
      request.end(JSON.stringify(chat))
    })
    await expect.poll(() => slow.provider.count()).toBe(1)
    // Longer than the test may take.
    await slow.gateway.close(600_000)
    expect(await answered).toBe(200)
    agent.destroy()
    await slow.provider.close()
  })

  it('keeps a connection alive between requests', async () => {
    const { Agent } = await import('node:http')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ports = new Set<number | undefined>()
    for (let round = 0; round < 3; round++) {
      await new Promise<void>((resolve, reject) => {
        const request = httpRequest(
          `${stand.gateway.url}/v1/chat/completions`,
          { agent, method: 'POST', headers: { authorization: 'Bearer x' } },
          (response) => {
            ports.add(response.socket.localPort)
            response.resume().on('end', resolve)
          }
        )
        request.on('error', reject)
        request.end(JSON.stringify(chat))
      })
    }
    agent.destroy()
    expect(ports.size).toBe(1)
  })
})
