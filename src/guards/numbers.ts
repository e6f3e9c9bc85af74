import type { Guard } from './guard.ts'
import type { GuardedText } from './guarded-text.ts'
import { shyNumbers } from './number-words.ts'

/** Objects when each text has a number that the other has not, or when they calculate differently. */
export const numbers: Guard = {
  name: 'numbers',
  check(a, b) {
    const [onlyA, onlyB] = [missing(a, b), missing(b, a)]
    if (onlyA.length > 0 && onlyB.length > 0) return `${onlyA.join(', ')} and ${onlyB.join(', ')}`
    return differingOperations(a, b)
  }
}

/** Objects also when one text has a number more. */
export const strictNumbers: Guard = {
  name: 'numbers',
  check(a, b) {
    const found = [missing(a, b), missing(b, a)].filter(({ length }) => length > 0).map((only) => only.join(', '))
    return found.length > 0 ? found.join(' and ') : differingOperations(a, b)
  }
}

function missing(from: GuardedText, other: GuardedText): readonly string[] {
  const found: string[] = []
  for (const { role, key } of from.words) if (role === 'number' && !other.keys.has(key)) found.push(key)
  if (found.length === 0) return found
  const shy = new Set(other.words.map(({ word }) => String(shyNumbers.get(word))))
  return found.filter((number) => !shy.has(number))
}

function differingOperations(a: GuardedText, b: GuardedText): string | undefined {
  const [signsA, signsB] = [operations(a), operations(b)]
  return signsA !== '' && signsB !== '' && signsA !== signsB ? `${signsA} and ${signsB}` : undefined
}

const written: ReadonlyMap<string, string> = new Map([
  ['plus', '+'],
  ['minus', '-'],
  ['times', '*'],
  ['x', '*'],
  ['×', '*'],
  ['÷', '/'],
  ['≤', '<='],
  ['≥', '>=']
])
const operators = new Set(['+', '-', '*', '/', '=', '<', '>', '^', '<=', '>=', '≠'])

/** The operators between two numbers, in order; `covid-19` has none. */
function operations({ words }: GuardedText): string {
  let found = ''
  for (let at = 2; at < words.length; at++) {
    if (words[at]?.kind !== 'number' || words[at - 2]?.kind !== 'number') continue
    const word = words[at - 1]?.word ?? ''
    const sign = written.get(word) ?? word
    if (operators.has(sign)) found += sign
  }
  return found
}
