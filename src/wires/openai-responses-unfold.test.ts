import fc from 'fast-check'
import OpenAI from 'openai'
import { accumulateResponse } from 'openai/lib/responses/ResponseAccumulator'
import { describe, expect, it } from 'vitest'
import { anyText, anyUnknownFields, plainJson, plainUnknownFields } from '../../test/support/arbitrary-json.ts'
import { answering } from '../../test/support/sdk-answers.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { canonical } from '../core/key.ts'
import { openaiResponses } from './openai-responses.ts'
import { unfoldResponse } from './openai-responses-unfold.ts'

const request = { model: 'gpt-5', input: 'Hi' }

function foldAgain(answer: JsonObject): JsonObject | undefined {
  const fold = openaiResponses.fold({})
  for (const delta of unfoldResponse(answer)) fold.add(delta)
  return fold.end().answer
}

function eventsOf(answer: JsonObject): JsonObject[] {
  return Array.from(unfoldResponse(answer), ({ event, data }) => {
    const said: JsonObject = JSON.parse(data)
    expect(said['type']).toBe(event)
    return said
  })
}

const text = 'The Eiffel Tower stands in Paris, on the Champ de Mars, and was finished in 1889.'

const rich: JsonObject = {
  id: 'resp_1',
  object: 'response',
  created_at: 1_700_000_000,
  status: 'completed',
  completed_at: 1_700_000_001,
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: {},
  model: 'gpt-5',
  parallel_tool_calls: true,
  temperature: 1,
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  output: [
    {
      id: 'rs_1',
      type: 'reasoning',
      summary: [
        { type: 'summary_text', text: 'Thinking about towers.' },
        { type: 'summary_text', text: '' }
      ],
      content: [{ type: 'reasoning_text', text: 'Which tower? The one in Paris, it seems to me.' }],
      encrypted_content: 'gAAAA'
    },
    { id: 'ws_1', type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'tower' } },
    {
      id: 'fs_1',
      type: 'file_search_call',
      status: 'completed',
      queries: ['tower'],
      results: [{ file_id: 'f', text: 'x' }]
    },
    {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [
        {
          type: 'output_text',
          text,
          annotations: [{ type: 'url_citation', url: 'https://example.org', title: 'x', start_index: 0, end_index: 3 }],
          logprobs: [{ token: 'The', logprob: -0.1, bytes: [84], top_logprobs: [] }]
        },
        { type: 'refusal', refusal: 'I cannot tell you more about it, sorry.' },
        { type: 'output_text', text: '', annotations: [] },
        { type: 'x_new', text: 'whole' }
      ]
    },
    {
      id: 'fc_1',
      type: 'function_call',
      status: 'completed',
      call_id: 'call_1',
      name: 'weather',
      arguments: '{"city":"Paris","unit":"celsius"}'
    },
    { type: 'custom_tool_call', call_id: 'call_2', name: 'sql', input: 'select name from towers where city = 1' },
    {
      id: 'mcp_1',
      type: 'mcp_call',
      name: 'roll',
      server_label: 'dice',
      arguments: '{"dice":"2d6"}',
      output: '7',
      error: null,
      status: 'completed'
    },
    {
      id: 'mcp_2',
      type: 'mcp_call',
      name: 'roll',
      server_label: 'dice',
      arguments: '',
      output: null,
      error: 'no dice',
      status: 'failed'
    },
    { id: 'mcpl_1', type: 'mcp_list_tools', server_label: 'dice', tools: [{ name: 'roll' }] },
    {
      id: 'ci_1',
      type: 'code_interpreter_call',
      code: 'print(2 + 2)\nprint(3 + 3)',
      container_id: 'c',
      outputs: [{ type: 'logs', logs: '4' }],
      status: 'completed'
    },
    { id: 'ig_1', type: 'image_generation_call', result: 'iVBORw0KGgo=', status: 'completed' },
    { id: 'x_1', type: 'x_new_call', x: { y: [1] } }
  ],
  usage: { input_tokens: 9, input_tokens_details: { cached_tokens: 0 }, output_tokens: 12, total_tokens: 21 },
  x_new: { y: 1 }
}

function typesFor(item: JsonObject): unknown[] {
  return eventsOf({ status: 'completed', output: [item] })
    .slice(2, -1)
    .map(({ type }) => type)
}

