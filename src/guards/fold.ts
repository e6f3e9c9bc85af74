/**
 * A text in the one form in which texts are compared: compatibility forms (full-width, superscript, ligatures) as
 * plain ones, accents off, typographic quotes and dashes straight, digits of all scripts as ASCII. Letter case stays,
 * for it tells names; {@link foldCase} takes it off.
 */
export function fold(text: string): string {
  if (isAscii(text)) return text
  return text
    .replace(/[\u2018\u2019\u201a\u201b\u02bc\u2032\u00b4\u0060]/g, "'")
    .replace(/[\u201c-\u201f\u00ab\u00bb\u2033]/g, '"')
    .normalize('NFKD')
    .replace(/\p{Cf}|[\u0300-\u0344]|[\u0346-\u036f]|[\ufe00-\ufe0f]/gu, '')
    .normalize('NFC')
    .replace(/[\u2010-\u2015\u2212]/g, '-')
    .replace(/\u2044/g, '/')
    .replace(/\p{Nd}/gu, asciiDigit)
}

/** Upper case first: that makes one of the letters whose lower case depends on where they stand (`ß`, `ς`, `ı`). */
export function foldCase(word: string): string {
  return isAscii(word) ? word.toLowerCase() : word.toUpperCase().toLowerCase().replaceAll('ς', 'σ')
}

export function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false
  return true
}

/** Unicode lays out the digits of a script in a row, from a zero whose code point is not preceded by a digit. */
function asciiDigit(digit: string): string {
  const code = digit.codePointAt(0) ?? 48
  if (code < 128) return digit
  let zero = code
  while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--
  return String(code - zero)
}
