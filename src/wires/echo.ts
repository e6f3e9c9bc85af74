import type { Delta } from '../core/handler.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { Body } from './body.ts'

/**
 * The answer with `fields` as `asked` has them: some answers repeat fields of the request that do not change them
 * (a response's `metadata`), and must not repeat those of somebody else's request.
 */
export function echoed(fields: readonly string[], answer: Body, asked: JsonObject): Body {
  const said = readable(answer)
  if (said === undefined) return answer
  const wrong = fields.filter((field) => Object.hasOwn(said, field) && !same(said[field], wanted(field, asked)))
  if (wrong.length === 0) return answer
  return Body.fromJson({ ...said, ...Object.fromEntries(wrong.map((field) => [field, wanted(field, asked)])) })
}

/** What the answer says; undefined when a provider has said something that is no answer. */
function readable(answer: Body): JsonObject | undefined {
  try {
    return answer.json
  } catch {
    return undefined
  }
}

/** What a provider repeats for a field that the request does not have. */
function wanted(field: string, asked: JsonObject): JsonObject[string] {
  return asked[field] ?? (field === 'metadata' ? {} : null)
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** The same for a stream's event that carries a whole answer in its field `response`. */
export function echoedEvent(fields: readonly string[], delta: Delta, asked: JsonObject): Delta {
  if (fields.length === 0 || !delta.data.includes('"response":')) return delta
  try {
    const event: unknown = JSON.parse(delta.data)
    if (!isObject(event) || !isObject(event['response'])) return delta
    const said = Body.fromJson(event['response'])
    const own = echoed(fields, said, asked)
    return own === said ? delta : { ...delta, data: JSON.stringify({ ...event, response: own.json }) }
  } catch {
    return delta
  }
}
