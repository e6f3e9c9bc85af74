import type { Json, JsonObject } from '../core/json.ts'

/** A JSON value that is being put together: its owner may change it. */
export type Draft = null | boolean | number | string | Draft[] | DraftObject

export interface DraftObject {
  [field: string]: Draft | undefined
}

/** A JSON text as a value that its reader owns. Throws a SyntaxError when it is none. */
export function parse(text: string): Draft {
  return JSON.parse(text)
}

/** True for a JSON list. */
export function isList(value: unknown): value is readonly Json[] {
  return Array.isArray(value)
}

/** The field's value; undefined when the object itself has no such field, whatever its prototype has. */
export function own(object: DraftObject, field: string): Draft | undefined {
  return Object.hasOwn(object, field) ? object[field] : undefined
}

/** Sets a field, be it one called `__proto__`, which an assignment would lose. */
export function put(object: DraftObject, field: string, value: Draft): void {
  if (field === '__proto__') {
    Object.defineProperty(object, field, { value, writable: true, enumerable: true, configurable: true })
  } else {
    object[field] = value
  }
}

/** The object without some fields. */
export function without(object: JsonObject, fields: ReadonlySet<string>): JsonObject {
  // Object.fromEntries defines its fields, so that one called `__proto__` survives.
  return Object.fromEntries(Object.entries(object).filter(([field]) => !fields.has(field)))
}

/** The object's fields among `fields`, in that order. */
export function only(object: JsonObject, fields: Iterable<string>): JsonObject {
  const chosen = Array.from(fields).filter((field) => Object.hasOwn(object, field))
  return Object.fromEntries(chosen.map((field) => [field, object[field]]))
}