describe('unfoldResponse', () => {
  const message: JsonObject = {
    id: 'msg_1',
    type: 'message',
    status: 'completed',
    role: 'assistant',
    content: [
      {
        type: 'output_text',
        text: `${'word '.repeat(8)}end`,
        annotations: [{ type: 'file_citation' }],
        logprobs: [{ token: 'word' }]
      }
    ]
  }

  it('says it as OpenAI does', () => {
    const answer: JsonObject = {
      id: 'resp_1',
      status: 'completed',
      completed_at: 2,
      output: [message],
      usage: { input_tokens: 1 }
    }
    const begun = { id: 'resp_1', status: 'in_progress', completed_at: null, output: [], usage: null }
    const item = { output_index: 0, item_id: 'msg_1' }
    const part = { ...item, content_index: 0 }
    const [whole] = message['content'] as readonly JsonObject[]
    expect(eventsOf(answer)).toEqual(
      [
        { type: 'response.created', response: begun },
        { type: 'response.in_progress', response: begun },
        {
          type: 'response.output_item.added',
          output_index: 0,
          item: { ...message, status: 'in_progress', content: [] }
        },
        {
          type: 'response.content_part.added',
          ...part,
          part: { type: 'output_text', text: '', annotations: [], logprobs: [] }
        },
        {
          type: 'response.output_text.delta',
          ...part,
          delta: 'word word word word word word',
          logprobs: [{ token: 'word' }]
        },
        { type: 'response.output_text.delta', ...part, delta: ' word word end', logprobs: [] },
        {
          type: 'response.output_text.annotation.added',
          ...part,
          annotation_index: 0,
          annotation: { type: 'file_citation' }
        },
        { type: 'response.output_text.done', ...part, text: whole?.['text'], logprobs: [{ token: 'word' }] },
        { type: 'response.content_part.done', ...part, part: whole },
        { type: 'response.output_item.done', output_index: 0, item: message },
        { type: 'response.completed', response: answer }
      ].map((event, sequence_number) => ({ ...event, sequence_number }))
    )
  })

  it('says how tools are called', () => {
    expect(
      eventsOf({
        status: 'completed',
        output: [{ id: 'fc_1', type: 'function_call', name: 'f', status: 'completed', arguments: '{}' }]
      }).slice(2, -1)
    ).toMatchObject([
      { type: 'response.output_item.added', item: { id: 'fc_1', name: 'f', status: 'in_progress', arguments: '' } },
      { type: 'response.function_call_arguments.delta', item_id: 'fc_1', output_index: 0, delta: '{}' },
      { type: 'response.function_call_arguments.done', item_id: 'fc_1', output_index: 0, name: 'f', arguments: '{}' },
      { type: 'response.output_item.done', item: { id: 'fc_1', status: 'completed', arguments: '{}' } }
    ])
  })

  it.each([
    ['custom_tool_call', { input: 'x' }, ['custom_tool_call_input.delta', 'custom_tool_call_input.done']],
    ['web_search_call', {}, ['web_search_call.in_progress', 'web_search_call.searching', 'web_search_call.completed']],
    [
      'file_search_call',
      {},
      ['file_search_call.in_progress', 'file_search_call.searching', 'file_search_call.completed']
    ],
    [
      'image_generation_call',
      {},
      ['image_generation_call.in_progress', 'image_generation_call.generating', 'image_generation_call.completed']
    ],
    [
      'mcp_call',
      { arguments: '{}' },
      ['mcp_call.in_progress', 'mcp_call_arguments.delta', 'mcp_call_arguments.done', 'mcp_call.completed']
    ],
    [
      'mcp_call',
      { arguments: '', error: 'no' },
      ['mcp_call.in_progress', 'mcp_call_arguments.done', 'mcp_call.failed']
    ],
    ['mcp_list_tools', { error: null }, ['mcp_list_tools.in_progress', 'mcp_list_tools.completed']],
    ['mcp_list_tools', { error: 'no' }, ['mcp_list_tools.in_progress', 'mcp_list_tools.failed']],
    [
      'code_interpreter_call',
      { code: '1' },
      [
        'code_interpreter_call.in_progress',
        'code_interpreter_call_code.delta',
        'code_interpreter_call_code.done',
        'code_interpreter_call.interpreting',
        'code_interpreter_call.completed'
      ]
    ],
    [
      'reasoning',
      { summary: [{ text: 'a' }], content: [{ type: 'reasoning_text', text: 'b' }] },
      [
        'reasoning_summary_part.added',
        'reasoning_summary_text.delta',
        'reasoning_summary_text.done',
        'reasoning_summary_part.done',
        'content_part.added',
        'reasoning_text.delta',
        'reasoning_text.done',
        'content_part.done'
      ]
    ],
    [
      'message',
      { content: [{ type: 'refusal', refusal: 'a' }] },
      ['content_part.added', 'refusal.delta', 'refusal.done', 'content_part.done']
    ],
    ['computer_call', { action: { type: 'click' } }, []]
  ])('tells what happens in a %s', (type, more: JsonObject, events) => {
    expect(typesFor({ id: 'x', type, ...more })).toEqual(
      ['output_item.added', ...events, 'output_item.done'].map((event) => `response.${event}`)
    )
  })

  it('ends as the response has ended', () => {
    expect(eventsOf({ status: 'incomplete', output: [] }).at(-1)?.['type']).toBe('response.incomplete')
    expect(eventsOf({ status: 'failed', output: [] }).at(-1)?.['type']).toBe('response.failed')
  })

  it('refuses what is no response', () => {
    expect(() => [...unfoldResponse({ error: { message: 'no' } })]).toThrow(TypeError)
    expect(() => [...unfoldResponse({ output: ['text'] })]).toThrow(TypeError)
  })
})

