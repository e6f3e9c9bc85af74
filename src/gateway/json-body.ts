import { RepriseError } from '../core/errors.ts'
import { isObject, type JsonObject } from '../core/json.ts'

/** The JSON object that a body holds. @throws RepriseError `invalid-body`, saying what was expected and got */
export function jsonBody(raw: Buffer, expected: string): JsonObject {
  let body: unknown
  try {
    body = JSON.parse(raw.toString())
  } catch (error) {
    const got = raw.length === 0 ? 'an empty body' : 'what is not JSON'
    throw new RepriseError('invalid-body', `expected ${expected}, got ${got}`, { cause: error })
  }
  if (isObject(body)) return body
  throw new RepriseError('invalid-body', `expected ${expected}, got ${clipped(body)}`)
}

/** As much of a value as a message bears. */
export function clipped(value: unknown): string {
  let text: string
  try {
    text = JSON.stringify(value) ?? String(value)
  } catch {
    return 'what is nested too deep'
  }
  return text.length > 100 ? `${text.slice(0, 100)}...` : text
}
