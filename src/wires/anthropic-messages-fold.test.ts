import { describe, expect, it } from 'vitest'
import type { Delta } from '../core/handler.ts'
import type { JsonObject } from '../core/json.ts'
import { foldMessage } from './anthropic-messages-fold.ts'
import type { Folded } from './wire.ts'

const message: JsonObject = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-a',
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: {
    input_tokens: 10,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 5,
    output_tokens: 1,
    service_tier: 'standard'
  }
}
const start: JsonObject = { type: 'message_start', message }
const end: JsonObject = {
  type: 'message_delta',
  delta: { stop_reason: 'end_turn', stop_sequence: null },
  usage: { output_tokens: 12 }
}
const stop: JsonObject = { type: 'message_stop' }

function fold(...events: readonly (JsonObject | Delta)[]): Folded {
  const messageFold = foldMessage()
  for (const event of events) {
    messageFold.add('data' in event ? (event as Delta) : { event: String(event['type']), data: JSON.stringify(event) })
  }
  return messageFold.end()
}

/** The events of one block. */
function block(index: number, content_block: JsonObject, ...deltas: readonly JsonObject[]): JsonObject[] {
  return [
    { type: 'content_block_start', index, content_block },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index }
  ]
}

/** What becomes of one block. */
function blockOf(content_block: JsonObject, ...deltas: readonly JsonObject[]): unknown {
  const { answer = {}, unfit } = fold(start, ...block(0, content_block, ...deltas), end, stop)
  return unfit ?? (answer['content'] as readonly JsonObject[])[0]
}

