import { RepriseError } from './errors.ts'

/** What a budget allows, and where it stands. Money in US dollars. */
export interface OverBudget {
  /** The budget's name, with whom it is counted for where it is one of several: `each-tenant (3f2a...)`. */
  readonly budget: string
  readonly limitUsd: number
  /** What has been spent, and what is set aside for calls that are under way. */
  readonly spentUsd: number
  /** The part of that which is set aside for calls under way, and may yet be given back. */
  readonly reservedUsd: number
  /** What the call would have cost, as far as that can be told before it; undefined: nobody knows. */
  readonly estimateUsd: number | undefined
  /** When the budget begins anew, in milliseconds since 1970; undefined: never. */
  readonly resetsAtMs: number | undefined
}

/** A call was not made because a budget does not allow it. `retryAfterMs` is there when waiting may help. */
export class OverBudgetError extends RepriseError {
  readonly details: OverBudget

  constructor(details: OverBudget, nowMs: number = Date.now()) {
    const { limitUsd, estimateUsd = 0, resetsAtMs } = details
    // What is more than the whole budget will be so in the next period too.
    const helps = resetsAtMs !== undefined && estimateUsd <= limitUsd
    super(
      'over-budget',
      `over budget: ${reasonOf(details)}`,
      helps ? { retryAfterMs: Math.max(0, resetsAtMs - nowMs) } : {}
    )
    this.name = 'OverBudgetError'
    this.details = details
  }
}

function reasonOf({ budget, limitUsd, spentUsd, estimateUsd, resetsAtMs }: OverBudget): string {
  const estimate = estimateUsd === undefined ? 'at a price that is not known' : `$${money(estimateUsd)}`
  if (estimateUsd !== undefined && estimateUsd > limitUsd)
    return (
      `this call alone is expected to cost ${estimate}, and ${budget} allows $${money(limitUsd)} in all; ` +
      'ask for less output, or raise the limit'
    )
  const reset = resetsAtMs === undefined ? 'it does not reset' : `it resets at ${new Date(resetsAtMs).toISOString()}`
  if (spentUsd >= limitUsd)
    return `all of the $${money(limitUsd)} that ${budget} allows is spent or set aside (this call: ${estimate}); ${reset}`
  return (
    `of the $${money(limitUsd)} that ${budget} allows, $${money(spentUsd)} is spent or set aside, and this call is ` +
    `expected to cost ${estimate}, more than the $${money(limitUsd - spentUsd)} that is left; ${reset}`
  )
}

/** To the cent, or with as many digits more as there are, down to a billionth. */
function money(usd: number): string {
  return usd.toFixed(9).replace(/0{1,7}$/, '')
}
