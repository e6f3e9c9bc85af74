import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { blocksOf, nonText, textsOnly } from './chat-to-messages-parts.ts'
import { inWords } from './check.ts'
import { isList } from './fields.ts'
import { parse } from './parse.ts'
import { expectOnly, Unsuitable } from './unsuitable.ts'

/** A conversation as Anthropic has it. */
export interface Turns {
  /** Text blocks, in order; none when there are no instructions. */
  readonly system: readonly JsonObject[]
  readonly messages: readonly JsonObject[]
}

/**
 * A chat's messages as turns of user and assistant, who take turns strictly: neighbours of one role become one turn,
 * and all results of a turn's tool calls stand first in the turn that follows it.
 *
 * Instructions must come before the conversation. Anthropic's newer models would take later ones in their place, the
 * older ones refuse them, and moved to the front they would say something else.
 * @throws Unsuitable
 */
export function turnsOf(messages: Json | undefined): Turns {
  if (!isList(messages)) throw new Unsuitable(`messages: expected a list, got ${inWords(messages)}`)
  const conversation = new Conversation()
  for (const [index, message] of messages.entries()) conversation.add(message, `messages[${index}]`)
  return conversation.end()
}

interface Turn extends JsonObject {
  readonly role: 'user' | 'assistant'
  readonly content: JsonObject[]
}

class Conversation {
  readonly #system: JsonObject[] = []
  readonly #turns: Turn[] = []
  /** The calls that still lack their results, by the identifiers that the chat gave them. */
  readonly #waiting = new Map<string, { readonly id: string; readonly name: string }>()
  /** The calls' identifiers here. */
  readonly #ids = new Set<string>()

  add(message: Json, place: string): void {
    if (!isObject(message)) throw new Unsuitable(`${place}: expected an object, got ${inWords(message)}`)
    const { role } = message
    if (role !== 'tool') this.#expectResults(place)
    if (role === 'tool') this.#addResult(message, place)
    else if (role === 'system' || role === 'developer') this.#addInstructions(message, place)
    else if (role === 'user') this.#addUser(message, place)
    else if (role === 'assistant') this.#addAssistant(message, place)
    else throw new Unsuitable(`${place}.role: ${inWords(role)} has no counterpart`)
  }

  end(): Turns {
    this.#expectResults('messages')
    const last = this.#turns.at(-1)
    if (last === undefined) throw new Unsuitable('messages: there is nothing but instructions')
    // Anthropic would have the model go on with these words, where OpenAI's begins an answer of its own.
    if (last.role === 'assistant') throw new Unsuitable('messages: the last word is with the assistant')
    return { system: this.#system, messages: this.#turns }
  }

  #addInstructions(message: JsonObject, place: string): void {
    expectOnly(message, { fields: ['role', 'content'] }, place)
    if (this.#turns.length > 0) throw new Unsuitable(`${place}: instructions after the conversation has begun`)
    this.#system.push(...blocksOf(message['content'], textsOnly, `${place}.content`))
  }

  #addUser(message: JsonObject, place: string): void {
    expectOnly(message, { fields: ['role', 'content'] }, place)
    this.#append('user', blocksOf(message['content'], nonText, `${place}.content`), place)
  }

  #addAssistant(message: JsonObject, place: string): void {
    expectOnly(message, assistantFields, place)
    if (this.#turns.length === 0) throw new Unsuitable(`${place}: the first word is with the assistant`)
    const { content = null, refusal = null } = message
    const calls = message['tool_calls'] ?? []
    if (!isList(calls)) throw new Unsuitable(`${place}.tool_calls: expected a list, got ${inWords(calls)}`)
    const blocks = [
      ...blocksOf(content, textsOnly, `${place}.content`),
      ...blocksOf(refusal, textsOnly, `${place}.refusal`)
    ]
    for (const [index, call] of calls.entries()) {
      blocks.push(this.#callOf(call, `${place}.tool_calls[${index}]`))
    }
    this.#append('assistant', blocks, place)
  }

  #callOf(call: Json, place: string): JsonObject {
    const called = isObject(call) ? call['function'] : undefined
    if (!isObject(call) || !isObject(called)) throw new Unsuitable(`${place}: only calls of functions are carried over`)
    expectOnly(call, { fields: ['id', 'type', 'function'] }, place)
    expectOnly(called, { fields: ['name', 'arguments'] }, `${place}.function`)
    const { id: given } = call
    if (typeof given !== 'string') throw new Unsuitable(`${place}.id: expected a text, got ${inWords(given)}`)
    if (this.#waiting.has(given)) throw new Unsuitable(`${place}.id: two calls are named ${given}`)
    const id = this.#idFor(given)
    const name = nameIn(called['name'], `${place}.function.name`)
    this.#waiting.set(given, { id, name })
    return { type: 'tool_use', id, name, input: inputOf(called['arguments'], `${place}.function.arguments`) }
  }

  /** A call's own identifier, or, where Anthropic would refuse it or a call before has it already, another one. */
  #idFor(given: string): string {
    let id = isName(given) ? given : `call_${this.#ids.size}`
    while (this.#ids.has(id)) id += `_${this.#ids.size}`
    this.#ids.add(id)
    return id
  }

  #addResult(message: JsonObject, place: string): void {
    const { content, tool_call_id: given } = message
    const call = typeof given === 'string' ? this.#waiting.get(given) : undefined
    if (typeof given !== 'string' || call === undefined) {
      throw new Unsuitable(`${place}.tool_call_id: ${inWords(given)} is no call that waits for its result`)
    }
    // Who has learnt it from the days of functions says the function's name once more.
    expectOnly(message, { fields: ['role', 'content', 'tool_call_id'], defaults: { name: [call.name] } }, place)
    this.#waiting.delete(given)
    const blocks = blocksOf(content, textsOnly, `${place}.content`)
    const said = blocks.length === 0 ? {} : { content: typeof content === 'string' ? content : blocks }
    this.#append('user', [{ type: 'tool_result', tool_use_id: call.id, ...said }], place)
  }

  #expectResults(place: string): void {
    const [id] = this.#waiting.keys()
    if (id !== undefined) throw new Unsuitable(`${place}: the tool call ${id} has no result before it`)
  }

  #append(role: Turn['role'], blocks: readonly JsonObject[], place: string): void {
    if (blocks.length === 0) throw new Unsuitable(`${place}: an empty message has no counterpart`)
    const last = this.#turns.at(-1)
    if (last?.role === role) last.content.push(...blocks)
    else this.#turns.push({ role, content: [...blocks] })
  }
}

/** An answer has some of these fields even where they say nothing, and comes back as it was. */
const assistantFields = {
  fields: ['role', 'content', 'refusal', 'tool_calls'],
  defaults: { annotations: [[]], reasoning_content: [''] }
}

/** The name of a tool, as Anthropic takes it. */
export function nameIn(value: Json | undefined, place: string): string {
  if (isName(value)) return value
  throw new Unsuitable(`${place}: expected letters, digits, _ and -, got ${inWords(value)}`)
}

function isName(value: Json | undefined): value is string {
  return typeof value === 'string' && /^[\w-]+$/.test(value)
}

function inputOf(given: Json | undefined, place: string): JsonObject {
  if (given === '') return {}
  if (typeof given !== 'string') throw new Unsuitable(`${place}: expected a text, got ${inWords(given)}`)
  let input: unknown
  try {
    input = parse(given)
  } catch (error) {
    if (error instanceof RangeError) throw new Unsuitable(`${place}: ${error.message}`)
  }
  if (!isObject(input)) throw new Unsuitable(`${place}: expected a JSON object, got ${inWords(given)}`)
  return input
}
