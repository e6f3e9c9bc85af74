import Anthropic from '@anthropic-ai/sdk'
import { describe, expect, it } from 'vitest'
import { answering } from '../../test/support/sdk-answers.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { anthropicMessages } from './anthropic-messages.ts'
import { messagesToChat } from './messages-to-chat.ts'
import { openaiChat } from './openai-chat.ts'

const request = { model: 'claude-x', max_tokens: 100, messages: [{ role: 'user' as const, content: 'Hi' }] }

function completion(message: JsonObject, reason: Json = 'stop', more: JsonObject = {}): JsonObject {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'gpt-4o',
    choices: [{ index: 0, message: { role: 'assistant', ...message }, logprobs: null, finish_reason: reason }],
    usage: { prompt_tokens: 9, completion_tokens: 12, total_tokens: 21 },
    ...more
  }
}

function cross(answer: JsonObject): JsonObject {
  return messagesToChat.answer(answer, request)
}

function call(id: string, name: string, text: Json): JsonObject {
  return { id, type: 'function', function: { name, arguments: text } }
}

function use(id: string, name: string, input: JsonObject): JsonObject {
  return { type: 'tool_use', id, name, input, caller: { type: 'direct' } }
}

function says(text: string): JsonObject {
  return { type: 'text', text, citations: null }
}

const usage = {
  input_tokens: 9,
  cache_creation_input_tokens: null,
  cache_read_input_tokens: null,
  output_tokens: 12,
  output_tokens_details: null
}

