const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
const wide =
  /\ufe0f|[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18fff}\u{1b000}-\u{1b2ff}\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u
const nothing = /^[\p{M}\p{Cf}\p{Cc}]+$/u

/**
 * How many columns a text takes on a terminal: two where a character is wide (East Asian Width, UAX 11; emoji), none for
 * what only marks the one before it. What terminals disagree about counts as wide: a line that is too short does no harm.
 */
export function columnsOf(text: string): number {
  // Most of what is shown.
  if (/^[ -~]*$/.test(text)) return text.length
  let columns = 0
  for (const { segment } of graphemes.segment(text)) columns += widthOf(segment)
  return columns
}

/** As much of a text as fits into so many columns; what is cut ends with `…`. No character is cut in two. */
export function cutTo(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text
  if (columns < 1) return ''
  let cut = ''
  let used = 1
  for (const { segment } of graphemes.segment(text)) {
    used += widthOf(segment)
    if (used > columns) break
    cut += segment
  }
  return `${cut}…`
}

function widthOf(grapheme: string): number {
  if (nothing.test(grapheme)) return 0
  return wide.test(grapheme) ? 2 : 1
}