const part: fc.Arbitrary<JsonObject> = fc.oneof(
  fc.record({
    type: fc.constant('output_text'),
    text: anyText,
    annotations: fc.array(plainJson, { maxLength: 2 }),
    logprobs: fc.constantFrom([], [{ token: 'x' }])
  }),
  fc.record({ type: fc.constant('output_text'), text: anyText, annotations: fc.constant([]) }),
  fc.record({ type: fc.constant('refusal'), refusal: anyText }),
  fc.record({ type: fc.constant('x_new'), x: plainJson })
)

function textItem(type: string, field: string): fc.Arbitrary<JsonObject> {
  return fc
    .tuple(anyText, anyText, fc.constantFrom({}, { status: 'completed' }))
    .map(([id, said, more]) => ({ id, type, [field]: said, ...more }))
}

const item: fc.Arbitrary<JsonObject> = fc.oneof(
  fc.record({
    id: anyText,
    type: fc.constant('message'),
    role: fc.constant('assistant'),
    status: fc.constant('completed'),
    content: fc.array(part, { maxLength: 3 })
  }),
  fc.record({
    id: anyText,
    type: fc.constant('reasoning'),
    summary: fc.array(fc.record({ type: fc.constant('summary_text'), text: anyText }), { maxLength: 2 }),
    content: fc.array(fc.record({ type: fc.constant('reasoning_text'), text: anyText }), { maxLength: 2 })
  }),
  fc.record({ id: anyText, type: fc.constant('reasoning'), summary: fc.constant([]), encrypted_content: anyText }),
  textItem('function_call', 'arguments'),
  textItem('custom_tool_call', 'input'),
  textItem('mcp_call', 'arguments'),
  textItem('code_interpreter_call', 'code'),
  fc.record({ type: fc.constantFrom('web_search_call', 'image_generation_call', 'computer_call'), result: plainJson })
)

function anyAnswer(unknown: fc.Arbitrary<JsonObject>): fc.Arbitrary<JsonObject> {
  return fc
    .record({
      items: fc.array(fc.tuple(item, unknown), { maxLength: 4 }),
      more: unknown,
      usage: fc.constantFrom(null, { input_tokens: 1, output_tokens: 2 })
    })
    .map(({ items, more, usage }) => ({
      id: 'resp_1',
      object: 'response',
      created_at: 1,
      status: 'completed',
      error: null,
      model: 'gpt-5',
      output: items.map(([one, beside]) => ({ ...one, ...beside })),
      usage,
      ...more
    }))
}

