/**
 * The pattern language of selectors: `*` is any run of characters, also none; `?` is one character (a code point);
 * everything else is itself. Only ever compared in time proportional to pattern times text: patterns come from
 * outside, and a regular expression of many stars can take for ever.
 */
export function globMatcher(pattern: string): (text: string) => boolean {
  const expected = Array.from(pattern)
  const beginning = literalPrefix(pattern)
  // Most of many keys begin otherwise, and need not be taken apart.
  return (text) => text.startsWith(beginning) && matches(expected, Array.from(text))
}

function matches(pattern: readonly string[], text: readonly string[]): boolean {
  let at = 0
  let next = 0
  // Where the last star stands, and the first character that it has not swallowed yet.
  let star = -1
  let swallowed = 0
  while (next < text.length) {
    if (pattern[at] === '*') {
      star = at++
      swallowed = next
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[next])) {
      at++
      next++
    } else if (star >= 0) {
      at = star + 1
      next = ++swallowed
    } else {
      return false
    }
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}

/** What every text that matches `pattern` begins with. */
export function literalPrefix(pattern: string): string {
  return pattern.slice(0, pattern.search(/[*?]|$/))
}

/** A literal text, for Redis's MATCH. */
export function escapeForRedis(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&')
}

/**
 * A pattern for Redis's MATCH that matches all that `pattern` does, and perhaps more: Redis's `?` is one byte,
 * and a character may have four. What it finds must be looked at again with {@link globMatcher}.
 */
export function patternForRedis(pattern: string): string {
  const escaped = pattern.replace(/[\\[\]]/g, '\\$&')
  return escaped.replace(/[*?]+/g, (run) => `${'?'.repeat(run.replaceAll('*', '').length)}*`)
}
