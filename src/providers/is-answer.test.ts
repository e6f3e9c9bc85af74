import { describe, expect, it } from 'vitest'
import { anthropicMessages } from '../wires/anthropic-messages.ts'
import { Body } from '../wires/body.ts'
import { openaiChat } from '../wires/openai-chat.ts'
import { openaiEmbeddings } from '../wires/openai-embeddings.ts'
import { openaiResponses } from '../wires/openai-responses.ts'
import { WireContent } from '../wires/wire-request.ts'
import { isAnswer } from './is-answer.ts'

const messages = '"messages":[{"role":"user","content":"a"}]'
const chat = new WireContent(openaiChat, Buffer.from(`{"model":"a",${messages}}`))
const message = new WireContent(anthropicMessages, Buffer.from(`{"model":"a","max_tokens":1,${messages}}`))
const response = new WireContent(openaiResponses, Buffer.from('{"model":"a","input":"a"}'))
const embedding = new WireContent(openaiEmbeddings, Buffer.from('{"model":"a","input":"a"}'))
const every = [chat, message, response, embedding]

const choice = (reason: string | null, content: string) => ({
  choices: [{ index: 0, finish_reason: reason, message: { role: 'assistant', content } }]
})

function body(value: object | string): Body {
  return Body.fromBytes(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))
}

describe('isAnswer', () => {
  it.each(['', '<html>busy</html>', '[]', 'null', '"a"', '12', '{"a":', '{"error":{"message":"no"}}'])(
    'takes %s for no answer to any request',
    (text) => {
      expect(every.map((content) => isAnswer(content, body(text)))).toEqual([false, false, false, false])
    }
  )

  it.each(['{}', '{"choices":[null]}', '{"type":"ping"}', '{"data":[]}'])(
    'takes %s for no answer: it is an object, and of no known form',
    (text) => {
      expect([chat, message, embedding].map((content) => isAnswer(content, body(text)))).toEqual([false, false, false])
    }
  )

  it('takes the answer of each wire for one', () => {
    const text = { type: 'output_text', text: 'a' }
    expect(isAnswer(chat, body(choice('stop', 'a')))).toBe(true)
    expect(
      isAnswer(message, body({ type: 'message', content: [{ type: 'text', text: 'a' }], stop_reason: 'end_turn' }))
    ).toBe(true)
    expect(isAnswer(response, body({ status: 'completed', output: [{ type: 'message', content: [text] }] }))).toBe(true)
    expect(isAnswer(embedding, body({ data: [{ index: 0, embedding: [1] }] }))).toBe(true)
  })

  it("takes a response that is made behind the caller's back for one", () => {
    expect(isAnswer(response, body({ object: 'response', status: 'queued', output: [] }))).toBe(true)
  })

  it('takes an answer that is cut off, filtered or empty for one: another provider need not do better', () => {
    for (const answer of [choice('length', 'a'), choice('content_filter', ''), choice('stop', '')]) {
      expect(isAnswer(chat, body(answer))).toBe(true)
    }
  })

  it('takes the report of a failure for none', () => {
    expect(isAnswer(chat, body(choice('error', 'a')))).toBe(false)
    expect(isAnswer(response, body({ status: 'failed', error: { code: 'server_error' }, output: [] }))).toBe(false)
  })
})
