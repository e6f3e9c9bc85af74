import { describe, expect, it } from 'vitest'
import type { Delta } from '../core/handler.ts'
import type { JsonObject } from '../core/json.ts'
import { openaiResponses } from './openai-responses.ts'
import type { Folded } from './wire.ts'

const request: JsonObject = { model: 'gpt-5', input: 'Hi' }

describe('check', () => {
  it.each([
    [request],
    [{ ...request, input: [{ role: 'user', content: 'Hi' }], stream: true, x: 1 }],
    [{ ...request, input: [] }],
    [{ model: 'm', previous_response_id: 'resp_1' }],
    [{ prompt: { id: 'pmpt_1', version: '2' } }]
  ])('welcomes %j', (body) => {
    expect(openaiResponses.check(body)).toBeUndefined()
  })

  it.each([
    [{ input: 'Hi' }, 'model', 'model: expected a non-empty string, got nothing'],
    [{ model: null, prompt: { id: 'p' } }, 'model', 'model: expected a non-empty string, got null'],
    [{ model: 'm', input: 5 }, 'input', 'input: expected a string or a list, got 5'],
    [{ model: 'm', input: { role: 'user' } }, 'input', 'input: expected a string or a list, got an object'],
    [{ ...request, stream: 1 }, 'stream', 'stream: expected true, false or null, got 1']
  ])('refuses %j', (body, field, message) => {
    expect(openaiResponses.check(body)).toEqual({ field, message })
  })
})

describe('identity', () => {
  it('leaves out what the model never sees', () => {
    const unseen = {
      stream: true,
      stream_options: {},
      user: 'u',
      metadata: {},
      prompt_cache_key: 'k',
      prompt_cache_retention: '24h',
      safety_identifier: 's'
    }
    expect(openaiResponses.identity({ ...request, ...unseen })).toEqual(request)
  })

  it('keeps everything else, known or not', () => {
    const body: JsonObject = JSON.parse(
      '{"model":"m","store":true,"previous_response_id":"r","x":[1],"__proto__":{"user":"u"}}'
    )
    expect(JSON.stringify(openaiResponses.identity(body))).toBe(JSON.stringify(body))
  })

  it('has the answer repeat only fields that are not in it', () => {
    const echoed = Object.fromEntries(openaiResponses.echoes.map((field) => [field, 'x']))
    expect(openaiResponses.identity(echoed)).toEqual({})
  })
})

describe('bypass', () => {
  it.each([
    [request],
    [
      {
        ...request,
        background: false,
        conversation: null,
        previous_response_id: 'resp_1',
        prompt: { id: 'p', version: '2' }
      }
    ],
    [
      {
        ...request,
        tools: [
          { type: 'function', name: 'web_search' },
          { type: 'code_interpreter', container: { type: 'auto' } },
          null
        ]
      }
    ],
    [{ ...request, tools: 'none' }]
  ])('lets %j be cached', (body) => {
    expect(openaiResponses.bypass(body)).toBeUndefined()
  })

  it.each([
    ['background', { background: true }],
    ['conversation', { conversation: 'conv_1' }],
    ['conversation', { conversation: { id: 'conv_1' } }],
    ['prompt-version', { prompt: { id: 'pmpt_1' } }],
    ['web-search', { tools: [{ type: 'function' }, { type: 'web_search' }] }],
    ['web-search', { tools: [{ type: 'web_search_preview_2025_03_11' }] }],
    ['file-search', { tools: [{ type: 'file_search', vector_store_ids: ['vs_1'] }] }],
    ['mcp', { tools: [{ type: 'mcp', server_label: 's' }] }],
    ['container', { tools: [{ type: 'code_interpreter', container: 'cntr_1' }] }],
    ['container', { tools: [{ type: 'shell', environment: { type: 'container_reference', container_id: 'cntr_1' } }] }]
  ])('says %s for %j', (reason, more) => {
    expect(openaiResponses.bypass({ ...request, ...more })).toBe(reason)
  })
})

