import fc from 'fast-check'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { anyText, plainJson } from '../../test/support/arbitrary-json.ts'
import { answering } from '../../test/support/sdk-answers.ts'
import type { Delta } from '../core/handler.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { chatToMessages } from './chat-to-messages.ts'
import { openaiChat } from './openai-chat.ts'

const request = { model: 'gpt-5', messages: [{ role: 'user' as const, content: 'Hi' }] }

function event(data: JsonObject): Delta {
  return { event: String(data['type']), data: JSON.stringify(data) }
}

const start = event({
  type: 'message_start',
  message: {
    id: 'msg_01',
    type: 'message',
    role: 'assistant',
    model: 'claude',
    content: [],
    stop_reason: null,
    usage: { input_tokens: 5, cache_read_input_tokens: 2, output_tokens: 1 }
  }
})
const stop = event({ type: 'message_stop' })

function ending(reason: string | null, more: JsonObject = {}): Delta {
  return event({ type: 'message_delta', delta: { stop_reason: reason, ...more }, usage: { output_tokens: 9 } })
}

function block(index: number, content_block: JsonObject, ...deltas: readonly JsonObject[]): Delta[] {
  return [
    event({ type: 'content_block_start', index, content_block }),
    ...deltas.map((delta) => event({ type: 'content_block_delta', index, delta })),
    event({ type: 'content_block_stop', index })
  ]
}

const text = (piece: string): JsonObject => ({ type: 'text_delta', text: piece })
const json = (piece: string): JsonObject => ({ type: 'input_json_delta', partial_json: piece })
const toolUse = { type: 'tool_use', id: 'a', name: 'time', input: {} }

function cross(...deltas: readonly Delta[]): Delta[] {
  const crossing = chatToMessages.stream(request)
  return deltas.flatMap((delta) => crossing.add(delta))
}

/** What the chunks say: their deltas, reasons and usage, or the event as it is. */
function said(deltas: readonly Delta[]): unknown[] {
  return deltas.map(({ data }) => {
    if (data === '[DONE]') return data
    const { choices, usage, error } = JSON.parse(data)
    if (error !== undefined) return { error }
    const [choice] = choices
    if (choice === undefined) return { usage }
    return choice.finish_reason === null ? choice.delta : choice.finish_reason
  })
}

const opening = { role: 'assistant', content: '', refusal: null }
const usage = {
  usage: { prompt_tokens: 7, completion_tokens: 9, total_tokens: 16, prompt_tokens_details: { cached_tokens: 2 } }
}

