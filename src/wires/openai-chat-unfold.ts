import type { Delta } from '../core/handler.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { isList, only, without } from './fields.ts'
import { pieces } from './pieces.ts'

/** True when the request asks for a last chunk that holds the usage. */
export function wantsUsage({ stream_options: options }: JsonObject): boolean {
  return isObject(options) && options['include_usage'] === true
}

/**
 * The chunks of a chat completion, one choice after the other.
 * What OpenAI's SDK would not join (it replaces fields that it does not know) goes out whole.
 * Throws a TypeError for a body that is no chat completion.
 */
export function* unfoldChat(answer: JsonObject, request: JsonObject): Generator<Delta> {
  const { choices, usage, ...rest } = answer
  if (!isList(choices)) throw new TypeError('a chat completion has a list of choices')
  const head = { ...only(rest, ['id']), object: 'chat.completion.chunk', ...only(rest, inEveryChunk) }
  const tail = wantsUsage(request) ? { usage: null } : {}
  // Its SDK takes fields from the first chunk even where it would not take them from a later one.
  let once = without(rest, saidElsewhere)
  for (const [position, choice] of choices.entries()) {
    for (const part of choiceParts(isObject(choice) ? choice : {}, position)) {
      yield { data: JSON.stringify({ ...head, ...once, choices: [part], ...tail }) }
      once = {}
    }
  }
  if (Object.keys(once).length > 0) yield { data: JSON.stringify({ ...head, ...once, choices: [], ...tail }) }
  if (wantsUsage(request) && isObject(usage)) yield { data: JSON.stringify({ ...head, choices: [], usage }) }
  yield { data: '[DONE]' }
}

const inEveryChunk = ['created', 'model', 'service_tier', 'system_fingerprint']

const saidElsewhere: ReadonlySet<string> = new Set(['id', 'object', ...inEveryChunk])

/** The parts of one choice: who speaks, what nobody here has heard of, what is said, and why it ends. */
function* choiceParts(choice: JsonObject, position: number): Generator<JsonObject> {
  const { index = position, message, logprobs, finish_reason: reason = null, ...beside } = choice
  let unsaid = logprobs
  const part = (delta: JsonObject, more: JsonObject = {}): JsonObject => ({
    index,
    delta,
    ...(logprobs === undefined ? {} : { logprobs: null }),
    finish_reason: null,
    ...more
  })
  const [opening, ...deltas] = messageDeltas(isObject(message) ? message : {})
  yield part(opening ?? {})
  for (const delta of deltas) {
    // Never in the first part: there, the SDK takes them twice.
    yield part(delta, unsaid === undefined ? {} : { logprobs: unsaid })
    unsaid = undefined
  }
  yield part({}, { ...(unsaid === undefined ? {} : { logprobs: unsaid }), finish_reason: reason, ...beside })
}

function* messageDeltas(message: JsonObject): Generator<JsonObject> {
  const {
    role = 'assistant',
    content,
    refusal,
    function_call: called,
    tool_calls: calls,
    annotations,
    ...others
  } = message
  yield {
    role,
    ...(content === undefined ? {} : { content: typeof content === 'string' ? '' : content }),
    ...(refusal === undefined ? {} : { refusal: typeof refusal === 'string' ? '' : refusal })
  }
  // Reasoning is among these, and comes before what it leads to.
  if (Object.keys(others).length > 0) yield others
  if (typeof content === 'string') for (const piece of pieces(content)) yield { content: piece }
  if (typeof refusal === 'string') for (const piece of pieces(refusal)) yield { refusal: piece }
  if (called !== undefined) {
    for (const piece of argumentParts(called)) yield { function_call: piece }
  }
  if (isList(calls)) {
    if (calls.length === 0) yield { tool_calls: [] }
    for (const [index, call] of calls.entries())
      for (const piece of callParts(call)) yield { tool_calls: [{ index, ...piece }] }
  } else if (calls !== undefined) {
    yield { tool_calls: calls }
  }
  // They point into the text, and come after it.
  if (annotations !== undefined) yield { annotations }
}

/** A function with empty arguments, then these in pieces. */
function* argumentParts(called: Json): Generator<Json> {
  if (!isObject(called) || typeof called['arguments'] !== 'string') return yield called
  yield { ...called, arguments: '' }
  for (const piece of pieces(called['arguments'])) yield { arguments: piece }
}

function* callParts(call: Json): Generator<JsonObject> {
  const { index: _index, function: called, ...rest } = isObject(call) ? call : {}
  if (called === undefined) return yield rest
  const [opening, ...more] = argumentParts(called)
  yield { ...rest, function: opening }
  for (const piece of more) yield { function: piece }
}
