import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../core/json.ts'
import { anthropicMessages } from './anthropic-messages.ts'
import { anthropicMessagesBatching } from './anthropic-messages-batching.ts'
import { openaiChat } from './openai-chat.ts'
import { openaiChatBatching } from './openai-chat-batching.ts'
import { openaiResponses } from './openai-responses.ts'
import { openaiResponsesBatching } from './openai-responses-batching.ts'

const chat: JsonObject = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Why?' }] }
const response: JsonObject = { model: 'gpt-4o', input: 'Why?' }
const schema = { type: 'object', properties: { p0: { type: 'string' } }, required: ['p0'], additionalProperties: false }

describe('what was said', () => {
  const choice = { finish_reason: 'stop', message: { content: '{}', refusal: null, tool_calls: [] } }

  it('by chat, is one whole text', () => {
    const said = (more: JsonObject, message: JsonObject = {}): string | undefined =>
      openaiChatBatching.said({ choices: [{ ...choice, ...more, message: { ...choice.message, ...message } }] })
    expect(said({})).toBe('{}')
    for (const finish_reason of ['length', 'tool_calls', null]) expect(said({ finish_reason })).toBeUndefined()
    expect(said({}, { refusal: 'No.' })).toBeUndefined()
    expect(said({}, { tool_calls: [{ id: 'c' }] })).toBeUndefined()
    expect(said({}, { content: null })).toBeUndefined()
    expect(openaiChatBatching.said({ choices: [choice, choice] })).toBeUndefined()
    expect(openaiChatBatching.said({})).toBeUndefined()
  })

  it('by responses, is one whole text, whatever was thought before', () => {
    const text = { type: 'message', content: [{ type: 'output_text', text: '{}' }] }
    const said = (output: readonly JsonObject[], status = 'completed'): string | undefined =>
      openaiResponsesBatching.said({ status, output })
    expect(said([{ type: 'reasoning' }, text])).toBe('{}')
    expect(said([text], 'incomplete')).toBeUndefined()
    expect(said([text, text])).toBeUndefined()
    expect(said([{ type: 'function_call' }])).toBeUndefined()
    expect(said([{ type: 'message', content: [{ type: 'refusal', refusal: 'No.' }] }])).toBeUndefined()
    expect(said([])).toBeUndefined()
  })

  it('by messages, is one whole text or one call of the tool', () => {
    const text = { type: 'text', text: 'x' }
    const call = { type: 'tool_use', name: 'answers', input: { a: 'b' } }
    const said = (content: readonly JsonObject[], stop_reason: string): string | undefined =>
      anthropicMessagesBatching.said({ content, stop_reason })
    expect(said([text], 'end_turn')).toBe('x')
    expect(said([call], 'tool_use')).toBe('{"a":"b"}')
    expect(said([text], 'max_tokens')).toBeUndefined()
    expect(said([call], 'max_tokens')).toBeUndefined()
    expect(said([{ ...call, name: 'other' }], 'tool_use')).toBeUndefined()
    expect(said([text, call], 'tool_use')).toBeUndefined()
    expect(said([], 'end_turn')).toBeUndefined()
  })
})

describe('the answer to a part', () => {
  it('holds nothing that may be about others, and counts as its dialect does', () => {
    const usage = { inputTokens: 10, outputTokens: 5, cachedInputTokens: 4, cacheWriteTokens: 3, reasoningTokens: 2 }
    const part = { text: 'So.', usage, id: 'p0', request: chat }
    const chatAnswer = openaiChatBatching.part(
      {
        id: 'c',
        choices: [
          {
            index: 0,
            message: { role: 'assistant', content: '{}', reasoning_content: 'of others', annotations: [{}] },
            finish_reason: 'stop',
            content_filter_results: {}
          }
        ],
        prompt_filter_results: [{}],
        usage: {
          prompt_tokens: 90,
          completion_tokens: 80,
          total_tokens: 170,
          cost: 0.1,
          prompt_tokens_details: { cached_tokens: 70, cache_write_tokens: 9, audio_tokens: 0 },
          completion_tokens_details: { reasoning_tokens: 60 }
        }
      },
      part
    )
    expect(chatAnswer).toEqual({
      id: 'c-p0',
      choices: [{ index: 0, message: { role: 'assistant', content: 'So.', annotations: [] }, finish_reason: 'stop' }],
      usage: {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 3, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 2 }
      }
    })
    expect(openaiChat.usage(chatAnswer)).toEqual(usage)

    const responseAnswer = openaiResponsesBatching.part(
      {
        id: 'r',
        status: 'completed',
        output: [
          { type: 'reasoning', id: 'rs', summary: [{ type: 'summary_text', text: 'of others' }] },
          { type: 'message', id: 'm', role: 'assistant', content: [{ type: 'output_text', text: '{}', logprobs: [] }] }
        ],
        text: { format: { type: 'json_schema', schema }, verbosity: 'medium' },
        max_output_tokens: 500,
        usage: {
          input_tokens: 90,
          input_tokens_details: { cached_tokens: 70, cache_write_tokens: 9 },
          output_tokens: 80,
          output_tokens_details: { reasoning_tokens: 60 },
          total_tokens: 170
        }
      },
      { ...part, request: { ...response, max_output_tokens: 50 } }
    )
    expect(responseAnswer).toMatchObject({
      id: 'r-p0',
      output: [{ id: 'm-p0', content: [{ type: 'output_text', text: 'So.', logprobs: [] }] }],
      text: { format: { type: 'text' }, verbosity: 'medium' },
      max_output_tokens: 50
    })
    expect(JSON.stringify(responseAnswer)).not.toContain('others')
    expect(openaiResponses.usage(responseAnswer)).toEqual(usage)

    const messageAnswer = anthropicMessagesBatching.part(
      {
        id: 'm',
        type: 'message',
        content: [{ type: 'tool_use', id: 't', name: 'answers', input: {} }],
        stop_reason: 'tool_use',
        usage: {
          input_tokens: 11,
          cache_creation_input_tokens: 9,
          cache_read_input_tokens: 70,
          cache_creation: { ephemeral_5m_input_tokens: 9, ephemeral_1h_input_tokens: 0 },
          output_tokens: 80,
          output_tokens_details: { thinking_tokens: 60 },
          service_tier: 'standard'
        }
      },
      part
    )
    expect(messageAnswer).toEqual({
      id: 'm-p0',
      type: 'message',
      content: [{ type: 'text', text: 'So.' }],
      stop_reason: 'end_turn',
      usage: {
        input_tokens: 3,
        cache_creation_input_tokens: 3,
        cache_read_input_tokens: 4,
        cache_creation: { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 0 },
        output_tokens: 5,
        output_tokens_details: { thinking_tokens: 2 },
        service_tier: 'standard'
      }
    })
    expect(anthropicMessages.usage(messageAnswer)).toEqual(usage)
  })

  it('says nothing of tokens where the call did not', () => {
    const part = { text: 'So.', usage: undefined, id: 'p0', request: chat }
    expect(openaiChatBatching.part({ choices: [{ message: { content: '' } }], usage: null }, part)['usage']).toBeNull()
    expect(anthropicMessagesBatching.part({ content: [] }, part)).not.toHaveProperty('usage')
  })
})
