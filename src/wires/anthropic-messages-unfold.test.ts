import Anthropic from '@anthropic-ai/sdk'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  anyJson,
  anyText,
  anyUnknownFields,
  objectOf,
  plainJson,
  plainUnknownFields,
  someText
} from '../../test/support/arbitrary-json.ts'
import { answering } from '../../test/support/sdk-answers.ts'
import type { JsonObject } from '../core/json.ts'
import { canonical } from '../core/key.ts'
import { foldMessage } from './anthropic-messages-fold.ts'
import { unfoldMessage } from './anthropic-messages-unfold.ts'

const request = { model: 'claude-test', max_tokens: 100, messages: [{ role: 'user' as const, content: 'Hi' }] }

function foldAgain(answer: JsonObject): JsonObject | undefined {
  const fold = foldMessage()
  for (const delta of unfoldMessage(answer)) fold.add(delta)
  return fold.end().answer
}

function eventsOf(answer: JsonObject): JsonObject[] {
  return Array.from(unfoldMessage(answer), ({ event, data }) => {
    const said: JsonObject = JSON.parse(data)
    expect(said['type']).toBe(event)
    return said
  })
}

const text = 'The Eiffel Tower stands in Paris, on the Champ de Mars, and was finished in 1889.'

const rich: JsonObject = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-test',
  content: [
    { type: 'thinking', thinking: 'Which tower? The one in Paris, it seems to me.', signature: 'EqQBCkYIARgCIkA=' },
    { type: 'thinking', thinking: '', signature: 'omitted' },
    { type: 'redacted_thinking', data: 'EmwKAhgB' },
    { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'eiffel tower' } },
    {
      type: 'web_search_tool_result',
      tool_use_id: 'srvtoolu_1',
      content: [{ type: 'web_search_result', url: 'https://example.org' }]
    },
    {
      type: 'text',
      text,
      citations: [
        { type: 'web_search_result_location', cited_text: 'a' },
        { type: 'web_search_result_location', cited_text: 'b' }
      ]
    },
    { type: 'text', text: 'x', citations: null },
    { type: 'text', text: '', citations: [] },
    {
      type: 'tool_use',
      id: 'toolu_1',
      name: 'weather',
      input: { city: 'Paris', days: [1, 2, 3], note: 'très "chaud" 🌞' }
    },
    { type: 'tool_use', id: 'toolu_2', name: 'now', input: {}, caller: { type: 'direct' } },
    { type: 'x_new', x: { y: [1] } }
  ],
  stop_reason: 'tool_use',
  stop_sequence: null,
  stop_details: null,
  container: { id: 'container_1', expires_at: '2030-01-01T00:00:00Z', skills: null },
  context_management: { applied_edits: [{ type: 'clear_tool_uses_20250919' }] },
  diagnostics: null,
  usage: {
    input_tokens: 10,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 5,
    cache_creation: { ephemeral_5m_input_tokens: 0 },
    output_tokens: 12,
    server_tool_use: { web_search_requests: 1 },
    output_tokens_details: null,
    service_tier: 'standard',
    x_new: 1
  },
  x_new: { y: 1 }
}

const beta: JsonObject = {
  ...rich,
  content: [
    { type: 'compaction', content: 'In short: towers.', encrypted_content: 'e', signature: 's', tool_changes: [] },
    { type: 'compaction', content: null },
    { type: 'mcp_tool_use', id: 'mcptoolu_1', name: 'roll', server_name: 'dice', input: { dice: '2d6' } },
    { type: 'mcp_tool_result', tool_use_id: 'mcptoolu_1', content: [{ type: 'text', text: '7' }] },
    { type: 'fallback', from: { model: 'claude-a' }, to: { model: 'claude-test' } },
    { type: 'text', text, citations: null }
  ],
  input_transformations: [{ type: 'thinking_dropped' }]
}

