/** Hits among hits and misses, in [0, 1], to four places; 0 when there are none. */
export function rate(hits: number, misses: number): number {
  return hits === 0 ? 0 : rounded(hits / (hits + misses), 1e4)
}

/** To a billionth: an answer may cost a millionth. */
export function dollars(usd: number): number {
  return rounded(usd, 1e9)
}

/** To a thousandth. */
export function seconds(ms: number): number {
  return rounded(ms / 1000, 1e3)
}

/** To a thousandth. */
export function milliseconds(inSeconds: number): number {
  return rounded(inSeconds * 1000, 1e3)
}

/** To one of so many parts of 1. */
export function rounded(value: number, parts: number): number {
  return Math.round(value * parts) / parts
}

/** As text, of an instant in milliseconds since 1970. */
export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString()
}
