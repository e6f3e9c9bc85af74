import { inexactNumbers } from './exact-numbers.ts'
import type { Draft } from './fields.ts'

/**
 * Reads JSON that is to be written again, as a value that its reader owns. Throws a SyntaxError when it is none, and
 * a RangeError when a whole number in it would come out as another: a tool must not be called with a rounded
 * identifier because the answer was kept.
 */
export function parse(text: string): Draft {
  const value: Draft = JSON.parse(text)
  const lost = inexactNumbers(text).find((number) => !comesOutTheSame(number))
  if (lost !== undefined) throw new RangeError(`${lost} cannot be kept`)
  return value
}

/** Why something that `parse` has thrown at cannot be kept. */
export function whyNot(error: unknown): string {
  return error instanceof SyntaxError ? 'malformed' : 'unknown'
}

/** A fraction is a double to everyone who reads it; a whole number is not. */
function comesOutTheSame(number: string): boolean {
  return /^-?\d+$/.test(number) ? JSON.stringify(Number(number)) === number : Number.isFinite(Number(number))
}
