import { difference } from './difference.ts'
import type { Guard } from './guard.ts'
import type { GuardedText, Word } from './guarded-text.ts'
import { isSameWord } from './same-word.ts'
import { lightWords } from './words.ts'

/** Objects when the texts are the same sentence but for a word, or a few, that one says instead of the other. */
export const substitution: Guard = {
  name: 'substitution',
  check(a, b) {
    const { onlyA, onlyB, sameSentence, sameRest } = difference(a, b)
    if (onlyA.length + onlyB.length === 1) return repeated(a, b)
    if (onlyA.length === 0 || onlyB.length === 0 || weight([...onlyA, ...onlyB]) > most) return undefined
    const [x, y] = onlyA.length === 1 && onlyB.length === 1 ? [onlyA[0], onlyB[0]] : []
    const isOneOfEach = x !== undefined && y !== undefined && (sameRest || isSamePlace(a, x, b, y))
    return sameSentence || isOneOfEach ? `${list(onlyA)} and ${list(onlyB)}` : undefined
  }
}

/** What differs in more words than these has been put in other words. */
const most = 3

/** So many words of content must be the same for texts in another order to be one sentence of which a part has moved. */
const leastShared = 4

/** Whether one word is put for another between the same words, in texts that are otherwise the same in another order. */
function isSamePlace(a: GuardedText, x: Word, b: GuardedText, y: Word): boolean {
  if (a.words.filter(({ role }) => role === 'content').length <= leastShared) return false
  const [atA, atB] = [a.words.indexOf(x), b.words.indexOf(y)]
  const isAt = (by: number): boolean => a.words[atA + by]?.key === b.words[atB + by]?.key
  // At the end only what stands before it holds the word in its place.
  return isAt(1) && isAt(-1) && (atA + 1 < a.words.length || isAt(-2))
}

/** At most so many words in a row are taken for one thing. */
const longest = 2

/**
 * What is put for each other where the rest is the same, though one of the texts has all words of the other: `order
 * history in orders, order history in invoices`.
 */
function repeated(a: GuardedText, b: GuardedText): string | undefined {
  const [x, y] = [a.words.filter(holds), b.words.filter(holds)]
  let start = 0
  while (start < x.length && start < y.length && x[start]?.key === y[start]?.key) start++
  let [endX, endY] = [x.length, y.length]
  while (endX > start && endY > start && x[endX - 1]?.key === y[endY - 1]?.key) [endX, endY] = [endX - 1, endY - 1]
  if (endX - start > longest || endY - start > longest) return undefined
  const [partA, partB] = [x.slice(start, endX), y.slice(start, endY)]
  return isMore(partA, partB) && isMore(partB, partA) ? `${list(partA)} and ${list(partB)}` : undefined
}

function holds({ kind, role, key }: Word): boolean {
  return kind !== 'sign' && role !== 'filler' && !lightWords.has(key)
}

function isMore(part: readonly Word[], other: readonly Word[]): boolean {
  return part.some(
    ({ role, word, key }) =>
      role === 'content' && !other.some((each) => each.key === key || isSameWord(each.word, word))
  )
}

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
