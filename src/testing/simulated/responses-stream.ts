import type { JsonObject } from '../../core/json.ts'
import { listOf, objectOf, textOf } from './checks.ts'
import type { StreamEvent } from './endpoint.ts'
import type { Making } from './making.ts'
import { countTokens, piecesOf } from './tokens.ts'

/** An event without its number, which depends on what was sent before. */
interface Step {
  readonly type: string
  readonly fields: JsonObject
  /** What the event adds to the answer, when it adds something. */
  readonly piece?: string
}

/** A response as its stream of numbered events: `started` is the response before a word was said, `answer` the whole. */
export function* responseEvents(
  started: JsonObject,
  answer: JsonObject,
  request: JsonObject,
  making: Making
): Generator<StreamEvent> {
  const obfuscated = objectOf(request['stream_options'])['include_obfuscation'] !== false
  let number = 0
  for (const { type, fields, piece } of stepsOf(started, answer, making)) {
    const noise = obfuscated && piece !== undefined ? { obfuscation: making.obfuscation(piece) } : {}
    yield numbered({ type, ...fields, ...noise }, number, countTokens(piece ?? ''))
    number += 1
  }
}

/** What ends a stream when the provider breaks down in the middle of it. */
export function failedEvents(failed: JsonObject, sent: number): StreamEvent[] {
  const { code, message } = objectOf(failed['error'])
  return [
    numbered({ type: 'error', code, message, param: null }, sent, 0),
    numbered({ type: 'response.failed', response: failed }, sent + 1, 0)
  ]
}

function numbered(event: JsonObject, number: number, tokens: number): StreamEvent {
  return { event: textOf(event['type']), data: JSON.stringify({ ...event, sequence_number: number }), tokens }
}

function* stepsOf(started: JsonObject, answer: JsonObject, making: Making): Generator<Step> {
  yield { type: 'response.created', fields: { response: started } }
  if (started['status'] === 'queued') yield { type: 'response.queued', fields: { response: started } }
  yield { type: 'response.in_progress', fields: { response: { ...started, status: 'in_progress' } } }
  for (const [index, value] of listOf(answer['output']).entries()) {
    const item = objectOf(value)
    yield { type: 'response.output_item.added', fields: { item: emptied(item, making), output_index: index } }
    yield* insidesOf(item, { item_id: item['id'], output_index: index }, making)
    yield { type: 'response.output_item.done', fields: { item: sealedOnce(item, 'done', making), output_index: index } }
  }
  yield { type: `response.${textOf(answer['status'])}`, fields: { response: answer } }
}

/** The item as it is announced: there, and with nothing in it. */
function emptied(item: JsonObject, making: Making): JsonObject {
  switch (item['type']) {
    case 'message':
      return { ...item, status: 'in_progress', content: [] }
    case 'reasoning':
      return { ...sealedOnce(item, 'added', making), summary: [] }
    case 'custom_tool_call':
      return { ...item, status: 'in_progress', input: '' }
    default:
      return { ...item, status: 'in_progress', arguments: '' }
  }
}

/** Encrypted reasoning is encrypted anew each time that it is sent. */
function sealedOnce(item: JsonObject, occasion: string, making: Making): JsonObject {
  if (item['encrypted_content'] === undefined) return item
  return { ...item, encrypted_content: making.sealed(occasion, 240) }
}

function* insidesOf(item: JsonObject, place: JsonObject, making: Making): Generator<Step> {
  switch (item['type']) {
    case 'message':
      for (const [index, part] of listOf(item['content']).entries()) {
        yield* partOf(objectOf(part), { content_index: index, ...place }, making)
      }
      return
    case 'reasoning':
      for (const [index, part] of listOf(item['summary']).entries()) {
        yield* summaryOf(objectOf(part), { ...place, summary_index: index }, making)
      }
      return
    case 'custom_tool_call':
      yield* deltas('response.custom_tool_call_input.delta', textOf(item['input']), place, making)
      yield { type: 'response.custom_tool_call_input.done', fields: { input: item['input'], ...place } }
      return
    default: {
      const { arguments: whole, name } = item
      yield* deltas('response.function_call_arguments.delta', textOf(whole), place, making)
      yield { type: 'response.function_call_arguments.done', fields: { arguments: whole, name, ...place } }
    }
  }
}

function* partOf(part: JsonObject, place: JsonObject, making: Making): Generator<Step> {
  if (part['type'] === 'refusal') {
    const refusal = textOf(part['refusal'])
    yield { type: 'response.content_part.added', fields: { ...place, part: { type: 'refusal', refusal: '' } } }
    yield* deltas('response.refusal.delta', refusal, place, making)
    yield { type: 'response.refusal.done', fields: { ...place, refusal } }
  } else {
    const text = textOf(part['text'])
    const logprobs = listOf(part['logprobs'])
    yield { type: 'response.content_part.added', fields: { ...place, part: { ...part, logprobs: [], text: '' } } }
    for (const { text: piece, from, to } of making.chunks(piecesOf(text))) {
      const fields = { ...place, delta: piece, logprobs: logprobs.slice(from, to) }
      yield { type: 'response.output_text.delta', fields, piece }
    }
    yield { type: 'response.output_text.done', fields: { ...place, logprobs, text } }
  }
  yield { type: 'response.content_part.done', fields: { ...place, part } }
}

function* summaryOf(part: JsonObject, place: JsonObject, making: Making): Generator<Step> {
  const text = textOf(part['text'])
  yield { type: 'response.reasoning_summary_part.added', fields: { ...place, part: { ...part, text: '' } } }
  yield* deltas('response.reasoning_summary_text.delta', text, place, making)
  yield { type: 'response.reasoning_summary_text.done', fields: { ...place, text } }
  yield { type: 'response.reasoning_summary_part.done', fields: { ...place, part } }
}

function* deltas(type: string, whole: string, place: JsonObject, making: Making): Generator<Step> {
  for (const { text } of making.chunks(piecesOf(whole))) yield { type, fields: { ...place, delta: text }, piece: text }
}
