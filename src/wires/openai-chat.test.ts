import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../core/json.ts'
import { openaiChat } from './openai-chat.ts'

const request: JsonObject = { model: 'gpt-5', messages: [{ role: 'user', content: 'Hi' }] }

describe('check', () => {
  it('welcomes what it does not know', () => {
    expect(openaiChat.check(request)).toBeUndefined()
    expect(openaiChat.check({ ...request, stream: null, n: null, x: { y: 1 }, temperature: 'hot' })).toBeUndefined()
    expect(openaiChat.check({ ...request, stream: true, n: 2 })).toBeUndefined()
  })

  it.each([
    [{ model: '' }, 'model', 'model: expected a non-empty string, got ""'],
    [{ model: 5 }, 'model', 'model: expected a non-empty string, got 5'],
    [{ messages: [] }, 'messages', 'messages: expected a non-empty list of objects, got an empty list'],
    [{ messages: 'Hi' }, 'messages', 'messages: expected a non-empty list of objects, got "Hi"'],
    [{ messages: {} }, 'messages', 'messages: expected a non-empty list of objects, got an object'],
    [{ messages: [{}, null] }, 'messages', 'messages: expected a non-empty list of objects, got null at index 1'],
    [{ stream: 'yes' }, 'stream', 'stream: expected true, false or null, got "yes"'],
    [{ n: 0 }, 'n', 'n: expected a whole number of at least 1, got 0'],
    [{ n: 1.5 }, 'n', 'n: expected a whole number of at least 1, got 1.5'],
    [{ n: '2' }, 'n', 'n: expected a whole number of at least 1, got "2"']
  ])('refuses %j', (wrong, field, message) => {
    expect(openaiChat.check({ ...request, ...wrong })).toEqual({ field, message })
  })

  it('refuses a request without a model or messages, and says little of long values', () => {
    expect(openaiChat.check({ messages: request['messages'] })?.message).toBe(
      'model: expected a non-empty string, got nothing'
    )
    expect(openaiChat.check({ model: 'm' })?.message).toBe(
      'messages: expected a non-empty list of objects, got nothing'
    )
    expect(openaiChat.check({ model: 'm', messages: 'x'.repeat(500) })?.message.length).toBeLessThan(120)
  })
})

describe('identity', () => {
  it('leaves out what the model never sees', () => {
    const unseen = {
      stream: true,
      stream_options: { include_usage: true },
      user: 'u',
      metadata: { a: 'b' },
      store: true,
      prompt_cache_key: 'k',
      prompt_cache_retention: '24h',
      safety_identifier: 's'
    }
    expect(openaiChat.identity({ ...request, ...unseen })).toEqual(request)
  })

  it('keeps everything else, known or not', () => {
    const body: JsonObject = JSON.parse(
      '{"model":"m","seed":1,"service_tier":"flex","x_new":[1],"__proto__":{"stream":true}}'
    )
    expect(JSON.stringify(openaiChat.identity(body))).toBe(JSON.stringify(body))
  })
})

describe('bypass', () => {
  it('lets a plain request be cached', () => {
    expect(openaiChat.bypass({ ...request, tools: [{ type: 'function' }], web_search_options: null })).toBeUndefined()
  })

  it('does not cache what is read in the web', () => {
    expect(openaiChat.bypass({ ...request, web_search_options: {} })).toBe('web-search')
  })
})

