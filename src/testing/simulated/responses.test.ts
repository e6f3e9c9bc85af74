import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type SimulatedProvider, simulatedProvider } from '../simulated-provider.ts'

type Body = OpenAI.Responses.ResponseCreateParamsNonStreaming

const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false
}
const weather = { type: 'function' as const, name: 'get_weather', parameters: schema, strict: true }
const time = { type: 'function' as const, name: 'get_time', parameters: schema, strict: true }

function ask(input: string, more: Partial<Body> = {}): Body {
  return { model: 'gpt-5-mini', input, ...more }
}

let provider: SimulatedProvider
let client: OpenAI
beforeAll(async () => {
  provider = await simulatedProvider({
    repeatable: true,
    cut: 83,
    answer: ({ lastUserText }) => (lastUserText === 'forbidden' ? { refusal: 'I cannot help with that.' } : undefined)
  })
  client = new OpenAI({ apiKey: 'key', baseURL: provider.openaiUrl, maxRetries: 0 })
})
beforeEach(() => provider.reset())
afterAll(() => provider.close())

async function eventsOf(body: Body) {
  const events: OpenAI.Responses.ResponseStreamEvent[] = []
  for await (const event of await client.responses.create({ ...body, stream: true })) events.push(event)
  return events
}

/** The response without what the SDK adds to it. */
async function plainOf(body: Body) {
  const { output_text: _, ...answer } = await client.responses.create(body)
  return answer
}

