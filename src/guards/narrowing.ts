import { difference } from './difference.ts'
import type { Guard } from './guard.ts'
import type { GuardedText, Word } from './guarded-text.ts'

/**
 * Objects when one text says all that the other does and ends with a phrase more that narrows it: `in Dresden`,
 * `for beginners`, `on a phone`. Elsewhere than at its end a word more is mostly another wording.
 */
export const narrowing: Guard = {
  name: 'narrowing',
  check(a, b) {
    const { onlyA, onlyB, sameOrder } = difference(a, b)
    if (!sameOrder || (onlyA.length > 0 && onlyB.length > 0)) return undefined
    const [only, longer, shorter] = onlyA.length > 0 ? [onlyA, a, b] : [onlyB, b, a]
    if (only.length === 0 || only.length > 2 || unlimited.has(only.at(-1)?.word ?? '')) return undefined
    return lastPhrase(only, longer, shorter)
  }
}

/** From the preposition to the end, when that is all that the longer text has more. */
function lastPhrase(only: readonly Word[], { words }: GuardedText, shorter: GuardedText): string | undefined {
  const first = words.findIndex((word) => only.includes(word))
  if (words.at(-1) !== only.at(-1)) return undefined
  for (let at = first - 1; at >= 0; at--) {
    const word = words[at]
    if (word === undefined || word.role === 'content') return undefined
    if (!prepositions.has(word.word)) continue
    // One that both have holds something else to the sentence.
    return shorter.keys.has(word.key)
      ? undefined
      : words
          .slice(at)
          .map((each) => each.word)
          .join(' ')
  }
  return undefined
}

const prepositions: ReadonlySet<string> = new Set([
  'in',
  'for',
  'on',
  'at',
  'of',
  'from',
  'with',
  'about',
  'during',
  'under',
  'after',
  'before',
  'since',
  'within',
  'near',
  'between',
  'against',
  'inside',
  'outside',
  'through',
  'via'
])

/** What `in the world`, `of all time` and `in general` end with: they narrow nothing. */
const unlimited: ReadonlySet<string> = new Set([
  'world',
  'time',
  'whole',
  'general',
  'detail',
  'life',
  'history',
  'average'
])
