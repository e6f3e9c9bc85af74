/** So many of so many, and between which shares the true one lies with 95 % confidence. */
export interface Share {
  readonly count: number
  readonly of: number
  /** `count / of`. */
  readonly value: number
  readonly low: number
  readonly high: number
}

/** The quantile of the normal distribution that leaves 2.5 % on either side. */
const z = 1.959963984540054

/**
 * A share with its 95 % confidence interval by Wilson's score, which holds for few cases and for shares near 0 and 1
 * too, where the usual plus-minus does not. Of none at all everything is possible: 0, between 0 and 1.
 * Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
 * American Statistical Association 22 (1927), 209-212.
 */
export function shareOf(count: number, of: number): Share {
  if (of === 0) return { count, of, value: 0, low: 0, high: 1 }
  const value = count / of
  const scale = 1 + z ** 2 / of
  const centre = (value + z ** 2 / (2 * of)) / scale
  const half = (z / scale) * Math.sqrt((value * (1 - value)) / of + z ** 2 / (4 * of ** 2))
  return {
    count,
    of,
    value,
    // At the ends the formula gives exactly 0 and 1; floating point would miss them by a hair.
    low: count === 0 ? 0 : Math.max(0, centre - half),
    high: count === of ? 1 : Math.min(1, centre + half)
  }
}

/** How many cases without a single count it takes until the upper limit is at most `share`. */
export function casesToRuleOut(share: number): number {
  // The upper limit of 0 of n is z^2 / (n + z^2).
  return share <= 0 ? Number.POSITIVE_INFINITY : Math.ceil(z ** 2 / share - z ** 2 - 1e-9)
}
