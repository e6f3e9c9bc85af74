import { RepriseError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'

/**
 * The JSON text of an object with one of its fields set, and every other byte as it was: spaces, the order of fields,
 * numbers that a double cannot hold. A field that is written more than once is set in all places, one that is absent is
 * added in front. `raw` has to be valid JSON in UTF-8.
 * @throws RepriseError `invalid-body` when it is not an object
 */
export function setField(raw: Buffer, field: string, value: Json): Buffer {
  const open = skipSpaces(raw, 0)
  if (raw[open] !== brace) {
    throw new RepriseError('invalid-body', `cannot set ${field}: the body must be a JSON object, got another value`)
  }
  const text = Buffer.from(JSON.stringify(value))
  const values = valuesOf(raw, open, field)
  if (values.length === 0) {
    const comma = raw[skipSpaces(raw, open + 1)] === closingBrace ? '' : ','
    const added = [Buffer.from(`${JSON.stringify(field)}:`), text, Buffer.from(comma)]
    return Buffer.concat([raw.subarray(0, open + 1), ...added, raw.subarray(open + 1)])
  }
  const parts: Buffer[] = []
  let kept = 0
  for (const { start, end } of values) {
    parts.push(raw.subarray(kept, start), text)
    kept = end
  }
  return Buffer.concat([...parts, raw.subarray(kept)])
}

interface Span {
  readonly start: number
  readonly end: number
}

const quote = 0x22
const comma = 0x2c
const backslash = 0x5c
const brace = 0x7b
const bracket = 0x5b
const closingBrace = 0x7d
const closingBracket = 0x5d

/** Where the values of a field stand in the object that opens at `open`. All that structures JSON is ASCII, so bytes can be read as they are. */
function valuesOf(raw: Buffer, open: number, field: string): readonly Span[] {
  const found: Span[] = []
  let at = skipSpaces(raw, open + 1)
  while (raw[at] === quote) {
    const name = at
    const colon = skipSpaces(raw, endOfText(raw, at))
    const start = skipSpaces(raw, colon + 1)
    const end = endOfValue(raw, start)
    // Read as JSON reads it: a name may be written with escapes.
    if (JSON.parse(raw.toString('utf8', name, endOfText(raw, name))) === field) found.push({ start, end })
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

function skipSpaces(raw: Buffer, from: number): number {
  let at = from
  while (isSpace(raw[at])) at++
  return at
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
