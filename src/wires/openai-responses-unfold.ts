import type { Delta } from '../core/handler.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { isList } from './fields.ts'
import { pieces } from './pieces.ts'

/**
 * The events of a response, item by item. Throws a TypeError for a body that is no response.
 */
export function* unfoldResponse(answer: JsonObject): Generator<Delta> {
  let sequence = 0
  for (const { type, ...fields } of responseEvents(answer)) {
    yield { event: type, data: JSON.stringify({ type, sequence_number: sequence++, ...fields }) }
  }
}

interface ResponseEvent extends JsonObject {
  readonly type: string
}

function* responseEvents(answer: JsonObject): Generator<ResponseEvent> {
  const { output, status } = answer
  if (!isList(output)) throw new TypeError('a response has a list of output items')
  const begun = withFields(answer, {
    status: 'in_progress',
    output: [],
    output_text: '',
    usage: null,
    completed_at: null,
    error: null,
    incomplete_details: null
  })
  yield { type: 'response.created', response: begun }
  yield { type: 'response.in_progress', response: begun }
  for (const [index, item] of output.entries()) {
    if (!isObject(item)) throw new TypeError('an output item is an object')
    yield* itemEvents(item, index)
  }
  const end = status === 'incomplete' || status === 'failed' ? status : 'completed'
  yield { type: `response.${end}`, response: answer }
}

/** The object with other values for those of the fields that it has. */
function withFields(object: JsonObject, values: JsonObject): JsonObject {
  return { ...object, ...Object.fromEntries(Object.entries(values).filter(([field]) => Object.hasOwn(object, field))) }
}

function* itemEvents(item: JsonObject, output_index: number): Generator<ResponseEvent> {
  const { type, id } = item
  const at = { output_index, item_id: typeof id === 'string' ? id : '' }
  const way = typeof type === 'string' ? ways.get(type) : undefined
  yield {
    type: 'response.output_item.added',
    output_index,
    item: withFields(item, { ...way?.begun, status: 'in_progress' })
  }
  yield* way?.events(item, at) ?? []
  yield { type: 'response.output_item.done', output_index, item }
}

/** Where in the response an event belongs. */
interface Place extends JsonObject {
  readonly output_index: number
  readonly item_id: string
}

/** How items of one type come about. */
interface Way {
  /** Fields as they are when the item begins. */
  readonly begun: JsonObject
  /** What happens between its beginning and its end. */
  events(item: JsonObject, at: Place): Iterable<ResponseEvent>
}

const ways: ReadonlyMap<string, Way> = new Map<string, Way>([
  ['message', { begun: { content: [] }, events: contentEvents }],
  ['reasoning', { begun: { summary: [], content: [] }, events: reasoningEvents }],
  ['function_call', textWay('arguments', 'function_call_arguments')],
  ['custom_tool_call', textWay('input', 'custom_tool_call_input')],
  ['mcp_call', hostedWay('mcp_call', ['in_progress'], { output: null }, textWay('arguments', 'mcp_call_arguments'))],
  ['mcp_list_tools', hostedWay('mcp_list_tools', ['in_progress'], { tools: [] })],
  ['web_search_call', hostedWay('web_search_call', ['in_progress', 'searching'], {})],
  ['file_search_call', hostedWay('file_search_call', ['in_progress', 'searching'], { results: null })],
  ['image_generation_call', hostedWay('image_generation_call', ['in_progress', 'generating'], { result: null })],
  ['code_interpreter_call', codeInterpreterWay()]
])

/** An item that is one text: it begins empty and grows. */
function textWay(field: string, event: string): Way {
  return {
    begun: { [field]: '' },
    *events(item, at) {
      const text = item[field]
      if (typeof text !== 'string') return
      for (const delta of pieces(text)) yield { type: `response.${event}.delta`, ...at, delta }
      const name = event === 'function_call_arguments' && item['name'] !== undefined ? { name: item['name'] } : {}
      yield { type: `response.${event}.done`, ...at, ...name, [field]: text }
    }
  }
}

