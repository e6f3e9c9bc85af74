import Anthropic from '@anthropic-ai/sdk'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyText, plainJson, someText } from '../../test/support/arbitrary-json.ts'
import { answering } from '../../test/support/sdk-answers.ts'
import type { Delta } from '../core/handler.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { anthropicMessages } from './anthropic-messages.ts'
import { messagesToChat } from './messages-to-chat.ts'
import { openaiChat } from './openai-chat.ts'
import { readEvents, writeEvent } from './sse.ts'

const request = { model: 'claude-x', max_tokens: 100, messages: [{ role: 'user' as const, content: 'Hi' }] }
const asked = { stream_options: { include_usage: true } }

function cross(deltas: Iterable<Delta>): Delta[] {
  const stream = messagesToChat.stream(request)
  return Array.from(deltas).flatMap((delta) => stream.add(delta))
}

function folded(deltas: Iterable<Delta>): JsonObject | undefined {
  const fold = anthropicMessages.fold(request)
  for (const delta of deltas) fold.add(delta)
  return fold.end().answer
}

/** What the plain answer is; undefined when it is none. */
function plainly(answer: JsonObject): JsonObject | undefined {
  try {
    return messagesToChat.answer(answer, request)
  } catch {
    return undefined
  }
}

function storable(message: JsonObject | undefined): boolean {
  return message !== undefined && anthropicMessages.unfit(message) === undefined
}

function chunk(delta: JsonObject, reason: Json = null, more: JsonObject = {}): Delta {
  const choices = [{ index: 0, delta, finish_reason: reason }]
  return { data: JSON.stringify({ id: 'c', created: 1, model: 'm', choices, ...more }) }
}

const used = { prompt_tokens: 9, completion_tokens: 12, prompt_tokens_details: { cached_tokens: 4 } }
const usage: Delta = { data: JSON.stringify({ id: 'c', created: 1, model: 'm', choices: [], usage: used }) }
const done: Delta = { data: '[DONE]' }

function piece(index: number, text: string, opening?: { id?: string; name: string }): JsonObject {
  const { id, name } = opening ?? {}
  return {
    tool_calls: [
      {
        index,
        ...(id === undefined ? {} : { id }),
        function: { arguments: text, ...(name === undefined ? {} : { name }) }
      }
    ]
  }
}

/** What is told, in short: `start text`, a delta's text, `stop`. */
function told(deltas: readonly Delta[]): Json[] {
  return deltas.map(({ event, data }) => {
    const said = JSON.parse(data)
    expect(said.type).toBe(event)
    if (event === 'content_block_start') return `${said.index} ${said.content_block.type}`
    if (event === 'content_block_delta') return said.delta.text ?? said.delta.partial_json
    if (event === 'content_block_stop') return `${said.index} stop`
    if (event === 'message_delta') return said.delta.stop_reason
    return event
  })
}

