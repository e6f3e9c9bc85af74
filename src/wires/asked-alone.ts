import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { lastWording } from './likeness.ts'

/** Whether a field with that value leaves a request fit to be one of several. */
export type Fits = (value: Json) => boolean

/** Whatever it says, it says it of an answer alone as of several. */
export const always: Fits = () => true

/** What a field says that says nothing: the default is that it is not there. */
export const off: Fits = (value) => value === false || value === 0 || (Array.isArray(value) && value.length === 0)

/** A limit on the tokens of an answer that can be multiplied. */
export const countable: Fits = (value) => Number.isSafeInteger(value) && Number(value) >= 1

/**
 * Why a request must be asked alone: the reason that stands beside the first field that does not fit, or `unknown` for
 * one that is not listed; `turn` when its last turn is not a user's words. Undefined: it fits.
 */
export function whyAlone(
  request: JsonObject,
  listed: ReadonlyMap<string, readonly [reason: string, fits: Fits]>,
  turns: { readonly field: string; readonly textType: string }
): string | undefined {
  for (const [field, value] of Object.entries(request)) {
    const [reason, fits] = listed.get(field) ?? unlisted
    // To a field that is known, null is the same as nothing. What it is to another nobody knows.
    const isFit = value === undefined || (value === null && reason !== 'unknown') || (value !== null && fits(value))
    if (!isFit) return reason
  }
  const { field, textType } = turns
  const isText = typeof request[field] === 'string' || lastWording(request, field, textType) !== undefined
  return isText ? undefined : 'turn'
}

const unlisted: readonly [string, Fits] = ['unknown', () => false]

/** The turns with that text in place of the wording of the last one, which `lastWording` has found. */
export function withLastWording(turns: readonly Json[], text: string): readonly Json[] {
  const last = turns.at(-1)
  if (!isObject(last)) return turns
  const { content } = last
  return [...turns.slice(0, -1), { ...last, content: Array.isArray(content) ? withLastText(content, text) : text }]
}

function withLastText(parts: readonly Json[], text: string): readonly Json[] {
  const last = parts.at(-1)
  return isObject(last) ? [...parts.slice(0, -1), { ...last, text }] : parts
}

/**
 * The most tokens that the combined answer may have: as many as all of its parts may, and what is around them: ids, a
 * check's answer, and the escapes of JSON. Never more than the model is known to give (`most`), which its provider would
 * refuse, unless a single request asks for that.
 */
export function combinedLimit(limit: number, parts: number, most = Number.MAX_SAFE_INTEGER): number {
  const answers = limit * parts
  const around = 200 + 60 * parts + Math.ceil(answers / 4)
  return Math.max(limit, Math.min(answers + around, most))
}

/**
 * An object's fields that can be said of a part: those that are listed, and of the others numbers, truth values and
 * null. Text that nobody here knows may be about another part.
 */
export function saidOfPart(object: JsonObject, listed: ReadonlySet<string>): JsonObject {
  const kept = Object.entries(object).filter(
    ([field, value]) => listed.has(field) || value === null || typeof value === 'number' || typeof value === 'boolean'
  )
  return Object.fromEntries(kept)
}

/** A combined answer's identifier with a part's own added; nothing where there is none. */
export function partId(id: Json | undefined, own: string): JsonObject {
  return typeof id === 'string' ? { id: `${id}-${own}` } : {}
}

/** Counters with some of them replaced: the others would be the whole call's, and stay only where they are zero or no number. */
export function sharedCounters(said: JsonObject, shares: ReadonlyMap<string, Json | undefined>): JsonObject {
  const kept: [string, Json][] = []
  for (const [field, value] of Object.entries(said)) {
    const share = shares.get(field)
    if (value === null || value === undefined || value === 0) kept.push([field, value ?? null])
    else if (shares.has(field)) {
      if (share !== undefined) kept.push([field, share])
    } else if (typeof value === 'string' && value.length < 40) kept.push([field, value])
  }
  return Object.fromEntries(kept)
}
