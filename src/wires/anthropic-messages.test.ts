import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../core/json.ts'
import { anthropicMessages } from './anthropic-messages.ts'
import { wires } from './open.ts'

const request: JsonObject = { model: 'claude', max_tokens: 100, messages: [{ role: 'user', content: 'Hi' }] }

describe('check', () => {
  it('welcomes what it does not know', () => {
    expect(anthropicMessages.check(request)).toBeUndefined()
    expect(
      anthropicMessages.check({ ...request, max_tokens: 0, stream: true, x: 1, temperature: 'hot' })
    ).toBeUndefined()
  })

  it.each([
    [{ model: '' }, 'model', 'model: expected a non-empty string, got ""'],
    [{ messages: [] }, 'messages', 'messages: expected a non-empty list of objects, got an empty list'],
    [{ messages: ['Hi'] }, 'messages', 'messages: expected a non-empty list of objects, got "Hi" at index 0'],
    [{ max_tokens: '100' }, 'max_tokens', 'max_tokens: expected a number, got "100"'],
    [{ max_tokens: null }, 'max_tokens', 'max_tokens: expected a number, got null'],
    [{ stream: 'true' }, 'stream', 'stream: expected true, false or null, got "true"']
  ])('refuses %j', (wrong, field, message) => {
    expect(anthropicMessages.check({ ...request, ...wrong })).toEqual({ field, message })
  })

  it('refuses a request without max_tokens', () => {
    const { max_tokens: _max, ...without } = request
    expect(anthropicMessages.check(without)?.message).toBe('max_tokens: expected a number, got nothing')
  })
})

describe('identity', () => {
  it('leaves out what the model never sees', () => {
    expect(anthropicMessages.identity({ ...request, stream: true, metadata: { user_id: 'u' } })).toEqual(request)
  })

  it('keeps everything else, known or not', () => {
    const body: JsonObject = JSON.parse('{"model":"m","system":"s","speed":"fast","x":[1],"__proto__":{"metadata":{}}}')
    expect(JSON.stringify(anthropicMessages.identity(body))).toBe(JSON.stringify(body))
  })
})

describe('bypass', () => {
  it.each([
    [request],
    [{ ...request, container: null, thread: null, mcp_servers: [] }],
    [
      {
        ...request,
        tools: [
          { name: 'web_search', input_schema: {} },
          { type: 'custom' },
          { type: 'bash_20250124' },
          { type: 'code_execution_20250825' }
        ]
      }
    ]
  ])('lets %j be cached', (body) => {
    expect(anthropicMessages.bypass(body)).toBeUndefined()
  })

  it.each([
    ['container', { container: 'container_1' }],
    ['container', { container: { id: 'container_1' } }],
    ['thread', { thread: { type: 'create' } }],
    ['mcp', { mcp_servers: [{ type: 'url', url: 'https://example.org' }] }],
    ['mcp', { tools: [{ type: 'mcp_toolset', mcp_server_name: 's' }] }],
    ['web-search', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    ['web-search', { tools: [{ type: 'web_fetch_20250910', name: 'web_fetch' }] }]
  ])('says %s for %j', (reason, more) => {
    expect(anthropicMessages.bypass({ ...request, ...more })).toBe(reason)
  })
})

describe('isEnd', () => {
  it('knows the last event, and the one that says that all is over', () => {
    expect(anthropicMessages.isEnd({ event: 'message_stop', data: '{}' })).toBe(true)
    expect(anthropicMessages.isEnd({ event: 'error', data: '{}' })).toBe(true)
    expect(anthropicMessages.isEnd({ data: '{"type": "message_stop"}' })).toBe(true)
  })

  it('knows what is no end', () => {
    expect(anthropicMessages.isEnd({ event: 'message_delta', data: '{"type":"message_stop"}' })).toBe(false)
    expect(anthropicMessages.isEnd({ data: '{"type":"ping"}' })).toBe(false)
    expect(anthropicMessages.isEnd({ comment: true, data: '{"type":"error"}' })).toBe(false)
  })
})

describe('unfit', () => {
  const content = [{ type: 'text', text: 'Hi' }]
  const good = { type: 'message', content, stop_reason: 'end_turn' }

  it.each([
    [good],
    [{ ...good, stop_reason: 'tool_use', content: [{ type: 'tool_use', input: {} }] }],
    [{ ...good, stop_reason: 'stop_sequence' }]
  ])('keeps %j', (answer) => {
    expect(anthropicMessages.unfit(answer)).toBeUndefined()
  })

  it.each([
    ['truncated', { ...good, stop_reason: 'max_tokens' }],
    ['truncated', { ...good, stop_reason: 'model_context_window_exceeded' }],
    ['filtered', { ...good, stop_reason: 'refusal' }],
    ['incomplete', { ...good, stop_reason: 'pause_turn' }],
    ['incomplete', { ...good, stop_reason: null }],
    ['incomplete', { type: 'message', content }],
    ['empty', { ...good, content: [] }],
    ['empty', { ...good, content: [{ type: 'text', text: '' }] }],
    ['malformed', { ...good, content: 'Hi' }],
    ['malformed', { content, stop_reason: 'end_turn' }],
    ['malformed', { type: 'error', error: { type: 'overloaded_error' } }]
  ])('does not keep what is %s: %j', (reason, answer) => {
    expect(anthropicMessages.unfit(answer)).toBe(reason)
  })
})

describe('usage', () => {
  it('counts the tokens of the prompt cache among the input tokens', () => {
    const usage = {
      input_tokens: 10,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: 1000,
      output_tokens: 5
    }
    expect(anthropicMessages.usage({ usage })).toEqual({
      inputTokens: 1110,
      outputTokens: 5,
      cachedInputTokens: 100,
      cacheWriteTokens: 1000
    })
  })

  it('does without them', () => {
    const usage = { input_tokens: 10, cache_read_input_tokens: null, output_tokens: 5 }
    expect(anthropicMessages.usage({ usage })).toEqual({ inputTokens: 10, outputTokens: 5 })
  })

  it('knows none where there is none', () => {
    expect(anthropicMessages.usage({})).toBeUndefined()
    expect(anthropicMessages.usage({ usage: { input_tokens: 10 } })).toBeUndefined()
    expect(anthropicMessages.usage({ usage: { input_tokens: 10, output_tokens: '5' } })).toBeUndefined()
  })
})

describe('wires', () => {
  it('have names and paths of their own', () => {
    expect(wires.map(({ name }) => name)).toEqual(['openai-chat', 'openai-responses', 'anthropic-messages'])
    expect(wires.map(({ path }) => path)).toEqual(['/chat/completions', '/responses', '/messages'])
    expect(wires.map(({ dialect }) => dialect.name)).toEqual(['openai', 'openai', 'anthropic'])
  })
})
