/** A table as the documentation quotes it: what is text to the left, what is a number to the right. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = head.map((_, column) =>
    rows.length > 0 && rows.every((row) => /^[\d.,]+$|^-$/.test(row[column] ?? '')) ? '---:' : '---'
  )
  return `${[head, rule, ...rows].map(line).join('\n')}\n`
}

export function count(value: number): string {
  return value.toLocaleString('en')
}

/** A dash when there is nothing to compare with. */
export function ratio(value: number, to: number): string {
  return to === 0 ? '-' : (value / to).toFixed(2)
}
