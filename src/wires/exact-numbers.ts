/**
 * The numbers in a JSON text that a double cannot tell from their neighbours, as they are written.
 *
 * `{"seed": 9007199254740992}` and `{"seed": 9007199254740993}` are different requests, and equal ones once parsed.
 * Whoever makes a key of the parsed text adds these. A decimal of at most 15 significant digits with an exponent
 * of at most two digits survives the way into a double and back (IEEE 754), so it need not be listed.
 */
export function inexactNumbers(text: string): readonly string[] {
  if (!suspicious.test(text)) return none
  const found: string[] = []
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) {
      at = endOfText(text, at)
    } else if (code === minus || isDigit(code)) {
      const start = at
      while (at + 1 < text.length && partOfNumber.test(text.charAt(at + 1))) at++
      const number = text.slice(start, at + 1)
      if (!survives(number)) found.push(number)
    }
  }
  return found
}

const none: readonly string[] = Object.freeze([])
const quote = 0x22
const backslash = 0x5c
const minus = 0x2d
const partOfNumber = /[\d.eE+-]/

/** A run long enough, or an exponent large enough, to be one; strings may hold such runs too and cost a closer look. */
const suspicious = /[\d.]{16}|\d[eE][+-]?\d{3}/

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** The closing quote of the text that opens at `open`. */
function endOfText(text: string, open: number): number {
  let close = text.indexOf('"', open + 1)
  while (close !== -1) {
    let slashes = 0
    while (text.charCodeAt(close - 1 - slashes) === backslash) slashes++
    if (slashes % 2 === 0) return close
    close = text.indexOf('"', close + 1)
  }
  return text.length
}

function survives(number: string): boolean {
  const [mantissa = '', exponent = ''] = number.toLowerCase().split('e')
  const digits = mantissa.replace(/\D/g, '').replace(/^0+/, '')
  return digits.length <= 15 && exponent.replace(/\D/g, '').length <= 2
}
