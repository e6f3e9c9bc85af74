import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { isList } from './fields.ts'

/**
 * What an object says: its fields without those that are new each time, and without null, '' and [], which a stream
 * leaves out where a plain answer spells them out.
 */
export function said(object: JsonObject, newEachTime: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(
    Object.entries(object).filter(([field, value]) => !newEachTime.has(field) && !saysNothing(value))
  )
}

/** What each object of a list says; what is none is as it is. */
export function saidOfEach(list: Json | undefined, of: (object: JsonObject) => JsonObject): Json {
  return isList(list) ? list.map((each) => (isObject(each) ? of(each) : each)) : (list ?? null)
}

function saysNothing(value: Json | undefined): boolean {
  return value === null || value === undefined || value === '' || (isList(value) && value.length === 0)
}
