import type { AskEnd } from '../jobs/ask-all.ts'
import type { SpendingLimit } from '../jobs/spending-limit.ts'
import { dollars } from './figures.ts'

/** Why a run has ended before everything was asked, and what can be done; an empty text when it has not. */
export function endReason(end: AskEnd, budget: SpendingLimit | undefined): string {
  return reasons[end](budget)
}

const reasons: Readonly<Record<AskEnd, (budget: SpendingLimit | undefined) => string>> = {
  finished: () => '',
  stopped: () => 'interrupted',
  failing: () => 'stopped: too many failed in a row for a reason that concerns all of them',
  'over-budget': (budget) =>
    `stopped: one more may cost ${dollars(budget?.dearestUsd ?? 0)}, as the dearest so far has, and --budget ${budget?.limitUsd} leaves ${dollars(Math.max(0, (budget?.limitUsd ?? 0) - (budget?.spentUsd ?? 0)))}; each run has the whole budget again`,
  'price-unknown': () =>
    'stopped: an answer has a price that nobody knows, and there is a budget; give the gateway its price, or go on with --allow-unknown'
}
