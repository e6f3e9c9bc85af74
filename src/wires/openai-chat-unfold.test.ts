import fc from 'fast-check'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import {
  anyText,
  anyUnknownFields,
  plainJson,
  plainUnknownFields,
  someText
} from '../../test/support/arbitrary-json.ts'
import { answering } from '../../test/support/sdk-answers.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { canonical } from '../core/key.ts'
import { foldChat } from './openai-chat-fold.ts'
import { unfoldChat } from './openai-chat-unfold.ts'

const plainRequest = { model: 'gpt-5', messages: [{ role: 'user' as const, content: 'Hi' }] }
const withUsage = { ...plainRequest, stream_options: { include_usage: true } }

function foldAgain(answer: JsonObject, request: JsonObject = withUsage): JsonObject | undefined {
  const fold = foldChat({})
  for (const delta of unfoldChat(answer, request)) fold.add(delta)
  return fold.end().answer
}

function chunksOf(answer: JsonObject, request: JsonObject): JsonObject[] {
  const deltas = [...unfoldChat(answer, request)]
  expect(deltas.at(-1)).toEqual({ data: '[DONE]' })
  return deltas.slice(0, -1).map(({ data }) => JSON.parse(data))
}

const text = 'The Eiffel Tower stands in Paris, on the Champ de Mars, and was finished in 1889.'

const rich: JsonObject = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'gpt-5',
  choices: [
    {
      index: 0,
      message: {
        role: 'assistant',
        content: text,
        refusal: null,
        reasoning_content: 'Think of Paris. 🗼',
        reasoning_details: [{ index: 0, type: 'reasoning.text', text: 'Think' }],
        annotations: [
          { type: 'url_citation', url_citation: { url: 'https://example.org', start_index: 0, end_index: 5 } }
        ]
      },
      logprobs: { content: [{ token: 'The', logprob: -0.1, bytes: [84], top_logprobs: [] }], refusal: null },
      finish_reason: 'stop',
      native_finish_reason: 'end'
    },
    {
      index: 1,
      message: {
        role: 'assistant',
        content: null,
        refusal: null,
        tool_calls: [
          {
            id: 'call_a',
            type: 'function',
            function: { name: 'weather', arguments: '{"city":"Paris","unit":"celsius","days":3}' }
          },
          {
            id: 'call_b',
            type: 'function',
            function: { name: 'time', arguments: '' },
            extra_content: { google: { signature: 's' } }
          }
        ]
      },
      logprobs: null,
      finish_reason: 'tool_calls'
    },
    {
      index: 2,
      message: { role: 'assistant', content: null, refusal: 'I cannot help with that.' },
      logprobs: null,
      finish_reason: 'stop'
    },
    {
      index: 3,
      message: {
        role: 'assistant',
        content: null,
        refusal: null,
        audio: { id: 'audio_1', data: 'AAAA', transcript: 'Hello', expires_at: 9 }
      },
      logprobs: null,
      finish_reason: 'stop'
    },
    {
      index: 4,
      message: {
        role: 'assistant',
        content: null,
        refusal: null,
        function_call: { arguments: '{"a": [1, 2, 3]}', name: 'f' }
      },
      logprobs: null,
      finish_reason: 'function_call'
    }
  ],
  usage: { prompt_tokens: 9, completion_tokens: 12, total_tokens: 21, prompt_tokens_details: { cached_tokens: 0 } },
  service_tier: 'default',
  system_fingerprint: 'fp_1',
  moderation: null,
  x_groq: { id: 'req_1', citations: ['https://example.org'] }
}

