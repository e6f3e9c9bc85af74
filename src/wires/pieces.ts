const size = 32

/**
 * Cuts a text into pieces of about 32 characters, so that a replayed answer arrives bit by bit as a live one does.
 * Cuts stand before white space where there is some, and never within a surrogate pair; an empty text has no pieces.
 */
export function* pieces(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const end = nextCut(text, start)
    yield text.slice(start, end)
    start = end
  }
}

function nextCut(text: string, start: number): number {
  const limit = start + size
  if (limit >= text.length) return text.length
  for (let at = limit; at > start; at--) if (isSpace(text.charCodeAt(at))) return at
  return isHigh(text.charCodeAt(limit - 1)) && isLow(text.charCodeAt(limit)) ? limit + 1 : limit
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d)
}

function isHigh(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff
}

function isLow(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff
}
