import { isObject, type Json, type JsonObject } from '../../core/json.ts'
import { firstProblem, isName, listOf, objectOf } from './checks.ts'
import type { Problem, Terms } from './endpoint.ts'

const known = new Set([
  'cache_control',
  'container',
  'context_management',
  'diagnostics',
  'inference_geo',
  'max_tokens',
  'mcp_servers',
  'messages',
  'metadata',
  'model',
  'output_config',
  'output_format',
  'service_tier',
  'speed',
  'stop_sequences',
  'stream',
  'system',
  'thinking',
  'tool_choice',
  'tools',
  'user_profile_id',
  'workspace_id'
])
/** Fields of the first version that later ones have no more, not even with their defaults. */
const sampling = ['temperature', 'top_p', 'top_k']
const firstWithoutSampling = '2026-10-21'

/** What Anthropic's messages would refuse the body for. */
export function checkMessages(body: JsonObject, terms: Terms): Problem | undefined {
  return firstProblem(
    () => checkPrompt(body, terms),
    () => checkMaxTokens(body['max_tokens']),
    () => checkRange(body, 'temperature', 0, 1),
    () => checkRange(body, 'top_p', 0, 1),
    () => checkFlag(body, 'stream'),
    () => checkStops(body['stop_sequences']),
    () => checkThinking(body)
  )
}

/** What is wrong with that part of a request that is read, and may be counted. */
export function checkPrompt(body: JsonObject, { strict, version }: Terms): Problem | undefined {
  const late = version >= firstWithoutSampling
  return firstProblem(
    () => (typeof body['model'] === 'string' && body['model'] !== '' ? undefined : required('model', body['model'])),
    () => checkKnown(body, strict, late),
    () => checkTurns(body['messages']),
    () => (late ? checkPlaces(body['messages']) : undefined),
    () => checkSystem(body['system']),
    () => checkTools(body)
  )
}

function invalid(param: string, message: string): Problem {
  return { message: `${param}: ${message}`, param, code: null }
}

function required(param: string, value: Json | undefined): Problem {
  return invalid(param, value === undefined ? 'Field required' : 'Input should be a valid string')
}

function checkKnown(body: JsonObject, strict: boolean, late: boolean): Problem | undefined {
  const unknown = Object.keys(body).find((field) => (sampling.includes(field) ? late : strict && !known.has(field)))
  return unknown === undefined ? undefined : invalid(unknown, 'Extra inputs are not permitted')
}

function checkTurns(messages: Json | undefined): Problem | undefined {
  if (messages === undefined) return invalid('messages', 'Field required')
  if (!Array.isArray(messages)) return invalid('messages', 'Input should be a valid list')
  if (messages.length === 0) return invalid('messages', 'at least one message is required')
  let uses = new Set<Json | undefined>()
  for (const [index, message] of messages.entries()) {
    const place = `messages.${index}`
    if (!isObject(message)) return invalid(place, 'Input should be an object')
    const { role, content } = message
    if (role === undefined) return invalid(`${place}.role`, 'Field required')
    if (!['user', 'assistant', 'system'].includes(String(role))) {
      return invalid(`${place}.role`, "Input should be 'user', 'assistant' or 'system'")
    }
    const wrong = checkContent(content, place, uses)
    if (wrong !== undefined) return wrong
    if (role === 'assistant') {
      uses = new Set(
        listOf(content)
          .map(objectOf)
          .filter((block) => block['type'] === 'tool_use')
          .map((block) => block['id'])
      )
    }
  }
  const first = messages.map(objectOf).find((message) => message['role'] !== 'system')
  return first?.['role'] === 'user' ? undefined : invalid('messages', 'first message must use the "user" role')
}

function checkContent(
  content: Json | undefined,
  place: string,
  uses: ReadonlySet<Json | undefined>
): Problem | undefined {
  if (content === undefined) return invalid(`${place}.content`, 'Field required')
  if (typeof content === 'string') {
    return content === '' ? invalid(place, 'all messages must have non-empty content') : undefined
  }
  if (!Array.isArray(content)) return invalid(`${place}.content`, 'Input should be a valid string or a valid list')
  for (const [index, value] of content.entries()) {
    const block = objectOf(value)
    const where = `${place}.content.${index}`
    if (typeof block['type'] !== 'string') return invalid(`${where}.type`, 'Field required')
    if (block['type'] === 'text' && block['text'] === '')
      return invalid('messages', 'text content blocks must be non-empty')
    if (block['type'] === 'tool_result' && !uses.has(block['tool_use_id'])) {
      const text = `unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${String(block['tool_use_id'])}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`
      return invalid(where, text)
    }
  }
  return undefined
}

