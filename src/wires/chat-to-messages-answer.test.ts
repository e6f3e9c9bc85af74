import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { anyText, plainJson, someText } from '../../test/support/arbitrary-json.ts'
import { RepriseError } from '../core/errors.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { anthropicMessages } from './anthropic-messages.ts'
import { chatToMessages } from './chat-to-messages.ts'
import { openaiChat } from './openai-chat.ts'

const request: JsonObject = { model: 'gpt-5', messages: [{ role: 'user', content: 'Hi' }] }

function message(fields: JsonObject = {}): JsonObject {
  return {
    id: 'msg_01',
    type: 'message',
    role: 'assistant',
    model: 'claude-opus-5',
    content: [{ type: 'text', text: 'Hello', citations: null }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    stop_details: null,
    usage: { input_tokens: 5, output_tokens: 3 },
    ...fields
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_780_000_000_700 })
})

afterEach(() => {
  vi.useRealTimers()
})

describe('a crossed answer', () => {
  it('is a chat completion', () => {
    expect(chatToMessages.answer(message(), request)).toEqual({
      id: 'msg_01',
      object: 'chat.completion',
      created: 1_780_000_000,
      model: 'claude-opus-5',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hello', refusal: null },
          logprobs: null,
          finish_reason: 'stop'
        }
      ],
      usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 }
    })
  })

  it('joins the texts, has the tool calls beside them, and no thinking', () => {
    const content = [
      { type: 'thinking', thinking: 'Hm.', signature: 's' },
      { type: 'text', text: 'I ' },
      { type: 'redacted_thinking', data: 'x' },
      { type: 'text', text: 'look.' },
      { type: 'tool_use', id: 'a', name: 'weather', input: { city: 'Paris', days: 3 }, caller: { type: 'direct' } },
      { type: 'tool_use', id: 'b', name: 'time', input: {} }
    ]
    expect(chatToMessages.answer(message({ content, stop_reason: 'tool_use' }), request)['choices']).toEqual([
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'I look.',
          refusal: null,
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris","days":3}' } },
            { id: 'b', type: 'function', function: { name: 'time', arguments: '{}' } }
          ]
        },
        logprobs: null,
        finish_reason: 'tool_calls'
      }
    ])
  })

  it('says null for a text that is not there', () => {
    const content = [{ type: 'tool_use', id: 'a', name: 'time', input: {} }]
    expect(chatToMessages.answer(message({ content }), request)).toMatchObject({
      choices: [{ message: { content: null } }]
    })
  })

  it('says why the model refused', () => {
    const details = { type: 'refusal', category: 'cyber', explanation: 'Not that.' }
    const refused = message({ content: [], stop_reason: 'refusal', stop_details: details })
    expect(chatToMessages.answer(refused, request)).toMatchObject({
      choices: [{ message: { content: null, refusal: 'Not that.' }, finish_reason: 'content_filter' }]
    })
  })

  it.each([
    ['end_turn', 'stop', undefined],
    ['stop_sequence', 'stop', undefined],
    ['tool_use', 'tool_calls', undefined],
    ['max_tokens', 'length', 'truncated'],
    ['model_context_window_exceeded', 'length', 'truncated'],
    ['pause_turn', 'length', 'truncated'],
    ['refusal', 'content_filter', 'filtered'],
    ['of_tomorrow', 'stop', undefined],
    [null, null, 'incomplete']
  ])('ends for the reason %j with %j', (reason, finish, unfit) => {
    const answer = chatToMessages.answer(message({ stop_reason: reason }), request)
    expect(answer).toMatchObject({ choices: [{ finish_reason: finish }] })
    expect(openaiChat.unfit(answer)).toBe(unfit)
  })

  it('counts the tokens of the prompt cache, and those of thinking', () => {
    const usage = {
      input_tokens: 10,
      cache_read_input_tokens: 200,
      cache_creation_input_tokens: 30,
      output_tokens: 7,
      output_tokens_details: { thinking_tokens: 4 }
    }
    expect(chatToMessages.answer(message({ usage }), request)['usage']).toEqual({
      prompt_tokens: 240,
      completion_tokens: 7,
      total_tokens: 247,
      prompt_tokens_details: { cached_tokens: 200, cache_write_tokens: 30 },
      completion_tokens_details: { reasoning_tokens: 4 }
    })
    expect(chatToMessages.answer(message({ usage: null }), request)).not.toHaveProperty('usage')
  })

  it.each<[string, JsonObject]>([
    ['expected a message, got "error"', { type: 'error', error: { message: 'no' } }],
    ['expected a list of content blocks', message({ content: 'Hello' })],
    ['content[0]: expected an object', message({ content: ['Hello'] })],
    ['content[0].text: expected a text', message({ content: [{ type: 'text' }] })],
    ['content[0].id: expected a text', message({ content: [{ type: 'tool_use', name: 'x', input: {} }] })]
  ])('is none for what is no message: %s', (why, body) => {
    expect(() => chatToMessages.answer(body, request)).toThrow(
      new RepriseError('provider-malformed', `the provider's answer is no message: ${why}`)
    )
  })
})

