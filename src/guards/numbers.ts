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
  const found = new Set<string>()
  for (const { role, key } of from.words) if (role === 'number' && !other.keys.has(key)) found.add(key)
  for (const key of found) if (shyMentions(other, key) > shyMentions(from, key)) found.delete(key)
  return [...found]
}

/**
 * How often a text has a word that may stand for the number. `a` in the place of `1` does; the `a` of "for 1 tablet a day"
 * stands in both texts, and says nothing of the number in the other.
 */
function shyMentions({ words }: GuardedText, key: string): number {
  let count = 0
  for (const { word } of words) if (String(shyNumbers.get(word)) === key) count++
  return count
}

function differingOperations(a: GuardedText, b: GuardedText): string | undefined {
  const [inA, inB] = [operations(a), operations(b)]
  return inA !== '' && inB !== '' && inA !== inB ? `${inA} and ${inB}` : undefined
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

/** What is calculated or compared, as far as numbers stand on both sides: `2+2`. */
function operations({ words }: GuardedText): string {
  let found = ''
  for (let at = 2; at < words.length; at++) {
    const [left, operator, right] = [words[at - 2], words[at - 1], words[at]]
    if (left?.kind !== 'number' || right?.kind !== 'number' || operator === undefined) continue
    const sign = written.get(operator.word) ?? operator.word
    if (operators.has(sign)) found += `${found === '' ? left.key : ''}${sign}${right.key}`
  }
  return found
}
