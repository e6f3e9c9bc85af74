import Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type SimulatedProvider, simulatedProvider } from '../simulated-provider.ts'

type Body = Anthropic.MessageCreateParamsNonStreaming

const schema = {
  type: 'object' as const,
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
  required: ['city', 'days']
}
const tools: Anthropic.Tool[] = [
  { name: 'get_weather', input_schema: schema },
  { name: 'get_time', input_schema: schema }
]

function ask(content: string, more: Partial<Body> = {}): Body {
  return { model: 'claude-haiku-4-5', max_tokens: 2000, messages: [{ role: 'user', content }], ...more }
}

let provider: SimulatedProvider
let client: Anthropic
beforeAll(async () => {
  provider = await simulatedProvider({
    repeatable: true,
    cut: 47,
    answer: ({ lastUserText }) => (lastUserText === 'forbidden' ? { refusal: 'Not this.' } : undefined)
  })
  client = new Anthropic({ apiKey: 'key', baseURL: provider.anthropicUrl, maxRetries: 0 })
})
beforeEach(() => provider.reset())
afterAll(() => provider.close())

async function eventsOf(body: Body) {
  const events: Anthropic.RawMessageStreamEvent[] = []
  for await (const event of await client.messages.create({ ...body, stream: true })) events.push(event)
  return events
}

/** What the SDK holds, as the JSON that it stands for. */
function json(value: unknown): object {
  return JSON.parse(JSON.stringify(value)) as object
}

