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
  'background',
  'context_management',
  'conversation',
  'include',
  'input',
  'instructions',
  'max_output_tokens',
  'max_tool_calls',
  'metadata',
  'model',
  'moderation',
  'parallel_tool_calls',
  'previous_response_id',
  'prompt',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
  'reasoning',
  'safety_identifier',
  'service_tier',
  'store',
  'stream',
  'stream_options',
  'temperature',
  'text',
  'tool_choice',
  'tools',
  'top_logprobs',
  'top_p',
  'truncation',
  'user'
])

const roles = ['assistant', 'system', 'developer', 'user']
const formats = ['json_object', 'json_schema', 'text']
const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']

/** What OpenAI's responses would refuse the body for. */
export function checkResponses(body: JsonObject, { strict }: Terms): Problem | undefined {
  return firstProblem(
    () => checkText(body, 'model'),
    () => (strict ? checkKnown(body, known) : undefined),
    () => checkInput(body),
    () => checkNumber(body, 'temperature', { low: 0, high: 2 }),
    () => checkNumber(body, 'top_p', { low: 0, high: 1 }),
    () => checkNumber(body, 'max_output_tokens', { low: 16, whole: true }),
    () => checkNumber(body, 'top_logprobs', { low: 0, high: 20, whole: true }),
    () => checkFlag(body, 'stream'),
    () => checkFlag(body, 'store'),
    () => checkFlag(body, 'background'),
    () => checkFlag(body, 'parallel_tool_calls'),
    () => checkObject(body, 'metadata'),
    () => checkObject(body, 'reasoning'),
    () => checkObject(body, 'text'),
    () => checkEffort(objectOf(body['reasoning'])['effort']),
    () => checkTools(body['tools']),
    () => checkFormat(objectOf(body['text'])['format']),
    () => checkStream(body)
  )
}

function checkInput(body: JsonObject): Problem | undefined {
  const { input } = body
  const elsewhere = body['previous_response_id'] ?? body['prompt'] ?? body['conversation']
  if (input === undefined || input === null) return elsewhere == null ? missing('input') : undefined
  if (typeof input === 'string') return undefined
  if (!Array.isArray(input)) return wrongType('input', 'one of a string or array of input items', input)
  if (input.length === 0) return emptyList('input')
  const calls = new Set<Json | undefined>()
  for (const [index, item] of input.entries()) {
    const wrong = checkItem(item, `input[${index}]`, calls, body['previous_response_id'] != null)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function checkItem(item: Json, place: string, calls: Set<Json | undefined>, continued: boolean): Problem | undefined {
  if (!isObject(item)) return wrongType(place, 'an object', item)
  const type = item['type'] ?? 'message'
  if (type === 'function_call' || type === 'custom_tool_call') calls.add(item['call_id'])
  if (type === 'function_call_output' || type === 'custom_tool_call_output') {
    if (continued || calls.has(item['call_id'])) return undefined
    const text = `No tool call found for function call output with call_id ${String(item['call_id'])}.`
    return problem('input', null, text)
  }
  if (type !== 'message') return undefined
  if (item['role'] === undefined) return missing(`${place}.role`)
  if (!roles.includes(String(item['role']))) return wrongValue(`${place}.role`, item['role'], roles)
  const { content } = item
  if (content === undefined) return missing(`${place}.content`)
  if (typeof content === 'string') return undefined
  if (!Array.isArray(content))
    return wrongType(`${place}.content`, 'one of a string or array of content parts', content)
  const bad = content.findIndex((part) => typeof objectOf(part)['type'] !== 'string')
  return bad < 0 ? undefined : missing(`${place}.content[${bad}].type`)
}

function checkEffort(effort: Json | undefined): Problem | undefined {
  if (effort == null || efforts.includes(String(effort))) return undefined
  return wrongValue('reasoning.effort', effort, efforts)
}

function checkTools(tools: Json | undefined): Problem | undefined {
  if (tools == null) return undefined
  if (!Array.isArray(tools)) return wrongType('tools', 'an array of objects', tools)
  for (const [index, value] of tools.entries()) {
    const tool = objectOf(value)
    if (typeof tool['type'] !== 'string') return missing(`tools[${index}].type`)
    if ((tool['type'] === 'function' || tool['type'] === 'custom') && !isName(tool['name'])) {
      return missing(`tools[${index}].name`)
    }
  }
  return undefined
}

function checkFormat(format: Json | undefined): Problem | undefined {
  if (format == null) return undefined
  const { type, name, schema } = objectOf(format)
  if (!formats.includes(String(type))) return wrongValue('text.format.type', type, formats)
  if (type !== 'json_schema') return undefined
  if (!isName(name)) return missing('text.format.name')
  return isObject(schema) ? undefined : missing('text.format.schema')
}

function checkStream(body: JsonObject): Problem | undefined {
  if (body['stream_options'] == null || body['stream'] === true) return undefined
  return problem('stream_options', null, "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
}

/** True when the request asks for this addition to the answer. */
export function includes(body: JsonObject, addition: string): boolean {
  return listOf(body['include']).includes(addition)
}