describe('a crossed answer', () => {
  it('is a message with the same identifier, model, text and tokens', () => {
    expect(cross(completion({ content: 'Hello', refusal: null }))).toEqual({
      id: 'chatcmpl-1',
      type: 'message',
      role: 'assistant',
      model: 'gpt-4o',
      content: [says('Hello')],
      stop_reason: 'end_turn',
      stop_sequence: null,
      stop_details: null,
      usage
    })
  })

  it('calls tools with what their arguments say', () => {
    const calls = [
      call('call_1', 'weather', '{"city": "Paris"}'),
      call('call_2', 'now', ''),
      call('call_3', 'now', null)
    ]
    const { content, stop_reason } = cross(completion({ content: 'Let me see.', tool_calls: calls }, 'tool_calls'))
    expect(content).toEqual([
      says('Let me see.'),
      use('call_1', 'weather', { city: 'Paris' }),
      use('call_2', 'now', {}),
      use('call_3', 'now', {})
    ])
    expect(stop_reason).toBe('tool_use')
  })

  it('says that tools are called even where the provider says stop', () => {
    expect(cross(completion({ content: null, tool_calls: [call('a', 'f', '{}')] }, 'stop'))['stop_reason']).toBe(
      'tool_use'
    )
    expect(cross(completion({ content: 'x' }, 'tool_calls'))['stop_reason']).toBe('end_turn')
    expect(cross(completion({ content: 'x', tool_calls: [] }, 'function_call'))['stop_reason']).toBe('end_turn')
  })

  it('gives a call an identifier that Anthropic takes back, each its own', () => {
    const ids = (answer: JsonObject): Json[] => {
      const { content } = cross(answer)
      return Array.isArray(content) ? content.map((block) => block['id']) : []
    }
    const calls = [call('functions.f:0', 'f', '{}'), call('', 'f', '{}'), call('', 'f', '{}'), call('a-b_C', 'f', '{}')]
    const given = ids(completion({ content: null, tool_calls: calls }))
    for (const id of given) expect(id).toMatch(/^[a-zA-Z0-9_-]+$/)
    expect(new Set(given).size).toBe(4)
    expect(given.at(-1)).toBe('a-b_C')
    expect(ids(completion({ content: null, tool_calls: calls }))).toEqual(given)
    const others = ids(completion({ content: null, tool_calls: calls }, 'stop', { id: 'chatcmpl-2' }))
    expect(others.slice(0, 3).some((id) => given.includes(id))).toBe(false)
  })

  it('says a refusal, and that it is one', () => {
    const refused = cross(completion({ content: null, refusal: 'I cannot help with that.' }))
    expect(refused).toMatchObject({ content: [says('I cannot help with that.')], stop_reason: 'refusal' })
    expect(anthropicMessages.unfit(refused)).toBe('filtered')
    expect(cross(completion({ content: 'Well.', refusal: 'No.' }))['content']).toEqual([says('Well.'), says('No.')])
  })

  it('leaves reasoning, annotations and probabilities out', () => {
    const message = { content: 'x', reasoning_content: 'Hm.', reasoning: 'Hm.', annotations: [{}], audio: null }
    expect(cross(completion(message))['content']).toEqual([says('x')])
  })

  it('leaves white space out, but where there is nothing else', () => {
    expect(cross(completion({ content: '\n\n', tool_calls: [call('a', 'f', '{}')] }))['content']).toEqual([
      use('a', 'f', {})
    ])
    expect(cross(completion({ content: ' \n', refusal: 'No.' }))['content']).toEqual([says('No.')])
    expect(cross(completion({ content: ' \n' }))['content']).toEqual([says(' \n')])
    expect(cross(completion({ content: '' }))['content']).toEqual([])
  })

  it.each<[Json, Json, string | undefined]>([
    ['stop', 'end_turn', undefined],
    ['eos', 'end_turn', undefined],
    ['length', 'max_tokens', 'truncated'],
    ['model_length', 'max_tokens', 'truncated'],
    ['content_filter', 'refusal', 'filtered'],
    ['abort', null, 'incomplete'],
    [null, null, 'incomplete']
  ])('that ended with %j ends with %j, as fit as it was', (reason, stop, unfit) => {
    const answer = completion({ content: 'x' }, reason)
    expect(cross(answer)['stop_reason']).toBe(stop)
    expect(openaiChat.unfit(answer)).toBe(unfit)
    expect(anthropicMessages.unfit(cross(answer))).toBe(unfit)
  })

  it('leaves out a call that was broken off, and says that it is truncated', () => {
    const calls = [call('a', 'f', '{"x": 1}'), call('b', 'f', '{"x": ')]
    expect(cross(completion({ content: null, tool_calls: calls }, 'length'))).toMatchObject({
      content: [use('a', 'f', { x: 1 })],
      stop_reason: 'max_tokens'
    })
  })

  it.each<[JsonObject, JsonObject]>([
    [{ prompt_tokens_details: { cached_tokens: 4 } }, { input_tokens: 5, cache_read_input_tokens: 4 }],
    [
      { prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 3 } },
      { input_tokens: 2, cache_read_input_tokens: 4, cache_creation_input_tokens: 3 }
    ],
    [{ completion_tokens_details: { reasoning_tokens: 7 } }, { output_tokens_details: { thinking_tokens: 7 } }]
  ])('counts %j as %j', (details, counted) => {
    const answer = completion({ content: 'x' }, 'stop', {
      usage: { prompt_tokens: 9, completion_tokens: 12, ...details }
    })
    expect(cross(answer)['usage']).toEqual({ ...usage, ...counted })
    expect(anthropicMessages.usage(cross(answer))).toEqual(openaiChat.usage(answer))
  })

  it('does not claim to know how many tokens there were where nobody has said so', () => {
    for (const unknown of [undefined, null, {}, { prompt_tokens: 5 }]) {
      const { usage: _, ...answer } = completion({ content: 'x' })
      const crossed = cross(unknown === undefined ? answer : { ...answer, usage: unknown })
      expect(anthropicMessages.usage(crossed)).toBeUndefined()
    }
  })

  const choice = { index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' }

  it.each<[string, JsonObject]>([
    ['an error: Out of luck', { error: { message: 'Out of luck' } }],
    ['an error: Out of luck', { error: 'Out of luck' }],
    ['an error: {"code":5}', completion({}, 'stop', { choices: [{ ...choice, error: { code: 5 } }] })],
    ['expected a list of choices, got nothing', {}],
    ['expected one choice, got 0', { choices: [] }],
    ['expected one choice, got 2', { choices: [choice, choice] }],
    ['expected a choice to be an object, got "x"', { choices: ['x'] }],
    ['expected a choice to have a message, got nothing', { choices: [{}] }],
    ['expected content to be a text, got a list', completion({ content: [{ type: 'text', text: 'x' }] })],
    [
      'it has a function_call, which nobody has asked for',
      completion({ function_call: { name: 'f', arguments: '{}' } })
    ],
    ['expected tool_calls to be a list of objects', completion({ tool_calls: ['x'] })],
    ['it has a tool call of the type "custom"', completion({ tool_calls: [{ type: 'custom', id: 'a', custom: {} }] })],
    ['it has a tool call without a name', completion({ tool_calls: [{ id: 'a', function: { arguments: '{}' } }] })],
    ['expected arguments to be a text, got an object', completion({ tool_calls: [call('a', 'f', {})] })],
    ['the arguments of f are no JSON', completion({ tool_calls: [call('a', 'f', '{"x": ')] })],
    ['expected the arguments of f to be an object, got a list', completion({ tool_calls: [call('a', 'f', '[1]')] })],
    [
      'the arguments of f have a number that would come out as another',
      completion({ tool_calls: [call('a', 'f', '{"id": 9007199254740993}')] })
    ],
    ['it ended with "error"', completion({ content: 'x' }, 'error')]
  ])('is none: %s', (words, answer) => {
    expect(() => cross(answer)).toThrow(
      expect.objectContaining({ code: 'provider-malformed', message: expect.stringContaining(words) })
    )
  })

  it('is read by Anthropic’s SDK', async () => {
    const answer = completion({ content: 'Hello', tool_calls: [call('a', 'f', '{"x": 1}')] }, 'tool_calls')
    const client = new Anthropic({ apiKey: 'x', maxRetries: 0, fetch: answering(cross(answer), () => []) })
    const message = await client.messages.create(request)
    expect(message.content).toEqual([says('Hello'), use('a', 'f', { x: 1 })])
    expect(message.usage.output_tokens).toBe(12)
  })
})
