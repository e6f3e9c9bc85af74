/** What stands where there is nothing to say. */
export const none = '-'

/**
 * Rows in columns as wide as their widest cell, two spaces between them: figures to the right, words to the left. A
 * heading stands over its column as the column does.
 * @param width columns of the terminal; what is longer is cut, and says so. Default: nothing is cut
 */
export function table(rows: readonly (readonly string[])[], width = Number.POSITIVE_INFINITY): string[] {
  const [head = [], ...body] = rows.map((row) => row.map(oneLine))
  const widths = head.map((_, column) => Math.max(...[head, ...body].map((row) => (row[column] ?? '').length)))
  const isFigures = head.map((_, column) => {
    const said = body.map((row) => row[column] ?? '').filter((cell) => cell !== '' && cell !== none)
    return said.length > 0 && said.every((cell) => /^[-$]?\d/.test(cell))
  })
  return [head, ...body].map((row) => {
    const cells = widths.map((wide, column) => {
      const cell = row[column] ?? ''
      return isFigures[column] ? cell.padStart(wide) : cell.padEnd(wide)
    })
    return clipped(cells.join('  ').trimEnd(), width)
  })
}

/** As much of a line as a terminal has columns. */
export function clipped(line: string, width: number): string {
  if (line.length <= width) return line
  // Not in the middle of a character that takes two units.
  return `${line.slice(0, Math.max(0, width - 3)).replace(/[\uD800-\uDBFF]$/, '')}...`
}

/** Callers name models and tags and write texts: none of them begins a line or moves the cursor. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu, ' ')
}