describe('simulated responses', () => {
  const bodies: Record<string, Body> = {
    text: ask('What is a semaphore?'),
    'a tool call': ask('Please use the tool', { tools: [weather] }),
    'several tool calls': ask('Please use the tools', { tools: [weather, time] }),
    'a tool of free text': ask('Please use the tool', { tools: [{ type: 'custom', name: 'grep' }] }),
    'reasoning with a summary': ask('Why?', {
      reasoning: { effort: 'low', summary: 'auto' },
      include: ['reasoning.encrypted_content']
    }),
    'reasoning without a summary': ask('Why?', { reasoning: { effort: 'low' } }),
    'JSON by schema': ask('Where?', { text: { format: { type: 'json_schema', name: 'place', schema } } }),
    'a cut answer': ask('Tell me everything', { max_output_tokens: 20 }),
    'a refusal': ask('forbidden'),
    logprobs: ask('Name a colour', { include: ['message.output_text.logprobs'], top_logprobs: 2 })
  }

  for (const [name, body] of Object.entries(bodies)) {
    it(`says the same plain and streaming: ${name}`, async () => {
      const plain = await plainOf(body)
      const events = await eventsOf(body)
      const last = events.at(-1)
      expect(last?.type).toBe(`response.${plain.status}`)
      expect(last).toMatchObject({ response: plain })
      expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index))

      // The pieces alone, without the events that repeat the whole.
      const { stream: _, ...asked } = body
      const final = await client.responses.stream(asked).finalResponse()
      expect(final.output_text).toBe((await client.responses.create(body)).output_text)
      expect(pieces(events, 'response.output_text.delta')).toBe(final.output_text)
      const said = (type: string, field: string) =>
        plain.output.flatMap((item) =>
          item.type === type ? [Object.entries(item).find(([key]) => key === field)?.[1]] : []
        )
      expect(pieces(events, 'response.function_call_arguments.delta')).toBe(said('function_call', 'arguments').join(''))
      expect(pieces(events, 'response.custom_tool_call_input.delta')).toBe(said('custom_tool_call', 'input').join(''))
    })
  }

  it('sends the events of a text in the order of the real one', async () => {
    const events = await eventsOf(ask('Why?', { reasoning: { effort: 'low', summary: 'auto' } }))
    const types = events.map((event) => event.type.replace('response.', ''))
    const distinct = types.filter((type, index) => type !== types[index - 1])
    const summary = ['part.added', 'text.delta', 'text.done', 'part.done'].map((what) => `reasoning_summary_${what}`)
    expect(distinct).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      ...summary,
      ...summary,
      'output_item.done',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'completed'
    ])
  })

  it('repeats what was asked, with its defaults', async () => {
    const answer = await plainOf(
      ask('Hello', {
        temperature: 0.3,
        instructions: 'Be brief',
        metadata: { a: 'b' },
        tools: [weather],
        store: false,
        user: 'u'
      })
    )
    expect(answer).toMatchObject({
      id: expect.stringMatching(/^resp_[0-9a-f]{50}$/),
      object: 'response',
      status: 'completed',
      model: 'gpt-5-mini-2025-08-07',
      temperature: 0.3,
      top_p: 1,
      instructions: 'Be brief',
      metadata: { a: 'b' },
      tools: [{ ...weather, description: null }],
      tool_choice: 'auto',
      parallel_tool_calls: true,
      store: false,
      user: 'u',
      error: null,
      incomplete_details: null,
      text: { format: { type: 'text' }, verbosity: 'medium' },
      usage: { input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } }
    })
  })

  it('says that it is incomplete, and why', async () => {
    expect(await plainOf(ask('Tell me everything', { max_output_tokens: 20 }))).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output: [{ type: 'message', status: 'incomplete' }],
      usage: { output_tokens: 20 }
    })
    provider.fail('filter')
    expect(await plainOf(ask('Hello'))).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'content_filter' }
    })
  })

  it('seals reasoning anew in each event, as the real one does', async () => {
    const events = await eventsOf(
      ask('Why?', { reasoning: { effort: 'low' }, include: ['reasoning.encrypted_content'] })
    )
    const seals = events.flatMap((event) => {
      const items = event.type === 'response.completed' ? event.response.output : 'item' in event ? [event.item] : []
      return items.flatMap((item) => (item.type === 'reasoning' ? [item.encrypted_content] : []))
    })
    expect(seals).toHaveLength(3)
    expect(new Set(seals).size).toBe(3)
  })

  it('refuses in a part of its own', async () => {
    expect(await plainOf(ask('forbidden'))).toMatchObject({
      status: 'completed',
      output: [{ type: 'message', content: [{ type: 'refusal', refusal: 'I cannot help with that.' }] }]
    })
  })

  it('puts a request in the background aside', async () => {
    expect(await plainOf(ask('Hello', { background: true }))).toMatchObject({
      status: 'queued',
      output: [],
      usage: null
    })
  })

  it('answers 200 and failed when the model breaks down, plain and streaming', async () => {
    provider.fail('stream-error', 'stream-error')
    expect(await plainOf(ask('Hello'))).toMatchObject({ status: 'failed', error: { code: 'server_error' }, output: [] })
    const events = await eventsOf(ask('Hello'))
    expect(events.slice(-2)).toMatchObject([
      { type: 'error', code: 'server_error', sequence_number: 3 },
      { type: 'response.failed', response: { status: 'failed' }, sequence_number: 4 }
    ])
    expect(provider.calls.map((call) => call.outcome)).toEqual(['failed', 'failed'])
  })

  const wrong: readonly [string, object, string | null][] = [
    ['no model', { input: 'x' }, 'model'],
    ['no input', { model: 'm' }, 'input'],
    ['a role that there is not', { model: 'm', input: [{ role: 'robot', content: 'x' }] }, 'input[0].role'],
    ['too few output tokens', ask('x', { max_output_tokens: 1 }), 'max_output_tokens'],
    ['an unknown effort', ask('x', { reasoning: { effort: 'extreme' as never } }), 'reasoning.effort'],
    [
      'a format without its schema',
      ask('x', { text: { format: { type: 'json_schema', name: 'n' } as never } }),
      'text.format.schema'
    ],
    [
      'an output without its call',
      { model: 'm', input: [{ type: 'function_call_output', call_id: 'c', output: 'x' }] },
      'input'
    ],
    ['an unknown field', { ...ask('x'), messages: [] }, 'messages']
  ]
  for (const [name, body, param] of wrong) {
    it(`refuses ${name}`, async () => {
      const error = await client.responses.create(body as Body).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(OpenAI.BadRequestError)
      expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', param })
    })
  }
})

function pieces(events: readonly OpenAI.Responses.ResponseStreamEvent[], type: string): string {
  return events.flatMap((event) => (event.type === type && 'delta' in event ? [event.delta] : [])).join('')
}