describe('unfoldMessage', () => {
  it('says it as Anthropic does', () => {
    const answer = {
      id: 'msg_1',
      type: 'message',
      content: [
        { type: 'text', text, citations: [{ cited_text: 'a' }] },
        { type: 'tool_use', id: 't', input: { city: 'Paris', country: 'France', days: 3 } }
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: { input_tokens: 10, output_tokens: 12, service_tier: 'standard' }
    }
    const delta = (index: number, said: JsonObject): JsonObject => ({ type: 'content_block_delta', index, delta: said })
    expect(eventsOf(answer)).toEqual([
      {
        type: 'message_start',
        message: {
          id: 'msg_1',
          type: 'message',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: 10, output_tokens: 1, service_tier: 'standard' }
        }
      },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '', citations: [] } },
      delta(0, { type: 'text_delta', text: 'The Eiffel Tower stands in' }),
      delta(0, { type: 'text_delta', text: ' Paris, on the Champ de Mars,' }),
      delta(0, { type: 'text_delta', text: ' and was finished in 1889.' }),
      delta(0, { type: 'citations_delta', citation: { cited_text: 'a' } }),
      { type: 'content_block_stop', index: 0 },
      { type: 'content_block_start', index: 1, content_block: { type: 'tool_use', id: 't', input: {} } },
      delta(1, { type: 'input_json_delta', partial_json: '' }),
      delta(1, { type: 'input_json_delta', partial_json: '{"city":"Paris","country":"Franc' }),
      delta(1, { type: 'input_json_delta', partial_json: 'e","days":3}' }),
      { type: 'content_block_stop', index: 1 },
      {
        type: 'message_delta',
        delta: { stop_reason: 'tool_use', stop_sequence: null },
        usage: { input_tokens: 10, output_tokens: 12 }
      },
      { type: 'message_stop' }
    ])
  })

  it('begins thinking without a thought, and signs it at the end', () => {
    const events = eventsOf({ content: [{ type: 'thinking', thinking: 'Hm.', signature: 's' }] })
    expect(events.slice(1, 5)).toEqual([
      { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hm.' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 's' } },
      { type: 'content_block_stop', index: 0 }
    ])
  })

  it('says the container and the like again at the end, where Anthropic says them', () => {
    expect(eventsOf(rich).at(-2)).toMatchObject({
      delta: { container: rich['container'], stop_details: null },
      context_management: rich['context_management'],
      usage: { server_tool_use: { web_search_requests: 1 }, output_tokens_details: null }
    })
  })

  it('refuses what is no message', () => {
    expect(() => [...unfoldMessage({ type: 'error', error: {} })]).toThrow(TypeError)
    expect(() => [...unfoldMessage({ content: 'text' })]).toThrow(TypeError)
    expect(() => [...unfoldMessage({ content: ['text'] })]).toThrow(TypeError)
  })
})

function anyBlock(json: typeof anyJson, unknown: fc.Arbitrary<JsonObject>): fc.Arbitrary<JsonObject> {
  const field = fc.constantFrom('a', 'city', 'text', '')
  const known: fc.Arbitrary<JsonObject> = fc.oneof(
    fc.record({ type: fc.constant('text'), text: anyText, citations: fc.option(fc.array(json, { maxLength: 2 })) }),
    fc.record({ type: fc.constant('text'), text: anyText }),
    fc.record({ type: fc.constant('thinking'), thinking: anyText, signature: anyText }),
    fc.record({
      type: fc.constantFrom('tool_use', 'server_tool_use'),
      id: someText,
      name: someText,
      input: objectOf(field, json)
    }),
    fc.record({ type: fc.constantFrom('redacted_thinking', 'web_search_tool_result', 'x_new'), content: json })
  )
  return fc.tuple(known, unknown).map(([block, more]) => ({ ...block, ...more }))
}

function anyAnswer(json: typeof anyJson, unknown: fc.Arbitrary<JsonObject>): fc.Arbitrary<JsonObject> {
  const usage = fc.record(
    {
      input_tokens: fc.nat(),
      output_tokens: fc.nat(),
      cache_read_input_tokens: fc.option(fc.nat()),
      server_tool_use: fc.option(fc.record({ web_search_requests: fc.nat() })),
      service_tier: fc.constant('standard')
    },
    { requiredKeys: ['input_tokens', 'output_tokens'] }
  )
  const stop = fc.record(
    {
      stop_reason: fc.constantFrom('end_turn', 'tool_use', 'max_tokens', null),
      stop_sequence: fc.option(someText),
      stop_details: fc.option(json)
    },
    { requiredKeys: ['stop_reason', 'stop_sequence'] }
  )
  const more = fc.record({ container: fc.option(json), context_management: fc.option(json) }, { requiredKeys: [] })
  return fc
    .record({ content: fc.array(anyBlock(json, unknown), { maxLength: 4 }), usage, stop, more, unknown })
    .map((parts) => ({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-test',
      content: parts.content,
      ...parts.stop,
      usage: parts.usage,
      ...parts.more,
      ...parts.unknown
    }))
}

