import type { Json } from '../core/json.ts'

/** A JSON value that is being put together: its owner may change it. */
export type Draft = null | boolean | number | string | Draft[] | DraftObject

export interface DraftObject {
  [field: string]: Draft | undefined
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
export function without<Value>(
  object: Readonly<Record<string, Value>>,
  fields: ReadonlySet<string>
): Record<string, Value> {
  // Object.fromEntries defines its fields, so that one called `__proto__` survives.
  return Object.fromEntries(Object.entries(object).filter(([field]) => !fields.has(field)))
}

/** The object's fields among `fields`, in the order of these. */
export function only<Value>(object: Readonly<Record<string, Value>>, fields: readonly string[]): Record<string, Value> {
  const chosen: [string, Value][] = []
  for (const field of fields) {
    const value = Object.hasOwn(object, field) ? object[field] : undefined
    if (value !== undefined) chosen.push([field, value])
  }
  return Object.fromEntries(chosen)
}