describe('a crossed stream', () => {
  it('says who speaks, what is said, why it ends, what it used, and that it is over', () => {
    const deltas = cross(
      start,
      { event: 'ping', data: '{"type": "ping"}' },
      ...block(0, { type: 'thinking', thinking: '' }, { type: 'thinking_delta', thinking: 'Hm.' }),
      ...block(1, { type: 'text', text: '' }, text('Hel'), text(''), text('lo'), {
        type: 'citations_delta',
        citation: {}
      }),
      event({ type: 'of_tomorrow', x: 1 }),
      ending('end_turn'),
      stop,
      event({ type: 'content_block_delta', index: 1, delta: text('!') })
    )
    expect(said(deltas)).toEqual([opening, { content: 'Hel' }, { content: 'lo' }, 'stop', usage, '[DONE]'])
    const { choices, created, ...head } = JSON.parse(deltas[1]?.data ?? '')
    expect(head).toEqual({ id: 'msg_01', object: 'chat.completion.chunk', model: 'claude' })
    expect(choices).toEqual([{ index: 0, delta: { content: 'Hel' }, logprobs: null, finish_reason: null }])
    expect(created).toBeGreaterThan(1_700_000_000)
    expect(deltas.map((delta) => openaiChat.isEnd(delta)).indexOf(true)).toBe(deltas.length - 1)
  })

  it('says each tool call with its name, then its arguments as they come', () => {
    const deltas = cross(
      start,
      ...block(0, { type: 'text', text: 'I look.' }),
      ...block(1, toolUse, json(''), json('{"id": 12345678901'), json('234567890}')),
      ...block(2, { ...toolUse, id: 'b' }, json(''), json(' ')),
      ...block(3, { ...toolUse, id: 'c', input: { a: 1 } }),
      ending('tool_use'),
      stop
    )
    const opened = (index: number, id: string): JsonObject => ({
      tool_calls: [{ index, id, type: 'function', function: { name: 'time', arguments: '' } }]
    })
    const piece = (index: number, given: string): JsonObject => ({
      tool_calls: [{ index, function: { arguments: given } }]
    })
    expect(said(deltas)).toEqual([
      opening,
      { content: 'I look.' },
      opened(0, 'a'),
      // Each digit as it was said: a number that is read and written again may be another one.
      piece(0, '{"id": 12345678901'),
      piece(0, '234567890}'),
      opened(1, 'b'),
      piece(1, '{}'),
      opened(2, 'c'),
      piece(2, '{"a":1}'),
      'tool_calls',
      usage,
      '[DONE]'
    ])
  })

  it('says why the model refused before it ends', () => {
    const stop_details = { type: 'refusal', category: null, explanation: 'Not that.' }
    expect(said(cross(start, ending('refusal', { stop_details }), stop))).toEqual([
      opening,
      { refusal: 'Not that.' },
      'content_filter',
      usage,
      '[DONE]'
    ])
  })

  it('is not complete before its end, whatever was said of its reasons', () => {
    const fold = openaiChat.fold(request)
    for (const delta of cross(start, ...block(0, { type: 'text', text: 'Hi' }), ending('end_turn'))) fold.add(delta)
    expect(fold.end()).toEqual({ unfit: 'truncated' })
  })

  it('passes comments on, and the headers with the first that is said', () => {
    const headers = { 'request-id': 'req_1' }
    const deltas = cross(
      { event: 'ping', data: '{"type": "ping"}', headers },
      { data: 'keep-alive', comment: true },
      start,
      stop
    )
    expect(deltas[0]).toEqual({ data: 'keep-alive', comment: true, headers })
    for (const delta of deltas.slice(1)) expect(delta).not.toHaveProperty('headers')
  })

  it('hides its usage from a caller who has not asked for it, by what the caller’s wire prepares', () => {
    const view = openaiChat.prepare({ ...request, stream: true })?.view
    const seen = cross(start, ending('end_turn'), stop).flatMap((delta) => view?.(delta) ?? [])
    expect(said(seen)).toEqual([opening, 'stop', '[DONE]'])
  })

  const damaging: readonly (readonly [string, readonly Delta[]])[] = [
    ['an event that is no JSON', [start, { event: 'content_block_delta', data: '{"type":' }]],
    ['a block before the message', block(0, { type: 'text', text: 'Hi' })],
    ['a second message', [start, start]],
    [
      'a piece of a block that never began',
      [start, event({ type: 'content_block_delta', index: 3, delta: text('x') })]
    ],
    ['the same block twice', [start, ...block(0, { type: 'text', text: '' }), ...block(0, { type: 'text', text: '' })]],
    ['a piece of text that nobody can read', [start, ...block(0, { type: 'text', text: '' }, { type: 'of_tomorrow' })]],
    ['a piece of a tool’s input that nobody can read', [start, ...block(0, toolUse, text('x'))]],
    ['a tool call without a name', [start, ...block(0, { type: 'tool_use', id: 'a' })]]
  ]

  it.each(damaging)('ends in an error after %s', (_what, deltas) => {
    const crossed = cross(...deltas, ending('end_turn'), stop)
    expect(said(crossed).at(-1)).toEqual({
      error: {
        message: 'the provider sent an event that cannot be read',
        type: 'server_error',
        param: null,
        code: 'provider-malformed'
      }
    })
    const fold = openaiChat.fold(request)
    for (const delta of crossed) fold.add(delta)
    expect(fold.end()).toEqual({ unfit: 'failed' })
  })

  it('ends with the error that the provider reports, as OpenAI’s would say it', () => {
    const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
    const overloaded = { message: 'Overloaded', type: 'server_error', param: null, code: 'overloaded_error' }
    expect(said(cross(start, event(error), stop))).toEqual([opening, { error: overloaded }])
    expect(said(cross({ data: JSON.stringify(error) }))).toEqual([{ error: overloaded }])
    expect(said(cross({ event: 'error', data: 'oh no' }))).toMatchObject([
      { error: { message: 'the provider reported an error' } }
    ])
    const limited = { type: 'error', error: { type: 'rate_limit_error', message: 'Slow down' } }
    expect(said(cross(event(limited)))).toMatchObject([{ error: { type: 'rate_limit_error' } }])
  })

  it('never throws, whatever comes, and says nothing after its end', () => {
    const field = fc.constantFrom('index', 'delta', 'content_block', 'message', 'usage', 'error', 'type')
    const garbage = fc.oneof(
      anyText.map((data) => ({ data })),
      fc
        .tuple(
          fc.constantFrom(
            'message_start',
            'content_block_start',
            'content_block_delta',
            'message_delta',
            'message_stop'
          ),
          fc.dictionary(field, plainJson)
        )
        .map(([type, fields]) => event({ ...fields, type }))
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(garbage, fc.constantFrom(start, stop)), { maxLength: 8 }), (deltas) => {
        const crossed = cross(...deltas)
        const end = crossed.findIndex(({ data }) => data === '[DONE]' || isObject(JSON.parse(data)['error']))
        if (end >= 0) expect(end).toBe(crossed.length - 1)
      }),
      { numRuns: 500 }
    )
  })
})

describe("OpenAI's SDK", () => {
  it('throws the error that ended a crossed stream', async () => {
    const error = event({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } })
    const openai = new OpenAI({ apiKey: 'x', fetch: answering({}, () => cross(start, error)), maxRetries: 0 })
    const stream = openai.chat.completions.stream(request)
    await expect(stream.finalChatCompletion()).rejects.toThrow('Overloaded')
  })
})
