import { RepriseError } from './errors.ts'

/** What a budget allows, and where it stands. Money in US dollars. */
export interface OverBudget {
  /** The budget's name, with whom it is counted for where it is one of several: `each-tenant (3f2a...)`. */
  readonly budget: string
  readonly limitUsd: number
  /** What has been spent, and what is set aside for calls that are under way. */
  readonly spentUsd: number
  /** What the call would have cost, as far as that can be told before it. */
  readonly estimateUsd: number
  /** When the budget begins anew, in milliseconds since 1970; undefined: never. */
  readonly resetsAtMs: number | undefined
}

/** A call was not made because a budget does not allow it. */
export class OverBudgetError extends RepriseError {
  readonly details: OverBudget

  constructor(details: OverBudget, nowMs: number = Date.now()) {
    const { budget, limitUsd, spentUsd, estimateUsd, resetsAtMs } = details
    const reset = resetsAtMs === undefined ? 'it does not reset' : `it resets at ${new Date(resetsAtMs).toISOString()}`
    super(
      'over-budget',
      `over budget: ${budget} allows $${money(limitUsd)}, $${money(spentUsd)} of it are spent or set aside, and this ` +
        `call is expected to cost $${money(estimateUsd)}; ${reset}`,
      resetsAtMs === undefined ? {} : { retryAfterMs: Math.max(0, resetsAtMs - nowMs) }
    )
    this.name = 'OverBudgetError'
    this.details = details
  }
}

/** With as many digits as it takes to see anything of it. */
function money(usd: number): string {
  return usd.toFixed(usd !== 0 && Math.abs(usd) < 0.01 ? 6 : 2)
}
