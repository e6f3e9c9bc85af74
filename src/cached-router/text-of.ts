import type { Delta } from '../core/handler.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'

/** The words of a chat completion, a refusal's where there are no others; undefined for what is no completion. */
export function textOf({ choices }: JsonObject): string | undefined {
  const choice = firstOf(choices)
  return isObject(choice) && isObject(choice['message']) ? wordsOf(choice['message']) : undefined
}

/** The words of one event of a streamed chat completion; empty where it has none. */
export function textOfDelta({ data, comment }: Delta): string {
  if (comment === true || !data.startsWith('{')) return ''
  try {
    const event: Json = JSON.parse(data)
    const choice = isObject(event) ? firstOf(event['choices']) : undefined
    return isObject(choice) && isObject(choice['delta']) ? wordsOf(choice['delta']) : ''
  } catch {
    // What cannot be read is not an answer's text, and whoever gathers the answer says so.
    return ''
  }
}

function firstOf(choices: Json | undefined): Json | undefined {
  return Array.isArray(choices) ? choices[0] : undefined
}

function wordsOf({ content, refusal }: JsonObject): string {
  if (typeof content === 'string' && content !== '') return content
  // Not OpenAI's own: Mistral says it in parts, beside what it has thought.
  const parts = Array.isArray(content) ? content.filter(isObject) : []
  const words = parts.map(({ text }) => (typeof text === 'string' ? text : '')).join('')
  return words !== '' || typeof refusal !== 'string' ? words : refusal
}
