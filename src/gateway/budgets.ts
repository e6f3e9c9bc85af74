import type { BudgetStatus, Budgets } from '../router/budget.ts'
import type { AdminRoute } from './administration.ts'
import { writeJson } from './write-json.ts'

/**
 * `GET /budgets` says where the budgets stand: money in US dollars, times as ISO 8601, and null for what does not apply
 * or is not known.
 */
export function budgeting(budgets: Pick<Budgets, 'status'>): AdminRoute {
  return {
    method: 'GET',
    path: /^\/budgets$/,
    usage: 'GET /budgets',
    async answer({ response }) {
      const statuses = await budgets.status()
      writeJson(response, 200, { budgets: statuses.map(shown) })
    }
  }
}

function shown(status: BudgetStatus): object {
  const { name, of, period, limitUsd, spentUsd, reservedUsd, remainingUsd, resetsAtMs, unpriced } = status
  return {
    name,
    of: of ?? null,
    period,
    limitUsd: money(limitUsd),
    spentUsd: money(spentUsd),
    reservedUsd: money(reservedUsd),
    remainingUsd: money(remainingUsd),
    resetsAt: resetsAtMs === undefined ? null : new Date(resetsAtMs).toISOString(),
    unpriced
  }
}

/** Rounded to a billionth, below which sums of binary fractions only show what they are made of. */
function money(usd: number): number | null {
  if (!Number.isFinite(usd)) return null
  const rounded = Number(usd.toFixed(9))
  return rounded === 0 ? 0 : rounded
}