describe('fold and unfold', () => {
  it('give a rich answer back', () => {
    expect(foldAgain(rich)).toEqual(rich)
  })

  it('give every answer back, and say all texts in the deltas', () => {
    fc.assert(
      fc.property(anyAnswer(anyUnknownFields), (answer) => {
        expect(canonical(foldAgain(answer) ?? null)).toBe(canonical(answer))
        const events = eventsOf(answer)
        expect(events.map((event) => event['sequence_number'])).toEqual(events.map((_, index) => index))
        const said = (kind: RegExp): Json =>
          events
            .filter(({ type }) => kind.test(String(type)))
            .map(
              (event) =>
                event['delta'] ??
                event['text'] ??
                event['refusal'] ??
                event['arguments'] ??
                event['input'] ??
                event['code'] ??
                ''
            )
            .join('')
        expect(said(/\.delta$/)).toBe(said(/(text|refusal|arguments|input|code)\.done$/))
      }),
      { numRuns: 300 }
    )
  })

  it('never throw, whatever comes', () => {
    const type = fc.constantFrom('response.created', 'response.completed', 'response.incomplete', 'error', 'x')
    const garbage = fc.oneof(
      anyText,
      plainJson.map((value) => JSON.stringify(value)),
      fc.record({ type, response: plainJson }).map((value) => JSON.stringify(value))
    )
    fc.assert(
      fc.property(fc.array(garbage, { maxLength: 4 }), (data) => {
        const fold = openaiResponses.fold({})
        for (const one of data) fold.add({ data: one })
        const { answer, unfit } = fold.end()
        expect(answer === undefined).toBe(unfit !== undefined)
        if (answer !== undefined) openaiResponses.unfit(answer)
      }),
      { numRuns: 300 }
    )
  })
})

describe("OpenAI's SDK", () => {
  /** Without what comes with the item's end: how it has ended, and what hosted tools have found. */
  function withoutEnd(item: unknown): unknown {
    const fields = new Set(['status', 'results', 'outputs', 'output', 'result', 'tools', 'logprobs'])
    return JSON.parse(JSON.stringify(item, (field, value: unknown) => (fields.has(field) ? undefined : value)))
  }

  function client(answer: JsonObject): OpenAI {
    return new OpenAI({ apiKey: 'x', fetch: answering(answer, () => unfoldResponse(answer)), maxRetries: 0 })
  }

  const added = new Set(['parsed', 'parsed_arguments', 'output_parsed'])

  /** Without what the SDK adds for those who have asked for a parsed answer. */
  function withoutParsed(value: unknown): unknown {
    return JSON.parse(JSON.stringify(value, (field, inner: unknown) => (added.has(field) ? undefined : inner)))
  }

  async function compare(answer: JsonObject): Promise<void> {
    const openai = client(answer)
    const [plain, streamed] = await Promise.all([
      openai.responses.create(request),
      openai.responses.stream(request).finalResponse()
    ])
    expect(withoutParsed(streamed)).toEqual(withoutParsed(plain))
  }

  it('gathers the stream of a rich answer into the plain answer', async () => {
    await compare(rich)
  })

  it('gathers every stream into the plain answer', async () => {
    await fc.assert(fc.asyncProperty(anyAnswer(plainUnknownFields), compare), { numRuns: 200 })
  })

  it('tells of texts and tool calls on the way', async () => {
    const snapshots = { text: '', arguments: '' }
    let content = ''
    const stream = client(rich).responses.stream(request)
    stream.on('response.output_text.delta', ({ delta, snapshot }) => {
      content += delta
      snapshots.text = snapshot
    })
    stream.on('response.function_call_arguments.delta', ({ snapshot }) => {
      snapshots.arguments = snapshot
    })
    await stream.finalResponse()
    expect(content).toBe(text)
    expect(snapshots).toEqual({ text, arguments: '{"city":"Paris","unit":"celsius"}' })
  })

  it('has put every item together before it is told that the item is done', () => {
    // Item by item, without the events that carry what is already known.
    const told =
      /^response\.(content_part|reasoning_summary_part|output_item)\.done$|_text\.done$|refusal\.done$|_(arguments|input|code)\.done$/
    for (const [index, item] of (rich['output'] as readonly JsonObject[]).entries()) {
      let snapshot: OpenAI.Responses.Response | undefined
      for (const event of eventsOf({ ...rich, output: [item] }).slice(0, -1)) {
        if (!told.test(String(event['type']))) {
          snapshot = accumulateResponse(event as unknown as OpenAI.Responses.ResponseStreamEvent, snapshot)
        }
      }
      const put: unknown = snapshot?.output[0]
      expect(withoutEnd(put), `item ${index}`).toEqual(withoutEnd(item))
    }
  })

  it('iterates over the events', async () => {
    const types: string[] = []
    for await (const { type } of await client(rich).responses.create({ ...request, stream: true })) types.push(type)
    expect(types).toEqual(eventsOf(rich).map(({ type }) => type))
  })
})