describe('fold and unfold', () => {
  it('give rich answers back', () => {
    expect(foldAgain(rich)).toEqual(rich)
    expect(foldAgain(beta)).toEqual(beta)
  })

  it('give every answer back', () => {
    fc.assert(
      fc.property(anyAnswer(anyJson, anyUnknownFields), (answer) => {
        expect(canonical(foldAgain(answer) ?? null)).toBe(canonical(answer))
      }),
      { numRuns: 400 }
    )
  })

  it('give back a tool input that is no object', () => {
    const answer = {
      ...rich,
      content: [{ type: 'tool_use', input: '12' }, { type: 'tool_use', input: null }, { type: 'tool_use' }]
    }
    expect(foldAgain(answer)).toEqual(answer)
  })

  it('never throw, whatever comes', () => {
    const type = fc.constantFrom(
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
      'ping',
      'x'
    )
    const part = fc.record(
      {
        type: fc.constantFrom('text', 'text_delta', 'input_json_delta', 'citations_delta', 'x'),
        text: plainJson,
        partial_json: anyText
      },
      { requiredKeys: [] }
    )
    const event = fc.record(
      { type, index: fc.constantFrom(0, 1, null), content_block: part, delta: part, usage: plainJson },
      { requiredKeys: ['type'] }
    )
    const garbage = fc.oneof(
      anyText,
      plainJson.map((value) => JSON.stringify(value)),
      event.map((value) => JSON.stringify(value))
    )
    fc.assert(
      fc.property(fc.boolean(), fc.array(garbage, { maxLength: 6 }), (started, data) => {
        const fold = foldMessage()
        if (started) fold.add({ data: '{"type":"message_start","message":{}}' })
        for (const one of data) fold.add({ data: one })
        const { answer, unfit } = fold.end()
        expect(answer === undefined).toBe(unfit !== undefined)
        if (answer !== undefined) expect([...unfoldMessage(answer)].length).toBeGreaterThan(2)
      }),
      { numRuns: 500 }
    )
  })
})

describe("Anthropic's SDK", () => {
  function client(answer: JsonObject): Anthropic {
    return new Anthropic({ apiKey: 'x', fetch: answering(answer, () => unfoldMessage(answer)), maxRetries: 0 })
  }

  async function compare(answer: JsonObject): Promise<void> {
    const { messages } = client(answer)
    const [plain, streamed] = await Promise.all([messages.create(request), messages.stream(request).finalMessage()])
    // What it adds for those who have asked for a parsed answer.
    expect(streamed).toEqual({ ...plain, parsed_output: null })
  }

  async function compareBeta(answer: JsonObject): Promise<void> {
    const { messages } = client(answer).beta
    const [plain, streamed] = await Promise.all([messages.create(request), messages.stream(request).finalMessage()])
    expect(streamed).toEqual({ ...plain, parsed_output: null })
  }

  it('gathers the stream of a rich answer into the plain answer', async () => {
    await compare(rich)
    await compareBeta(rich)
    await compareBeta(beta)
  })

  it('gathers every stream into the plain answer', async () => {
    const answers = anyAnswer(plainJson, plainUnknownFields)
    await fc.assert(fc.asyncProperty(answers, compare), { numRuns: 200 })
    await fc.assert(fc.asyncProperty(answers, compareBeta), { numRuns: 200 })
  })

  it('tells of text, thinking and tool inputs on the way', async () => {
    const seen = { text: '', thinking: '', json: '', citations: 0 }
    const stream = client(rich).messages.stream(request)
    stream.on('text', (delta) => (seen.text += delta))
    stream.on('thinking', (delta) => (seen.thinking += delta))
    stream.on('inputJson', (delta) => (seen.json += delta))
    stream.on('citation', () => seen.citations++)
    await stream.finalMessage()
    expect(seen).toEqual({
      text: `${text}x`,
      thinking: 'Which tower? The one in Paris, it seems to me.',
      json: '{"query":"eiffel tower"}{"city":"Paris","days":[1,2,3],"note":"très \\"chaud\\" 🌞"}',
      citations: 2
    })
  })

  it('iterates over the events', async () => {
    const types: string[] = []
    for await (const { type } of await client(rich).messages.create({ ...request, stream: true })) types.push(type)
    expect(types).toEqual(eventsOf(rich).map(({ type }) => type))
  })
})
