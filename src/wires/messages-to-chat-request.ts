import { isObject, type JsonObject } from '../core/json.ts'
import type { Crossed } from './crossing.ts'
import { only } from './fields.ts'
import {
  itemsAt,
  objectAt,
  type Placed,
  textAt,
  typeOf,
  unexpected,
  within,
  withoutCounterpart
} from './messages-to-chat-reading.ts'
import { whyNotStrict } from './messages-to-chat-schema.ts'
import { chatTurns } from './messages-to-chat-turns.ts'
import { expectOnly, type Known, Unsuitable } from './unsuitable.ts'

/** A request for a message as one for a chat completion. What nobody here knows may change the answer, and is not left out. */
export function chatRequest(request: JsonObject, model: string): Crossed {
  try {
    expectOnly(request, known)
    return {
      request: {
        model,
        messages: chatTurns(request),
        ...lengthOf(request, model),
        ...sampling(request),
        ...stopsOf(request),
        ...toolsOf(request),
        ...formatOf(request),
        // That a stream tells its usage, too, is seen to where the chat is sent, and left out where it is refused.
        ...(request['stream'] === true ? { stream: true } : {})
      }
    }
  } catch (error) {
    if (error instanceof Unsuitable) return { unsuitable: error.message }
    if (error instanceof RangeError) return { unsuitable: 'the request is nested too deep' }
    throw error
  }
}

const known: Known = {
  fields: [
    'model',
    'system',
    'messages',
    'max_tokens',
    'temperature',
    'top_p',
    'stop_sequences',
    'tools',
    'tool_choice',
    'output_config',
    'output_format',
    'stream',
    // Who asks, for the provider's watch over misuse.
    'metadata',
    // What is kept in the provider's prompt cache, and why it was not found there: cost and speed.
    'cache_control',
    'diagnostics'
  ],
  defaults: {
    thinking: [{ type: 'disabled' }],
    service_tier: ['auto'],
    speed: ['standard'],
    mcp_servers: [[]]
  }
}

/**
 * OpenAI's reasoning models refuse `max_tokens`, which OpenAI calls outdated; many who speak its dialect, and older
 * versions of Azure's, know nothing else, and refuse `max_completion_tokens` or pass over it. So it goes by the model's
 * name: the o-series, and GPT from 5 on. Both names mean the same limit, thinking included, as Anthropic's does.
 */
function lengthOf({ max_tokens: most = null }: JsonObject, model: string): JsonObject {
  if (most === null) return {}
  return /(^|[/:])o\d|gpt-[5-9]/i.test(model) ? { max_completion_tokens: most } : { max_tokens: most }
}

function sampling({ temperature = null, top_p = null }: JsonObject): JsonObject {
  return { ...(temperature === null ? {} : { temperature }), ...(top_p === null ? {} : { top_p }) }
}

/** The most stop sequences that a chat takes. */
const mostStops = 4

function stopsOf({ stop_sequences: sequences }: JsonObject): JsonObject {
  const stop = itemsAt([sequences, 'stop_sequences']).map(textAt)
  if (stop.length > mostStops) {
    throw new Unsuitable(`stop_sequences: a chat takes at most ${mostStops}, got ${stop.length}`)
  }
  return stop.length === 0 ? {} : { stop }
}

/** Without tools, nothing may be said of their choice. */
function toolsOf({ tools, tool_choice: choice = null }: JsonObject): JsonObject {
  const offered = itemsAt([tools, 'tools']).map(functionTool)
  const chosen: JsonObject = choice === null ? {} : choiceOf([choice, 'tool_choice'])
  if (offered.length > 0) return { tools: offered, ...chosen }
  const { tool_choice: wanted = 'none' } = chosen
  if (wanted !== 'auto' && wanted !== 'none') throw new Unsuitable('tool_choice: there is no tool to be chosen')
  return {}
}

function functionTool(tool: Placed): JsonObject {
  const type = typeOf(tool)
  if (type !== '' && type !== 'custom') throw withoutCounterpart(tool)
  const described = objectAt(tool, toolFields)
  const name = textAt(within(tool, 'name'))
  if (!/^[\w-]{1,64}$/.test(name)) {
    throw unexpected('at most 64 letters, digits, _ and -', within(tool, 'name'))
  }
  const parameters = described['input_schema']
  if (!isObject(parameters)) throw unexpected('an object', within(tool, 'input_schema'))
  const strict = described['strict'] === true
  if (strict) expectStrict(within(tool, 'input_schema'))
  const more = described['description'] === null ? {} : only(described, ['description'])
  return { type: 'function', function: { name, ...more, parameters, ...(strict ? { strict } : {}) } }
}

const toolFields: Known = {
  // `eager_input_streaming`: how soon its input is streamed.
  fields: ['type', 'name', 'description', 'input_schema', 'strict', 'cache_control', 'eager_input_streaming'],
  defaults: { defer_loading: [false], input_examples: [[]], allowed_callers: [['direct']] }
}

function choiceOf(choice: Placed): JsonObject {
  const { disable_parallel_tool_use: single } = objectAt(choice, choiceFields)
  const alone = single === true ? { parallel_tool_calls: false } : {}
  switch (typeOf(choice)) {
    case 'auto':
      return { tool_choice: 'auto', ...alone }
    case 'any':
      return { tool_choice: 'required', ...alone }
    case 'tool':
      return { tool_choice: { type: 'function', function: { name: textAt(within(choice, 'name')) } }, ...alone }
    case 'none':
      return { tool_choice: 'none' }
    default:
      throw withoutCounterpart(choice)
  }
}

const choiceFields: Known = { fields: ['type', 'name', 'disable_parallel_tool_use'] }

function formatOf({ output_config: config, output_format: older = null }: JsonObject): JsonObject {
  const { format: newer = null } = objectAt([config ?? {}, 'output_config'], { fields: ['format'] })
  if (newer === null) return older === null ? {} : schemaFormat([older, 'output_format'])
  if (older !== null) throw new Unsuitable('output_format: output_config.format is there as well')
  return schemaFormat([newer, 'output_config.format'])
}

function schemaFormat(format: Placed): JsonObject {
  if (typeOf(format) !== 'json_schema') throw withoutCounterpart(format)
  const { type, schema } = objectAt(format, { fields: ['type', 'schema'] })
  expectStrict(within(format, 'schema'))
  return { response_format: { type, json_schema: { name: 'answer', schema, strict: true } } }
}

/**
 * Anthropic's answer is bound to match its schema; OpenAI's is so in strict mode only. A schema that strict mode does
 * not take would be a mere wish, and whoever parses the answer does not expect that.
 */
function expectStrict([schema, place]: Placed): void {
  const problem = whyNotStrict(schema)
  if (problem !== undefined) throw new Unsuitable(`${place}: ${problem}`)
}
