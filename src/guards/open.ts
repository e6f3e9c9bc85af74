import { antonyms } from './antonyms.ts'
import type { Guard, GuardLevel, Refutation } from './guard.ts'
import { guardedText } from './guarded-text.ts'
import { littleWords } from './little-words.ts'
import { names } from './names.ts'
import { narrowing } from './narrowing.ts'
import { negation } from './negation.ts'
import { numbers, strictNumbers } from './numbers.ts'
import { questionWord, strictQuestionWord } from './question-word.ts'
import { strictSubstitution, substitution } from './substitution.ts'
import { swap, wordOrder } from './word-order.ts'

/** Why `a` and `b` cannot mean the same; undefined when no guard of the level objects. */
export type Guards = (a: string, b: string) => Refutation | undefined

/** The ones that say most plainly what differs come first. */
const levels: Readonly<Record<GuardLevel, readonly Guard[]>> = {
  off: [],
  standard: [numbers, negation, antonyms, names, questionWord, substitution, narrowing, swap, littleWords],
  strict: [strictNumbers, negation, antonyms, names, strictQuestionWord, strictSubstitution, wordOrder, littleWords]
}

/** The guards of a level. */
export function openGuards(level: GuardLevel): Guards {
  const guards = levels[level]
  // One text is asked about and compared with several.
  let asked = guardedText('')
  return (a, b) => {
    if (guards.length === 0 || a === b) return undefined
    if (asked.text !== a) asked = guardedText(a)
    const [textA, textB] = [asked, guardedText(b)]
    for (const { name, check } of guards) {
      const reason = check(textA, textB)
      if (reason !== undefined) return { by: name, reason }
    }
    return undefined
  }
}
