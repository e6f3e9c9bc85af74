import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { answering } from '../../test/support/sdk-answers.ts'
import type { JsonObject } from '../core/json.ts'
import { anthropicMessages } from '../wires/anthropic-messages.ts'
import { openaiChat } from '../wires/openai-chat.ts'
import { openaiEmbeddings } from '../wires/openai-embeddings.ts'
import { openaiResponses } from '../wires/openai-responses.ts'
import type { Wire } from '../wires/wire.ts'
import { answerBody } from './answer-body.ts'

const text = 'Es sind „42“ — mehr nicht. 🚀'
const usage = { inputTokens: 20, outputTokens: 7, cachedInputTokens: 5, reasoningTokens: 3 }
const turns = [{ role: 'user' as const, content: 'How many?' }]
const chat = { model: 'gpt-5', messages: turns }
const response = { model: 'gpt-5', input: 'How many?', instructions: 'Be brief.' }
const message = { model: 'claude-haiku-4-5', max_tokens: 100, messages: turns }

/** Official clients that are answered with this answer, plainly or streamed. */
function clients(wire: Wire, answer: JsonObject) {
  const fetch = answering(answer, (request) => wire.unfold(answer, request))
  return {
    openai: new OpenAI({ apiKey: 'key', fetch, maxRetries: 0 }),
    anthropic: new Anthropic({ apiKey: 'key', fetch, maxRetries: 0 })
  }
}

describe.each([
  ['with its tokens', usage],
  ['without', undefined]
] as const)('an answer made of a text, %s', (_, counts) => {
  it("is a chat completion that OpenAI's SDK takes, plainly and streamed", async () => {
    const body = answerBody(openaiChat, chat, text, counts, 1_700_000_000_999)
    expect(openaiChat.unfit(body)).toBeUndefined()
    expect(openaiChat.usage(body)).toEqual(counts)
    const { openai } = clients(openaiChat, body)
    const plain = await openai.chat.completions.create(chat)
    expect(plain).toMatchObject({ object: 'chat.completion', created: 1_700_000_000, model: 'gpt-5' })
    expect(plain.id).toMatch(/^chatcmpl-\w{29}$/)
    expect(plain.choices).toMatchObject([
      { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: text } }
    ])
    const streamed = await openai.chat.completions
      .stream({ ...chat, stream_options: { include_usage: true } })
      .finalChatCompletion()
    expect(streamed.choices[0]?.message.content).toBe(text)
    expect(streamed.usage?.total_tokens).toBe(counts === undefined ? undefined : 27)
  })

  it("is a response that OpenAI's SDK takes, plainly and streamed", async () => {
    const body = answerBody(openaiResponses, response, text, counts)
    expect(openaiResponses.unfit(body)).toBeUndefined()
    expect(openaiResponses.usage(body)).toEqual(counts)
    const { openai } = clients(openaiResponses, body)
    const plain = await openai.responses.create(response)
    expect(plain).toMatchObject({ status: 'completed', model: 'gpt-5', instructions: 'Be brief.', output_text: text })
    const streamed = await openai.responses.stream(response).finalResponse()
    expect(streamed.output).toMatchObject([{ type: 'message', content: [{ type: 'output_text', text }] }])
    expect(streamed.usage?.total_tokens).toBe(counts === undefined ? undefined : 27)
  })

  it("is a message that Anthropic's SDK takes, plainly and streamed", async () => {
    const body = answerBody(anthropicMessages, message, text, counts)
    expect(anthropicMessages.unfit(body)).toBeUndefined()
    expect(anthropicMessages.usage(body)).toEqual(counts === undefined ? undefined : { ...counts, cacheWriteTokens: 0 })
    const { anthropic } = clients(anthropicMessages, body)
    const plain = await anthropic.messages.create(message)
    expect(plain).toMatchObject({ role: 'assistant', model: 'claude-haiku-4-5', stop_reason: 'end_turn' })
    expect(plain.content).toEqual([{ type: 'text', text }])
    const streamed = await anthropic.messages.stream(message).finalMessage()
    expect(streamed).toMatchObject({ stop_reason: 'end_turn', content: [{ type: 'text', text }] })
    expect(streamed.usage.output_tokens).toBe(counts?.outputTokens)
  })

  it('has an identifier of its own', () => {
    for (const [wire, request] of [
      [openaiChat, chat],
      [openaiResponses, response],
      [anthropicMessages, message]
    ] as const) {
      const [one, two] = [answerBody(wire, request, text, counts), answerBody(wire, request, text, counts)]
      expect(one['id']).not.toBe(two['id'])
      expect(wire.substance(one)).toEqual(wire.substance(two))
    }
  })
})

describe('an answer that is brought along whole', () => {
  it('is taken as it is', () => {
    const body = { id: 'x', choices: [{ message: { content: 'Hi' }, finish_reason: 'stop' }], tomorrow: 1 }
    expect(answerBody(openaiChat, chat, body, usage)).toBe(body)
    const vectors = { object: 'list', data: [{ index: 0, embedding: [1] }] }
    expect(answerBody(openaiEmbeddings, { model: 'm', input: 'a' }, vectors)).toBe(vectors)
  })

  it.each([
    [
      openaiChat,
      chat,
      { choices: [{ message: { content: 'Hi' }, finish_reason: 'length' }] },
      /expected a chat completion.*truncated/
    ],
    [openaiChat, chat, { type: 'message', content: [] }, /expected a chat completion.*malformed/],
    [openaiResponses, response, { status: 'in_progress', output: [] }, /expected a response.*incomplete/],
    [
      anthropicMessages,
      message,
      { type: 'message', content: [], stop_reason: 'end_turn' },
      /expected a message.*empty/
    ],
    [openaiEmbeddings, { model: 'm', input: 'a' }, { data: [] }, /expected a list of embeddings.*malformed/]
  ])("is refused when a provider's own would not be stored either: %#", (wire, request, body, message) => {
    expect(() => answerBody(wire, request, body)).toThrow(message)
    expect(() => answerBody(wire, request, body)).toThrow(
      expect.objectContaining({ code: 'invalid-body', field: 'response' })
    )
  })
})

describe('a text where a text is not enough', () => {
  it.each([
    [openaiChat, { ...chat, n: 2 }, /asks for several choices \(n\), got a text/],
    [openaiChat, { ...chat, logprobs: true }, /asks for log probabilities, got a text/],
    [openaiChat, { ...chat, modalities: ['text', 'audio'] }, /asks for more than text/],
    [openaiEmbeddings, { model: 'm', input: 'a' }, /expected a list of embeddings .*, got a text/]
  ])('is refused: %#', (wire, request, message) => {
    expect(() => answerBody(wire, request, 'x')).toThrow(message)
  })

  it('is refused when it is empty', () => {
    for (const [wire, request] of [
      [openaiChat, chat],
      [openaiResponses, response],
      [anthropicMessages, message]
    ] as const) {
      expect(() => answerBody(wire, request, '')).toThrow(/not fit to be stored: empty/)
    }
  })
})
