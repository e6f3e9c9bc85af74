import { expand } from './contractions.ts'
import { fold, foldCase, isAscii } from './fold.ts'

/** A word, a number or a sign of a text. */
export interface Token {
  /** In lower case; of a number, its digits. */
  readonly word: string
  readonly kind: 'word' | 'number' | 'sign'
  /** Written as names and codes are: with a capital that the sentence does not ask for, or touching a digit. */
  readonly named: boolean
  /** Touches the token before it, as `k` does in `10k`. */
  readonly touches: boolean
}

// No two neighbouring parts of these take the same character, so that they run in time linear in the text.
const chunkOfAscii = /(?:(?<![^\s(=])-(?=\d))?[a-z0-9]+(?:['.,:/_@&-][a-z0-9]+)*(?:\+\+|#)?|[^\sa-z0-9]/gi
const chunkOfAny =
  /(?:(?<![^\s(=])-(?=\d))?[\p{L}\p{M}\p{N}]+(?:['.,:/_@&-][\p{L}\p{M}\p{N}]+)*(?:\+\+|#)?|[^\s\p{L}\p{M}\p{N}]/gu
const startsWord = /^(?:-?\d|[\p{L}\p{M}\p{N}])/u
const plainWord = /^[a-z]+$/i
const part = /^-\d+(?:[.,]\d+)*|\d+(?:[.,]\d+)*|\+\+$|#$|(?:[\p{L}\p{M}']|(?!\d)\p{N})+/gu
/** Scripts that put no spaces between words: a Han character is a word, a run of kana is one. */
const scriptRun =
  /\p{Script=Han}|\p{Script=Hiragana}+|[\p{Script=Katakana}\u30fc]+|[^\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30fc]+/gu
/** `U.S.`, `B.Tech`, `e-mail`, `T-shirt`: one word, whether written with the sign or without. */
const abbreviation = /^(?:\p{L}\.)+\p{L}$|^\p{L}{1,2}\.\p{L}{1,4}$|^(?:\p{L}|re|co|pre)-\p{L}{3,}$/u
/** Of a file, a page, an account: each part is a name. */
const address = /\p{L}[@_.]\p{L}|:\/\//u
/** Names that would be little words in small letters: `grade A`, `an IT company`. */
const letterNames = new Set(['A', 'IT'])
const operators = new Set('+-*/=<>^%$&')
const punctuation = /^[\p{P}\p{C}`'~|^$\u00a8\u00b4\u00b8]$/u
const opening = new Set('.!?:;"([\u3002\uff1f\uff01\u2026\u00bf\u00a1')

/** Takes a text apart. Letters and digits that touch (`GPT4`, `32-bit`) come apart, so that `GPT-4` is `gpt`, `4`. */
export function tokensOf(text: string): readonly Token[] {
  const folded = fold(text)
  const chunks = folded.match(isAscii(folded) ? chunkOfAscii : chunkOfAny) ?? []
  const capitalsTell = tellsByCapitals(chunks)
  const tokens: Token[] = []
  let opens = true
  for (const chunk of chunks) {
    if (startsWord.test(chunk)) {
      const named = (capitalsTell && isNamed(chunk, opens)) || address.test(chunk)
      if (named && letterNames.has(chunk) && tokens.length > 0) {
        tokens.push({ word: chunk, kind: 'word', named, touches: false })
      } else if (plainWord.test(chunk)) addWord(tokens, chunk.toLowerCase(), named, false)
      else takeApart(tokens, chunk, named)
      opens = false
    } else {
      const isPunctuation = punctuation.test(chunk)
      if (operators.has(chunk) || !isPunctuation)
        tokens.push({ word: chunk, kind: 'sign', named: false, touches: false })
      opens = opening.has(chunk) || (opens && isPunctuation)
    }
  }
  return tokens
}

function takeApart(tokens: Token[], chunk: string, named: boolean): void {
  if (abbreviation.test(chunk)) {
    addWord(tokens, foldCase(chunk.replace(/[.-]/g, '')), named, false)
    return
  }
  let end = -1
  let touchesDigit = false
  for (const { 0: piece, index } of chunk.matchAll(part)) {
    const touches = index === end
    const follows = tokens.at(-1)?.kind === 'number' && index === end + 1
    end = index + piece.length
    if (/\d/.test(piece)) {
      if (follows && chunk[index - 1] === '-') tokens.push({ word: '-', kind: 'sign', named: false, touches: true })
      tokens.push({ word: piece, kind: 'number', named: false, touches })
      touchesDigit = true
    } else if (piece === '++' || piece === '#') {
      const letter = tokens.pop()
      tokens.push({
        word: `${letter?.word ?? ''}${piece}`,
        kind: 'word',
        named: true,
        touches: letter?.touches ?? false
      })
    } else {
      const coded = named || (touches && touchesDigit)
      if (isAscii(piece)) addWord(tokens, piece.toLowerCase(), coded, touches)
      else for (const run of piece.match(scriptRun) ?? []) addWord(tokens, foldCase(run), coded, touches)
      touchesDigit = false
    }
  }
}

function addWord(tokens: Token[], word: string, named: boolean, touches: boolean): void {
  if (!word.includes("'") && !word.endsWith('t') && !word.endsWith('s') && word.length > 5) {
    tokens.push({ word, kind: 'word', named, touches })
    return
  }
  if (named && word === 'us') tokens.push({ word: 'usa', kind: 'word', named, touches })
  else for (const each of expand(word)) if (each !== '') tokens.push({ word: each, kind: 'word', named, touches })
}

function isNamed(chunk: string, opens: boolean): boolean {
  const rest = chunk.slice(1)
  // Not the rest of a text of one capital after an apostrophe: `Don'T` is nobody's name.
  if (rest !== rest.toLowerCase()) return true
  return !opens && chunk !== chunk.toLowerCase()
}

/** Capitals tell nothing in a TEXT OF CAPITALS, nor In A Text Like A Headline. */
function tellsByCapitals(chunks: readonly string[]): boolean {
  let long = 0
  let hasSmall = false
  for (const chunk of chunks) {
    if (!hasSmall && chunk !== chunk.toUpperCase()) hasSmall = true
    if (chunk.length < 4) continue
    if (chunk.charAt(0) !== chunk.charAt(0).toUpperCase()) return true
    long++
  }
  return hasSmall && long <= 2
}
