import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../core/json.ts'
import { anthropicMessagesBatching } from './anthropic-messages-batching.ts'
import { openaiChatBatching } from './openai-chat-batching.ts'
import { openaiResponsesBatching } from './openai-responses-batching.ts'

const turn = { role: 'user', content: 'Why?' }
const chat: JsonObject = { model: 'gpt-4o', messages: [turn] }
const response: JsonObject = { model: 'gpt-4o', input: 'Why?', store: false }
const message: JsonObject = { model: 'claude-sonnet-4-5', max_tokens: 100, messages: [turn] }
const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } }
const schema = { type: 'object', properties: { p0: { type: 'string' } }, required: ['p0'], additionalProperties: false }

describe('what is fit to be one of several', () => {
  it.each<JsonObject>([
    {},
    { temperature: 0.2, top_p: 1, max_completion_tokens: 50, reasoning_effort: 'low', verbosity: 'low', user: 'u' },
    { stream: false, n: 1, store: false, logprobs: false, tools: null, response_format: null, frequency_penalty: 0 },
    { modalities: ['text'], service_tier: 'flex', metadata: { a: 'b' }, prompt_cache_key: 'k' },
    { messages: [{ role: 'system', content: 'Be brief.' }, turn, { role: 'assistant', content: 'So.' }, turn] }
  ])('chat: %j', (more) => expect(openaiChatBatching.unfit({ ...chat, ...more })).toBeUndefined())

  it.each<[JsonObject, string]>([
    [{ stream: true }, 'stream'],
    [{ tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools'],
    [{ tool_choice: 'none' }, 'tools'],
    [{ functions: [{ name: 'f' }] }, 'tools'],
    [{ web_search_options: {} }, 'tools'],
    [{ response_format: { type: 'text' } }, 'format'],
    [{ n: 2 }, 'choices'],
    [{ logprobs: true }, 'logprobs'],
    [{ audio: { voice: 'alloy' } }, 'media'],
    [{ modalities: ['text', 'audio'] }, 'media'],
    [{ prediction: { type: 'content', content: 'x' } }, 'prediction'],
    [{ stop: ['\n'] }, 'stop'],
    [{ seed: 7 }, 'seed'],
    [{ logit_bias: { 1: 2 } }, 'sampling'],
    [{ presence_penalty: 0.5 }, 'sampling'],
    [{ store: true }, 'store'],
    [{ max_tokens: 1.5 }, 'limit'],
    [{ x_new: null }, 'unknown'],
    [{ __proto__x: 1 }, 'unknown'],
    [{ constructor: 1 }, 'unknown'],
    [{ messages: [turn, { role: 'assistant', content: 'Because' }] }, 'turn'],
    [{ messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, image] }] }, 'turn'],
    [{ messages: [] }, 'turn']
  ])('chat, and not: %j (%s)', (more, reason) => expect(openaiChatBatching.unfit({ ...chat, ...more })).toBe(reason))

  it.each<JsonObject>([
    {},
    { instructions: 'Be brief.', max_output_tokens: 50, reasoning: { effort: 'low', summary: null }, store: false },
    { input: [{ role: 'user', content: [{ type: 'input_text', text: 'Why?' }] }], text: { verbosity: 'low' } },
    { truncation: 'disabled', include: [], background: false, previous_response_id: null, tools: [] }
  ])('responses: %j', (more) => expect(openaiResponsesBatching.unfit({ ...response, ...more })).toBeUndefined())

  it.each<[JsonObject, string]>([
    [{ stream: true }, 'stream'],
    [{ tools: [{ type: 'web_search' }] }, 'tools'],
    [{ text: { format: { type: 'text' } } }, 'format'],
    [{ reasoning: { effort: 'low', summary: 'auto' } }, 'reasoning'],
    [{ store: true }, 'store'],
    [{ store: null }, 'store'],
    [{ background: true }, 'background'],
    [{ previous_response_id: 'resp_1' }, 'conversation'],
    [{ conversation: 'conv_1' }, 'conversation'],
    [{ prompt: { id: 'pmpt_1', version: '2' } }, 'prompt'],
    [{ include: ['reasoning.encrypted_content'] }, 'include'],
    [{ truncation: 'auto' }, 'truncation'],
    [{ moderation: { model: 'm' } }, 'unknown'],
    [
      {
        input: [
          { type: 'item_reference', id: 'msg_1' },
          { role: 'user', content: 'Why?' }
        ]
      },
      'turn'
    ],
    [{ input: [{ role: 'assistant', content: 'Because' }] }, 'turn']
  ])('responses, and not: %j (%s)', (more, reason) =>
    expect(openaiResponsesBatching.unfit({ ...response, ...more })).toBe(reason)
  )

  it.each<JsonObject>([
    {},
    { system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }], temperature: 0, top_k: 5 },
    { thinking: { type: 'disabled' }, metadata: { user_id: 'u' }, stream: false, stop_sequences: [] }
  ])('messages: %j', (more) => expect(anthropicMessagesBatching.unfit({ ...message, ...more })).toBeUndefined())

  it.each<[JsonObject, string]>([
    [{ stream: true }, 'stream'],
    [{ tools: [{ name: 'f', input_schema: {} }] }, 'tools'],
    [{ thinking: { type: 'enabled', budget_tokens: 1024 } }, 'reasoning'],
    [{ output_config: { effort: 'low' } }, 'format'],
    [{ stop_sequences: ['x'] }, 'stop'],
    [{ container: 'c' }, 'container'],
    [{ mcp_servers: [{ url: 'u' }] }, 'tools'],
    [{ context_management: {} }, 'unknown'],
    [{ messages: [turn, { role: 'assistant', content: 'Because' }] }, 'turn']
  ])('messages, and not: %j (%s)', (more, reason) =>
    expect(anthropicMessagesBatching.unfit({ ...message, ...more })).toBe(reason)
  )
})

