import { RepriseError } from '../core/errors.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { inWords } from './check.ts'
import { isList } from './fields.ts'
import { isBlank } from './likeness.ts'
import { toolUseIdOf } from './messages-to-chat-ids.ts'
import { openaiChat } from './openai-chat.ts'
import { parse } from './parse.ts'
import { tokens } from './usage.ts'

/**
 * A chat completion as a message. Its reasoning is left out: a thought without Anthropic's signature could not be sent
 * back, and the request had not asked for any. A text of nothing but white space, which Anthropic refuses when it is
 * sent back, stands only where nothing else is said.
 * @throws RepriseError `provider-malformed` when it is none, or says that it failed
 */
export function messageOf(answer: JsonObject): JsonObject {
  expectNoError(answer)
  const { choices } = answer
  if (!isList(choices)) throw malformed(`expected a list of choices, got ${inWords(choices)}`)
  const [choice] = choices
  if (choices.length !== 1) throw malformed(`expected one choice, got ${choices.length}`)
  if (!isObject(choice)) throw malformed(`expected a choice to be an object, got ${inWords(choice)}`)
  expectNoError(choice)
  const { message } = choice
  if (!isObject(message)) throw malformed(`expected a choice to have a message, got ${inWords(message)}`)
  const ending = endingOf(choice['finish_reason'])
  const texts = [saidIn(message, 'content'), saidIn(message, 'refusal')].filter((text) => text !== '')
  const uses = callsIn(message).flatMap((call, position) => toolUse(call, position, answer, ending))
  const said = texts.filter((text) => !isBlank(text))
  const shown = said.length === 0 && uses.length === 0 ? texts : said
  return {
    ...headOf(answer),
    content: [...shown.map(textBlock), ...uses],
    ...stopOf(ending, { calls: uses.length > 0, refusal: saidIn(message, 'refusal') !== '' }),
    usage: messageUsage(answer)
  }
}

export function malformed(what: string): RepriseError {
  return new RepriseError('provider-malformed', `the provider's answer is no chat completion: ${what}`)
}

/** What the provider or one of its choices says has gone wrong, if anything. */
export function errorIn({ error = null }: JsonObject): Json {
  return error
}

/** The words of an error as providers report them. */
export function wordsOf(error: Json): string {
  const { message } = isObject(error) ? error : { message: error }
  return typeof message === 'string' ? message : JSON.stringify(error)
}

function expectNoError(part: JsonObject): void {
  const error = errorIn(part)
  if (error !== null)
    throw new RepriseError('provider-malformed', `the provider answered with an error: ${wordsOf(error)}`)
}

/** What a message says of itself before it says anything else. */
export function headOf({ id, model }: JsonObject): JsonObject {
  return {
    id: typeof id === 'string' ? id : '',
    type: 'message',
    role: 'assistant',
    model: typeof model === 'string' ? model : ''
  }
}

/** A text that a message or a delta has; empty for none. */
export function saidIn(message: JsonObject, field: 'content' | 'refusal'): string {
  const text = message[field] ?? ''
  if (typeof text !== 'string') throw malformed(`expected ${field} to be a text, got ${inWords(text)}`)
  return text
}

/** The tool calls that a message or a delta has. */
export function callsIn({ tool_calls: calls, function_call: single = null }: JsonObject): readonly JsonObject[] {
  if (single !== null) throw malformed('it has a function_call, which nobody has asked for')
  if (calls === undefined || calls === null) return []
  if (!isList(calls) || !calls.every(isObject)) throw malformed('expected tool_calls to be a list of objects')
  return calls
}

/** A call's function: its name and arguments, as far as they are there. */
export function functionOf({ type, function: called = {} }: JsonObject): {
  readonly name: string
  readonly text: string
} {
  if ((type ?? 'function') !== 'function') throw malformed(`it has a tool call of the type ${inWords(type)}`)
  const { name, arguments: text }: JsonObject = isObject(called) ? called : {}
  if (typeof (name ?? '') !== 'string') throw malformed(`expected a function's name to be a text, got ${inWords(name)}`)
  if (typeof (text ?? '') !== 'string') throw malformed(`expected arguments to be a text, got ${inWords(text)}`)
  return { name: String(name ?? ''), text: String(text ?? '') }
}

