import { difference } from './difference.ts'
import type { Guard } from './guard.ts'
import type { GuardedText } from './guarded-text.ts'
import { lightWords } from './words.ts'

/** Objects when two texts ask different things about the same in the same words: why and how, when and whether. */
export const questionWord: Guard = {
  name: 'question-word',
  check(a, b) {
    const [kindA, kindB] = differingKinds(a, b)
    if (kindA === undefined || kindB === undefined) return undefined
    const { onlyA, onlyB } = difference(a, b)
    if (onlyA.length + onlyB.length > 0 || missing(a, b) + missing(b, a) > most) return undefined
    return `${kindA} and ${kindB}`
  }
}

/** Objects when two texts ask different things, in whatever words. */
export const strictQuestionWord: Guard = {
  name: 'question-word',
  check(a, b) {
    const [kindA, kindB] = differingKinds(a, b)
    return kindA === undefined || kindB === undefined ? undefined : `${kindA} and ${kindB}`
  }
}

/** How many words that are not light may be in one text only: `Do dogs`, `When will dogs`. */
const most = 3

function missing({ words }: GuardedText, { keys }: GuardedText): number {
  return words.filter(({ key, kind }) => kind === 'word' && !lightWords.has(key) && !keys.has(key)).length
}

function differingKinds(a: GuardedText, b: GuardedText): readonly [QuestionKind?, QuestionKind?] {
  const [kindA, kindB] = [questionKind(a), questionKind(b)]
  if (kindA === undefined || kindB === undefined || kindA === kindB || agree(kindA, kindB)) return []
  // `Is it a problem when ...`, `Do we need it? Why?`
  const both = !kindA.startsWith('how') || !kindB.startsWith('how')
  return both && (a.keys.has(kindB) || b.keys.has(kindA)) ? [] : [kindA, kindB]
}

/** What a text asks for; `whether`: yes or no; `what` also where it may be anything else. */
type QuestionKind = 'how' | 'how much' | 'how far' | 'why' | 'when' | 'where' | 'who' | 'what' | 'whether'

/** `How safe is it` and `is it safe`, `where are the best places` and `what are` are asked for each other. */
function agree(x: QuestionKind, y: QuestionKind): boolean {
  const pair = new Set<QuestionKind>([x, y])
  if (pair.has('how far')) return !pair.has('how much')
  if (pair.has('what')) return !pair.has('who')
  return pair.has('how') && pair.has('where')
}

const auxiliaries = words(
  'is are was were am do does did can could will would shall should may might must has have had to'
)
const manner = words('way ways method methods step steps procedure process tips')
const cause = words('reason reasons cause causes caused')
const time = words('time year date day month')

/** What the text's first question asks; undefined when it asks nothing that is known. */
function questionKind({ words }: GuardedText): QuestionKind | undefined {
  for (const [at, { word }] of words.entries()) {
    const next = words[at + 1]?.word ?? ''
    if (at === 0 && auxiliaries.has(word)) return kindOfAuxiliary(wordsAfter(words, at, 5))
    if (word === 'how') {
      if (next === 'come') return 'why'
      if (next === 'much' || next === 'many') return 'how much'
      return auxiliaries.has(words[at + 2]?.word ?? '') && !auxiliaries.has(next) ? 'how far' : 'how'
    }
    if (word === 'why' || word === 'when' || word === 'where') return word
    if (word === 'who' || word === 'whom' || word === 'whose') return 'who'
    if (word === 'what' || word === 'which') return kindOfWhat(wordsAfter(words, at, 8))
  }
  return undefined
}

/** `Is there a way to` asks how. */
function kindOfAuxiliary(rest: readonly string[]): QuestionKind {
  return rest[0] === 'there' && rest.some((word) => manner.has(word)) ? 'how' : 'whether'
}

/** `What is the best way to` asks how, `what is the reason` why, `what year` when. */
function kindOfWhat(rest: readonly string[]): QuestionKind {
  if (rest.slice(0, 5).some((word) => cause.has(word))) return 'why'
  if (rest.some((word) => manner.has(word))) return 'how'
  return time.has(rest[0] ?? '') ? 'when' : 'what'
}

function wordsAfter(words: GuardedText['words'], at: number, count: number): readonly string[] {
  return words.slice(at + 1, at + 1 + count).map(({ word }) => word)
}

function words(list: string): ReadonlySet<string> {
  return new Set(list.split(' '))
}