describe('a crossed stream', () => {
  it('says it as Anthropic does', () => {
    const deltas = cross([
      { data: '{"id":"","model":"","choices":[],"prompt_filter_results":[]}' },
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'Hel' }),
      chunk({ content: 'lo' }),
      chunk({}, 'stop'),
      usage,
      done
    ])
    const event = (type: string, more: JsonObject = {}): JsonObject => ({ event: type, data: { type, ...more } })
    expect(deltas.map((delta) => ({ ...delta, data: JSON.parse(delta.data) }))).toEqual([
      event('message_start', {
        message: {
          id: 'c',
          type: 'message',
          role: 'assistant',
          model: 'm',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          stop_details: null,
          usage: {
            input_tokens: 0,
            cache_creation_input_tokens: null,
            cache_read_input_tokens: null,
            output_tokens: null,
            output_tokens_details: null
          }
        }
      }),
      event('content_block_start', { index: 0, content_block: { type: 'text', text: '', citations: null } }),
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Hel' } }),
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'lo' } }),
      event('content_block_stop', { index: 0 }),
      event('message_delta', {
        delta: { stop_reason: 'end_turn', stop_sequence: null, stop_details: null },
        usage: {
          input_tokens: 5,
          cache_creation_input_tokens: null,
          cache_read_input_tokens: 4,
          output_tokens: 12,
          output_tokens_details: null
        }
      }),
      event('message_stop')
    ])
  })

  it('holds a call back until the one before it is complete', () => {
    const stream = messagesToChat.stream(request)
    const add = (delta: JsonObject): Json[] => told(stream.add(chunk(delta)))
    expect(add({ role: 'assistant', content: 'Let me see.' })).toEqual(['message_start', '0 text', 'Let me see.'])
    expect(add(piece(0, '', { id: 'a', name: 'f' }))).toEqual(['0 stop', '1 tool_use'])
    expect(add(piece(0, '{"x":'))).toEqual(['{"x":'])
    expect(add(piece(1, '{"y":', { id: 'b', name: 'g' }))).toEqual([])
    expect(add(piece(1, '2}'))).toEqual([])
    expect(add(piece(2, '', { id: 'c', name: 'h' }))).toEqual([])
    expect(add(piece(0, '{}'))).toEqual(['{}'])
    expect(add(piece(0, '}'))).toEqual(['}', '1 stop', '2 tool_use', '{"y":2}', '2 stop', '3 tool_use'])
    expect(told(stream.add(chunk({}, 'tool_calls')))).toEqual([])
    expect(told(stream.add(usage))).toEqual(['3 stop', 'tool_use', 'message_stop'])
    expect(stream.add(done)).toEqual([])
  })

  it('puts calls in the order of their indices', () => {
    const deltas = cross([
      chunk(piece(1, '{"y":2}', { id: 'b', name: 'g' })),
      chunk(piece(0, '{"x":1}', { id: 'a', name: 'f' })),
      chunk({}, 'tool_calls'),
      done
    ])
    expect(folded(deltas)?.['content']).toMatchObject([{ name: 'f' }, { name: 'g' }])
  })

  it('tells calls without an index apart by their identifiers', () => {
    const part = (text: string, more: JsonObject = {}): Delta =>
      chunk({ tool_calls: [{ function: { arguments: text, name: 'f' }, ...more }] })
    const deltas = cross([part('{"x":', { id: 'a' }), part('1}'), part('{}', { id: 'b' }), chunk({}, 'stop'), done])
    expect(folded(deltas)?.['content']).toMatchObject([
      { id: 'a', input: { x: 1 } },
      { id: 'b', input: {} }
    ])
  })

  it('says what comes after a call as a text of its own', () => {
    const call = chunk(piece(0, '{', { id: 'a', name: 'f' }))
    const deltas = cross([
      chunk({ content: 'A' }),
      call,
      chunk({ content: 'B' }),
      chunk(piece(0, '}')),
      chunk({}, 'stop'),
      done
    ])
    expect(told(deltas).slice(1, -2)).toEqual([
      '0 text',
      'A',
      '0 stop',
      '1 tool_use',
      '{',
      '}',
      '1 stop',
      '2 text',
      'B',
      '2 stop'
    ])
    const late = cross([call, chunk({ content: 'B' }), chunk({}, 'length'), done])
    expect(told(late).slice(1, -2)).toEqual(['0 tool_use', '{', '0 stop', '1 text', 'B', '1 stop'])
  })

  it('waits with the end for the usage, or for the end itself', () => {
    const start = chunk({ content: 'x' })
    const end = ['0 stop', 'end_turn', 'message_stop']
    const stops = (...deltas: Delta[]): Json[][] => {
      const stream = messagesToChat.stream(request)
      stream.add(start)
      return deltas.map((delta) => told(stream.add(delta)))
    }
    expect(stops(chunk({}, 'stop'), usage, done)).toEqual([[], end, []])
    expect(stops(chunk({}, 'stop'), done)).toEqual([[], end])
    expect(stops(chunk({}, 'stop', { usage: used }), done)).toEqual([end, []])
    expect(stops(chunk({}, null, { usage: used }), chunk({}, 'stop'), done)).toEqual([[], [], end])
  })

  it('leaves the usage unknown where nobody says it', () => {
    const message = folded(cross([chunk({ content: 'x' }), chunk({}, 'stop'), done]))
    expect(message).toEqual(plainly({ ...completion({ content: 'x' }, 'stop'), usage: null }))
    expect(anthropicMessages.usage(message ?? {})).toBeUndefined()
    const known = folded(cross([chunk({ content: 'x' }), chunk({}, 'stop'), usage]))
    expect(anthropicMessages.usage(known ?? {})).toEqual(openaiChat.usage({ usage: used }))
  })

  it('passes comments on, and the headers with the first event', () => {
    const stream = messagesToChat.stream(request)
    const comment: Delta = { data: 'keep-alive', comment: true }
    expect(stream.add(comment)).toEqual([comment])
    const headers = { 'x-request-id': 'r' }
    expect(stream.add({ data: '{"choices":[]}', headers })).toEqual([])
    expect(stream.add(chunk({ content: 'a' })).map((delta) => delta.headers)).toEqual([headers, undefined, undefined])
    expect(stream.add(chunk({ content: 'b' })).map((delta) => delta.headers)).toEqual([undefined])
  })

  it.each<[string, JsonObject | string, string]>([
    ['api_error', { message: 'Out of luck' }, 'Out of luck'],
    ['api_error', 'Out of luck', 'Out of luck'],
    ['rate_limit_error', { message: 'Slow down', code: 'rate_limit_exceeded' }, 'Slow down'],
    ['rate_limit_error', { message: 'Slow down', code: 429 }, 'Slow down'],
    ['overloaded_error', { message: 'Busy', status: 529 }, 'Busy']
  ])('tells of an error as %s', (type, error, message) => {
    const deltas = cross([chunk({ content: 'x' }), { data: JSON.stringify({ error }) }, chunk({ content: 'y' }), done])
    const last = deltas.at(-1)
    expect(last?.event).toBe('error')
    expect(JSON.parse(last?.data ?? '')).toMatchObject({ type: 'error', error: { type, message } })
    expect(told(deltas.slice(0, -1))).toEqual(['message_start', '0 text', 'x'])
    expect(folded(deltas)).toBeUndefined()
  })

  it.each<[string, Delta]>([
    ['an event is no JSON', { data: '{"choices":' }],
    ['an event is no JSON object', { data: '5' }],
    ['expected a list of choices, got "x"', { data: '{"choices":"x"}' }],
    ['a chunk is not of the one choice', { data: '{"choices":[{"index":1,"delta":{}}]}' }],
    ['expected a delta to be an object, got "x"', { data: '{"choices":[{"index":0,"delta":"x"}]}' }],
    ['expected content to be a text, got a list', chunk({ content: ['x'] })],
    ['it has a function_call, which nobody has asked for', chunk({ function_call: { name: 'f' } })],
    ['two tool calls have the same index', chunk(piece(0, '', { id: 'b', name: 'g' }))],
    ['it ended before it was complete', done],
    ['it ended with "error"', chunk({}, 'error', { usage: used })],
    ['the arguments of f are no JSON', chunk({}, 'stop', { usage: used })]
  ])('ends with an error when %s', (words, delta) => {
    const deltas = cross([chunk(piece(0, '{', { id: 'a', name: 'f' })), delta, chunk({ content: 'y' }), done])
    expect(deltas.filter(({ event }) => event === 'error')).toHaveLength(1)
    expect(deltas.at(-1)?.data).toContain(JSON.stringify(words).slice(1, -1))
    expect(JSON.parse(deltas.at(-1)?.data ?? '')).toMatchObject({ error: { code: 'provider-malformed' } })
    expect(folded(deltas)).toBeUndefined()
  })

  it('ends with an error when arguments go on after their end, or a call has no name', () => {
    const [first, second] = [piece(0, '{}', { id: 'a', name: 'f' }), piece(1, '{}', { id: 'b', name: 'g' })]
    expect(cross([chunk(first), chunk(second), chunk(piece(0, '{}'))]).at(-1)?.data).toContain('go on after their end')
    expect(cross([chunk(first), chunk(second), chunk(piece(0, ' \n'))]).at(-1)?.event).not.toBe('error')
    expect(cross([chunk(piece(0, '{}')), chunk({}, 'stop'), done]).at(-1)?.data).toContain('without a name')
  })

  it('shows a call that was broken off, and is not kept', () => {
    const deltas = cross([chunk(piece(0, '{"x":', { id: 'a', name: 'f' })), chunk({}, 'length'), done])
    expect(told(deltas)).toEqual(['message_start', '0 tool_use', '{"x":', '0 stop', 'max_tokens', 'message_stop'])
    expect(folded(deltas)).toBeUndefined()
  })

  it('is read by Anthropic’s SDK, errors included', async () => {
    const deltas = [
      chunk({ content: 'Hi' }),
      chunk(piece(0, '{"x":1}', { id: 'a', name: 'f' })),
      chunk({}, 'stop'),
      usage
    ]
    const client = (said: Delta[]): Anthropic =>
      new Anthropic({ apiKey: 'x', maxRetries: 0, fetch: answering({}, () => cross(said)) })
    const message = await client(deltas).messages.stream(request).finalMessage()
    expect(message).toMatchObject(folded(cross(deltas)) ?? { id: 'whole' })
    const failing = client([chunk({ content: 'Hi' }), { data: '{"error":{"message":"Out of luck"}}' }])
    await expect(failing.messages.stream(request).finalMessage()).rejects.toThrow('Out of luck')
  })
})