/** One call that the model makes; none where the answer broke off within it: nobody must act on half of one. */
function toolUse(call: JsonObject, position: number, answer: JsonObject, ending: Ending): readonly JsonObject[] {
  const { name, text } = functionOf(call)
  const input = inputOf(name, text, ending)
  if (input === undefined) return []
  expectExact(name, text)
  return [toolUseBlock(toolUseIdOf(call['id'], answer['id'], answer['created'], position), name, input)]
}

/**
 * What a tool is called with; no arguments at all are none, and undefined says that they broke off with the answer.
 * @throws RepriseError `provider-malformed`
 */
export function inputOf(name: string, text: string, ending: Ending): JsonObject | undefined {
  if (name === '') throw malformed('it has a tool call without a name')
  if (isBlank(text)) return {}
  let input: Json
  try {
    input = JSON.parse(text)
  } catch {
    if (ending !== undefined) return undefined
    throw malformed(`the arguments of ${name} are no JSON`)
  }
  if (!isObject(input)) throw malformed(`expected the arguments of ${name} to be an object, got ${inWords(input)}`)
  return input
}

/** The numbers in a text stay as they are; in an object they may come out as others. */
function expectExact(name: string, text: string): void {
  try {
    if (!isBlank(text)) parse(text)
  } catch {
    throw malformed(`the arguments of ${name} have a number that would come out as another`)
  }
}

export function textBlock(text: string): JsonObject {
  return { type: 'text', text, citations: null }
}

export function toolUseBlock(id: string, name: string, input: JsonObject): JsonObject {
  return { type: 'tool_use', id, name, input, caller: { type: 'direct' } }
}

/** Why an answer that ended so is not to be kept, as the chat's wire has it; undefined for a good end. */
export type Ending = 'truncated' | 'filtered' | 'incomplete' | undefined

/** @throws RepriseError `provider-malformed` when the reason says that the provider failed */
export function endingOf(reason: Json | undefined): Ending {
  const unfit = openaiChat.unfit({ choices: [{ message: { content: '.' }, finish_reason: reason ?? null }] })
  if (unfit === undefined || unfit === 'truncated' || unfit === 'filtered' || unfit === 'incomplete') return unfit
  throw malformed(`it ended with ${inWords(reason)}`)
}

/**
 * Why the message ends. A chat does not say which of the stop sequences it met, nor that it met one: that is `end_turn`.
 * One that calls tools says `tool_use`, whatever it calls that itself: some say `stop`.
 */
export function stopOf(ending: Ending, said: { readonly calls: boolean; readonly refusal: boolean }): JsonObject {
  const good = said.refusal ? 'refusal' : said.calls ? 'tool_use' : 'end_turn'
  return { stop_reason: ending === undefined ? good : stopReasons[ending], stop_sequence: null, stop_details: null }
}

const stopReasons = { truncated: 'max_tokens', filtered: 'refusal', incomplete: null } as const

/**
 * The usage as long as nobody has said it. Anthropic's own `output_tokens` is never null; here it is, so that what is
 * unknown does not count as 0.
 */
export const unknownUsage: JsonObject = {
  input_tokens: 0,
  cache_creation_input_tokens: null,
  cache_read_input_tokens: null,
  output_tokens: null,
  output_tokens_details: null
}

/** Tokens of a prompt cache are among the input tokens of a chat, and beside those of a message. */
export function messageUsage(answer: JsonObject): JsonObject {
  const counted = openaiChat.usage(answer)
  if (counted === undefined) return unknownUsage
  const { inputTokens, outputTokens, cachedInputTokens: read, cacheWriteTokens: written } = counted
  const details = isObject(answer['usage']) ? answer['usage']['completion_tokens_details'] : undefined
  const thinking = tokens(details, 'reasoning_tokens')
  return {
    input_tokens: Math.max(0, inputTokens - (read ?? 0) - (written ?? 0)),
    cache_creation_input_tokens: written ?? null,
    cache_read_input_tokens: read ?? null,
    output_tokens: outputTokens,
    output_tokens_details: thinking === undefined ? null : { thinking_tokens: thinking }
  }
}
