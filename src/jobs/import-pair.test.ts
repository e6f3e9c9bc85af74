import { describe, expect, it } from 'vitest'
import { anthropicMessages } from '../wires/anthropic-messages.ts'
import { openaiChat } from '../wires/openai-chat.ts'
import { openaiResponses } from '../wires/openai-responses.ts'
import { pairOf } from './import-pair.ts'

const request = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] }

describe('pairOf', () => {
  it('reads a pair with all that may be said of it', () => {
    const usage = { inputTokens: 3, outputTokens: 4 }
    const pair = {
      endpoint: '/v1/chat/completions',
      request,
      response: 'Hello',
      tags: ['a', 'b', 'a'],
      ttl: '24h',
      costUsd: 0.01,
      tookMs: 900,
      usage
    }
    expect(pairOf(pair)).toEqual({
      wire: openaiChat,
      query: '',
      request,
      response: 'Hello',
      tags: ['a', 'b'],
      ttlMs: 86_400_000,
      costUsd: 0.01,
      tookMs: 900,
      usage
    })
  })

  it('says nothing of what it was not told', () => {
    expect(pairOf({ request, response: { id: 'x' }, tags: null, ttl: null, costUsd: null })).toEqual({
      wire: openaiChat,
      query: '',
      request,
      response: { id: 'x' },
      tags: []
    })
  })

  it.each([
    [{ url: '/v1/responses', body: { model: 'm', input: 'Hi' } }, openaiResponses, ''],
    [{ params: { ...request, max_tokens: 5 } }, anthropicMessages, ''],
    [{ endpoint: '/v1/messages?beta=true', request: { ...request, max_tokens: 5 } }, anthropicMessages, '?beta=true']
  ])('finds the request in a line of a batch, too: %j', (line, wire, query) => {
    expect(pairOf({ ...line, response: 'x' })).toMatchObject({ wire, query })
  })

  it.each([
    { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
    { input_tokens: 3, output_tokens: 4 },
    { inputTokens: 3, outputTokens: 4 }
  ])('reads tokens as providers name them: %j', (usage) => {
    expect(pairOf({ request, response: 'x', usage }).usage).toEqual({ inputTokens: 3, outputTokens: 4 })
  })

  it("counts the tokens of Anthropic's prompt cache among the input, as elsewhere", () => {
    const usage = { input_tokens: 3, output_tokens: 4, cache_read_input_tokens: 10 }
    expect(pairOf({ params: { ...request, max_tokens: 5 }, response: 'x', usage }).usage).toMatchObject({
      inputTokens: 13,
      cachedInputTokens: 10
    })
  })

  it.each([
    [5, 'expected a request', undefined],
    [{ ...request, response: 'x' }, 'expected {"request": {...}, "response": ...}', 'request'],
    [{ request }, 'response: expected an object or a text that is not empty, got nothing', 'response'],
    [{ request, response: '' }, 'response: expected an object or a text that is not empty, got ""', 'response'],
    [{ request, response: ['x'] }, 'response: expected an object or a text that is not empty, got ["x"]', 'response'],
    [
      { request: { model: 'm', messages: [] }, response: 'x' },
      'request: messages: expected a non-empty list',
      'request'
    ],
    [{ request, response: 'x', tags: ['a', 5] }, 'tags: expected a list of texts', 'tags'],
    [{ request, response: 'x', tags: [''] }, 'tags: expected a list of texts', 'tags'],
    [{ request, response: 'x', ttl: 'soon' }, 'ttl: expected a duration', 'ttl'],
    [{ request, response: 'x', ttl: {} }, 'ttl: expected a duration', 'ttl'],
    [{ request, response: 'x', costUsd: -1 }, 'costUsd: expected a number of at least 0, got -1', 'costUsd'],
    [{ request, response: 'x', tookMs: '5' }, 'tookMs: expected a number of at least 0, got "5"', 'tookMs'],
    [{ request, response: 'x', usage: { tokens: 5 } }, 'usage: expected {"inputTokens": N, "outputTokens": N}', 'usage']
  ])('says what is wrong with %j', (value, message, field) => {
    expect(() => pairOf(value)).toThrow(message)
    expect(() => pairOf(value)).toThrow(
      expect.objectContaining({ code: 'invalid-body', ...(field === undefined ? {} : { field }) })
    )
  })
})