function completion(message: JsonObject, reason: Json): JsonObject {
  return {
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', ...message }, logprobs: null, finish_reason: reason }]
  }
}

const anyInput = fc
  .dictionary(fc.constantFrom('a', 'city', ''), plainJson, { maxKeys: 2 })
  .map((input) => ({ ...input }))
const goodArguments = fc.oneof(
  anyInput.map((input) => JSON.stringify(input)),
  anyInput.map((input) => JSON.stringify(input, null, 2)),
  fc.constantFrom('', ' \n', '{}')
)
const badArguments = fc.constantFrom('{"x": ', '[1]', '"x"', '{}{}', '{"id": 9007199254740993}', 'null')
const anyUsage = fc.oneof(
  fc.constant(null),
  fc.record(
    {
      prompt_tokens: fc.integer({ min: 100, max: 200 }),
      completion_tokens: fc.nat(),
      prompt_tokens_details: fc.record(
        { cached_tokens: fc.nat({ max: 50 }), cache_write_tokens: fc.nat({ max: 50 }) },
        { requiredKeys: [] }
      ),
      completion_tokens_details: fc.record({ reasoning_tokens: fc.nat() })
    },
    { requiredKeys: ['prompt_tokens', 'completion_tokens'] }
  )
)

function anyAnswer(text: fc.Arbitrary<string>, refusal: fc.Arbitrary<Json>): fc.Arbitrary<JsonObject> {
  const call = fc.record({
    id: fc.oneof(someText, fc.constantFrom('call_1', 'call_2', '')),
    name: fc.constantFrom('f', 'weather'),
    text
  })
  const message = fc.record({
    content: fc.oneof(anyText, fc.constant(null), fc.constantFrom('', '\n\n')),
    refusal,
    reasoning_content: fc.option(anyText),
    // One call has one identifier, but no two of them the same.
    tool_calls: fc.uniqueArray(call, { maxLength: 3, selector: ({ id, name, text: said }) => id || name + said })
  })
  const reason = fc.constantFrom('stop', 'tool_calls', 'length', 'content_filter', 'abort', 'error', 'eos', null)
  return fc.tuple(message, reason, anyUsage).map(([{ tool_calls: calls, ...said }, why, count]) => ({
    ...completion(
      {
        ...said,
        ...(calls.length === 0
          ? {}
          : {
              tool_calls: calls.map(({ id, name, text: given }) => ({
                id,
                type: 'function',
                function: { name, arguments: given }
              }))
            })
      },
      why
    ),
    ...(count === null ? {} : { usage: count })
  }))
}