describe('foldMessage', () => {
  it('gathers a text, as Anthropic streams it, into what it answers plainly', () => {
    const { answer } = fold(
      start,
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'ping' },
      { comment: true, data: 'keep-alive' },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hel' } },
      { event: 'ping', data: '' },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'lo' } },
      { type: 'content_block_stop', index: 0 },
      end,
      stop
    )
    expect(JSON.stringify(answer)).toBe(
      JSON.stringify({
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'claude-a',
        content: [{ type: 'text', text: 'Hello' }],
        stop_reason: 'end_turn',
        stop_sequence: null,
        usage: {
          input_tokens: 10,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: 5,
          output_tokens: 12,
          service_tier: 'standard'
        }
      })
    )
  })

  it.each(['tool_use', 'server_tool_use', 'mcp_tool_use'])('gathers the input of a %s', (type) => {
    const json = (partial_json: string): JsonObject => ({ type: 'input_json_delta', partial_json })
    const tool = { type, id: 'toolu_1', name: 'weather', input: {} }
    expect(blockOf(tool, json(''), json('{"city": "Par'), json('is", "__proto__": 1}'))).toEqual({
      ...tool,
      input: JSON.parse('{"city":"Paris","__proto__":1}')
    })
    expect(blockOf(tool, json(''))).toEqual(tool)
    expect(blockOf(tool)).toEqual(tool)
    expect(blockOf(tool, json('{"city": "Par'))).toBe('malformed')
    // A rounded identifier would be another's.
    expect(blockOf(tool, json('{"order": 12345678901234567890}'))).toBe('unknown')
    expect(blockOf(tool, json('{"share": 0.12345678901234567}'))).toEqual({
      ...tool,
      input: { share: Number('0.12345678901234567') }
    })
  })

  it('gathers thinking and its signature', () => {
    expect(
      blockOf(
        { type: 'thinking', thinking: '', signature: '' },
        { type: 'thinking_delta', thinking: 'Let me ', estimated_tokens: null },
        { type: 'thinking_delta', thinking: 'think.' },
        { type: 'signature_delta', signature: 'EqQB' }
      )
    ).toEqual({ type: 'thinking', thinking: 'Let me think.', signature: 'EqQB' })
  })

  it('gathers citations', () => {
    const first = { type: 'char_location', cited_text: 'a' }
    const second = { type: 'char_location', cited_text: 'b' }
    const text = { type: 'text_delta', text: 'x' }
    const cited = { type: 'text', text: 'x', citations: [first, second] }
    const deltas = [text, { type: 'citations_delta', citation: first }, { type: 'citations_delta', citation: second }]
    expect(blockOf({ type: 'text', text: '', citations: [] }, ...deltas)).toEqual(cited)
    expect(blockOf({ type: 'text', text: '', citations: null }, ...deltas)).toEqual(cited)
    expect(blockOf({ type: 'text', text: '' }, ...deltas)).toEqual(cited)
  })

  it('takes a compaction from its delta', () => {
    expect(
      blockOf(
        { type: 'compaction', content: null },
        { type: 'compaction_delta', content: 'In short', encrypted_content: 'e' }
      )
    ).toEqual({ type: 'compaction', content: 'In short', encrypted_content: 'e' })
    expect(blockOf({ type: 'compaction', content: 'x' }, { type: 'compaction_delta', content: null })).toEqual({
      type: 'compaction',
      content: null
    })
  })

  it('takes whole blocks as they are', () => {
    const result = { type: 'web_search_tool_result', tool_use_id: 't', content: [{ type: 'web_search_result' }] }
    expect(blockOf(result)).toEqual(result)
    expect(blockOf({ type: 'x_new', x: { y: 1 } })).toEqual({ type: 'x_new', x: { y: 1 } })
  })

  it('names the model that has spoken last', () => {
    const fallback = { type: 'fallback', from: { model: 'claude-a' }, to: { model: 'claude-b' } }
    expect(fold(start, ...block(0, fallback), end, stop).answer).toMatchObject({
      model: 'claude-b',
      content: [fallback]
    })
  })

  it('takes over what is said of the whole message', () => {
    const { answer } = fold(
      { ...start, message: { ...message, container: null, context_management: null, x: 1 } },
      {
        type: 'message_delta',
        delta: { stop_reason: 'tool_use', stop_sequence: null, stop_details: null, container: { id: 'c' } },
        context_management: { applied_edits: [] },
        x_new: [1],
        usage: {
          input_tokens: 20,
          cache_read_input_tokens: null,
          output_tokens: 7,
          server_tool_use: { web_search_requests: 1 },
          iterations: null
        }
      },
      stop
    )
    expect(answer).toEqual({
      ...message,
      x: 1,
      x_new: [1],
      stop_reason: 'tool_use',
      stop_details: null,
      container: { id: 'c' },
      context_management: { applied_edits: [] },
      usage: {
        input_tokens: 20,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 5,
        output_tokens: 7,
        service_tier: 'standard',
        server_tool_use: { web_search_requests: 1 },
        iterations: null
      }
    })
  })

  it('does without usage at the start', () => {
    const { usage: _usage, ...without } = message
    expect(fold({ ...start, message: without }, end, stop).answer).toMatchObject({ usage: { output_tokens: 12 } })
    expect(fold(start, { ...end, usage: null }, stop).answer).toMatchObject({ usage: message['usage'] })
  })

  it('puts blocks in their order', () => {
    const { answer } = fold(start, ...block(1, { type: 'b' }), ...block(0, { type: 'a' }), end, stop)
    expect(answer).toMatchObject({ content: [{ type: 'a' }, { type: 'b' }] })
  })

  it('ignores what comes after the end', () => {
    expect(fold(start, end, stop, { data: 'not JSON' }).unfit).toBeUndefined()
  })

  const text = block(0, { type: 'text', text: '' })

  it.each([
    ['truncated', []],
    ['truncated', [start]],
    ['truncated', [start, ...text, end]],
    ['failed', [start, { type: 'error', error: { type: 'overloaded_error' } }]],
    ['failed', [start, { event: 'error', data: 'not JSON' }]],
    ['failed', [{ data: '{"type":"error"}' }]],
    ['malformed', [start, { data: '{"type":' }]],
    ['malformed', [{ data: '[]' }]],
    ['malformed', [stop]],
    ['malformed', [{ type: 'message_start' }]],
    ['malformed', [start, start]],
    ['malformed', [start, { type: 'content_block_start', index: 0 }]],
    ['malformed', [start, ...text, ...text]],
    ['malformed', [start, { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: '' } }]],
    ['malformed', [start, { type: 'content_block_stop', index: 0 }]],
    ['malformed', [start, ...block(0, { type: 'text', text: '' }, { type: 'text_delta' })]],
    ['malformed', [start, ...block(0, { type: 'text', text: 5 }, { type: 'text_delta', text: 'a' })]],
    ['malformed', [start, ...block(0, { type: 'tool_use', input: {} }, { type: 'input_json_delta' })]],
    ['malformed', [start, ...block(0, { type: 'text', citations: 'x' }, { type: 'citations_delta', citation: {} })]],
    ['malformed', [start, { type: 'message_delta' }]],
    ['malformed', [start, { ...end, usage: 5 }]],
    ['unknown', [start, ...block(0, { type: 'text', text: '' }, { type: 'x_delta', x: 1 })]],
    ['unknown', [start, { type: 'x_new' }]],
    ['unknown', [{ ...start, message: { ...message, content: [{ type: 'text', text: 'a' }] } }]]
  ])('cannot keep what is %s: %j', (reason, events: readonly (JsonObject | Delta)[]) => {
    expect(fold(...events)).toEqual({ unfit: reason })
  })
})
