import type { Delta } from '../core/handler.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { isList, only } from './fields.ts'
import { pieces } from './pieces.ts'

/**
 * The events of a message, block by block. Throws a TypeError for a body that is no message.
 */
export function* unfoldMessage(answer: JsonObject): Generator<Delta> {
  for (const event of messageEvents(answer)) yield { event: event.type, data: JSON.stringify(event) }
}

interface MessageEvent extends JsonObject {
  readonly type: string
}

function* messageEvents(answer: JsonObject): Generator<MessageEvent> {
  const { content } = answer
  if (!isList(content)) throw new TypeError('a message has a list of content blocks')
  const usage = isObject(answer['usage']) ? answer['usage'] : {}
  const unknownYet = Object.fromEntries(
    stops.filter((field) => Object.hasOwn(answer, field)).map((field) => [field, null])
  )
  // All that is not said bit by bit is said here, and the rest of it again at the end: the SDK's two readers of
  // streams, plain and beta, do not heed the same fields there.
  yield { type: 'message_start', message: { ...answer, content: [], ...unknownYet, usage: countedAtStart(usage) } }
  for (const [index, block] of content.entries()) {
    const [content_block, ...deltas] = blockParts(block)
    yield { type: 'content_block_start', index, content_block }
    for (const delta of deltas) yield { type: 'content_block_delta', index, delta }
    yield { type: 'content_block_stop', index }
  }
  yield {
    type: 'message_delta',
    delta: only(answer, [...stops, 'container']),
    usage: only(usage, countedAtEnd),
    ...only(answer, ['context_management', 'input_transformations'])
  }
  yield { type: 'message_stop' }
}

const stops = ['stop_reason', 'stop_sequence', 'stop_details']

/** The counts that a stream gives at its end, in total. */
const countedAtEnd = [
  'input_tokens',
  'cache_creation_input_tokens',
  'cache_read_input_tokens',
  'output_tokens',
  'server_tool_use',
  'iterations',
  'output_tokens_details',
  'fallback_credit'
]

/** At the start next to nothing has been said. */
function countedAtStart(usage: JsonObject): JsonObject {
  const { output_tokens: output } = usage
  return typeof output === 'number' ? { ...usage, output_tokens: Math.min(output, 1) } : usage
}

/** A block as it begins, then what is added to it. */
function* blockParts(block: Json): Generator<Json> {
  if (!isObject(block)) throw new TypeError('a content block is an object')
  const { type } = block
  if (type === 'text' && typeof block['text'] === 'string') return yield* textParts(block, block['text'])
  if (type === 'thinking' && typeof block['thinking'] === 'string')
    return yield* thinkingParts(block, block['thinking'])
  if (typeof type === 'string' && toolUses.has(type) && isObject(block['input'])) {
    return yield* inputParts(block, block['input'])
  }
  yield block
  // Its delta carries the final values, and says them again: only the SDK's beta reader heeds it.
  if (type === 'compaction') yield { type: 'compaction_delta', ...only(block, ['content', 'encrypted_content']) }
}

const toolUses: ReadonlySet<string> = new Set(['tool_use', 'server_tool_use', 'mcp_tool_use'])

function* textParts(block: JsonObject, text: string): Generator<Json> {
  const { citations } = block
  yield { ...block, text: '', ...(isList(citations) ? { citations: [] } : {}) }
  for (const piece of pieces(text)) yield { type: 'text_delta', text: piece }
  for (const citation of isList(citations) ? citations : []) yield { type: 'citations_delta', citation }
}

function* thinkingParts(block: JsonObject, thinking: string): Generator<Json> {
  const { signature } = block
  const signed = typeof signature === 'string'
  yield { ...block, thinking: '', ...(signed ? { signature: '' } : {}) }
  for (const piece of pieces(thinking)) yield { type: 'thinking_delta', thinking: piece }
  if (signed && signature !== '') yield { type: 'signature_delta', signature }
}

function* inputParts(block: JsonObject, input: JsonObject): Generator<Json> {
  yield { ...block, input: {} }
  // The provider's first piece is always an empty one.
  yield { type: 'input_json_delta', partial_json: '' }
  if (Object.keys(input).length === 0) return
  for (const piece of pieces(JSON.stringify(input))) yield { type: 'input_json_delta', partial_json: piece }
}
