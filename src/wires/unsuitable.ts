import type { Json, JsonObject } from '../core/json.ts'

/** Thrown while a request is carried over: what of it has no counterpart, and where it stands. */
export class Unsuitable extends Error {}

/** What may stand in an object that is carried over. */
export interface Known {
  /** Fields that are carried over, or that change no answer. */
  readonly fields: readonly string[]
  /** Values with which a field that is not carried over says no more than if it were not there. */
  readonly defaults?: Readonly<Record<string, readonly Json[]>>
}

/** @throws Unsuitable for a field that nobody here can carry over; null says nothing, whatever the field. */
export function expectOnly(object: JsonObject, { fields, defaults = {} }: Known, place = ''): void {
  for (const [field, value = null] of Object.entries(object)) {
    if (value === null || fields.includes(field)) continue
    const said = JSON.stringify(value)
    const usual = Object.hasOwn(defaults, field) ? defaults[field] : undefined
    if (usual?.some((one) => JSON.stringify(one) === said)) continue
    throw new Unsuitable(`the field ${place === '' ? field : `${place}.${field}`} has no counterpart`)
  }
}
