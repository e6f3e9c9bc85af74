import { RepriseError } from '../core/errors.ts'
import { isObject } from '../core/json.ts'

/** The longest that Node's timers can wait, some 24 days: anything longer would be over at once. */
const longestMs = 2 ** 31 - 1

/** An object that has none but the `known` fields. @throws RepriseError `invalid-option` naming `where`, as all here do */
export function checkObject(value: unknown, where: string, known: readonly string[]): void {
  if (!isObject(value)) throw unexpected(where, `an object with some of ${known.join(', ')}`, value)
  const unknown = Object.keys(value).find((field) => !known.includes(field))
  if (unknown !== undefined) throw unexpected(where, `fields among ${known.join(', ')}`, unknown)
}

/** A list of at least one. */
export function checkList(value: unknown, where: string, expected: string): void {
  if (!Array.isArray(value) || value.length === 0) throw unexpected(where, expected, value)
}

/** A text of at least one character. */
export function checkText(value: unknown, where: string, expected: string): void {
  if (typeof value !== 'string' || value === '') throw unexpected(where, expected, value)
}

export function checkBoolean(value: unknown, where: string): void {
  if (typeof value !== 'boolean') throw unexpected(where, 'true or false', value)
}

/** A finite number of at least `least`. */
export function checkNumber(value: unknown, where: string, least = Number.NEGATIVE_INFINITY): void {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < least)
    throw unexpected(where, Number.isFinite(least) ? `a number of at least ${least}` : 'a number', value)
}

export function checkWhole(value: unknown, where: string, least: number): void {
  if (!Number.isSafeInteger(value) || Number(value) < least)
    throw unexpected(where, `a whole number of at least ${least}`, value)
}

/** A duration in milliseconds that a timer can wait. */
export function checkDuration(value: unknown, where: string, least: number): void {
  if (typeof value !== 'number' || !(value >= least && value <= longestMs))
    throw unexpected(where, `milliseconds from ${least} to ${longestMs}`, value)
}

/** Statuses of HTTP that report an error. */
export function checkStatuses(value: unknown, where: string): void {
  const expected = 'a list of statuses from 400 to 599'
  if (!Array.isArray(value)) throw unexpected(where, expected, value)
  const wrong: unknown = value.find((status) => !Number.isInteger(status) || status < 400 || status > 599)
  if (wrong !== undefined) throw unexpected(where, expected, wrong)
}

/** What is to be thrown where an option is another than expected. */
export function unexpected(where: string, expected: string, got: unknown): RepriseError {
  return new RepriseError('invalid-option', `${where}: expected ${expected}, got ${shown(got)}`)
}

function shown(value: unknown): string {
  // JSON has no word for these; it would say null.
  const text = typeof value === 'number' ? String(value) : written(value)
  return text.length > 100 ? `${text.slice(0, 100)}...` : text
}

function written(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return 'something that contains itself'
  }
}
