import type { JsonObject } from '../../core/json.ts'
import { listOf, objectOf, textOf } from './checks.ts'
import type { CompletedCall, StreamEvent } from './endpoint.ts'
import type { Making } from './making.ts'
import { between, type Random, seeded } from './seeded.ts'
import { countTokens, piecesOf } from './tokens.ts'

/** A message as its stream of events. `calls` are its tool calls with their arguments as they were said. */
export function* messageEvents(
  answer: JsonObject,
  calls: readonly CompletedCall[],
  making: Making
): Generator<StreamEvent> {
  const padding = seeded(`padding ${making.question}`)
  const said = (event: JsonObject, piece = '') => padded(event, piece, padding)
  const { output_tokens_details: details, ...usage } = objectOf(answer['usage'])

  const begun = { ...answer, content: [], stop_reason: null, stop_sequence: null, stop_details: null }
  yield said({ type: 'message_start', message: { ...begun, usage: { ...usage, output_tokens: 1 } } })
  const waiting = [...calls]
  const blocks = listOf(answer['content']).map(objectOf)
  for (const [index, block] of blocks.entries()) {
    yield said({ type: 'content_block_start', index, content_block: emptied(block) })
    if (index === 0) yield ping
    const call = block['type'] === 'tool_use' ? waiting.shift() : undefined
    for (const { delta, piece } of deltasOf(block, call, making)) {
      yield said({ type: 'content_block_delta', index, delta }, piece)
    }
    yield said({ type: 'content_block_stop', index })
  }
  if (blocks.length === 0) yield ping
  const { stop_reason, stop_sequence, stop_details, container } = answer
  const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens } = usage
  yield said({
    type: 'message_delta',
    delta: { stop_reason, stop_sequence, stop_details, container },
    usage: {
      input_tokens,
      cache_creation_input_tokens,
      cache_read_input_tokens,
      output_tokens,
      output_tokens_details: details
    }
  })
  yield said({ type: 'message_stop' })
}

const ping: StreamEvent = { event: 'ping', data: '{"type": "ping"}', tokens: 0 }

/** An event with spaces before its last bracket, which hide how long the piece in it is. */
function padded(event: JsonObject, piece: string, padding: Random): StreamEvent {
  const data = `${JSON.stringify(event).slice(0, -1)}${' '.repeat(between(padding, 0, 14))}}`
  return { event: textOf(event['type']), data, tokens: countTokens(piece) }
}

function emptied(block: JsonObject): JsonObject {
  if (block['type'] === 'thinking') return { ...block, thinking: '', signature: '' }
  return block['type'] === 'text' ? { ...block, text: '' } : { ...block, input: {} }
}

function* deltasOf(
  block: JsonObject,
  call: CompletedCall | undefined,
  making: Making
): Generator<{ readonly delta: JsonObject; readonly piece: string }> {
  if (block['type'] === 'thinking') {
    for (const { text } of making.chunks(piecesOf(textOf(block['thinking'])))) {
      yield { delta: { type: 'thinking_delta', thinking: text }, piece: text }
    }
    yield { delta: { type: 'signature_delta', signature: block['signature'] }, piece: '' }
  } else if (call !== undefined) {
    yield { delta: { type: 'input_json_delta', partial_json: '' }, piece: '' }
    for (const { text } of making.chunks(piecesOf(call.arguments))) {
      yield { delta: { type: 'input_json_delta', partial_json: text }, piece: text }
    }
  } else {
    for (const { text } of making.chunks(piecesOf(textOf(block['text'])))) {
      yield { delta: { type: 'text_delta', text }, piece: text }
    }
  }
}
