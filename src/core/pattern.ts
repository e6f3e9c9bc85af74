/**
 * Whether a text fits a pattern: `*` stands for any run of characters, also none, and everything else for itself,
 * upper and lower case apart. Never takes longer than pattern times text, whatever the pattern.
 */
export function patternMatcher(pattern: string): (text: string) => boolean {
  const [prefix = '', ...rest] = pattern.split(/\*+/)
  const suffix = rest.pop()
  if (suffix === undefined) return (text) => text === pattern
  const least = prefix.length + suffix.length
  return function fits(text) {
    if (text.length < least || !text.startsWith(prefix) || !text.endsWith(suffix)) return false
    // The first place is always good enough: what fits behind a later one fits behind it too.
    let from = prefix.length
    for (const part of rest) {
      const found = text.indexOf(part, from)
      if (found === -1) return false
      from = found + part.length
    }
    return from <= text.length - suffix.length
  }
}

/** The same for patterns that fit the same texts for want of a difference: `a**` and `a*`. */
export function plainPattern(pattern: string): string {
  return pattern.replace(/\*+/g, '*')
}