const reasons = fc.constantFrom(
  'end_turn',
  'stop_sequence',
  'tool_use',
  'max_tokens',
  'model_context_window_exceeded',
  'pause_turn',
  'refusal',
  'of_tomorrow'
)
const textBlock = fc.record({
  type: fc.constant('text'),
  text: anyText,
  citations: fc.constantFrom(null, [], [{ a: 1 }])
})
const input: fc.Arbitrary<JsonObject> = fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'c'), plainJson, {
  maxKeys: 3
})
const toolUse = fc.record({ type: fc.constant('tool_use'), id: someText, name: someText, input })
const unseen: fc.Arbitrary<JsonObject> = fc.oneof(
  fc.record({ type: fc.constant('thinking'), thinking: anyText, signature: anyText }),
  fc.record({ type: fc.constant('redacted_thinking'), data: anyText }),
  fc.record({ type: fc.constant('server_tool_use'), id: someText, name: someText, input }),
  fc.record({ type: fc.constant('fallback'), to: fc.record({ model: someText }) }),
  fc.record({ type: fc.constant('of_tomorrow'), x: plainJson })
)
const count = fc.option(fc.nat({ max: 1_000_000 }))
const usage: fc.Arbitrary<JsonObject> = fc
  .record(
    {
      input_tokens: fc.nat({ max: 1_000_000 }),
      output_tokens: fc.nat({ max: 1_000_000 }),
      cache_read_input_tokens: count,
      cache_creation_input_tokens: count,
      thought: fc.option(fc.double({ min: 0, max: 1, noNaN: true }))
    },
    { requiredKeys: ['input_tokens', 'output_tokens'] }
  )
  .map(({ thought = null, ...counts }) => ({
    ...counts,
    // Never more than the output it is a part of.
    ...(thought === null
      ? {}
      : { output_tokens_details: { thinking_tokens: Math.floor(thought * counts.output_tokens) } })
  }))
const details = fc.constantFrom<Json>(null, { type: 'refusal', category: null, explanation: 'No.' })

/** A message; a fallback model that went on is the one it names. */
function anyMessage(blocks: fc.Arbitrary<JsonObject>): fc.Arbitrary<JsonObject> {
  return fc
    .record({ content: fc.array(blocks, { maxLength: 5 }), stop_reason: reasons, stop_details: details, usage })
    .map((parts) => {
      const last = parts.content.findLast(({ type }) => type === 'fallback')?.['to']
      return message({ ...parts, ...(last === undefined ? {} : (last as JsonObject)) })
    })
}

const anything = anyMessage(fc.oneof({ arbitrary: textBlock, weight: 3 }, { arbitrary: toolUse, weight: 2 }, unseen))

function foldStreamed(answer: JsonObject): JsonObject | undefined {
  const crossing = chatToMessages.stream(request)
  const fold = openaiChat.fold(request)
  for (const event of anthropicMessages.unfold(answer, request)) {
    for (const delta of crossing.add(event)) fold.add(delta)
  }
  return fold.end().answer
}

describe('an answer that has crossed', () => {
  it('is the same as a stream', () => {
    fc.assert(
      fc.property(anything, (answer) => {
        expect(foldStreamed(answer)).toEqual(chatToMessages.answer(answer, request))
      }),
      { numRuns: 500 }
    )
  })

  it('may be stored when and only when it could be before', () => {
    fc.assert(
      fc.property(anyMessage(fc.oneof(textBlock, toolUse)), (answer) => {
        const crossed = chatToMessages.answer(answer, request)
        expect(openaiChat.unfit(crossed) === undefined).toBe(anthropicMessages.unfit(answer) === undefined)
      }),
      { numRuns: 500 }
    )
  })

  it('is never stored when it could not be before, nor when all of it was beyond a chat', () => {
    fc.assert(
      fc.property(anything, (answer) => {
        const crossed = chatToMessages.answer(answer, request)
        if (anthropicMessages.unfit(answer) !== undefined) expect(openaiChat.unfit(crossed)).toBeDefined()
      }),
      { numRuns: 300 }
    )
    const thought = message({ content: [{ type: 'thinking', thinking: 'Hm.', signature: 's' }] })
    expect(openaiChat.unfit(chatToMessages.answer(thought, request))).toBe('empty')
  })

  it('has cost the same', () => {
    fc.assert(
      fc.property(anything, (answer) => {
        expect(openaiChat.usage(chatToMessages.answer(answer, request))).toEqual(anthropicMessages.usage(answer))
      }),
      { numRuns: 300 }
    )
  })
})