describe('unfoldChat', () => {
  const simple: JsonObject = {
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [
      { index: 0, message: { role: 'assistant', content: text, refusal: null }, logprobs: null, finish_reason: 'stop' }
    ],
    usage: { prompt_tokens: 1, completion_tokens: 2 },
    system_fingerprint: 'fp'
  }
  const head = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', system_fingerprint: 'fp' }
  const choice = (delta: JsonObject, reason: string | null = null): JsonObject[] => [
    { index: 0, delta, logprobs: null, finish_reason: reason }
  ]

  it('says it as OpenAI does, in pieces', () => {
    expect(chunksOf(simple, plainRequest)).toEqual([
      { ...head, choices: choice({ role: 'assistant', content: '', refusal: null }) },
      { ...head, choices: choice({ content: 'The Eiffel Tower stands in' }) },
      { ...head, choices: choice({ content: ' Paris, on the Champ de Mars,' }) },
      { ...head, choices: choice({ content: ' and was finished in 1889.' }) },
      { ...head, choices: choice({}, 'stop') }
    ])
  })

  it('tells the usage to who has asked for it, and null until then', () => {
    const chunks = chunksOf(simple, withUsage)
    expect(chunks.at(-1)).toEqual({ ...head, choices: [], usage: simple['usage'] })
    for (const chunk of chunks.slice(0, -1)) expect(chunk['usage']).toBeNull()
    for (const chunk of chunksOf(simple, { ...plainRequest, stream_options: { include_usage: false } })) {
      expect(chunk).not.toHaveProperty('usage')
    }
  })

  it('has no chunk of usage for an answer without', () => {
    const { usage: _usage, ...without } = simple
    expect(chunksOf(without, withUsage).at(-1)?.['choices']).toHaveLength(1)
  })

  it('streams the arguments of tools in pieces', () => {
    const calls = chunksOf(rich, plainRequest).flatMap(({ choices }) => {
      const [first] = choices as unknown as [{ index: number; delta: { tool_calls?: Json } }]
      return first.index === 1 && first.delta.tool_calls !== undefined ? [first.delta.tool_calls] : []
    })
    expect(calls).toEqual([
      [{ index: 0, id: 'call_a', type: 'function', function: { name: 'weather', arguments: '' } }],
      [{ index: 0, function: { arguments: '{"city":"Paris","unit":"celsius"' } }],
      [{ index: 0, function: { arguments: ',"days":3}' } }],
      [
        {
          index: 1,
          id: 'call_b',
          type: 'function',
          function: { name: 'time', arguments: '' },
          extra_content: { google: { signature: 's' } }
        }
      ]
    ])
  })

  it('refuses what is no completion', () => {
    expect(() => [...unfoldChat({ error: { message: 'no' } }, plainRequest)]).toThrow(TypeError)
  })
})

const logprob = fc.record({
  token: anyText,
  logprob: fc.double({ max: 0, noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
  bytes: fc.constant(null)
})
const logprobList = fc.option(fc.array(logprob, { maxLength: 2 }))
const logprobs = fc.oneof(
  fc.constant({}),
  fc.constant({ logprobs: null }),
  fc.record({ logprobs: fc.record({ content: logprobList, refusal: logprobList }) })
)
const usage = fc.record({ prompt_tokens: fc.nat(), completion_tokens: fc.nat(), total_tokens: fc.nat() })

function toolCall(unknown: fc.Arbitrary<JsonObject>): fc.Arbitrary<JsonObject> {
  return fc
    .tuple(
      fc.record({
        id: someText,
        type: fc.constant('function'),
        function: fc.record({ name: someText, arguments: anyText })
      }),
      unknown
    )
    .map(([call, more]) => ({ ...call, ...more }))
}

function anyMessage(unknown: fc.Arbitrary<JsonObject>): fc.Arbitrary<JsonObject> {
  const calls = fc.array(toolCall(unknown), { minLength: 1, maxLength: 3 })
  const silent = { content: fc.constant(null), refusal: fc.constant(null) }
  const said: fc.Arbitrary<JsonObject> = fc.oneof(
    fc.record({ content: someText, refusal: fc.constant(null) }),
    fc.record({ content: fc.constant(null), refusal: someText }),
    fc.record({ content: fc.option(someText), refusal: fc.constant(null), tool_calls: calls }),
    fc.record({ content: someText, reasoning_content: anyText, annotations: fc.array(plainJson, { maxLength: 2 }) }),
    fc.record({
      ...silent,
      audio: fc.record({ id: someText, data: anyText, transcript: anyText, expires_at: fc.nat() })
    })
  )
  const functionCall: fc.Arbitrary<JsonObject> = fc.record({
    ...silent,
    function_call: fc.record({ arguments: anyText, name: someText })
  })
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.tuple(said, unknown).map(([parts, more]) => ({ role: 'assistant', ...parts, ...more }))
    },
    // The SDK drops all else of such a message.
    { weight: 1, arbitrary: functionCall.map((parts) => ({ role: 'assistant', ...parts })) }
  )
}

function anyAnswer(unknown: fc.Arbitrary<JsonObject>): fc.Arbitrary<JsonObject> {
  const choice = fc.record({
    message: anyMessage(unknown),
    logprobs,
    finish_reason: fc.constantFrom('stop', 'tool_calls', 'length', 'content_filter'),
    unknown
  })
  return fc
    .record({
      choices: fc.array(choice, { minLength: 1, maxLength: 3 }),
      usage,
      unknown,
      tier: fc.constantFrom({}, { service_tier: 'flex' }, { service_tier: null })
    })
    .map((parts) => ({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'gpt-5',
      choices: parts.choices.map(({ message, logprobs: more, finish_reason, unknown: beside }, index) => ({
        index,
        message,
        ...more,
        finish_reason,
        ...beside
      })),
      usage: parts.usage,
      ...parts.tier,
      ...parts.unknown
    }))
}

