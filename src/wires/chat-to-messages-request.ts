import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { strictSchema } from './chat-to-messages-schema.ts'
import { toolFields } from './chat-to-messages-tools.ts'
import { turnsOf } from './chat-to-messages-turns.ts'
import { inWords } from './check.ts'
import type { Crossed } from './crossing.ts'
import { isList } from './fields.ts'
import { openaiChat } from './openai-chat.ts'
import { expectOnly, Unsuitable } from './unsuitable.ts'

/**
 * How many tokens an answer may have when the request sets no limit, which Anthropic's must: the most that every
 * model since Claude 3.5 takes, and that Anthropic's SDK lets each of them be asked for without streaming. An answer
 * that reaches it ends as truncated, and is not stored.
 */
export const defaultMaxTokens = 8192

/** A chat's request as Anthropic's Messages have it, or what of it they cannot say. */
export function crossRequest(request: JsonObject, model: string): Crossed {
  try {
    return { request: messagesRequest(request, model) }
  } catch (error) {
    if (error instanceof Unsuitable) return { unsuitable: error.message }
    throw error
  }
}

function messagesRequest(request: JsonObject, model: string): JsonObject {
  // What cannot change the answer is between the caller and its own provider.
  const asked = openaiChat.identity(request)
  expectOnly(asked, known)
  const { system, messages } = turnsOf(asked['messages'])
  return {
    model,
    max_tokens: maxTokens(asked),
    ...(system.length > 0 ? { system } : {}),
    messages,
    ...toolFields(asked),
    ...stopSequences(asked['stop'] ?? null),
    ...sampling(asked),
    ...output(asked),
    ...(request['stream'] === true ? { stream: true } : {})
  }
}

const known = {
  fields: [
    'model',
    'messages',
    'max_completion_tokens',
    'max_tokens',
    'parallel_tool_calls',
    'reasoning_effort',
    'response_format',
    'stop',
    'temperature',
    'tool_choice',
    'tools',
    'top_p',
    // How the prompt is cached: cost and speed.
    'prompt_cache_options'
  ],
  defaults: {
    frequency_penalty: [0],
    functions: [[]],
    logit_bias: [{}],
    logprobs: [false],
    modalities: [['text']],
    n: [1],
    presence_penalty: [0],
    // Both are the standard one, unless the project at OpenAI says otherwise.
    service_tier: ['auto', 'default'],
    top_logprobs: [0],
    verbosity: ['medium']
  }
}

function maxTokens({ max_tokens: old, max_completion_tokens: current }: JsonObject): number {
  const limit = current ?? old ?? defaultMaxTokens
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1) {
    throw new Unsuitable(`max_completion_tokens: expected a whole number of at least 1, got ${inWords(limit)}`)
  }
  if ((old ?? limit) !== limit) throw new Unsuitable('max_tokens: max_completion_tokens says another limit')
  return limit
}

function stopSequences(stop: Json): JsonObject {
  const stops = stop === null ? [] : isList(stop) ? stop : [stop]
  const odd = stops.find((one) => typeof one !== 'string' || one.trim() === '')
  if (odd !== undefined) throw new Unsuitable(`stop: expected texts of more than white space, got ${inWords(odd)}`)
  return stops.length === 0 ? {} : { stop_sequences: stops }
}

/** The default of both is 1, and need not be said: some of Anthropic's models refuse the two together, the newest either. */
function sampling(request: JsonObject): JsonObject {
  const set = ['temperature', 'top_p'].filter((field) => (request[field] ?? 1) !== 1)
  for (const field of set) {
    const value = request[field]
    // OpenAI's temperature goes up to 2. What is hotter than 1 there has no counterpart, and 1 would be something else.
    if (typeof value !== 'number' || value < 0 || value > 1) {
      throw new Unsuitable(`${field}: expected a number from 0 to 1, got ${inWords(value)}`)
    }
  }
  if (set.length > 1) throw new Unsuitable('top_p: has no counterpart beside a temperature')
  return Object.fromEntries(set.map((field) => [field, request[field]]))
}

function output({ reasoning_effort: effort = null, response_format: format = null }: JsonObject): JsonObject {
  const config = { ...effortOf(effort), ...formatOf(format) }
  return {
    // The one effort that Anthropic's have another word for.
    ...(effort === 'none' ? { thinking: { type: 'disabled' } } : {}),
    ...(Object.keys(config).length > 0 ? { output_config: config } : {})
  }
}

const efforts: ReadonlySet<Json> = new Set(['low', 'medium', 'high', 'xhigh', 'max'])

function effortOf(effort: Json): JsonObject {
  if (effort === null || effort === 'none') return {}
  if (!efforts.has(effort)) throw new Unsuitable(`reasoning_effort: ${inWords(effort)} has no counterpart`)
  return { effort }
}

/** `json_object` has none: Anthropic's format always follows a schema, and none of its schemas is that of any object. */
function formatOf(format: Json): JsonObject {
  if (format === null || (isObject(format) && format['type'] === 'text')) return {}
  const said = isObject(format) && format['type'] === 'json_schema' ? format['json_schema'] : undefined
  if (!isObject(format) || !isObject(said)) {
    throw new Unsuitable(`response_format: ${inWords(isObject(format) ? format['type'] : format)} has no counterpart`)
  }
  expectOnly(format, { fields: ['type', 'json_schema'] }, 'response_format')
  const place = 'response_format.json_schema'
  // The name is a label that OpenAI's ask for. A schema that need not be followed strictly may well be.
  expectOnly(said, { fields: ['name', 'description', 'schema'], defaults: { strict: [true, false] } }, place)
  const { schema, description = null } = said
  if (!isObject(schema)) throw new Unsuitable(`${place}.schema: expected a schema, got ${inWords(schema)}`)
  return {
    format: { type: 'json_schema', schema: described(strictSchema(schema, `${place}.schema`), description, place) }
  }
}

/** Anthropic's format has no description but its schema's. */
function described(schema: JsonObject, description: Json, place: string): JsonObject {
  if (description === null || description === '' || description === schema['description']) return schema
  if ((schema['description'] ?? '') !== '') throw new Unsuitable(`${place}.description: its schema has another one`)
  return { ...schema, description }
}
