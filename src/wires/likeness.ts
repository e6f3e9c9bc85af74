import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { isList } from './fields.ts'
import type { WireLikeness } from './wire.ts'

/**
 * The text of the last turn, and all the rest of an identity. Alike means: the same in everything but the wording of
 * the last user turn. So the earlier turns stay where they are, and a question that leans on them ("and the second
 * one?") is only ever compared with questions that lean on the same. Undefined when the last turn is not the user's or
 * says anything but text, or when a turn offers tools: an answer that may act belongs to its own request alone.
 */
export function lastWording(identity: JsonObject, field: string, textType: string): WireLikeness | undefined {
  const turns = identity[field]
  if (!isList(turns) || turns.some(offersTools)) return undefined
  const last = turns.at(-1)
  if (!isObject(last) || last['role'] !== 'user') return undefined
  const wording = wordingOf(last['content'], textType)
  if (wording === undefined || isBlank(wording.text)) return undefined
  const turn = { ...last, content: wording.rest }
  return { text: wording.text, within: { ...identity, [field]: [...turns.slice(0, -1), turn] } }
}

/** Whether there is nothing in a text that could mean something. */
export function isBlank(text: string): boolean {
  return text.trim() === ''
}

/** Whether the request asks for one of these: the field is there, and not null, false or an empty list. */
export function asksFor(request: JsonObject, fields: readonly string[]): boolean {
  return fields.some((field) => {
    const value = request[field] ?? false
    return value !== false && !(isList(value) && value.length === 0)
  })
}

/** The text to compare, and the content with null where it was: no text is null. */
interface Wording {
  readonly text: string
  readonly rest: Json
}

/** Of several texts (a document, and a question about it) only the last is compared. */
function wordingOf(content: Json | undefined, textType: string): Wording | undefined {
  if (typeof content === 'string') return { text: content, rest: null }
  if (!isList(content)) return undefined
  const last = content.at(-1)
  if (!content.every((part) => isText(part, textType)) || !isText(last, textType)) return undefined
  return { text: last.text, rest: [...content.slice(0, -1), { ...last, text: null }] }
}

function isText(part: Json | undefined, textType: string): part is JsonObject & { readonly text: string } {
  return isObject(part) && part['type'] === textType && typeof part['text'] === 'string'
}

/** Tools may come with a turn (OpenAI's `additional_tools`), or with a part of one (Anthropic's `tool_addition`). */
function offersTools(turn: Json): boolean {
  if (!isObject(turn)) return false
  const { content } = turn
  return [turn, ...(isList(content) ? content : [])].some((part) => isObject(part) && asksFor(part, ['tools', 'tool']))
}
