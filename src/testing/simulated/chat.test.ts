import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type SimulatedProvider, simulatedProvider } from '../simulated-provider.ts'

type Body = OpenAI.ChatCompletionCreateParamsNonStreaming

const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' } },
      required: ['city', 'days']
    }
  }
}
const time = {
  type: 'function' as const,
  function: {
    name: 'get_time',
    parameters: { type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'] }
  }
}

function ask(content: string, more: Partial<Body> = {}): Body {
  return { model: 'gpt-4o-mini', messages: [{ role: 'user', content }], ...more }
}

let provider: SimulatedProvider
let client: OpenAI
beforeAll(async () => {
  // Streams are cut into odd pieces throughout: the SDK must not notice.
  provider = await simulatedProvider({ repeatable: true, cut: 61 })
  client = new OpenAI({ apiKey: 'key', baseURL: provider.openaiUrl, maxRetries: 0 })
})
beforeEach(() => provider.reset())
afterAll(() => provider.close())

/** The answer as the SDK puts it together from a stream. */
async function streamed(body: Body): Promise<OpenAI.ChatCompletion> {
  const { stream: _, ...rest } = body
  return client.chat.completions.stream({ ...rest, stream_options: { include_usage: true } }).finalChatCompletion()
}

async function chunksOf(body: Body, options?: OpenAI.ChatCompletionStreamOptions) {
  const stream = await client.chat.completions.create({
    ...body,
    stream: true,
    ...(options === undefined ? {} : { stream_options: options })
  })
  const chunks: (OpenAI.ChatCompletionChunk & { obfuscation?: string })[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

describe('simulated chat', () => {
  const bodies: Record<string, Body> = {
    text: ask('How do I tune a connection pool?'),
    'a tool call': ask('Please use the tool for Bern', { tools: [weather, time] }),
    'several tool calls': ask('Please use the tools', { tools: [weather, time] }),
    'a forced tool': ask('Hello', {
      tools: [weather, time],
      tool_choice: { type: 'function', function: { name: 'get_time' } }
    }),
    'JSON by schema': ask('Describe a user', {
      response_format: { type: 'json_schema', json_schema: { name: 'user', schema: weather.function.parameters } }
    }),
    'several choices': ask('Name a colour', { n: 3 }),
    logprobs: ask('Name a colour', { logprobs: true, top_logprobs: 2 }),
    reasoning: ask('How many primes are there?', { reasoning_effort: 'low' }),
    'a cut answer': ask('Tell me everything', { max_completion_tokens: 12 }),
    'a stop': ask('Tell me everything', { stop: ['Reference'] })
  }

  for (const [name, body] of Object.entries(bodies)) {
    it(`says the same plain and streaming: ${name}`, async () => {
      const plain = await client.chat.completions.create(body)
      const stream = await streamed(body)
      expect(stream).toMatchObject({ id: plain.id, created: plain.created, model: plain.model, usage: plain.usage })
      expect(stream.choices).toHaveLength(plain.choices.length)
      for (const [index, choice] of plain.choices.entries()) {
        const { annotations: _, ...message } = choice.message
        expect(stream.choices[index]).toMatchObject({ ...choice, message })
      }
    })
  }

  it('answers in the exact shape', async () => {
    const answer = await client.chat.completions.create(ask('Hello'))
    expect(answer).toEqual({
      id: expect.stringMatching(/^chatcmpl-\w{29}$/),
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'gpt-4o-mini-2024-07-18',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: expect.any(String), refusal: null, annotations: [] },
          logprobs: null,
          finish_reason: 'stop'
        }
      ],
      usage: {
        prompt_tokens: expect.any(Number),
        completion_tokens: expect.any(Number),
        total_tokens: (answer.usage?.prompt_tokens ?? 0) + (answer.usage?.completion_tokens ?? 0),
        prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
        completion_tokens_details: {
          reasoning_tokens: 0,
          audio_tokens: 0,
          accepted_prediction_tokens: 0,
          rejected_prediction_tokens: 0
        }
      },
      service_tier: 'default',
      system_fingerprint: expect.stringMatching(/^fp_[0-9a-f]{10}$/)
    })
  })

  it('begins a stream with the role, hides lengths, and tells usage only when asked', async () => {
    const chunks = await chunksOf(ask('Hello'))
    expect(chunks[0]?.choices).toEqual([
      { index: 0, delta: { role: 'assistant', content: '', refusal: null }, logprobs: null, finish_reason: null }
    ])
    expect(chunks.every((chunk) => typeof chunk.obfuscation === 'string' && !('usage' in chunk))).toBe(true)
    expect(chunks.at(-1)?.choices).toEqual([{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }])

    const counted = await chunksOf(ask('Hello'), { include_usage: true, include_obfuscation: false })
    expect(counted.slice(0, -1).every((chunk) => chunk.usage === null && !('obfuscation' in chunk))).toBe(true)
    expect(counted.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: expect.any(Number) } })
  })

  it('streams choices by turns, each with its own text', async () => {
    const chunks = await chunksOf(ask('Name a colour', { n: 3 }))
    expect(chunks.slice(0, 6).map((chunk) => chunk.choices[0]?.index)).toEqual([0, 1, 2, 0, 1, 2])
    const { choices } = await client.chat.completions.create(ask('Name a colour', { n: 3 }))
    expect(new Set(choices.map((choice) => choice.message.content)).size).toBe(3)
  })

  it('calls tools with arguments that match their schema, in parallel when asked', async () => {
    const { choices } = await client.chat.completions.create(ask('use the tools', { tools: [weather, time] }))
    const calls = choices[0]?.message.tool_calls ?? []
    expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } })
    expect(calls.map((call) => call.type === 'function' && call.function.name)).toEqual(['get_weather', 'get_time'])
    expect(new Set(calls.map((call) => call.id)).size).toBe(2)
    const first = calls[0]
    if (first?.type !== 'function') throw new Error('expected a function call')
    expect(JSON.parse(first.function.arguments)).toEqual({ city: expect.any(String), days: expect.any(Number) })
  })

  it('speaks once the tool has answered', async () => {
    const {
      choices: [called]
    } = await client.chat.completions.create(ask('use the tool', { tools: [weather] }))
    if (called === undefined) throw new Error('expected a choice')
    const messages: Body['messages'] = [
      { role: 'user', content: 'use the tool' },
      called.message,
      { role: 'tool', tool_call_id: called.message.tool_calls?.[0]?.id ?? '', content: 'Rain' }
    ]
    const { choices } = await client.chat.completions.create({ model: 'gpt-4o-mini', messages, tools: [weather] })
    expect(choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: expect.stringContaining('Reference') }
    })
  })

  it('counts reasoning that it does not show', async () => {
    const { usage, choices } = await client.chat.completions.create(ask('Why?', { reasoning_effort: 'high' }))
    const reasoning = usage?.completion_tokens_details?.reasoning_tokens ?? 0
    expect(reasoning).toBeGreaterThan(10)
    expect(usage?.completion_tokens).toBeGreaterThan(reasoning)
    expect(choices[0]?.message.content).not.toContain('Looking at the question')
  })

  it('reports a long shared prompt as cached', async () => {
    const system = 'Follow the style guide. '.repeat(400)
    const messages: Body['messages'] = [
      { role: 'system', content: system },
      { role: 'user', content: 'Hello' }
    ]
    const { usage } = await client.chat.completions.create({ model: 'gpt-4o-mini', messages })
    const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0
    expect(cached % 128).toBe(0)
    expect(cached).toBeGreaterThanOrEqual(1024)
    expect(cached).toBeLessThan(usage?.prompt_tokens ?? 0)
  })

  it('gives each token its probability', async () => {
    const { choices } = await client.chat.completions.create(ask('Hello', { logprobs: true, top_logprobs: 3 }))
    const content = choices[0]?.logprobs?.content ?? []
    expect(content.map((entry) => entry.token).join('')).toBe(choices[0]?.message.content)
    expect(content.every((entry) => entry.logprob <= 0 && entry.top_logprobs.length === 3)).toBe(true)
    expect(Buffer.from(content.flatMap((entry) => entry.bytes ?? [])).toString()).toBe(choices[0]?.message.content)
  })

  const wrong: readonly [string, object, string | null][] = [
    ['no model', { messages: [{ role: 'user', content: 'x' }] }, 'model'],
    ['no messages', { model: 'm' }, 'messages'],
    ['an empty list of messages', { model: 'm', messages: [] }, 'messages'],
    ['an unknown role', ask('x', { messages: [{ role: 'robot', content: 'x' }] as never }), 'messages[0].role'],
    ['a temperature out of range', ask('x', { temperature: 3 }), 'temperature'],
    ['no choices', ask('x', { n: 0 }), 'n'],
    ['stream options without a stream', ask('x', { stream_options: { include_usage: true } }), 'stream_options'],
    ['top_logprobs without logprobs', ask('x', { top_logprobs: 2 }), 'top_logprobs'],
    ['an empty list of tools', ask('x', { tools: [] }), 'tools'],
    ['a tool choice without tools', ask('x', { tool_choice: 'auto' }), 'tool_choice'],
    [
      'a tool result without a call',
      ask('x', { messages: [{ role: 'tool', tool_call_id: 'c', content: 'x' }] }),
      'messages[0].role'
    ],
    ['a JSON format without the word', ask('x', { response_format: { type: 'json_object' } }), 'messages'],
    ['an unknown format', ask('x', { response_format: { type: 'yaml' } as never }), 'response_format.type'],
    ['an unknown field', { ...ask('x'), wishes: true }, 'wishes']
  ]
  for (const [name, body, param] of wrong) {
    it(`refuses ${name}`, async () => {
      const error = await client.chat.completions.create(body as Body).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(OpenAI.BadRequestError)
      expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', param })
      expect(provider.calls).toMatchObject([{ endpoint: 'chat', outcome: 'failed' }])
    })
  }
})
