import type { Guard } from './guard.ts'
import type { GuardedText } from './guarded-text.ts'
import { shyNumbers } from './number-words.ts'

/** Objects when each text has a number that the other has not, or not as often, or when they calculate differently. */
export const numbers: Guard = {
  name: 'numbers',
  check(a, b) {
    const [moreA, moreB] = [surplus(a, b), surplus(b, a)]
    const [onlyA, onlyB] = [alone(moreA, b), alone(moreB, a)]
    if (onlyA.length > 0 && onlyB.length > 0) return `${onlyA.join(', ')} and ${onlyB.join(', ')}`
    const calculated = differingOperations(a, b)
    if (calculated !== undefined || moreA.length === 0 || moreB.length === 0) return calculated
    return `${moreA.join(', ')} and ${moreB.join(', ')}`
  }
}

/** Objects also when one text has a number more. */
export const strictNumbers: Guard = {
  name: 'numbers',
  check(a, b) {
    const found = [alone(surplus(a, b), b), alone(surplus(b, a), a)].flat()
    return numbers.check(a, b) ?? (found.length > 0 ? found.join(', ') : undefined)
  }
}

function alone(numbers: readonly string[], other: GuardedText): readonly string[] {
  return numbers.filter((key) => !other.keys.has(key))
}

/** The numbers that a text has more often than the other: 3 of `version 3, in 3 months` and `version 3, in 18 months`. */
function surplus(from: GuardedText, other: GuardedText): readonly string[] {
  const counts = new Map<string, number>()
  for (const { role, key } of from.words) if (role === 'number') counts.set(key, (counts.get(key) ?? 0) + 1)
  if (counts.size === 0) return []
  for (const { role, key } of other.words) if (role === 'number') counts.set(key, (counts.get(key) ?? 0) - 1)
  return [...counts.keys()].filter(
    (key) => (counts.get(key) ?? 0) > 0 && shyMentions(other, key) <= shyMentions(from, key)
  )
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