describe('fold', () => {
  const response: JsonObject = {
    id: 'resp_1',
    object: 'response',
    status: 'completed',
    output: [{ type: 'message' }],
    x: { y: 1 }
  }
  const created: JsonObject = {
    type: 'response.created',
    response: { id: 'resp_1', status: 'in_progress', output: [] }
  }

  function fold(...events: readonly (JsonObject | Delta)[]): Folded {
    const responseFold = openaiResponses.fold({})
    for (const event of events) {
      responseFold.add(
        'data' in event ? (event as Delta) : { event: String(event['type']), data: JSON.stringify(event) }
      )
    }
    return responseFold.end()
  }

  it('takes the response from the last event', () => {
    const text = { type: 'response.output_text.delta', delta: 'Hi' }
    expect(fold(created, { comment: true, data: '{' }, text, { type: 'response.completed', response })).toEqual({
      answer: response
    })
    expect(fold(created, { type: 'response.completed', response }, { data: '[DONE]' })).toEqual({ answer: response })
  })

  it('reads events that have lost their names', () => {
    expect(fold({ data: JSON.stringify({ type: 'response.completed', response }) })).toEqual({ answer: response })
    expect(fold({ event: 'response.completed', data: JSON.stringify({ response }) })).toEqual({ answer: response })
  })

  it('gives an incomplete response back, which is then unfit', () => {
    const incomplete = { ...response, status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }
    const { answer } = fold(created, { type: 'response.incomplete', response: incomplete })
    expect(answer).toEqual(incomplete)
    expect(openaiResponses.unfit(answer ?? {})).toBe('truncated')
  })

  it.each([
    ['truncated', []],
    ['truncated', [created]],
    ['failed', [created, { type: 'response.failed', response: { status: 'failed' } }]],
    ['failed', [created, { type: 'error', code: 'server_error', message: 'no' }]],
    ['failed', [{ data: '{"error":{"message":"no"}}' }]],
    ['malformed', [created, { data: '{"type":' }]],
    ['malformed', [{ data: '5' }]],
    ['malformed', [{ type: 'response.completed' }]],
    ['unknown', [{ data: '{"type":"response.completed","response":{"x":12345678901234567890}}' }]]
  ])('cannot keep what is %s: %j', (reason, events: readonly (JsonObject | Delta)[]) => {
    expect(fold(...events)).toEqual({ unfit: reason })
  })
})

describe('isEnd', () => {
  it.each(['response.completed', 'response.incomplete', 'response.failed', 'error'])(
    'knows %s, by name or by type',
    (type) => {
      expect(openaiResponses.isEnd({ event: type, data: '' })).toBe(true)
      expect(openaiResponses.isEnd({ data: JSON.stringify({ type }) })).toBe(true)
    }
  )

  it('knows what is no end', () => {
    expect(openaiResponses.isEnd({ event: 'response.created', data: '{}' })).toBe(false)
    expect(openaiResponses.isEnd({ data: '{"type":"response.created"}' })).toBe(false)
    expect(openaiResponses.isEnd({ data: '5' })).toBe(false)
    expect(openaiResponses.isEnd({ data: '{' })).toBe(false)
    expect(openaiResponses.isEnd({ comment: true, data: '{"type":"error"}' })).toBe(false)
  })
})

describe('unfit', () => {
  const output = [
    { type: 'reasoning', summary: [] },
    { type: 'message', content: [{ type: 'output_text', text: 'Hi' }] }
  ]

  it.each([
    [output],
    [[{ type: 'message', content: [{ type: 'refusal', refusal: 'No.' }] }]],
    [[{ type: 'function_call', arguments: '' }]],
    [[{ type: 'image_generation_call', result: 'AAAA' }]]
  ])('keeps %j', (said) => {
    expect(openaiResponses.unfit({ status: 'completed', error: null, output: said })).toBeUndefined()
  })

  it.each([
    ['truncated', { status: 'incomplete', output, incomplete_details: { reason: 'max_output_tokens' } }],
    ['truncated', { status: 'incomplete', output }],
    ['filtered', { status: 'incomplete', output, incomplete_details: { reason: 'content_filter' } }],
    ['failed', { status: 'failed', output }],
    ['failed', { status: 'completed', output, error: { code: 'server_error' } }],
    ['failed', { error: { message: 'no' } }],
    ['incomplete', { status: 'queued', output }],
    ['incomplete', { status: 'cancelled', output }],
    ['incomplete', { output }],
    ['malformed', { status: 'completed' }],
    ['empty', { status: 'completed', output: [] }],
    ['empty', { status: 'completed', output: [{ type: 'reasoning', summary: [] }] }],
    ['empty', { status: 'completed', output: [{ type: 'message', content: [] }] }],
    [
      'empty',
      { status: 'completed', output: [{ type: 'message', content: [{ type: 'output_text', text: '' }] }, null] }
    ]
  ])('does not keep what is %s: %j', (reason, answer) => {
    expect(openaiResponses.unfit(answer)).toBe(reason)
  })
})

describe('usage', () => {
  it('reads the tokens', () => {
    const usage = {
      input_tokens: 10,
      output_tokens: 5,
      input_tokens_details: { cached_tokens: 8, cache_write_tokens: 1 }
    }
    expect(openaiResponses.usage({ usage })).toEqual({
      inputTokens: 10,
      outputTokens: 5,
      cachedInputTokens: 8,
      cacheWriteTokens: 1
    })
  })

  it('knows none where there is none', () => {
    expect(openaiResponses.usage({ usage: null })).toBeUndefined()
    expect(openaiResponses.usage({ usage: { input_tokens: -1, output_tokens: 5 } })).toBeUndefined()
  })
})
