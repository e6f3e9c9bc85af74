import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { strictSchema, withoutDialect } from './chat-to-messages-schema.ts'
import { nameIn } from './chat-to-messages-turns.ts'
import { inWords } from './check.ts'
import { isList } from './fields.ts'
import { expectOnly, Unsuitable } from './unsuitable.ts'

/**
 * The fields `tools` and `tool_choice`, where the request offers tools.
 * @throws Unsuitable
 */
export function toolFields(request: JsonObject): JsonObject {
  const offered = request['tools'] ?? []
  if (!isList(offered)) throw new Unsuitable(`tools: expected a list, got ${inWords(offered)}`)
  const choice = choiceOf(request['tool_choice'] ?? null)
  if (offered.length === 0) {
    if (choice === undefined || choice.type === 'auto' || choice.type === 'none') return {}
    throw new Unsuitable('tool_choice: there are no tools to choose from')
  }
  const tools = offered.map((tool, index) => toolOf(tool, `tools[${index}]`))
  const alone = (request['parallel_tool_calls'] ?? true) === false
  if (!alone || choice?.type === 'none') return choice === undefined ? { tools } : { tools, tool_choice: choice }
  return { tools, tool_choice: { ...(choice ?? { type: 'auto' }), disable_parallel_tool_use: true } }
}

function toolOf(tool: Json, place: string): JsonObject {
  const called = isObject(tool) ? tool['function'] : undefined
  if (!isObject(tool) || !isObject(called)) throw new Unsuitable(`${place}: only functions are carried over`)
  expectOnly(tool, { fields: ['type', 'function'] }, place)
  const at = `${place}.function`
  expectOnly(called, { fields: ['name', 'description', 'parameters'], defaults: { strict: [true, false] } }, at)
  const { name, description, parameters, strict } = called
  return {
    name: nameIn(name, `${at}.name`),
    ...(typeof description === 'string' && description !== '' ? { description } : {}),
    input_schema: inputSchema(parameters ?? {}, strict === true, `${at}.parameters`),
    ...(strict === true ? { strict } : {})
  }
}

function inputSchema(parameters: Json, strict: boolean, place: string): JsonObject {
  if (!isObject(parameters)) throw new Unsuitable(`${place}: expected a schema, got ${inWords(parameters)}`)
  const { type = 'object' } = parameters
  if (type !== 'object') throw new Unsuitable(`${place}.type: expected "object", got ${inWords(type)}`)
  const split = ['anyOf', 'oneOf', 'allOf'].find((keyword) => (parameters[keyword] ?? null) !== null)
  if (split !== undefined) throw new Unsuitable(`${place}.${split}: has no counterpart at the top of a tool's schema`)
  if (strict) return strictSchema(parameters, place)
  // Where OpenAI's take a schema without them for one of no arguments.
  return { type, ...(parameters['properties'] === undefined ? { properties: {} } : {}), ...withoutDialect(parameters) }
}

interface Choice extends JsonObject {
  readonly type: string
}

function choiceOf(choice: Json): Choice | undefined {
  if (choice === null) return undefined
  if (choice === 'auto' || choice === 'none') return { type: choice }
  if (choice === 'required') return { type: 'any' }
  const named = isObject(choice) && choice['type'] === 'function' ? choice['function'] : undefined
  if (!isObject(choice) || !isObject(named)) {
    const what = isObject(choice) ? choice['type'] : choice
    throw new Unsuitable(`tool_choice: ${inWords(what)} has no counterpart`)
  }
  expectOnly(choice, { fields: ['type', 'function'] }, 'tool_choice')
  expectOnly(named, { fields: ['name'] }, 'tool_choice.function')
  return { type: 'tool', name: nameIn(named['name'], 'tool_choice.function.name') }
}
