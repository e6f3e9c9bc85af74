import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../core/json.ts'
import { foldChat } from './openai-chat-fold.ts'
import type { Folded } from './wire.ts'

const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'gpt-5' }

function fold(...data: readonly (string | JsonObject)[]): Folded {
  const chatFold = foldChat({})
  for (const one of data) chatFold.add({ data: typeof one === 'string' ? one : JSON.stringify(one) })
  return chatFold.end()
}

function chunk(delta: JsonObject | null, more: JsonObject = {}): JsonObject {
  return { ...head, choices: [{ index: 0, delta, finish_reason: null, ...more }] }
}

/** The message of a stream of one choice. */
function messageOf(...deltas: readonly JsonObject[]): unknown {
  const folded = fold(...deltas.map((delta) => chunk(delta)), chunk({}, { finish_reason: 'stop' }), '[DONE]')
  return folded.answer === undefined ? folded.unfit : JSON.parse(JSON.stringify(folded.answer['choices']))[0].message
}

describe('foldChat', () => {
  it('does not take a stream for whole that ends before each choice asked for has been seen', () => {
    const chatFold = foldChat({ n: 2 })
    chatFold.add({ data: JSON.stringify(chunk({ content: 'a' }, { finish_reason: 'stop' })) })
    chatFold.add({ data: '[DONE]' })
    expect(chatFold.end().unfit).toBe('truncated')
  })

  it('gathers a text, as OpenAI streams it, into what it answers plainly', () => {
    const more = { service_tier: 'default', system_fingerprint: 'fp', usage: null }
    const part = (delta: JsonObject, reason: string | null = null): JsonObject => ({
      ...head,
      ...more,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
      obfuscation: 'x1y2'
    })
    const folded = fold(
      part({ role: 'assistant', content: '', refusal: null }),
      part({ content: 'Hel' }),
      part({ content: 'lo' }),
      part({}, 'stop'),
      {
        ...head,
        ...more,
        choices: [],
        usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
        obfuscation: 'x'
      },
      '[DONE]'
    )
    expect(JSON.stringify(folded.answer)).toBe(
      JSON.stringify({
        id: 'chatcmpl-1',
        object: 'chat.completion',
        created: 1,
        model: 'gpt-5',
        choices: [
          {
            index: 0,
            message: { role: 'assistant', content: 'Hello', refusal: null },
            logprobs: null,
            finish_reason: 'stop'
          }
        ],
        usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
        service_tier: 'default',
        system_fingerprint: 'fp'
      })
    )
  })

  it('gathers tool calls, and says null for the content', () => {
    expect(
      messageOf(
        { role: 'assistant', content: '', refusal: null },
        { tool_calls: [{ index: 0, id: 'call_a', type: 'function', function: { name: 'weather', arguments: '' } }] },
        { tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] },
        {
          tool_calls: [
            {
              index: 1,
              id: 'call_b',
              type: 'function',
              function: { name: 'time', arguments: '' },
              extra: { google: 'sig' }
            }
          ]
        },
        {
          tool_calls: [
            { index: 0, function: { arguments: '"Paris"}' } },
            { index: 1, function: { arguments: '{}' } }
          ]
        }
      )
    ).toEqual({
      role: 'assistant',
      content: null,
      refusal: null,
      tool_calls: [
        { id: 'call_a', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } },
        { id: 'call_b', type: 'function', function: { name: 'time', arguments: '{}' }, extra: { google: 'sig' } }
      ]
    })
  })

  it('gathers the calls of custom tools', () => {
    expect(
      messageOf(
        {
          content: null,
          tool_calls: [{ index: 0, id: 'call_a', type: 'custom', custom: { name: 'sql', input: 'sel' } }]
        },
        { tool_calls: [{ index: 0, custom: { input: 'ect 1' } }] }
      )
    ).toMatchObject({ tool_calls: [{ id: 'call_a', type: 'custom', custom: { name: 'sql', input: 'select 1' } }] })
  })

  it('knows tool calls apart that have no index', () => {
    expect(
      messageOf(
        { tool_calls: [{ id: 'a', function: { name: 'f', arguments: '{"x"' } }] },
        { tool_calls: [{ id: '', type: '', function: { arguments: ':1}' } }] },
        { tool_calls: [{ id: 'b', function: { name: 'g' } }] },
        { tool_calls: [{ id: 'b', extra_content: { signature: 's' } }] }
      )
    ).toMatchObject({
      tool_calls: [
        { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
        { id: 'b', type: 'function', function: { name: 'g', arguments: '' }, extra_content: { signature: 's' } }
      ]
    })
  })

  it('does not keep tool calls that run into each other', () => {
    expect(
      messageOf(
        { tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{"x":1}' } }] },
        { tool_calls: [{ index: 0, id: 'b', function: { name: 'f', arguments: '{"x":2}' } }] }
      )
    ).toBe('unknown')
  })

  it('gathers a function call, a refusal and audio', () => {
    expect(
      messageOf(
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '' } },
        { function_call: { arguments: '{}' } }
      )
    ).toEqual({ role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } })
    expect(
      messageOf({ role: 'assistant', content: '', refusal: '' }, { refusal: 'I am ' }, { refusal: 'sorry.' })
    ).toEqual({
      role: 'assistant',
      content: null,
      refusal: 'I am sorry.'
    })
    expect(
      messageOf(
        { role: 'assistant', content: '', audio: { id: 'audio_1', transcript: 'Hel' } },
        { audio: { id: 'audio_1', transcript: 'lo' } },
        { audio: { data: 'AAAA' } },
        { audio: { data: 'BBBB', expires_at: 9 } }
      )
    ).toEqual({
      role: 'assistant',
      content: null,
      audio: { id: 'audio_1', transcript: 'Hello', data: 'AAAABBBB', expires_at: 9 }
    })
  })

  it('gathers what it has never heard of', () => {
    expect(
      messageOf(
        { role: 'assistant', content: null, reasoning_content: 'Let ' },
        {
          content: null,
          reasoning_content: 'me think.',
          reasoning_details: [{ index: 0, type: 'reasoning.text', text: 'Let ' }]
        },
        {
          content: 'Hi',
          reasoning_content: null,
          reasoning_details: [{ index: 0, type: 'reasoning.text', text: 'me.' }]
        },
        { annotations: [{ type: 'url_citation', url_citation: { url: 'a' } }] },
        { annotations: [{ type: 'url_citation', url_citation: { url: 'b' } }] }
      )
    ).toEqual({
      role: 'assistant',
      content: 'Hi',
      reasoning_content: 'Let me think.',
      reasoning_details: [{ index: 0, type: 'reasoning.text', text: 'Let me.' }],
      annotations: [
        { type: 'url_citation', url_citation: { url: 'a' } },
        { type: 'url_citation', url_citation: { url: 'b' } }
      ]
    })
  })

  it('keeps what stands in the chunk, or in the choice beside the delta', () => {
    const { answer } = fold(
      {
        ...chunk({ content: 'a' }, { native_finish_reason: null, token_ids: [1] }),
        provider: 'X',
        x_groq: { id: 'r' },
        citations: ['u']
      },
      {
        ...chunk(
          { content: 'b' },
          { finish_reason: 'stop', native_finish_reason: 'end', token_ids: [2], message: { content: 'ab' } }
        ),
        provider: 'X',
        citations: ['u', 'v']
      },
      { ...head, choices: [], x_groq: { usage: { queue_time: 1 } }, prompt_filter_results: [{ prompt_index: 0 }] }
    )
    expect(answer).toEqual({
      ...head,
      object: 'chat.completion',
      provider: 'X',
      x_groq: { id: 'r', usage: { queue_time: 1 } },
      citations: ['u', 'v'],
      prompt_filter_results: [{ prompt_index: 0 }],
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'ab' },
          native_finish_reason: 'end',
          token_ids: [1, 2],
          finish_reason: 'stop'
        }
      ]
    })
  })

  it('starts with a chunk that names neither answer nor model', () => {
    const { answer } = fold(
      { id: '', object: '', created: 0, model: '', choices: [], prompt_filter_results: [] },
      chunk({ content: 'a' }, { finish_reason: 'stop' })
    )
    expect(answer).toMatchObject({ id: 'chatcmpl-1', created: 1, model: 'gpt-5', object: 'chat.completion' })
  })

  it('joins lists of logprobs', () => {
    const logprobs = (token: string): JsonObject => ({ logprobs: { content: [{ token, logprob: -1 }], refusal: null } })
    const { answer } = fold(
      chunk({ role: 'assistant', content: '' }, { logprobs: null }),
      chunk({ content: 'a' }, logprobs('a')),
      chunk({ content: 'b' }, logprobs('b')),
      chunk({}, { logprobs: null, finish_reason: 'stop' })
    )
    expect(answer?.['choices']).toMatchObject([
      {
        logprobs: {
          content: [
            { token: 'a', logprob: -1 },
            { token: 'b', logprob: -1 }
          ],
          refusal: null
        }
      }
    ])
  })

  it('keeps several choices apart', () => {
    const part = (index: number, delta: JsonObject, reason: string | null = null): JsonObject => ({
      ...head,
      choices: [{ index, delta, finish_reason: reason }]
    })
    const { answer } = fold(
      part(1, { role: 'assistant', content: 'o' }),
      part(0, { role: 'assistant', content: 'y' }),
      part(1, { content: 'n' }, 'length'),
      part(0, { content: 'z' }, 'stop'),
      '[DONE]'
    )
    expect(answer?.['choices']).toEqual([
      { index: 0, message: { role: 'assistant', content: 'yz' }, finish_reason: 'stop' },
      { index: 1, message: { role: 'assistant', content: 'on' }, finish_reason: 'length' }
    ])
  })

  it('takes the last usage, wherever it stands', () => {
    const { answer } = fold(
      { ...chunk({ content: 'a' }), usage: { prompt_tokens: 1, completion_tokens: 1, context: 'low' } },
      {
        ...chunk({ content: 'b' }, { finish_reason: 'stop' }),
        usage: { prompt_tokens: 1, completion_tokens: 2, context: 'low' }
      }
    )
    expect(answer?.['usage']).toEqual({ prompt_tokens: 1, completion_tokens: 2, context: 'low' })
  })

  it('ignores comments, and what comes after the end', () => {
    const chatFold = foldChat({})
    chatFold.add({ comment: true, data: 'not JSON' })
    chatFold.add({ data: JSON.stringify(chunk({ content: 'a' }, { finish_reason: 'stop' })) })
    chatFold.add({ data: '[DONE]' })
    chatFold.add({ data: 'not JSON' })
    expect(chatFold.end().unfit).toBeUndefined()
  })

  it('is whole without [DONE] when every choice has ended', () => {
    expect(fold(chunk({ content: 'a' }, { finish_reason: 'stop' })).unfit).toBeUndefined()
  })

  it.each([
    ['truncated', []],
    ['truncated', ['[DONE]']],
    ['truncated', [chunk({ content: 'a' })]],
    ['truncated', [chunk({ content: 'a' }), '[DONE]']],
    ['truncated', [chunk({}, { finish_reason: 'stop' }), chunk({}, { index: 1 })]],
    ['failed', [chunk({ content: 'a' }), { error: { message: 'overloaded' } }]],
    ['failed', [{ ...chunk({}, { finish_reason: 'error' }), error: { code: 502 } }]],
    ['malformed', ['{"choices":']],
    ['malformed', ['[]']],
    ['malformed', [{ choices: 'none' }]],
    ['malformed', [{ choices: ['none'] }]],
    ['malformed', [{ choices: [{ index: -1, delta: {} }] }]],
    ['malformed', [{ choices: [{ index: 0, delta: 'text' }] }]],
    ['malformed', [chunk({ tool_calls: 'f' })]],
    ['malformed', [chunk({ tool_calls: ['f'] })]],
    ['unknown', [chunk({ content: [{ type: 'thinking' }] })]],
    // Written again, it would be another number.
    ['unknown', ['{"choices":[{"index":0,"delta":{"x":12345678901234567890}}]}']]
  ] satisfies readonly (readonly [string, readonly (string | JsonObject)[]])[])(
    'cannot keep what is %s: %j',
    (reason, data) => {
      expect(fold(...data)).toEqual({ unfit: reason })
    }
  )

  it('does not mind an error that is none, nor deltas that are missing', () => {
    const part = {
      ...head,
      error: null,
      choices: [
        { index: 0, delta: null, finish_reason: 'stop' },
        { index: 1, finish_reason: 'stop' }
      ]
    }
    expect(fold(part, { ...head, choices: null }).answer?.['choices']).toEqual([
      { index: 0, message: { role: 'assistant', content: null }, finish_reason: 'stop' },
      { index: 1, message: { role: 'assistant', content: null }, finish_reason: 'stop' }
    ])
  })

  it('survives JSON that is nested too deep to walk', () => {
    const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`
    const part = `{"choices":[{"index":0,"delta":{"x":${deep}},"finish_reason":"stop"}]}`
    expect(fold(part, part)).toEqual({ unfit: 'unknown' })
  })
})