describe('prepare', () => {
  const stream = { ...request, stream: true }

  it('asks for the usage of a stream', () => {
    const fields = { stream_options: { include_usage: true } }
    expect(openaiChat.prepare(stream)?.fields).toEqual(fields)
    expect(openaiChat.prepare({ ...stream, stream_options: null })?.fields).toEqual(fields)
    expect(
      openaiChat.prepare({ ...stream, stream_options: { include_usage: false, include_obfuscation: false } })?.fields
    ).toEqual({
      stream_options: { include_usage: true, include_obfuscation: false }
    })
  })

  it('leaves alone what needs nothing', () => {
    expect(openaiChat.prepare(request)).toBeUndefined()
    expect(openaiChat.prepare({ ...request, stream: false })).toBeUndefined()
    expect(openaiChat.prepare({ ...stream, stream_options: { include_usage: true } })).toBeUndefined()
    // The provider will say what is wrong with it.
    expect(openaiChat.prepare({ ...stream, stream_options: 'usage' })).toBeUndefined()
  })

  const view = openaiChat.prepare(stream)?.view ?? (() => undefined)

  it('hides the chunk that is there for the usage alone', () => {
    expect(view({ data: '{"choices":[],"usage":{"prompt_tokens":1}}' })).toBeUndefined()
  })

  it('hides the field in other chunks, and keeps all the rest', () => {
    expect(
      view({ data: '{"id":"a","choices":[{"delta":{"content":"\\"usage\\""}}],"usage":null,"__proto__":1}' })
    ).toEqual({
      data: '{"id":"a","choices":[{"delta":{"content":"\\"usage\\""}}],"__proto__":1}'
    })
    expect(
      view({ event: 'chunk', data: '{"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}' })
    ).toEqual({
      event: 'chunk',
      data: '{"choices":[{"finish_reason":"stop"}]}'
    })
    // The first chunk of some providers has no choices, and is no chunk of usage.
    expect(view({ data: '{"choices":[],"prompt_filter_results":[],"usage":null}' })).toEqual({
      data: '{"choices":[],"prompt_filter_results":[]}'
    })
  })

  it.each([
    { data: '{ "choices": [ ],  "x": 1 }' },
    { data: '{"choices": [{"delta": {"content": "\\"usage\\": null"}}]}' },
    { data: '{"choices": [], "x_groq": {"usage": null}}' },
    { data: '"usage" is no JSON' },
    { data: '[DONE]' },
    { comment: true as const, data: '"usage"' }
  ])('lets $data pass as it is', (delta) => {
    expect(view(delta)).toBe(delta)
  })
})

describe('isEnd', () => {
  it('knows the last event', () => {
    expect(openaiChat.isEnd({ data: '[DONE]' })).toBe(true)
    expect(openaiChat.isEnd({ data: '{"choices":[]}' })).toBe(false)
    expect(openaiChat.isEnd({ comment: true, data: '[DONE]' })).toBe(false)
  })
})

describe('unfit', () => {
  const message = { role: 'assistant', content: 'Hi' }
  const good = { index: 0, message, finish_reason: 'stop' }

  it.each([
    [good],
    [{ ...good, message: { content: null, refusal: 'No.' } }],
    [{ ...good, message: { content: null, tool_calls: [{}] }, finish_reason: 'tool_calls' }],
    [{ ...good, message: { content: null, function_call: {} }, finish_reason: 'function_call' }],
    [{ ...good, message: { content: null, audio: { id: 'a' } } }],
    [{ ...good, message: { content: [{ type: 'text', text: 'Hi' }] } }],
    [{ ...good, finish_reason: 'eos_token' }]
  ])('keeps %j', (choice) => {
    expect(openaiChat.unfit({ choices: [good, choice] })).toBeUndefined()
  })

  it.each([
    ['truncated', { ...good, finish_reason: 'length' }],
    ['filtered', { ...good, finish_reason: 'content_filter' }],
    ['incomplete', { ...good, finish_reason: null }],
    ['incomplete', { message }],
    ['incomplete', { ...good, finish_reason: 'insufficient_system_resource' }],
    ['failed', { ...good, finish_reason: 'error' }],
    ['failed', { ...good, error: { code: 502 } }],
    ['empty', { ...good, message: { content: '' } }],
    ['empty', { ...good, message: { content: null, refusal: null, tool_calls: [], reasoning_content: 'Hm' } }],
    ['malformed', { ...good, message: 'Hi' }],
    ['malformed', null]
  ])('does not keep what is %s: %j', (reason, choice) => {
    expect(openaiChat.unfit({ choices: [good, choice] })).toBe(reason)
  })

  it('does not keep what is no completion', () => {
    expect(openaiChat.unfit({})).toBe('malformed')
    expect(openaiChat.unfit({ choices: [] })).toBe('malformed')
    expect(openaiChat.unfit({ error: { message: 'no' } })).toBe('failed')
  })
})

describe('usage', () => {
  it('reads the tokens', () => {
    expect(openaiChat.usage({ usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } })).toEqual({
      inputTokens: 10,
      outputTokens: 5
    })
    const prompt_tokens_details = { cached_tokens: 8, cache_write_tokens: 2, audio_tokens: 0 }
    expect(openaiChat.usage({ usage: { prompt_tokens: 10, completion_tokens: 5, prompt_tokens_details } })).toEqual({
      inputTokens: 10,
      outputTokens: 5,
      cachedInputTokens: 8,
      cacheWriteTokens: 2
    })
  })

  it.each([
    [{}],
    [{ usage: null }],
    [{ usage: { prompt_tokens: 10 } }],
    [{ usage: { prompt_tokens: '10', completion_tokens: 5 } }]
  ])('knows none in %j', (answer) => {
    expect(openaiChat.usage(answer)).toBeUndefined()
  })
})
