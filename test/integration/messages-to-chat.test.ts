import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Anthropic from '@anthropic-ai/sdk'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import { type Reply, type SimulatedProvider, simulatedProvider } from '../../src/testing/simulated-provider.ts'
import { messagesToChat } from '../../src/wires/messages-to-chat.ts'
import { openaiChat } from '../../src/wires/openai-chat.ts'
import { readEvents, writeEvent } from '../../src/wires/sse.ts'

/** Answers Anthropic's SDK with what a provider of chat completions says. */
async function crossingServer(provider: SimulatedProvider): Promise<{ url: string; close(): Promise<void> }> {
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes: Buffer[] = []
    for await (const part of request) bytes.push(part as Buffer)
    const asked: JsonObject = JSON.parse(Buffer.concat(bytes).toString())
    const crossed = messagesToChat.request(asked, 'gpt-5')
    if (crossed.request === undefined) return refuse(response, 400, crossed.unsuitable)
    const answer = await fetch(`${provider.openaiUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer key', 'content-type': 'application/json' },
      // With what is added to each chat on its way.
      body: JSON.stringify({ ...crossed.request, ...openaiChat.prepare(crossed.request)?.fields })
    })
    if (!answer.ok) return refuse(response, answer.status, await answer.text())
    if (asked['stream'] !== true) {
      const plain = (await answer.json()) as JsonObject
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(messagesToChat.answer(plain, asked)))
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const stream = messagesToChat.stream(asked)
    const reader = readEvents((delta) => {
      for (const carried of stream.add(delta)) response.write(writeEvent(carried))
    })
    for await (const chunk of answer.body ?? []) reader.feed(chunk)
    response.end()
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error) => refuse(response, 500, String(error)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    }
  }
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ type: 'error', error: { type: 'invalid_request_error', message } }))
}

let reply: Reply | undefined
let provider: SimulatedProvider
let server: Awaited<ReturnType<typeof crossingServer>>
let client: Anthropic

beforeAll(async () => {
  provider = await simulatedProvider({ answer: () => reply, keys: ['key'] })
  server = await crossingServer(provider)
  client = new Anthropic({ apiKey: 'x', baseURL: server.url, maxRetries: 0 })
})

afterEach(() => {
  reply = undefined
  provider.reset()
})

afterAll(async () => {
  await server.close()
  await provider.close()
})

const weather: Anthropic.Tool = {
  name: 'weather',
  description: 'Tells the weather.',
  input_schema: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false
  },
  strict: true
}

const requests: Readonly<Record<string, Partial<Anthropic.MessageCreateParamsNonStreaming>>> = {
  'a question': {},
  'a system prompt in blocks': {
    system: [
      { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } },
      { type: 'text', text: 'Be kind.' }
    ],
    stop_sequences: ['END', 'STOP']
  },
  'pictures and a document': {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } },
          { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } },
          { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' } }
        ]
      }
    ]
  },
  'tools and their results': {
    tools: [weather, { name: 'now', input_schema: { type: 'object' } }],
    tool_choice: { type: 'auto', disable_parallel_tool_use: true },
    messages: [
      { role: 'user', content: 'Is it warm in Paris?' },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Let me see.' },
          { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Paris' } },
          { type: 'tool_use', id: `toolu_${'2'.repeat(50)}`, name: 'now', input: {} }
        ]
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_1', content: '21 °C' },
          { type: 'tool_result', tool_use_id: `toolu_${'2'.repeat(50)}`, content: 'No clock', is_error: true },
          { type: 'text', text: 'In one word.' }
        ]
      }
    ]
  },
  'a JSON schema': {
    output_config: { format: { type: 'json_schema', schema: { ...weather.input_schema } } }
  },
  'a tool that must be called': { tools: [weather], tool_choice: { type: 'tool', name: 'weather' } },
  'any tool': { tools: [weather], tool_choice: { type: 'any' } },
  'no tool': { tools: [weather], tool_choice: { type: 'none' } }
}

function ask(more: Partial<Anthropic.MessageCreateParamsNonStreaming> = {}): Anthropic.MessageCreateParamsNonStreaming {
  return { model: 'claude-x', max_tokens: 500, messages: [{ role: 'user', content: 'Hello there' }], ...more }
}

/** What is the same whether it streams or not. */
function said({ content, model, stop_reason, usage }: Anthropic.Message): unknown {
  const words = content.map((block) => ({ ...block, ...('id' in block ? { id: 'its own' } : {}), parsed_output: null }))
  return { words, model, stop_reason, usage }
}

describe('a request for a message', () => {
  it.each(Object.keys(requests))('with %s is answered by a provider of chats, plain and streaming', async (name) => {
    const asked = ask(requests[name])
    const message = await client.messages.create(asked)
    const streamed = await client.messages.stream(asked).finalMessage()

    expect(provider.calls.map(({ endpoint, outcome }) => `${endpoint} ${outcome}`)).toEqual([
      'chat answered',
      'chat answered'
    ])
    expect(message.content.length).toBeGreaterThan(0)
    expect(message.usage.output_tokens).toBeGreaterThan(0)
    expect(message.usage.input_tokens).toBeGreaterThan(0)
    expect(['end_turn', 'tool_use']).toContain(message.stop_reason)
    expect(said(streamed)).toEqual(said(message))
  })

  it('gets an answer that matches its schema', async () => {
    const message = await client.messages.create(ask(requests['a JSON schema']))
    const [block] = message.content
    expect(JSON.parse(block?.type === 'text' ? block.text : '')).toEqual({ city: expect.any(String) })
  })

  it('gets parallel calls, plain and streaming', async () => {
    reply = {
      text: 'Let me see.',
      toolCalls: [
        { name: 'weather', arguments: { city: 'Paris' } },
        { name: 'weather', arguments: { city: 'Łódź "🌧"' } },
        { name: 'now', arguments: {} }
      ]
    }
    const asked = ask({ tools: [weather, { name: 'now', input_schema: { type: 'object' } }] })
    const message = await client.messages.create(asked)
    const inputs: unknown[] = []
    const stream = client.messages.stream(asked)
    stream.on('contentBlock', (block) => inputs.push(block.type === 'tool_use' ? block.input : block.type))
    const streamed = await stream.finalMessage()

    expect(message).toMatchObject({
      content: [
        { type: 'text', text: 'Let me see.' },
        { type: 'tool_use', name: 'weather', input: { city: 'Paris' } },
        { type: 'tool_use', name: 'weather', input: { city: 'Łódź "🌧"' } },
        { type: 'tool_use', name: 'now', input: {} }
      ],
      stop_reason: 'tool_use'
    })
    expect(inputs).toEqual(['text', { city: 'Paris' }, { city: 'Łódź "🌧"' }, {}])
    expect(said(streamed)).toEqual(said(message))
  })

  it.each<[string, Reply, unknown]>([
    ['is truncated', { text: 'One two', finish: 'length' }, { stop_reason: 'max_tokens' }],
    ['is filtered', { text: 'One two', finish: 'content_filter' }, { stop_reason: 'refusal' }],
    [
      'is a refusal',
      { refusal: 'I cannot.' },
      { stop_reason: 'refusal', content: [{ type: 'text', text: 'I cannot.' }] }
    ]
  ])('learns that its answer %s', async (_, given, expected) => {
    reply = given
    expect(await client.messages.create(ask())).toMatchObject(expected as object)
    expect(await client.messages.stream(ask()).finalMessage()).toMatchObject(expected as object)
  })

  it('is told when the provider fails in mid-stream', async () => {
    provider.fail('stream-error')
    await expect(client.messages.stream(ask()).finalMessage()).rejects.toThrow('The server had an error')
  })

  it('is not sent where it does not fit', async () => {
    const fetched = client.messages.create(ask({ thinking: { type: 'enabled', budget_tokens: 1024 } }))
    await expect(fetched).rejects.toThrow('the field thinking has no counterpart')
    expect(provider.count()).toBe(0)
  })
})
