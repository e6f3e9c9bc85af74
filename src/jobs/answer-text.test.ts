import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../core/json.ts'
import { wires } from '../wires/open.ts'
import { openaiChat } from '../wires/openai-chat.ts'
import { answerBody } from './answer-body.ts'
import { answerText } from './answer-text.ts'

function chat(message: JsonObject, finish: string | null = 'stop'): JsonObject {
  return { choices: [{ message, finish_reason: finish }] }
}

function message(content: readonly JsonObject[], reason = 'end_turn'): JsonObject {
  return { type: 'message', content, stop_reason: reason }
}

function response(output: readonly JsonObject[], more: JsonObject = { status: 'completed' }): JsonObject {
  return { output, ...more }
}

const call = { type: 'tool_use', name: 'x', input: {} }
const said = { type: 'message', content: [{ type: 'output_text', text: 'a' }] }

describe('answerText', () => {
  it.each(wires.map((wire) => [wire.name, wire] as const))('reads what %s says', (_, wire) => {
    const body = answerBody(wire, { model: 'm' }, 'one\ntwo')
    expect(answerText(`/v1${wire.path}`, body)).toEqual({ text: 'one\ntwo' })
  })

  it('puts the parts of a text together, and leaves out what was only thought', () => {
    const parts = [
      { type: 'thinking', thinking: 'hm' },
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' }
    ]
    expect(answerText('/v1/messages', message(parts))).toEqual({ text: 'ab' })
    const output = [
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }] },
      said,
      { type: 'web_search_call' },
      said
    ]
    expect(answerText('/v1/responses', response(output))).toEqual({ text: 'aa' })
    expect(answerText('/v1/chat/completions', chat({ content: [{ type: 'text', text: 'x' }] }))).toEqual({ text: 'x' })
  })

  it.each([
    ['/v1/chat/completions', chat({ content: 'half' }, 'length'), /cut off/],
    ['/v1/chat/completions', chat({ content: 'x' }, 'content_filter'), /filter/],
    ['/v1/chat/completions', chat({ content: null, refusal: 'I will not' }), /^the model refused: I will not$/],
    ['/v1/chat/completions', chat({ content: 'x', tool_calls: [{}] }, 'tool_calls'), /calls a tool/],
    ['/v1/chat/completions', chat({ content: '' }), /empty/],
    ['/v1/chat/completions', { error: { message: 'x' } }, /reported an error/],
    ['/v1/messages', message([{ type: 'text', text: 'half' }], 'max_tokens'), /cut off/],
    ['/v1/messages', message([{ type: 'text', text: 'x' }, call], 'tool_use'), /calls a tool/],
    ['/v1/messages', message([{ type: 'text', text: 'x' }], 'refusal'), /refused/],
    ['/v1/messages', message([{ type: 'thinking', thinking: 'hm' }]), /no text/],
    ['/v1/responses', response([said, { type: 'function_call' }]), /calls a tool/],
    [
      '/v1/responses',
      response([{ type: 'message', content: [{ type: 'refusal', refusal: 'no' }] }]),
      /^the model refused: no$/
    ],
    [
      '/v1/responses',
      response([said], { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }),
      /cut off/
    ],
    ['/v1/embeddings', { data: [] }, /no text that is known/]
  ])('says why an answer of %s has none: %j', (path, body, lack) => {
    expect(answerText(path, body)).toEqual({ lack: expect.stringMatching(lack) })
  })

  it('takes the first of several choices', () => {
    const body = { choices: ['a', 'b'].map((content) => ({ message: { content }, finish_reason: 'stop' })) }
    expect(openaiChat.unfit(body)).toBeUndefined()
    expect(answerText('/v1/chat/completions', body)).toEqual({ text: 'a' })
  })
})
