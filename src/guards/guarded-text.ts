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

function toWord(token: Token, holding: ReadonlySet<string>): Word {
  const { word, kind } = token
  if (kind === 'number') return { ...token, key: word, role: 'number' }
  if (kind === 'word' && holding.has(word)) return { ...token, key: word, role: 'function' }
  const key = kind === 'word' ? keyOf(word) : (synonyms.get(word) ?? word)
  if (kind === 'sign' && key === word) return { ...token, key, role: 'sign' }
  return { ...token, named: token.named || places.has(word), key, role: fillerWords.has(word) ? 'filler' : 'content' }
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
