import { foldCase } from './fold.ts'
import type { GuardedText, Word } from './guarded-text.ts'
import { isSameWord } from './same-word.ts'
import { lightWords } from './words.ts'

/** What is said in one of two texts only, and how alike they are around it. */
export interface Difference {
  /** The words of content that have nothing like them in the other text: no form, spelling, synonym, slip. */
  readonly onlyA: readonly Word[]
  readonly onlyB: readonly Word[]
  /** The words of content that both have come in the same order. */
  readonly sameOrder: boolean
  /** The same order, and what is in one only stands where the other has something else instead. */
  readonly sameGaps: boolean
  /** The same gaps, and the words that hold the sentence together are the same too. */
  readonly sameSentence: boolean
  /** But for what is in one only, all words are the same in the same order, wherever that stands: `order history`, `back order`. */
  readonly sameRest: boolean
}

const none: Difference = { onlyA: [], onlyB: [], sameOrder: true, sameGaps: true, sameSentence: true, sameRest: true }

const known = new WeakMap<GuardedText, { readonly other: GuardedText; readonly difference: Difference }>()

/** Compares two texts; asked again for the same two, as each guard does, it remembers. */
export function difference(a: GuardedText, b: GuardedText): Difference {
  const last = known.get(a)
  if (last?.other === b) return last.difference
  const made = compare(a, b)
  known.set(a, { other: b, difference: made })
  return made
}

function compare(a: GuardedText, b: GuardedText): Difference {
  let onlyA = missing(a, b)
  let onlyB = missing(b, a)
  if (onlyA.length + onlyB.length > 0) {
    if (letters(a) === letters(b)) return none
    if (onlyA.length <= mostCompared && onlyB.length <= mostCompared) {
      ;[onlyA, onlyB] = [withoutVariants(onlyA, onlyB), withoutVariants(onlyB, onlyA)]
      ;[onlyA, onlyB] = [withoutJoined(onlyA, onlyB, a, b), withoutJoined(onlyB, onlyA, b, a)]
    }
  }
  const goneA = new Set(onlyA.map(({ key }) => key))
  const goneB = new Set(onlyB.map(({ key }) => key))
  const sameOrder = frame(a, goneA, 'order') === frame(b, goneB, 'order')
  const sameGaps = sameOrder && frame(a, goneA, 'gaps') === frame(b, goneB, 'gaps')
  const sameSentence = sameGaps && frame(a, goneA, 'sentence') === frame(b, goneB, 'sentence')
  const sameRest = sameSentence || (sameOrder && frame(a, goneA, 'rest') === frame(b, goneB, 'rest'))
  return { onlyA, onlyB, sameOrder, sameGaps, sameSentence, sameRest }
}

function missing(from: GuardedText, other: GuardedText): readonly Word[] {
  const found = new Map<string, Word>()
  for (const word of from.words) if (word.role === 'content' && !other.keys.has(word.key)) found.set(word.key, word)
  return [...found.values()]
}

/** Beyond so many words the texts differ anyway, and comparing each with each would cost too much. */
const mostCompared = 12

/** All but white space: a typing error often moves a space (`i shelping`). */
function letters({ text }: GuardedText): string {
  return foldCase(text.replace(/\s+/g, ''))
}

function withoutVariants(only: readonly Word[], others: readonly Word[]): readonly Word[] {
  return only.filter(
    ({ word, key }) => !others.some((other) => isSameWord(word, other.word) || isSameWord(key, other.key))
  )
}

/** Without `whatsapp` where the other text has `whats app`, and without `app` where the other has `whatsapp`. */
function withoutJoined(
  only: readonly Word[],
  others: readonly Word[],
  from: GuardedText,
  other: GuardedText
): readonly Word[] {
  if (only.length === 0) return only
  const parts = new Set(others.flatMap(({ word }) => pairIn(from, word)))
  return only.filter(({ word }) => !parts.has(word) && pairIn(other, word).length === 0)
}

/** The two neighbouring words of a text that are `joined` when written as one. */
function pairIn({ words }: GuardedText, joined: string): readonly string[] {
  if (joined.length < 4) return []
  for (let at = 1; at < words.length; at++) {
    const [first, second] = [words[at - 1]?.word ?? '', words[at]?.word ?? '']
    if (first.length + second.length === joined.length && first + second === joined) return [first, second]
  }
  return []
}

/** What a text says apart from what the other lacks, `_` standing for that where its place counts. */
function frame({ words }: GuardedText, gone: ReadonlySet<string>, of: 'order' | 'gaps' | 'sentence' | 'rest'): string {
  const [hasGaps, isWhole] = [of === 'gaps' || of === 'sentence', of === 'sentence' || of === 'rest']
  let keys = ''
  for (const { key, role } of words) {
    if (role === 'content' && gone.has(key)) {
      if (hasGaps && !keys.endsWith(' _')) keys += ' _'
    } else if (role === 'content' || role === 'number' || (isWhole && !lightWords.has(key))) keys += ` ${key}`
  }
  return keys
}