describe('simulated messages', () => {
  const bodies: Record<string, Body> = {
    text: ask('How do I tune a connection pool?'),
    'a tool use': ask('Please use the tool', { tools }),
    'several tool uses': ask('Please use the tools', { tools }),
    'a forced tool': ask('Hello', { tools, tool_choice: { type: 'tool', name: 'get_time' } }),
    thinking: ask('Why?', { thinking: { type: 'enabled', budget_tokens: 1024 } }),
    'thinking that is not shown': ask('Why?', { thinking: { type: 'adaptive', display: 'omitted' } }),
    'JSON by schema': ask('Where?', { output_config: { format: { type: 'json_schema', schema } } }),
    'a cut answer': ask('Tell me everything', { max_tokens: 9 }),
    'a stop sequence': ask('Tell me everything', { stop_sequences: ['Reference'] }),
    'a refusal': ask('forbidden')
  }

  for (const [name, body] of Object.entries(bodies)) {
    it(`says the same plain and streaming: ${name}`, async () => {
      const plain = await client.messages.create(body)
      const { parsed_output: _, ...streamed } = await client.messages.stream(body).finalMessage()
      expect(json(streamed)).toEqual(json(plain))
    })
  }

  it('answers in the exact shape', async () => {
    const { data, response } = await client.messages.create(ask('Hello')).withResponse()
    expect(json(data)).toEqual({
      id: expect.stringMatching(/^msg_01\w{22}$/),
      type: 'message',
      role: 'assistant',
      model: 'claude-haiku-4-5-20251001',
      content: [{ type: 'text', text: expect.any(String) }],
      container: null,
      diagnostics: null,
      stop_reason: 'end_turn',
      stop_sequence: null,
      stop_details: null,
      usage: {
        input_tokens: expect.any(Number),
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
        output_tokens: expect.any(Number),
        output_tokens_details: { thinking_tokens: 0 },
        server_tool_use: null,
        service_tier: 'standard',
        inference_geo: 'not_available',
        speed: 'standard'
      }
    })
    expect(response.headers.get('request-id')).toMatch(/^req_011\w{21}$/)
    expect(response.headers.get('anthropic-ratelimit-requests-remaining')).toMatch(/^\d+$/)
  })

  it('sends the events of thinking and a tool use in the order of the real one', async () => {
    const body = ask('Please use the tool', { tools, thinking: { type: 'enabled', budget_tokens: 1024 } })
    const events = (await eventsOf(body)).map((event) =>
      event.type === 'content_block_delta' ? event.delta.type : event.type
    )
    expect(events.filter((type, index) => type !== events[index - 1])).toEqual([
      'message_start',
      'content_block_start',
      'thinking_delta',
      'signature_delta',
      'content_block_stop',
      'content_block_start',
      'text_delta',
      'content_block_stop',
      'content_block_start',
      'input_json_delta',
      'content_block_stop',
      'message_delta',
      'message_stop'
    ])
  })

  it('pings after the first block has begun, and pads its events', async () => {
    const response = await fetch(`${provider.url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': 'key', 'anthropic-version': '2023-06-01' },
      body: JSON.stringify({ ...ask('Hello'), stream: true })
    })
    const text = await response.text()
    expect(
      text
        .split('\n\n')
        .map((event) => event.split('\n')[0])
        .slice(0, 4)
    ).toEqual(['event: message_start', 'event: content_block_start', 'event: ping', 'event: content_block_delta'])
    expect(text).toMatch(/ +\}\n\n/)
  })

  it('ends as it was stopped', async () => {
    const stopped = await client.messages.create(ask('Tell me everything', { stop_sequences: ['Reference'] }))
    expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'Reference' })
    expect(await client.messages.create(ask('Hello', { max_tokens: 9 }))).toMatchObject({
      stop_reason: 'max_tokens',
      usage: { output_tokens: 9 }
    })
    expect(await client.messages.create(ask('forbidden'))).toMatchObject({
      stop_reason: 'refusal',
      stop_details: { type: 'refusal', explanation: 'Not this.' },
      content: []
    })
  })

  it('keeps what was marked in its prompt cache out of the input tokens', async () => {
    const mark = { type: 'ephemeral' as const }
    const text = 'Follow the style guide. '.repeat(50)
    const whole = await client.messages.create(ask('Hello', { system: [{ type: 'text', text }] }))
    const marked = await client.messages.create({
      ...ask('Hello'),
      system: [{ type: 'text', text, cache_control: mark }],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello', cache_control: { ...mark, ttl: '1h' } }] }]
    })
    const { input_tokens: fresh, cache_read_input_tokens: read, cache_creation_input_tokens: written } = marked.usage
    expect(read).toBeGreaterThan(200)
    expect(written).toBe(1)
    expect(fresh + (read ?? 0) + (written ?? 0)).toBe(whole.usage.input_tokens)
    expect(marked.usage.cache_creation).toEqual({ ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 1 })
  })

  it('counts a prompt as the answer does', async () => {
    const { messages, model } = ask('How many tokens is this?')
    const { input_tokens } = await client.messages.countTokens({ messages, model, system: 'Be brief' })
    const { usage } = await client.messages.create(ask('How many tokens is this?', { system: 'Be brief' }))
    expect(input_tokens).toBe(usage.input_tokens)
    expect(provider.calls.map((call) => call.endpoint)).toEqual(['count-tokens', 'messages'])
  })

  it('takes a temperature in its first version, within bounds', async () => {
    const first = { headers: { 'anthropic-version': '2023-06-01' } }
    const answer = await client.messages.create({ ...ask('x'), ...{ temperature: 0.2, top_k: 5 } }, first)
    expect(answer.stop_reason).toBe('end_turn')
    const error = await client.messages
      .create({ ...ask('x'), ...{ temperature: 1.5 } }, first)
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ status: 400, error: { error: { message: 'temperature: range: 0..1' } } })
  })

  const wrong: readonly [string, object, string][] = [
    ['no model', { max_tokens: 1, messages: [{ role: 'user', content: 'x' }] }, 'model: Field required'],
    ['no messages', { model: 'm', max_tokens: 1 }, 'messages: Field required'],
    [
      'an empty list of messages',
      { model: 'm', max_tokens: 1, messages: [] },
      'messages: at least one message is required'
    ],
    ['no max_tokens', { model: 'm', messages: [{ role: 'user', content: 'x' }] }, 'max_tokens: Field required'],
    [
      'a temperature, as its version has none',
      { ...ask('x'), temperature: 1 },
      'temperature: Extra inputs are not permitted'
    ],
    [
      'a document of the assistant',
      ask('x', {
        messages: [
          { role: 'user', content: 'x' },
          {
            role: 'assistant',
            content: [{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } }] as never
          },
          { role: 'user', content: 'x' }
        ]
      }),
      'messages.1.content.0: `document` blocks are not allowed'
    ],
    [
      'citations of the user',
      ask('x', {
        messages: [
          { role: 'user', content: [{ type: 'text', text: 'x', citations: [{ type: 'char_location' } as never] }] }
        ]
      }),
      'messages.0.content.0.citations'
    ],
    [
      'an assistant who speaks first',
      ask('x', { messages: [{ role: 'assistant', content: 'x' }] }),
      'first message must use the "user" role'
    ],
    ['an unknown role', ask('x', { messages: [{ role: 'tool', content: 'x' }] as never }), 'messages.0.role'],
    [
      'empty text',
      ask('x', { messages: [{ role: 'user', content: [{ type: 'text', text: '' }] }] }),
      'must be non-empty'
    ],
    [
      'too small a budget',
      ask('x', { thinking: { type: 'enabled', budget_tokens: 5 } }),
      'thinking.enabled.budget_tokens'
    ],
    [
      'a tool without a schema',
      ask('x', { tools: [{ name: 't' }] as never }),
      'tools.0.custom.input_schema: Field required'
    ],
    ['a field of another dialect', { ...ask('x'), n: 2 }, 'n: Extra inputs are not permitted']
  ]
  for (const [name, body, message] of wrong) {
    it(`refuses ${name}`, async () => {
      const error = await client.messages.create(body as Body).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(Anthropic.BadRequestError)
      expect(error).toMatchObject({
        status: 400,
        error: { type: 'error', error: { type: 'invalid_request_error', message: expect.stringContaining(message) } }
      })
    })
  }
})