describe('a schema', () => {
  it.each([
    ['gpt-4o', true],
    ['gpt-4o-2024-08-06', true],
    ['ft:gpt-4o-mini-2024-07-18:org::id', true],
    ['gpt-4.1-nano', true],
    ['gpt-5', true],
    ['gpt-5.1-mini', true],
    ['o1', true],
    ['o3-mini', true],
    ['o4-mini-2025-04-16', true],
    ['gpt-4o-2024-05-13', false],
    ['gpt-4o-audio-preview', false],
    ['gpt-4o-search-preview', false],
    ['o1-mini', false],
    ['o1-preview', false],
    ['gpt-4', false],
    ['gpt-4-turbo', false],
    ['gpt-3.5-turbo', false],
    ['openai/gpt-4o', false],
    ['my-gpt-4o', false],
    ['o1x', false]
  ])('%s answers by one: %s', (model, takes) => {
    expect(openaiChatBatching.takesSchema({ model })).toBe(takes)
    expect(openaiResponsesBatching.takesSchema({ model })).toBe(takes)
  })

  it.each([
    ['claude-3-haiku-20240307', true],
    ['claude-3-5-sonnet-latest', true],
    ['claude-sonnet-4-5', true],
    ['claude-opus-4-20250514', true],
    ['claude-2.1', false],
    ['claude-instant-1.2', false],
    ['gpt-4o', false]
  ])('%s answers by one: %s', (model, takes) => expect(anthropicMessagesBatching.takesSchema({ model })).toBe(takes))

  it('is asked for as each dialect asks for it, in place of the last words alone', () => {
    const asked = { text: 'All of it', parts: 3, schema }
    expect(openaiChatBatching.combined({ ...chat, max_tokens: 10 }, asked)).toEqual({
      model: 'gpt-4o',
      messages: [{ role: 'user', content: 'All of it' }],
      max_tokens: 418,
      response_format: { type: 'json_schema', json_schema: { name: 'answers', strict: true, schema } }
    })
    expect(openaiResponsesBatching.combined({ ...response, text: { verbosity: 'low' } }, asked)).toEqual({
      model: 'gpt-4o',
      input: 'All of it',
      text: { verbosity: 'low', format: { type: 'json_schema', name: 'answers', strict: true, schema } },
      store: false
    })
    const texts = [
      { type: 'text', text: 'A document' },
      { type: 'text', text: 'Why?' }
    ]
    const before = [turn, { role: 'assistant', content: 'So.' }]
    const messages = [...before, { role: 'user', content: texts }]
    expect(anthropicMessagesBatching.combined({ ...message, messages }, asked)).toEqual({
      model: 'claude-sonnet-4-5',
      max_tokens: 755,
      messages: [...before, { role: 'user', content: [texts[0], { type: 'text', text: 'All of it' }] }],
      tools: [{ name: 'answers', description: 'Takes the answer to each part.', input_schema: schema }],
      tool_choice: { type: 'tool', name: 'answers', disable_parallel_tool_use: true }
    })
  })

  it('is given room for, but no more than the model is known to give, or one was allowed', () => {
    const limit = (model: string, max_tokens: number): unknown =>
      anthropicMessagesBatching.combined({ ...message, model, max_tokens }, { text: 'x', parts: 5 })['max_tokens']
    expect(limit('claude-3-haiku-20240307', 4096)).toBe(4096)
    expect(limit('claude-3-5-haiku-latest', 4096)).toBe(8192)
    expect(limit('claude-sonnet-4-5', 100_000)).toBe(100_000)
    expect(limit('somebodys', 100_000)).toBe(625_500)
  })
})
