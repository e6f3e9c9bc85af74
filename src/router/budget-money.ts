/** The most that is counted as one sum, in dollars: what keeps sums exact. */
export const maxUsd = 9_000_000

/** Dollars as whole billionths, which add up exactly; undefined for what is no number. Nothing is less than 0. */
export function nanoOf(usd: number | undefined): number | undefined {
  if (usd === undefined || Number.isNaN(usd)) return undefined
  return Math.round(Math.min(Math.max(usd, 0), maxUsd) * 1e9)
}

export function usdOf(nano: number): number {
  return nano / 1e9
}