describe('fold and unfold', () => {
  it('give a rich answer back', () => {
    expect(foldAgain(rich)).toEqual(rich)
  })

  it('give it back without the usage that nobody has asked for', () => {
    const { usage: _usage, ...without } = rich
    expect(foldAgain(rich, plainRequest)).toEqual(without)
  })

  it('give back what other providers say', () => {
    const answer: JsonObject = {
      id: '',
      object: 'chat.completion',
      created: 0,
      model: '',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'a', tool_calls: null, function_call: null, audio: null },
          finish_reason: 'stop'
        },
        { index: 1, message: { role: 'assistant', content: 'b', tool_calls: [] }, finish_reason: 'stop' },
        {
          index: 2,
          message: {
            role: 'assistant',
            content: null,
            tool_calls: [{ id: 'a', type: 'custom', custom: { name: 'sql', input: 'select 1' } }]
          },
          finish_reason: 'tool_calls'
        }
      ]
    }
    expect(foldAgain(answer)).toEqual(answer)
  })

  it('give every answer back', () => {
    fc.assert(
      fc.property(anyAnswer(anyUnknownFields), (answer) => {
        expect(canonical(foldAgain(answer) ?? null)).toBe(canonical(answer))
      }),
      { numRuns: 400 }
    )
  })

  it('never throw, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(anyGarbage, { maxLength: 6 }), (data) => {
        const fold = foldChat({})
        for (const one of data) fold.add({ data: one })
        const { answer, unfit } = fold.end()
        expect(answer === undefined).toBe(unfit !== undefined)
        // What was kept can be told.
        if (answer !== undefined) expect([...unfoldChat(answer, withUsage)].length).toBeGreaterThan(1)
      }),
      { numRuns: 500 }
    )
  })
})

const garbageField = fc.constantFrom(
  'choices',
  'delta',
  'index',
  'finish_reason',
  'tool_calls',
  'function',
  'content',
  'usage',
  'logprobs',
  'id',
  '__proto__'
)
const anyGarbage: fc.Arbitrary<string> = fc.oneof(
  anyText,
  fc
    .letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(null, 0, 1, -1, 'stop', ''),
        fc.array(fc.tuple(garbageField, tie('value')), { maxLength: 4 }).map((fields) => Object.fromEntries(fields)),
        fc.array(tie('value'), { maxLength: 2 })
      )
    }))
    .value.map((value) => JSON.stringify(value)),
  fc
    .record({
      index: fc.constantFrom(0, 1),
      delta: fc.dictionary(garbageField, plainJson, { maxKeys: 3 }),
      finish_reason: fc.constantFrom(null, 'stop')
    })
    .map((choice) => JSON.stringify({ choices: [choice] }))
)

describe("OpenAI's SDK", () => {
  function client(answer: JsonObject): OpenAI {
    return new OpenAI({
      apiKey: 'x',
      fetch: answering(answer, (request) => unfoldChat(answer, request)),
      maxRetries: 0
    })
  }

  /** A plain answer with what the SDK's stream adds to each. */
  function asStreamed(answer: OpenAI.ChatCompletion): unknown {
    return {
      ...answer,
      choices: answer.choices.map(({ message, logprobs: given = null, ...choice }) => ({
        ...choice,
        logprobs: given,
        message: { ...message, content: message.content ?? null, refusal: message.refusal ?? null, parsed: null }
      }))
    }
  }

  async function compare(answer: JsonObject): Promise<void> {
    const openai = client(answer)
    const [plain, streamed] = await Promise.all([
      openai.chat.completions.create(plainRequest),
      openai.chat.completions.stream(withUsage).finalChatCompletion()
    ])
    expect(streamed).toEqual(asStreamed(plain))
  }

  it('gathers the stream of a rich answer into the plain answer', async () => {
    await compare(rich)
  })

  it('gathers every stream into the plain answer', async () => {
    await fc.assert(fc.asyncProperty(anyAnswer(plainUnknownFields), compare), { numRuns: 200 })
  })

  it('tells of text, refusals and tool calls on the way', async () => {
    const seen = { content: '', refusal: '', calls: '' }
    const stream = client(rich).chat.completions.stream({ ...plainRequest, n: 5 })
    stream.on('content.delta', ({ delta }) => (seen.content += delta))
    stream.on('refusal.delta', ({ delta }) => (seen.refusal += delta))
    stream.on('tool_calls.function.arguments.done', (call) => (seen.calls += `${call.name} ${call.arguments};`))
    const { usage: counted } = await stream.finalChatCompletion()
    expect(seen).toEqual({
      content: text,
      refusal: 'I cannot help with that.',
      calls: 'weather {"city":"Paris","unit":"celsius","days":3};time ;'
    })
    expect(counted).toBeUndefined()
  })

  it('iterates over the chunks', async () => {
    let content = ''
    let last: OpenAI.ChatCompletionChunk | undefined
    for await (const chunk of await client(rich).chat.completions.create({ ...withUsage, stream: true })) {
      last = chunk
      if (chunk.choices[0]?.index === 0) content += chunk.choices[0].delta.content ?? ''
    }
    expect(content).toBe(text)
    expect(last).toMatchObject({ choices: [], usage: rich['usage'] })
  })
})
