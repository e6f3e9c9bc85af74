import { isObject, type JsonObject } from '../core/json.ts'
import { callIdOf } from './messages-to-chat-ids.ts'
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
import { type Known, Unsuitable } from './unsuitable.ts'

/**
 * The conversation as a chat has it.
 *
 * - Several texts of one turn become one, with a blank line between them: many who speak this dialect take no list of
 *   texts, least of all from the system, the assistant or a tool.
 * - A tool's result is a message of its own, directly after the call; what else its turn says comes after it. That it
 *   failed (`is_error`) has no field here: its text then begins with `Error: `.
 * - The assistant's earlier thinking is left out. It is signed for Anthropic alone, and Anthropic itself passes over it
 *   when the request does not ask for thinking; one that does is not carried over at all.
 * - Marks for the prompt cache are left out: they are about cost.
 *
 * @throws Unsuitable for what has no counterpart
 */
export function chatTurns({ system, messages }: JsonObject): readonly JsonObject[] {
  const turns = itemsAt([messages, 'messages'])
  const last = turns.at(-1)?.[0]
  if (isObject(last) && last['role'] === 'assistant') {
    throw new Unsuitable("messages: the last turn is the assistant's, and a chat does not go on with what it has begun")
  }
  return [...systemTurn([system, 'system']), ...turns.flatMap(chatTurn)]
}

function chatTurn(turn: Placed): readonly JsonObject[] {
  const { role, content } = objectAt(turn, { fields: ['role', 'content'] })
  const said = within(turn, 'content')
  if (role === 'system') return systemTurn(said)
  if (role !== 'user' && role !== 'assistant') throw unexpected('user, assistant or system', within(turn, 'role'))
  if (typeof content === 'string') return [{ role, content }]
  return role === 'user' ? userTurn(itemsAt(said)) : assistantTurn(itemsAt(said))
}

function systemTurn(content: Placed): readonly JsonObject[] {
  const text = textsOf(content)
  return text === '' ? [] : [{ role: 'system', content: text }]
}

function userTurn(blocks: readonly Placed[]): readonly JsonObject[] {
  const results = blocks.filter((block) => typeOf(block) === 'tool_result').map(toolResult)
  const parts = blocks.filter((block) => typeOf(block) !== 'tool_result').flatMap(partsOf)
  if (parts.length === 0) return results
  const texts = parts.flatMap(({ type, text }) => (type === 'text' && typeof text === 'string' ? [text] : []))
  return [...results, { role: 'user', content: texts.length === parts.length ? joined(texts) : parts }]
}

function assistantTurn(blocks: readonly Placed[]): readonly JsonObject[] {
  const texts: string[] = []
  const calls: JsonObject[] = []
  for (const block of blocks) {
    const type = typeOf(block)
    if (type === 'text') texts.push(textOf(block))
    else if (type === 'tool_use') calls.push(toolCall(block))
    else if (type !== 'thinking' && type !== 'redacted_thinking') throw withoutCounterpart(block)
  }
  const content = joined(texts)
  if (content === '' && calls.length === 0) return []
  return [{ role: 'assistant', content: content || null, ...(calls.length === 0 ? {} : { tool_calls: calls }) }]
}

function partsOf(block: Placed): readonly JsonObject[] {
  const type = typeOf(block)
  if (type === 'text') return [{ type, text: textOf(block) }]
  if (type === 'image') return [imagePart(block)]
  if (type === 'document') return documentParts(block)
  throw withoutCounterpart(block)
}

/** The texts of a content that has nothing else. */
function textsOf(content: Placed): string {
  return typeof content[0] === 'string' ? content[0] : joined(itemsAt(content).map(textOf))
}

function textOf(block: Placed): string {
  if (typeOf(block) !== 'text') throw withoutCounterpart(block)
  objectAt(block, textBlock)
  return textAt(within(block, 'text'))
}

const textBlock: Known = { fields: ['type', 'text', 'cache_control'], defaults: { citations: [[]] } }

function joined(texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join('\n\n')
}

function imagePart(block: Placed): JsonObject {
  objectAt(block, imageBlock)
  return { type: 'image_url', image_url: { url: imageUrl(within(block, 'source')) } }
}

const imageBlock: Known = { fields: ['type', 'source', 'cache_control'], defaults: { transformations: [{}] } }

function imageUrl(source: Placed): string {
  if (typeOf(source) !== 'url') return dataUrl(source)
  objectAt(source, { fields: ['type', 'url'] })
  return textAt(within(source, 'url'))
}

function dataUrl(source: Placed): string {
  if (typeOf(source) !== 'base64') throw withoutCounterpart(source)
  objectAt(source, data)
  return `data:${textAt(within(source, 'media_type'))};base64,${textAt(within(source, 'data'))}`
}

const data: Known = { fields: ['type', 'media_type', 'data'] }

/**
 * A PDF is a file, named by its title. A text is that text, where nothing is said about it: a chat has no place for
 * the title or the context of a text.
 */
function documentParts(block: Placed): readonly JsonObject[] {
  const source = within(block, 'source')
  switch (typeOf(source)) {
    case 'base64': {
      const { title } = objectAt(block, document(['title']))
      const filename = typeof title === 'string' && title !== '' ? title : 'document.pdf'
      return [{ type: 'file', file: { filename, file_data: dataUrl(source) } }]
    }
    case 'text':
      objectAt(block, document())
      objectAt(source, data)
      return [{ type: 'text', text: textAt(within(source, 'data')) }]
    case 'content':
      objectAt(block, document())
      objectAt(source, { fields: ['type', 'content'] })
      return quotedParts(within(source, 'content'))
    default:
      throw withoutCounterpart(source)
  }
}

function document(more: readonly string[] = []): Known {
  return { fields: ['type', 'source', 'cache_control', ...more], defaults: { citations: [{}, { enabled: false }] } }
}

function quotedParts(content: Placed): readonly JsonObject[] {
  if (typeof content[0] === 'string') return [{ type: 'text', text: content[0] }]
  return itemsAt(content).flatMap((block) => {
    if (typeOf(block) === 'document') throw withoutCounterpart(block)
    return partsOf(block)
  })
}

/** What was said after a call comes before it here: a message of a chat has one text, and then its calls. */
function toolCall(block: Placed): JsonObject {
  const { input } = objectAt(block, toolUse)
  if (!isObject(input)) throw unexpected('an object', within(block, 'input'))
  const called = { name: textAt(within(block, 'name')), arguments: JSON.stringify(input) }
  return { id: callIdOf(textAt(within(block, 'id'))), type: 'function', function: called }
}

const toolUse: Known = {
  fields: ['type', 'id', 'name', 'input', 'cache_control'],
  defaults: { caller: [{ type: 'direct' }] }
}

function toolResult(block: Placed): JsonObject {
  const { is_error: failed } = objectAt(block, result)
  const said = textsOf(within(block, 'content'))
  const content = failed !== true ? said : said === '' ? 'Error' : `Error: ${said}`
  return { role: 'tool', tool_call_id: callIdOf(textAt(within(block, 'tool_use_id'))), content }
}

const result: Known = { fields: ['type', 'tool_use_id', 'content', 'is_error', 'cache_control'] }