const anyRefusal = fc.oneof(anyText, fc.constant(null))

describe('a crossed stream, folded,', () => {
  it('is the crossed answer, and kept if that is', () => {
    fc.assert(
      fc.property(anyAnswer(fc.oneof(goodArguments, badArguments), anyRefusal), (answer) => {
        const plain = plainly(answer)
        const message = folded(cross(openaiChat.unfold(answer, asked)))
        expect(storable(message)).toBe(storable(plain))
        if (message !== undefined) expect(message).toEqual(plain)
        if (openaiChat.unfit(answer) !== undefined) expect(storable(plain)).toBe(false)
      }),
      { numRuns: 500 }
    )
  })

  it('is kept if and only if what was crossed is, unless the model has refused', () => {
    fc.assert(
      fc.property(anyAnswer(goodArguments, fc.constantFrom('', null)), (answer) => {
        const message = folded(cross(openaiChat.unfold(answer, asked)))
        expect(storable(message)).toBe(openaiChat.unfit(answer) === undefined)
        if (message !== undefined) expect(anthropicMessages.usage(message)).toEqual(openaiChat.usage(answer))
      }),
      { numRuns: 500 }
    )
  })

  it('is the crossed fold of what came in', () => {
    fc.assert(
      fc.property(anyAnswer(goodArguments, anyRefusal), (answer) => {
        const deltas = [...openaiChat.unfold(answer, asked)]
        const fold = openaiChat.fold({})
        for (const delta of deltas) fold.add(delta)
        const { answer: whole } = fold.end()
        const message = folded(cross(deltas))
        if (whole !== undefined && message !== undefined) expect(message).toEqual(plainly(whole))
      })
    )
  })

  it('is the same however parallel calls are interleaved', () => {
    fc.assert(
      fc.property(anyAnswer(goodArguments, fc.constant(null)), fc.infiniteStream(fc.nat()), (answer, draw) => {
        const deltas = [...openaiChat.unfold(answer, asked)]
        const mixed = cross(interleaved(deltas, draw))
        expect(folded(mixed)).toEqual(folded(cross(deltas)))
        expect(blocksInTurn(mixed)).toBe(true)
      })
    )
  })

  it('is the same however its bytes are cut', () => {
    fc.assert(
      fc.property(
        anyAnswer(goodArguments, anyRefusal),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        (answer, sizes) => {
          const deltas = [...openaiChat.unfold(answer, asked)]
          const bytes = Buffer.from(deltas.map(writeEvent).join(''))
          const read: Delta[] = []
          const reader = readEvents((delta) => read.push(delta))
          for (let at = 0; at < bytes.length; ) {
            const size = Number(sizes.next().value)
            reader.feed(bytes.subarray(at, at + size))
            at += size
          }
          expect(cross(read)).toEqual(cross(deltas))
        }
      )
    )
  })
})

