import { isObject, type Json } from '../../core/json.ts'

// A word of up to ten letters with the space before it, one sign with the space before it, or a run of space.
const piece = /\s?[\p{L}\p{N}]{1,10}|\s?[^\s\p{L}\p{N}]|\s+/gu

/** The text in tokens: put together they are the text again. Not any real model's tokens, but about as many. */
export function piecesOf(text: string): string[] {
  return text.match(piece) ?? []
}

/** How many tokens the text has. */
export function countTokens(text: string): number {
  return piecesOf(text).length
}

/** The first `count` tokens of the text. */
export function firstTokens(text: string, count: number): string {
  return piecesOf(text).slice(0, Math.max(0, count)).join('')
}

/** What one image, file or sound counts for, whatever its size. */
const mediaTokens = 85
/** What a turn costs beside its text: who speaks, where it begins and ends. */
const turnTokens = 3

/** How many tokens of prompt there are in parts of a request: all text in them, at any depth. */
export function promptTokens(...parts: readonly (Json | undefined)[]): number {
  return parts.reduce<number>((sum, part) => sum + tokensIn(part), 0)
}

function tokensIn(value: Json | undefined): number {
  if (typeof value === 'string') return value.startsWith('data:') ? mediaTokens : countTokens(value)
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + tokensIn(item), 0)
  if (!isObject(value)) return 0
  let sum = typeof value['role'] === 'string' ? turnTokens : 0
  for (const [field, inner] of Object.entries(value)) {
    if (field === 'type' || field === 'role' || field === 'cache_control') continue
    const isMedia = field === 'source' || field === 'image_url' || field === 'file' || field === 'input_audio'
    sum += isMedia ? mediaTokens : tokensIn(inner)
  }
  return sum
}