/** An item that the provider itself works on, and reports of. */
function hostedWay(type: string, states: readonly string[], begun: JsonObject, said?: Way): Way {
  return {
    begun: { ...begun, ...said?.begun },
    *events(item, at) {
      const state = (name: string): ResponseEvent => ({ type: `response.${type}.${name}`, ...at })
      yield* states.map(state)
      yield* said?.events(item, at) ?? []
      const failed = type.startsWith('mcp_') && (item['status'] === 'failed' || (item['error'] ?? null) !== null)
      yield state(failed ? 'failed' : 'completed')
    }
  }
}

function codeInterpreterWay(): Way {
  const code = textWay('code', 'code_interpreter_call_code')
  return {
    begun: { ...code.begun, outputs: null },
    *events(item, at) {
      const state = (name: string): ResponseEvent => ({ type: `response.code_interpreter_call.${name}`, ...at })
      yield state('in_progress')
      yield* code.events(item, at)
      yield state('interpreting')
      yield state('completed')
    }
  }
}

function* reasoningEvents(item: JsonObject, at: Place): Generator<ResponseEvent> {
  const { summary } = item
  for (const [summary_index, part] of isList(summary) ? summary.entries() : []) {
    const here = { ...at, summary_index }
    const text = isObject(part) ? part['text'] : undefined
    yield {
      type: 'response.reasoning_summary_part.added',
      ...here,
      part: isObject(part) ? withFields(part, { text: '' }) : part
    }
    if (typeof text === 'string') {
      for (const delta of pieces(text)) yield { type: 'response.reasoning_summary_text.delta', ...here, delta }
      yield { type: 'response.reasoning_summary_text.done', ...here, text }
    }
    yield { type: 'response.reasoning_summary_part.done', ...here, part }
  }
  yield* contentEvents(item, at)
}

function* contentEvents(item: JsonObject, at: Place): Generator<ResponseEvent> {
  const { content } = item
  for (const [content_index, part] of isList(content) ? content.entries() : []) {
    const here = { ...at, content_index }
    const begun = isObject(part) ? withFields(part, begunParts.get(part['type']) ?? {}) : part
    yield { type: 'response.content_part.added', ...here, part: begun }
    if (isObject(part)) yield* partEvents(part, here)
    yield { type: 'response.content_part.done', ...here, part }
  }
}

/** Fields of the parts that come bit by bit, as they are when the part begins. */
const begunParts: ReadonlyMap<Json | undefined, JsonObject> = new Map([
  ['output_text', { text: '', annotations: [], logprobs: [] }],
  ['refusal', { refusal: '' }],
  ['reasoning_text', { text: '' }]
])

function* partEvents(part: JsonObject, here: JsonObject): Generator<ResponseEvent> {
  const { type, text, refusal } = part
  if (type === 'output_text' && typeof text === 'string') {
    const logprobs = isList(part['logprobs']) ? part['logprobs'] : []
    let unsaid = logprobs
    for (const delta of pieces(text)) {
      yield { type: 'response.output_text.delta', ...here, delta, logprobs: unsaid }
      unsaid = []
    }
    yield* annotationEvents(part['annotations'], here)
    yield { type: 'response.output_text.done', ...here, text, logprobs }
  } else if (type === 'refusal' && typeof refusal === 'string') {
    for (const delta of pieces(refusal)) yield { type: 'response.refusal.delta', ...here, delta }
    yield { type: 'response.refusal.done', ...here, refusal }
  } else if (type === 'reasoning_text' && typeof text === 'string') {
    for (const delta of pieces(text)) yield { type: 'response.reasoning_text.delta', ...here, delta }
    yield { type: 'response.reasoning_text.done', ...here, text }
  }
}

function* annotationEvents(annotations: Json | undefined, here: JsonObject): Generator<ResponseEvent> {
  for (const [annotation_index, annotation] of isList(annotations) ? annotations.entries() : []) {
    yield { type: 'response.output_text.annotation.added', ...here, annotation_index, annotation }
  }
}
