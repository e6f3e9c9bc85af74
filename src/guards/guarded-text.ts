import { readNumbers } from './figures.ts'
import { stem } from './stem.ts'
import { type Token, tokensOf } from './tokens.ts'
import { fillerWords, foreignFunctionWords, functionWords, places, synonyms } from './words.ts'

/** A token, and what part it plays. */
export interface Word extends Token {
  /** The same for all forms of a word and all words that are put for it. */
  readonly key: string
  /** What it adds: `content` what is spoken of, `filler` next to nothing, `function` nothing by itself. */
  readonly role: 'content' | 'filler' | 'function' | 'number' | 'sign'
}

/** A text as guards look at it: taken apart once, however many compare it. */
export interface GuardedText {
  readonly text: string
  readonly words: readonly Word[]
  /** All keys. */
  readonly keys: ReadonlySet<string>
}

/** Takes a text apart, in time linear in its length. */
export function guardedText(text: string): GuardedText {
  const tokens = readNumbers(tokensOf(text))
  const holding = isForeign(tokens) ? foreignFunctionWords : functionWords
  const words = tokens.map((token) => toWord(token, holding))
  return { text, words, keys: new Set(words.map(({ key }) => key)) }
}

function toWord({ word, kind, named, touches }: Token, holding: ReadonlySet<string>): Word {
  if (kind === 'number') return { word, kind, named, touches, key: word, role: 'number' }
  if (kind === 'word' && holding.has(word)) return { word, kind, named, touches, key: word, role: 'function' }
  if (kind === 'sign' && !synonyms.has(word)) return { word, kind, named, touches, key: word, role: 'sign' }
  const { key, role, isPlace } = meaningOf(word)
  return { word, kind, named: named || isPlace, touches, key, role }
}

interface Meaning {
  readonly key: string
  readonly role: 'content' | 'filler'
  readonly isPlace: boolean
}

/** Looked up again and again, a word's form is found only once; the most are forgotten together. */
const meanings = new Map<string, Meaning>()
const mostMeanings = 20_000

function meaningOf(word: string): Meaning {
  let meaning = meanings.get(word)
  if (meaning === undefined) {
    if (meanings.size >= mostMeanings) meanings.clear()
    meaning = { key: keyOf(word), role: fillerWords.has(word) ? 'filler' : 'content', isPlace: places.has(word) }
    if (word.length <= 40) meanings.set(word, meaning)
  }
  return meaning
}

/** What a word of content is known by. */
export function keyOf(word: string): string {
  const base = stem(word)
  return synonyms.get(base) ?? base
}

function isForeign(tokens: readonly Token[]): boolean {
  let foreign = 0
  let english = 0
  for (const { word } of tokens) {
    if (functionWords.has(word)) english++
    if (foreignFunctionWords.has(word)) foreign++
  }
  return foreign > english
}
