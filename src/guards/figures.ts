import { magnitudes, numberWords } from './number-words.ts'
import type { Token } from './tokens.ts'

/**
 * Reads the numbers in a text: figures, words, and both with a magnitude (`10k`, `2.5 million`, `twenty five`,
 * `two hundred`), each as one token whose word is the plain number. Versions (`1.2.3`) stay as they are.
 */
export function readNumbers(tokens: readonly Token[]): readonly Token[] {
  if (!tokens.some(({ kind, word }) => kind === 'number' || numberWords.has(word) || magnitudes.has(word)))
    return tokens
  const read: Token[] = []
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]
    if (token === undefined) continue
    let value = worthOf(token)
    if (value === undefined) {
      // A `k` or `mil` that follows no number is a letter or a word.
      const alone = token.word.length > 3 ? magnitudes.get(token.word) : undefined
      if (alone === undefined) read.push(token)
      else read.push({ ...token, kind: 'number', word: String(alone) })
      continue
    }
    let next = tokens[at + 1]
    const units = next?.kind === 'word' ? numberWords.get(next.word) : undefined
    if (token.kind === 'word' && Number(value) >= 20 && Number(value) < 100 && units !== undefined && units < 10) {
      value = String(Number(value) + units)
      next = tokens[++at + 1]
    }
    for (let factor = factorOf(next); factor !== undefined && Number(value) * factor < 1e18; factor = factorOf(next)) {
      value = String(Number(value) * factor)
      next = tokens[++at + 1]
    }
    if (token.kind === 'number' && next?.kind === 'word' && next.touches && suffixes.has(next.word)) at++
    read.push({ ...token, kind: 'number', word: value })
  }
  return read
}

/** `5th`, `90s`. */
const suffixes = new Set(['st', 'nd', 'rd', 'th', 's'])

function worthOf({ kind, word }: Token): string | undefined {
  if (kind === 'word') {
    const value = numberWords.get(word)
    return value === undefined ? undefined : String(value)
  }
  if (kind === 'sign') return undefined
  const plain = /^-?\d{1,3}(?:,\d{2,3})+(?:\.\d+)?$/.test(word)
    ? word.replaceAll(',', '')
    : /^-?\d{1,3}(?:\.\d{3}){2,}$/.test(word)
      ? word.replaceAll('.', '')
      : word.replace(',', '.')
  // A version, or a number that no double holds: only the same figures are the same.
  return plain.length < 16 && /^-?\d+(?:\.\d+)?$/.test(plain) ? String(Number(plain)) : plain
}

function factorOf(token: Token | undefined): number | undefined {
  return token?.kind === 'word' ? magnitudes.get(token.word) : undefined
}
