import { difference } from './difference.ts'
import type { Guard } from './guard.ts'
import type { GuardedText, Word } from './guarded-text.ts'

/** Objects when texts that are alike speak of different names, or one of them of a name more. */
export const names: Guard = {
  name: 'names',
  check(a, b) {
    const { onlyA, onlyB, sameOrder, sameGaps } = difference(a, b)
    const namesA = onlyA.filter((word) => isName(word, a, b))
    const namesB = onlyB.filter((word) => isName(word, b, a))
    if (namesA.length + namesB.length === 0) return undefined
    if (onlyA.length > 0 && onlyB.length > 0) {
      const allNames = namesA.length === onlyA.length && namesB.length === onlyB.length
      return allNames || (sameGaps && onlyA.length + onlyB.length <= 3)
        ? `${list(onlyA)} and ${list(onlyB)}`
        : undefined
    }
    const [only, more, text] = onlyA.length > 0 ? [onlyA, namesA, a] : [onlyB, namesB, b]
    return sameOrder && only.length <= 2 && more.some((name) => standsAlone(name, text)) ? list(more) : undefined
  }
}

function isName(word: Word, own: GuardedText, other: GuardedText): boolean {
  return word.named && !isShort(word, own) && !isShort(word, other)
}

/** Whether a word is the initials of others: `NLP` of `natural language processing`. */
function isShort({ key }: Word, { words }: GuardedText): boolean {
  if (key.length < 3 || key.length > 6) return false
  return words
    .map(({ word }) => word.charAt(0))
    .join('')
    .includes(key)
}

/** Not the first part of a longer name that goes on with what both texts have: `Donald` before `Trump`. */
function standsAlone(name: Word, { words }: GuardedText): boolean {
  const next = words[words.indexOf(name) + 1]
  return next === undefined || !next.named || next.role === 'function'
}

function list(words: readonly Word[]): string {
  return words.map(({ word }) => word).join(' ')
}
