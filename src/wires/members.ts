/** One field of an object in JSON text, and where it stands in its bytes. */
export interface Member {
  /** As JSON reads it: it may be written with escapes. */
  readonly name: string
  /** The first byte of its name. */
  readonly from: number
  /** The first byte of its value, and the first behind it. */
  readonly start: number
  readonly end: number
}

export const brace = 0x7b
export const closingBrace = 0x7d
const quote = 0x22
const comma = 0x2c
const backslash = 0x5c
const bracket = 0x5b
const closingBracket = 0x5d

/**
 * The fields of the object that opens at `open`, as often as they are written. `raw` has to be valid JSON in UTF-8; all
 * that structures JSON is ASCII, so bytes can be read as they are.
 */
export function membersOf(raw: Buffer, open: number): readonly Member[] {
  const found: Member[] = []
  let at = skipSpaces(raw, open + 1)
  while (raw[at] === quote) {
    const from = at
    const behindName = endOfText(raw, from)
    const colon = skipSpaces(raw, behindName)
    const start = skipSpaces(raw, colon + 1)
    const end = endOfValue(raw, start)
    const name: unknown = JSON.parse(raw.toString('utf8', from, behindName))
    found.push({ name: String(name), from, start, end })
    at = skipSpaces(raw, end)
    if (raw[at] !== comma) break
    at = skipSpaces(raw, at + 1)
  }
  return found
}

/** The first byte behind the value that begins at `start`. */
function endOfValue(raw: Buffer, start: number): number {
  const first = raw[start]
  if (first === quote) return endOfText(raw, start)
  let at = start
  if (first === brace || first === bracket) {
    let depth = 0
    while (at < raw.length) {
      const byte = raw[at]
      if (byte === quote) {
        at = endOfText(raw, at)
        continue
      }
      if (byte === brace || byte === bracket) depth++
      else if (byte === closingBrace || byte === closingBracket) depth--
      at++
      if (depth === 0) break
    }
    return at
  }
  while (at < raw.length && raw[at] !== comma && raw[at] !== closingBrace && !isSpace(raw[at])) at++
  return at
}

/** The first byte behind the text that opens at `open`: a quote after an even number of backslashes. */
function endOfText(raw: Buffer, open: number): number {
  let close = raw.indexOf(quote, open + 1)
  while (close !== -1) {
    let slashes = 0
    while (raw[close - 1 - slashes] === backslash) slashes++
    if (slashes % 2 === 0) return close + 1
    close = raw.indexOf(quote, close + 1)
  }
  return raw.length
}

/** The first byte from there on that is no white space. */
export function skipSpaces(raw: Buffer, from: number): number {
  let at = from
  while (isSpace(raw[at])) at++
  return at
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
