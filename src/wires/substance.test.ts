import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../core/json.ts'
import { canonical } from '../core/key.ts'
import { anthropicMessages } from './anthropic-messages.ts'
import { Body } from './body.ts'
import { llmKind } from './llm-kind.ts'
import { openaiChat } from './openai-chat.ts'
import { openaiResponses } from './openai-responses.ts'
import type { Wire } from './wire.ts'

/** Whether a wire finds that two answers say the same. */
function same(wire: Wire, one: JsonObject, other: JsonObject): boolean {
  return canonical(wire.substance(one)) === canonical(wire.substance(other))
}

const call = { id: 'call_1', type: 'function', function: { name: 'find', arguments: '{"id":7}' } }
const chat = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-4o-2024-08-06',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Bern.', tool_calls: [call] }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1 },
  system_fingerprint: 'fp_1'
}

describe('the substance of a chat completion', () => {
  it('is the same when only identifiers, dates, usage and machines differ', () => {
    const other = structuredClone(chat)
    Object.assign(other, { id: 'chatcmpl-2', created: 2, usage: { prompt_tokens: 9 }, system_fingerprint: 'fp_2' })
    Object.assign(other, { service_tier: 'flex', x_groq: { id: 'r' }, timings: { ms: 4 }, provider: 'Azure' })
    Object.assign(other.choices[0]?.message.tool_calls[0] ?? {}, { id: 'call_2' })
    expect(same(openaiChat, chat, other)).toBe(true)
  })

  it('is the same whether it was streamed or not', () => {
    const [choice] = chat.choices
    const spelt = { ...choice, logprobs: null, message: { ...choice?.message, refusal: null, annotations: [] } }
    expect(same(openaiChat, chat, { ...chat, choices: [spelt] })).toBe(true)
  })

  it.each([
    ['another text', { message: { role: 'assistant', content: 'Zurich.', tool_calls: [call] } }],
    ['another end', { finish_reason: 'tool_calls' }],
    ['no call', { message: { role: 'assistant', content: 'Bern.' } }],
    [
      'a call of something else',
      {
        message: {
          role: 'assistant',
          content: 'Bern.',
          tool_calls: [{ ...call, function: { name: 'find', arguments: '{"id":8}' } }]
        }
      }
    ],
    ['a field that nobody knows', { verdict: 'sure' }]
  ])('is another one with %s', (_, change) => {
    expect(same(openaiChat, chat, { ...chat, choices: [{ ...chat.choices[0], ...change }] })).toBe(false)
  })

  it('is another one with another choice, whatever is wrong with it', () => {
    expect(same(openaiChat, chat, { ...chat, choices: [...chat.choices, null] })).toBe(false)
    expect(same(openaiChat, chat, { ...chat, choices: 'none' })).toBe(false)
    expect(same(openaiChat, chat, { ...chat, choices: [{ message: null }] })).toBe(false)
  })

  it('is found by its kind, which throws for what is no JSON', () => {
    const { substance } = llmKind(openaiChat)
    expect(substance?.(Body.fromJson(chat))).toEqual(openaiChat.substance(chat))
    expect(() => substance?.(Body.fromBytes(Buffer.from('<html>')))).toThrow(SyntaxError)
  })
})

describe('the substance of a message', () => {
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude',
    stop_reason: 'tool_use',
    stop_sequence: null,
    content: [
      { type: 'thinking', thinking: 'Hm.', signature: 'a' },
      { type: 'redacted_thinking', data: 'b' },
      { type: 'tool_use', id: 'toolu_1', name: 'find', input: { id: 7 } }
    ],
    usage: { input_tokens: 1, output_tokens: 2 }
  }

  it('is the same when only identifiers, signatures and usage differ', () => {
    const content = [
      { type: 'thinking', thinking: 'Hm.', signature: 'c' },
      { type: 'redacted_thinking', data: 'd' },
      { type: 'tool_use', id: 'toolu_2', name: 'find', input: { id: 7 } }
    ]
    const other = { ...message, id: 'msg_2', content, usage: { input_tokens: 5, output_tokens: 6 } }
    expect(same(anthropicMessages, message, other)).toBe(true)
  })

  it('is another one when a tool is called with something else', () => {
    const content = [
      ...message.content.slice(0, 2),
      { type: 'tool_use', id: 'toolu_1', name: 'find', input: { id: 8 } }
    ]
    expect(same(anthropicMessages, message, { ...message, content })).toBe(false)
  })
})

describe('the substance of a response', () => {
  const text = { type: 'output_text', text: 'Bern.', annotations: [] }
  const response = {
    id: 'resp_1',
    created_at: 1,
    status: 'completed',
    model: 'gpt-5',
    metadata: {},
    output: [
      { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'a' },
      { type: 'message', id: 'msg_1', role: 'assistant', content: [text] },
      { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'find', arguments: '{}' }
    ],
    usage: { input_tokens: 1, output_tokens: 2 }
  }

  it('is the same when only identifiers, dates, usage and what repeats the request differ', () => {
    const output = [
      { type: 'reasoning', id: 'rs_2', summary: [], encrypted_content: 'b' },
      { type: 'message', id: 'msg_2', role: 'assistant', content: [text] },
      { type: 'function_call', id: 'fc_2', call_id: 'call_2', name: 'find', arguments: '{}' }
    ]
    const other = {
      ...response,
      id: 'resp_2',
      created_at: 2,
      completed_at: 3,
      metadata: { a: 'b' },
      output,
      usage: null
    }
    expect(same(openaiResponses, response, other)).toBe(true)
  })

  it('is another one when something else is said', () => {
    const [reasoning, message, call] = response.output
    const said = { ...message, content: [{ ...text, text: 'Zurich.' }] }
    expect(same(openaiResponses, response, { ...response, output: [reasoning, said, call] as JsonObject[] })).toBe(
      false
    )
  })
})
