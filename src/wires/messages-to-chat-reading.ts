import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { inWords } from './check.ts'
import { isList } from './fields.ts'
import { expectOnly, type Known, Unsuitable } from './unsuitable.ts'

/** A value with the words for where it stands: `messages[2].content[0]`. */
export type Placed = readonly [value: Json | undefined, place: string]

/** The object, once all it says is known. @throws Unsuitable */
export function objectAt([value, place]: Placed, known: Known): JsonObject {
  if (!isObject(value)) throw unexpected('an object', [value, place])
  expectOnly(value, known, place)
  return value
}

/** The items of a list, of which there are none in null. @throws Unsuitable */
export function itemsAt([value = null, place]: Placed): readonly Placed[] {
  if (value === null) return []
  if (!isList(value)) throw unexpected('a list', [value, place])
  return value.map((item, index) => [item, `${place}[${index}]`])
}

/** A text. @throws Unsuitable */
export function textAt([value, place]: Placed): string {
  if (typeof value !== 'string') throw unexpected('a text', [value, place])
  return value
}

/** One of the object's fields. */
export function within([value, place]: Placed, field: string): Placed {
  return [isObject(value) ? value[field] : undefined, `${place}.${field}`]
}

/** What the object says it is; empty when it does not say. */
export function typeOf([value]: Placed): string {
  const type = isObject(value) ? value['type'] : undefined
  return typeof type === 'string' ? type : ''
}

/** For an object of a type that the other side has nothing like. */
export function withoutCounterpart(placed: Placed): Unsuitable {
  const [type, place] = within(placed, 'type')
  return new Unsuitable(`${place}: ${inWords(type)} has no counterpart here`)
}

export function unexpected(what: string, [value, place]: Placed): Unsuitable {
  return new Unsuitable(`${place}: expected ${what}, got ${inWords(value)}`)
}
