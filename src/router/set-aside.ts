import { RepriseError } from '../core/errors.ts'
import type { Context } from '../core/handler.ts'
import type { Usage } from '../core/kind.ts'
import { OverBudgetError } from '../core/over-budget-error.ts'
import type { Budgets, Charged, Reservation } from './budget.ts'
import type { Estimator } from './estimate.ts'
import { Skip } from './failure.ts'
import type { PlannedTarget } from './plan.ts'
import type { Spoken } from './spoken.ts'

/** A call before it is made, as far as budgets are concerned. */
export interface ExpectedCall {
  readonly planned: Pick<PlannedTarget, 'model'>
  readonly routed: { readonly priceOf: (said: string | undefined, asked: string, usage: Usage) => number | undefined }
  readonly target: { readonly name: string }
  readonly spoken: Pick<Spoken, 'request'>
  readonly context: Pick<Context, 'tenant' | 'tags'>
  readonly budgets: Budgets
  readonly estimator: Estimator
  /** How many answers are written in one. Default: 1. */
  readonly answers?: number
}

/** Sets aside what a call is expected to cost; a skip where a budget does not allow it. */
export async function setAside(one: ExpectedCall): Promise<Reservation | Skip> {
  const { planned, routed, target, spoken, context, budgets, estimator, answers } = one
  const { json } = spoken.request.content
  const estimateUsd = routed.priceOf(undefined, planned.model, estimator.expect(target.name, json, answers))
  const call: Charged = { tenant: context.tenant, tags: context.tags, model: planned.model }
  const modest = estimator.modestly(target.name, json, answers)
  try {
    return await budgets.reserve(call, estimateUsd).catch((error: unknown) => {
      const leftUsd = leftForOne(error)
      const leastUsd = modest && routed.priceOf(undefined, planned.model, modest)
      // Nobody knows what such a call costs, and no other is under way: it has all that is left, and teaches us.
      if (leastUsd !== undefined && leftUsd > 0 && leastUsd <= leftUsd) return budgets.reserve(call, leftUsd)
      throw error
    })
  } catch (error) {
    if (error instanceof RepriseError && (error.code === 'over-budget' || error.code === 'price-unknown'))
      return new Skip('over-budget', error.message, { error, comesFree: comesFree(error, modest === undefined) })
    throw error
  }
}

/** What of a budget is left where nothing is set aside, in US dollars. */
function leftForOne(error: unknown): number {
  if (!(error instanceof OverBudgetError)) return 0
  const { limitUsd, spentUsd, reservedUsd } = error.details
  return reservedUsd > 0 ? 0 : limitUsd - spentUsd
}

/** Whether the call would fit if all that is set aside were given back; one that is only guessed at, if anything is left. */
function comesFree(error: RepriseError, isKnown: boolean): boolean {
  if (!(error instanceof OverBudgetError)) return false
  const { limitUsd, spentUsd, reservedUsd, estimateUsd = 0 } = error.details
  const paidUsd = spentUsd - reservedUsd
  return reservedUsd > 0 && (isKnown ? paidUsd + estimateUsd <= limitUsd : paidUsd < limitUsd)
}