/** The same chunks with those of different calls in any order, each call's own in theirs. */
function interleaved(deltas: readonly Delta[], draw: IterableIterator<number>): Delta[] {
  const lanes = new Map<number, Delta[]>()
  for (const delta of deltas) {
    const index = callIn(delta)
    if (index !== undefined) lanes.set(index, [...(lanes.get(index) ?? []), delta])
  }
  const mixed: Delta[] = []
  while (lanes.size > 0) {
    const open = [...lanes]
    const [index, lane] = open[Number(draw.next().value) % open.length] ?? [0, []]
    mixed.push(...lane.splice(0, 1))
    if (lane.length === 0) lanes.delete(index)
  }
  const first = deltas.findIndex((delta) => callIn(delta) !== undefined)
  if (first === -1) return [...deltas]
  const others = deltas.filter((delta) => callIn(delta) === undefined)
  return [...others.slice(0, first), ...mixed, ...others.slice(first)]
}

function callIn({ data }: Delta): number | undefined {
  const said: unknown = data === '[DONE]' ? {} : JSON.parse(data)
  return isObject(said)
    ? JSON.stringify(said)
        .match(/"tool_calls":\[\{"index":(\d+)/)
        ?.map(Number)[1]
    : undefined
}

/** Whether each block begins, goes on and ends before the next begins. */
function blocksInTurn(deltas: readonly Delta[]): boolean {
  let open: number | undefined
  let next = 0
  for (const { event, data } of deltas) {
    const { index } = JSON.parse(data)
    if (event === 'content_block_start') {
      if (open !== undefined || index !== next) return false
      open = index
      next += 1
    } else if (event?.startsWith('content_block')) {
      if (index !== open) return false
      if (event === 'content_block_stop') open = undefined
    }
  }
  return open === undefined || deltas.at(-1)?.event === 'error'
}
