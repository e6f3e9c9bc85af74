import { isObject, type Json } from '../core/json.ts'

/**
 * Whether some object in a JSON text names a member twice. Parsers differ in which of the two they take (RFC 8259, 4): what
 * the provider reads may be another request than what a key would be made of. `value` is the text, parsed.
 */
export function hasDuplicateMembers(text: string, value: Json): boolean {
  // A parsed object has each name once, so that there are fewer of them than in the text.
  return namesIn(text) !== membersOf(value)
}

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a

/** How many names of members stand in a JSON text: as many as colons outside of its strings. */
function namesIn(text: string): number {
  let count = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === colon) count++
    else if (code === quote) at = endOfString(text, at)
  }
  return count
}

/** Where the string that begins at `from` ends. */
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end - 1
    while (text.charCodeAt(before) === backslash) before--
    if ((end - before) % 2 === 1) return end
  }
  return text.length
}

function membersOf(value: Json): number {
  let count = 0
  const left: Json[] = [value]
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    if (Array.isArray(one)) for (const item of one) push(left, item)
    else if (isObject(one)) {
      for (const item of Object.values(one)) {
        count++
        push(left, item)
      }
    }
  }
  return count
}

function push(left: Json[], value: Json | undefined): void {
  if (typeof value === 'object' && value !== null) left.push(value)
}
