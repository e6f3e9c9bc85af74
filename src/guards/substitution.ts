import { difference } from './difference.ts'
import type { Guard } from './guard.ts'
import type { Word } from './guarded-text.ts'

/** Objects when the texts are the same sentence but for a word, or a few, that one says instead of the other. */
export const substitution: Guard = {
  name: 'substitution',
  check(a, b) {
    const { onlyA, onlyB, sameSentence } = difference(a, b)
    if (onlyA.length === 0 || onlyB.length === 0 || weight([...onlyA, ...onlyB]) > most) return undefined
    return sameSentence ? `${list(onlyA)} and ${list(onlyB)}` : undefined
  }
}

/** What differs in more words than these has been put in other words. */
const most = 3

/** A Han character is about half a word. */
function weight(words: readonly Word[]): number {
  return words.reduce((sum, { word }) => sum + (/^\p{Script=Han}$/u.test(word) ? 0.5 : 1), 0)
}

/** Objects when one text speaks of anything that the other does not. */
export const strictSubstitution: Guard = {
  name: 'substitution',
  check(a, b) {
    const { onlyA, onlyB } = difference(a, b)
    if (onlyA.length + onlyB.length === 0) return undefined
    return onlyA.length > 0 && onlyB.length > 0 ? `${list(onlyA)} and ${list(onlyB)}` : list([...onlyA, ...onlyB])
  }
}

function list(words: readonly Word[]): string {
  return words.map(({ word }) => word).join(' ')
}
