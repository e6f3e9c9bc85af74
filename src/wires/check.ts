import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { isList } from './fields.ts'
import type { Problem } from './wire.ts'

/** What must hold for one field of a request. */
export interface Expectation {
  readonly field: string
  /** In words, for the one whose request is wrong. */
  readonly expected: string
  /** What was got instead, in a few words; undefined when the value is as expected. */
  got(value: Json | undefined): string | undefined
}

/** The first of the expectations that a request does not meet. */
export function problemIn(request: JsonObject, expectations: readonly Expectation[]): Problem | undefined {
  for (const { field, expected, got } of expectations) {
    const instead = got(request[field])
    if (instead !== undefined) return { field, message: `${field}: expected ${expected}, got ${instead}` }
  }
  return undefined
}

/** Far longer than any. What is remembered and counted by model would else be as large as callers like, and as slow. */
const longestModel = 1024

export const namesModel: Expectation = {
  field: 'model',
  expected: 'a non-empty string',
  got(value) {
    if (typeof value !== 'string' || value === '') return inWords(value)
    return value.length <= longestModel ? undefined : `one of ${value.length} characters, of at most ${longestModel}`
  }
}

export const hasMessages: Expectation = {
  field: 'messages',
  expected: 'a non-empty list of objects',
  got(value) {
    if (!isList(value) || value.length === 0) return inWords(value)
    const wrong = value.findIndex((message) => !isObject(message))
    return wrong === -1 ? undefined : `${inWords(value[wrong])} at index ${wrong}`
  }
}

export const mayStream: Expectation = {
  field: 'stream',
  expected: 'true, false or null',
  got: (value) => (value === undefined || value === null || typeof value === 'boolean' ? undefined : inWords(value))
}

/** A value in a few words. */
export function inWords(value: Json | undefined): string {
  if (value === undefined) return 'nothing'
  if (isList(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (isObject(value)) return 'an object'
  const text = JSON.stringify(value)
  return text.length > 40 ? `${text.slice(0, 40)}...` : text
}