/** Since the later version: documents come from the user, and citations from the assistant. */
function checkPlaces(messages: Json | undefined): Problem | undefined {
  for (const [index, message] of listOf(messages).map(objectOf).entries()) {
    for (const [at, block] of listOf(message['content']).map(objectOf).entries()) {
      const place = `messages.${index}.content.${at}`
      if (message['role'] === 'assistant' && block['type'] === 'document') {
        return invalid(place, '`document` blocks are not allowed in assistant messages')
      }
      const texts = block['type'] === 'search_result' ? listOf(block['content']).map(objectOf) : [block]
      const cited = texts.some((text) => text['type'] === 'text' && listOf(text['citations']).length > 0)
      if (message['role'] === 'user' && cited)
        return invalid(`${place}.citations`, 'citations are not allowed in user messages')
    }
  }
  return undefined
}

function checkSystem(system: Json | undefined): Problem | undefined {
  if (system === undefined || typeof system === 'string') return undefined
  if (!Array.isArray(system)) return invalid('system', 'Input should be a valid string or a valid list')
  const bad = system.findIndex((block) => objectOf(block)['type'] !== 'text')
  return bad < 0 ? undefined : invalid(`system.${bad}.type`, "Input should be 'text'")
}

function checkTools(body: JsonObject): Problem | undefined {
  const { tools, tool_choice: choice } = body
  if (tools === undefined) {
    return choice === undefined
      ? undefined
      : invalid('tool_choice', 'tool_choice may only be specified while providing tools')
  }
  if (!Array.isArray(tools)) return invalid('tools', 'Input should be a valid list')
  for (const [index, value] of tools.entries()) {
    const tool = objectOf(value)
    const custom = tool['type'] == null || tool['type'] === 'custom'
    if (custom && !isName(tool['name'])) return invalid(`tools.${index}.custom.name`, 'Field required')
    if (custom && !isObject(tool['input_schema']))
      return invalid(`tools.${index}.custom.input_schema`, 'Field required')
  }
  if (choice === undefined) return undefined
  const { type, name } = objectOf(choice)
  if (!['auto', 'any', 'tool', 'none'].includes(String(type))) {
    return invalid(
      'tool_choice',
      "Input tag found using 'type' does not match any of the expected tags: 'auto', 'any', 'tool', 'none'"
    )
  }
  if (type !== 'tool' || tools.some((tool) => objectOf(tool)['name'] === name)) return undefined
  return invalid('tool_choice.name', `Tool '${String(name)}' not found in provided tools`)
}

function checkMaxTokens(value: Json | undefined): Problem | undefined {
  if (value === undefined) return invalid('max_tokens', 'Field required')
  if (typeof value !== 'number' || !Number.isInteger(value))
    return invalid('max_tokens', 'Input should be a valid integer')
  return value >= 1 ? undefined : invalid('max_tokens', 'Input should be greater than or equal to 1')
}

function checkRange(body: JsonObject, field: string, low: number, high: number): Problem | undefined {
  const value = body[field]
  if (value === undefined) return undefined
  if (typeof value !== 'number') return invalid(field, 'Input should be a valid number')
  if (value < low) return invalid(field, `range: ${low}..${high}`)
  return value > high ? invalid(field, `range: ${low}..${high}`) : undefined
}

function checkFlag(body: JsonObject, field: string): Problem | undefined {
  const value = body[field]
  return value === undefined || typeof value === 'boolean'
    ? undefined
    : invalid(field, 'Input should be a valid boolean')
}

function checkStops(stops: Json | undefined): Problem | undefined {
  if (stops === undefined) return undefined
  if (!Array.isArray(stops)) return invalid('stop_sequences', 'Input should be a valid list')
  const blank = stops.some((stop) => typeof stop !== 'string' || stop.trim() === '')
  return blank ? invalid('stop_sequences', 'each stop sequence must contain non-whitespace') : undefined
}

function checkThinking(body: JsonObject): Problem | undefined {
  const thinking = body['thinking']
  if (thinking === undefined) return undefined
  const { type, budget_tokens: budget } = objectOf(thinking)
  if (!['enabled', 'disabled', 'adaptive', 'between_tools'].includes(String(type))) {
    return invalid(
      'thinking',
      "Input tag found using 'type' does not match any of the expected tags: 'enabled', 'disabled', 'adaptive'"
    )
  }
  if (type !== 'enabled') return undefined
  if (typeof budget !== 'number') return invalid('thinking.enabled.budget_tokens', 'Field required')
  if (budget < 1024) return invalid('thinking.enabled.budget_tokens', 'Input should be greater than or equal to 1024')
  if (budget >= Number(body['max_tokens'])) {
    return { message: '`max_tokens` must be greater than `thinking.budget_tokens`.', param: 'max_tokens', code: null }
  }
  return undefined
}
