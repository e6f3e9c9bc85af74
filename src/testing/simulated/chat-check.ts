import { isObject, type Json, type JsonObject } from '../../core/json.ts'
import {
  checkFlag,
  checkKnown,
  checkNumber,
  checkObject,
  checkText,
  emptyList,
  firstProblem,
  isName,
  listOf,
  missing,
  objectOf,
  problem,
  wrongType,
  wrongValue
} from './checks.ts'
import type { Problem, Terms } from './endpoint.ts'

const known = new Set([
  'messages',
  'model',
  'audio',
  'frequency_penalty',
  'function_call',
  'functions',
  'logit_bias',
  'logprobs',
  'max_completion_tokens',
  'max_tokens',
  'metadata',
  'modalities',
  'moderation',
  'n',
  'parallel_tool_calls',
  'prediction',
  'presence_penalty',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
  'reasoning_effort',
  'response_format',
  'safety_identifier',
  'seed',
  'service_tier',
  'stop',
  'store',
  'stream',
  'stream_options',
  'temperature',
  'tool_choice',
  'tools',
  'top_logprobs',
  'top_p',
  'user',
  'verbosity',
  'web_search_options'
])

const roles = ['system', 'assistant', 'user', 'function', 'tool', 'developer']
const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']

/** What OpenAI's chat would refuse the body for. */
export function checkChat(body: JsonObject, { strict }: Terms): Problem | undefined {
  return firstProblem(
    () => checkText(body, 'model'),
    () => (strict ? checkKnown(body, known) : undefined),
    () => checkMessages(body['messages']),
    () => checkNumber(body, 'temperature', { low: 0, high: 2 }),
    () => checkNumber(body, 'top_p', { low: 0, high: 1 }),
    () => checkNumber(body, 'frequency_penalty', { low: -2, high: 2 }),
    () => checkNumber(body, 'presence_penalty', { low: -2, high: 2 }),
    () => checkNumber(body, 'n', { low: 1, high: 128, whole: true }),
    () => checkNumber(body, 'max_tokens', { low: 1, whole: true }),
    () => checkNumber(body, 'max_completion_tokens', { low: 1, whole: true }),
    () => checkNumber(body, 'top_logprobs', { low: 0, high: 20, whole: true }),
    () => checkNumber(body, 'seed', { low: -(2 ** 63), high: 2 ** 63, whole: true }),
    () => checkFlag(body, 'stream'),
    () => checkFlag(body, 'logprobs'),
    () => checkFlag(body, 'parallel_tool_calls'),
    () => checkObject(body, 'metadata'),
    () => checkObject(body, 'stream_options'),
    () => checkPairs(body),
    () => checkEffort(body['reasoning_effort']),
    () => checkTools(body),
    () => checkFormat(body)
  )
}

function checkMessages(messages: Json | undefined): Problem | undefined {
  if (messages === undefined || messages === null) return missing('messages')
  if (!Array.isArray(messages)) return wrongType('messages', 'an array of objects', messages)
  if (messages.length === 0) return emptyList('messages')
  let calls = new Set<Json | undefined>()
  for (const [index, message] of messages.entries()) {
    const place = `messages[${index}]`
    if (!isObject(message)) return wrongType(place, 'an object', message)
    const { role, content } = message
    if (role === undefined) return missing(`${place}.role`)
    if (typeof role !== 'string' || !roles.includes(role)) return wrongValue(`${place}.role`, role, roles)
    if (role === 'assistant') calls = new Set(listOf(message['tool_calls']).map((call) => objectOf(call)['id']))
    const wrong = role === 'tool' ? checkToolResult(message, place, calls) : checkContent(role, message, content, place)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function checkToolResult(
  message: JsonObject,
  place: string,
  calls: ReadonlySet<Json | undefined>
): Problem | undefined {
  if (message['tool_call_id'] === undefined) return missing(`${place}.tool_call_id`)
  if (calls.has(message['tool_call_id'])) return undefined
  const text = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
  return problem(`${place}.role`, null, `Invalid parameter: ${text}`)
}

function checkContent(
  role: string,
  message: JsonObject,
  content: Json | undefined,
  place: string
): Problem | undefined {
  if (content === undefined || content === null) {
    const optional = role === 'assistant' || role === 'function'
    return optional || message['refusal'] !== undefined
      ? undefined
      : wrongType(`${place}.content`, 'one of a string or array of objects', content)
  }
  if (typeof content === 'string') return undefined
  if (!Array.isArray(content)) return wrongType(`${place}.content`, 'one of a string or array of objects', content)
  const bad = content.findIndex((part) => typeof objectOf(part)['type'] !== 'string')
  return bad < 0 ? undefined : missing(`${place}.content[${bad}].type`)
}

function checkPairs(body: JsonObject): Problem | undefined {
  if (body['stream_options'] != null && body['stream'] !== true) {
    return problem('stream_options', null, "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
  }
  if (body['top_logprobs'] != null && body['logprobs'] !== true) {
    return problem('top_logprobs', null, "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.")
  }
  if (body['max_tokens'] != null && body['max_completion_tokens'] != null) {
    return problem(
      'max_tokens',
      null,
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
    )
  }
  const stop = body['stop']
  const stops = Array.isArray(stop) ? stop : stop == null ? [] : [stop]
  if (stops.some((item) => typeof item !== 'string')) return wrongType('stop', 'a string or an array of strings', stop)
  return stops.length <= 4 ? undefined : problem('stop', 'array_above_max_length', "Invalid 'stop': array too long.")
}

function checkEffort(effort: Json | undefined): Problem | undefined {
  if (effort == null || efforts.includes(String(effort))) return undefined
  return wrongValue('reasoning_effort', effort, efforts)
}

function checkTools(body: JsonObject): Problem | undefined {
  const { tools, tool_choice: choice } = body
  if (tools == null) {
    if (choice == null || choice === 'none') return undefined
    return problem(
      'tool_choice',
      null,
      "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
    )
  }
  if (!Array.isArray(tools)) return wrongType('tools', 'an array of objects', tools)
  if (tools.length === 0) return emptyList('tools')
  for (const [index, tool] of tools.entries()) {
    const type = objectOf(tool)['type']
    if (type !== 'function' && type !== 'custom')
      return wrongValue(`tools[${index}].type`, type, ['function', 'custom'])
    const name = objectOf(objectOf(tool)[type])['name']
    if (name === undefined) return missing(`tools[${index}].${type}.name`)
    if (!isName(name)) {
      const text = `Invalid 'tools[${index}].${type}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`
      return problem(`tools[${index}].${type}.name`, 'invalid_value', text)
    }
  }
  if (choice == null || isObject(choice)) return undefined
  return ['none', 'auto', 'required'].includes(String(choice))
    ? undefined
    : wrongValue('tool_choice', choice, ['none', 'auto', 'required'])
}

function checkFormat(body: JsonObject): Problem | undefined {
  const format = body['response_format']
  if (format == null) return undefined
  if (!isObject(format)) return wrongType('response_format', 'an object', format)
  const { type } = format
  const types = ['json_object', 'json_schema', 'text']
  if (!types.includes(String(type))) return wrongValue('response_format.type', type, types)
  if (type === 'json_schema') {
    const schema = format['json_schema']
    if (!isObject(schema)) return missing('response_format.json_schema')
    return isName(schema['name']) ? undefined : missing('response_format.json_schema.name')
  }
  if (type === 'json_object' && !/json/i.test(JSON.stringify(body['messages']))) {
    const text = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
    return problem('messages', null, text)
  }
  return undefined
}
