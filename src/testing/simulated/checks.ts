import { isObject, type Json, type JsonObject } from '../../core/json.ts'
import type { Problem } from './endpoint.ts'

// OpenAI's words for what is wrong with a request's body.

/** The first problem that one of the checks finds. */
export function firstProblem(...checks: readonly (() => Problem | undefined)[]): Problem | undefined {
  for (const check of checks) {
    const problem = check()
    if (problem !== undefined) return problem
  }
  return undefined
}

export function problem(param: string | null, code: string | null, message: string): Problem {
  return { message, param, code }
}

export function missing(param: string): Problem {
  return problem(param, 'missing_required_parameter', `Missing required parameter: '${param}'.`)
}

export function wrongType(param: string, expected: string, value: Json | undefined): Problem {
  return problem(
    param,
    'invalid_type',
    `Invalid type for '${param}': expected ${expected}, but got ${kindOf(value)} instead.`
  )
}

export function wrongValue(param: string, value: Json | undefined, supported: readonly string[]): Problem {
  const list = supported.map((item) => `'${item}'`).join(', ')
  const shown = typeof value === 'string' ? `'${value}'` : JSON.stringify(value)
  return problem(param, 'invalid_value', `Invalid value: ${shown}. Supported values are: ${list}.`)
}

export function emptyList(param: string): Problem {
  return problem(
    param,
    'empty_array',
    `Invalid '${param}': empty array. Expected an array with minimum length 1, but got an empty array instead.`
  )
}

/** Text that must be there. */
export function checkText(body: JsonObject, field: string): Problem | undefined {
  const value = body[field]
  if (value === undefined || value === null || value === '') return missing(field)
  return typeof value === 'string' ? undefined : wrongType(field, 'a string', value)
}

/** A number within bounds, when there is one. */
export function checkNumber(
  body: JsonObject,
  field: string,
  bounds: { readonly low: number; readonly high?: number; readonly whole?: boolean }
): Problem | undefined {
  const value = body[field]
  if (value === undefined || value === null) return undefined
  const kind = bounds.whole ? 'integer' : 'decimal'
  if (typeof value !== 'number' || (bounds.whole && !Number.isInteger(value))) {
    return wrongType(field, bounds.whole ? 'an integer' : 'a decimal', value)
  }
  const { low, high = Number.POSITIVE_INFINITY } = bounds
  if (value >= low && value <= high) return undefined
  const [side, sign, bound] = value < low ? ['below minimum', '>=', low] : ['above maximum', '<=', high]
  const code = `${kind}_${value < low ? 'below_min' : 'above_max'}_value`
  return problem(
    field,
    code,
    `Invalid '${field}': ${kind} ${side} value. Expected a value ${sign} ${bound}, but got ${value} instead.`
  )
}

/** True, false or nothing. */
export function checkFlag(body: JsonObject, field: string): Problem | undefined {
  const value = body[field]
  return value === undefined || value === null || typeof value === 'boolean'
    ? undefined
    : wrongType(field, 'a boolean', value)
}

/** A JSON object or nothing. */
export function checkObject(body: JsonObject, field: string): Problem | undefined {
  const value = body[field]
  return value === undefined || value === null || isObject(value) ? undefined : wrongType(field, 'an object', value)
}

/** Only fields that the provider knows. */
export function checkKnown(body: JsonObject, known: ReadonlySet<string>): Problem | undefined {
  const unknown = Object.keys(body).find((field) => !known.has(field))
  return unknown === undefined ? undefined : problem(unknown, 'unknown_parameter', `Unknown parameter: '${unknown}'.`)
}

/** What the value is, with its article. */
function kindOf(value: Json | undefined): string {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

export function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {}
}

/** The text of a content: itself, or the text of its parts. */
export function textOfContent(content: Json | undefined): string {
  if (typeof content === 'string') return content
  return listOf(content)
    .map((part) => textOf(objectOf(part)['text']))
    .filter((text) => text !== '')
    .join('\n')
}

/** A name that a tool or a schema may have. */
export function isName(value: Json | undefined): boolean {
  return typeof value === 'string' && /^[a-zA-Z0-9_-]{1,64}$/.test(value)
}
