import type { Answer, Origin } from '../../src/core/answer.ts'
import type { Batching, Combined, Part } from '../../src/core/batching.ts'
import { isObject, type JsonObject } from '../../src/core/json.ts'
import type { Question, Reply } from '../../src/testing/simulated-provider.ts'
import { anthropicMessages } from '../../src/wires/anthropic-messages.ts'
import { Body } from '../../src/wires/body.ts'
import { llmBatching } from '../../src/wires/llm-batching.ts'
import { openaiChat } from '../../src/wires/openai-chat.ts'
import { openaiResponses } from '../../src/wires/openai-responses.ts'
import type { Wire } from '../../src/wires/wire.ts'
import { WireContent, type WireRequest } from '../../src/wires/wire-request.ts'
import { simulatedBody } from './simulated-body.ts'

/** A dialect and a form of the answer. */
export interface Way {
  readonly name: string
  readonly wire: Wire
  asking(text: string, more?: JsonObject): JsonObject
}

const chatOf = (model: string) => (content: string, more?: JsonObject) => ({
  model,
  messages: [{ role: 'user', content }],
  ...more
})
const responseOf = (model: string) => (input: string, more?: JsonObject) => ({
  model,
  input,
  store: false,
  ...more
})
const messageOf = (model: string) => (content: string, more?: JsonObject) => ({
  ...chatOf(model)(content, { max_tokens: 4000 }),
  ...more
})

export const byChat: Way = { name: 'chat, by a schema', wire: openaiChat, asking: chatOf('gpt-4o-mini') }

export const ways: readonly Way[] = [
  byChat,
  { name: 'chat, in delimited text', wire: openaiChat, asking: chatOf('somebodys-model') },
  { name: 'responses, by a schema', wire: openaiResponses, asking: responseOf('gpt-5') },
  { name: 'responses, in delimited text', wire: openaiResponses, asking: responseOf('somebodys-model') },
  { name: 'messages, by a tool', wire: anthropicMessages, asking: messageOf('claude-sonnet-4-5') },
  { name: 'messages, in delimited text', wire: anthropicMessages, asking: messageOf('claude-2.1') }
]

export const credential = { authorization: 'Bearer sk-secret' }

export function requestOf(
  wire: Wire,
  json: JsonObject,
  headers: Readonly<Record<string, string>> = credential
): WireRequest {
  return { content: new WireContent(wire, Buffer.from(JSON.stringify(json))), headers }
}

export function batchingOf(wire: Wire): Batching<WireRequest, Body> {
  const batching = llmBatching(wire)
  if (batching === undefined) throw new Error('no batching')
  return batching
}

export function combine(
  { wire, asking }: Way,
  texts: readonly string[],
  more?: JsonObject
): Combined<WireRequest, Body> {
  return batchingOf(wire).combine(texts.map((text) => requestOf(wire, asking(text, more))))
}

export function answered(wire: Wire, json: JsonObject, costUsd?: number): Answer<Body> {
  const usage = wire.usage(json)
  const origin: Origin = {
    layer: 'provider',
    provider: 'simulated',
    ...(usage === undefined ? {} : { usage }),
    ...(costUsd === undefined ? {} : { costUsd })
  }
  return { value: Body.fromJson(json), origin }
}

type Model = (question: Question) => Reply

/** What each is told when that model answers. */
export function told(way: Way, texts: readonly string[], model: Model, more?: JsonObject): readonly Part<Body>[] {
  const combined = combine(way, texts, more)
  const body = simulatedBody(way.wire, combined.request.content.json, model)
  return combined.split(answered(way.wire, body, 0.0123))
}

/** What an answer says, as its dialect says it. */
export function textOf(json: JsonObject): string {
  const found: string[] = []
  const walk = (value: unknown, field = ''): void => {
    if (typeof value === 'string' && (field === 'content' || field === 'text')) found.push(value)
    if (Array.isArray(value)) for (const item of value) walk(item, field)
    else if (isObject(value)) for (const [name, inner] of Object.entries(value)) walk(inner, name)
  }
  walk(json['choices'] ?? json['output'] ?? json['content'])
  return found.join('')
}

export function outcomeOf(part: Part<Body> | undefined): string {
  if (part === undefined) return 'nothing'
  return 'answer' in part ? textOf(part.answer.value.json) : `? ${part.doubt}`
}

export const answerTo = (text: string): string => `The answer to <${text}>.`
