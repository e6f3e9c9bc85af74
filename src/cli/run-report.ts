import type { SpendingLimit } from '../jobs/spending-limit.ts'
import type { AtomSettled, PlanOutcome } from '../plans/plan-event.ts'
import { endReason } from './end-reason.ts'
import { dollars, plural } from './figures.ts'
import { duration } from './progress-bar.ts'
import { oneLine } from './table.ts'

/** What a run has come to, and what it was called with. */
export interface Ran {
  readonly plan: string
  readonly outcome: PlanOutcome
  /** Of what was asked: who answered how often. */
  readonly layers: ReadonlyMap<string, number>
  readonly failures: readonly AtomSettled[]
  /** What the providers' interfaces for batches have answered; undefined: they were not asked. */
  readonly batches: Batches | undefined
  readonly budget: SpendingLimit | undefined
  readonly seconds: number
  readonly waves: number
  readonly resultsFile: string
}

export interface Batches {
  readonly stored: number
  readonly costUsd: number
  readonly unpriced: number
}

/** Whether every atom has an answer. */
export function isWhole({ done, atoms }: PlanOutcome): boolean {
  return done === atoms
}

const mostNamed = 10

/** The summary for people. */
export function runReport(ran: Ran): string[] {
  const { plan, outcome, layers, failures, batches, budget, seconds, resultsFile } = ran
  const { atoms, done, failed, skipped, left, resumed, end } = outcome
  const { costUsd, savedUsd, unpriced } = moneyOf(ran)
  const asked = done - resumed
  const from = [...layers].map(([layer, times]) => `${times.toLocaleString('en')} ${words[layer] ?? layer}`).join(', ')
  const lines = [
    `${plan}: ${done.toLocaleString('en')} of ${plural(atoms, 'atom', 'atoms')} answered in ${duration(seconds)}`,
    ...(resumed === 0 ? [] : [`  by runs before this one  ${resumed.toLocaleString('en')}`]),
    ...(asked === 0 ? [] : [`  now                      ${asked.toLocaleString('en')} (${from})`]),
    ...(failed === 0 ? [] : [`  failed                   ${failed.toLocaleString('en')}`]),
    ...(skipped === 0
      ? []
      : [`  left out                 ${skipped.toLocaleString('en')}, for lack of what has failed`]),
    ...(left === 0 ? [] : [`  not reached              ${left.toLocaleString('en')}`]),
    ...(batches === undefined
      ? []
      : [`  batches                  ${plural(batches.stored, 'answer', 'answers')} for ${dollars(batches.costUsd)}`]),
    `  cost                     ${dollars(costUsd)}, saved ${dollars(savedUsd)}`,
    `  results                  ${resultsFile}`
  ]
  if (unpriced > 0) {
    lines.push(
      `${plural(unpriced, 'answer has', 'answers have')} no known price, and ${unpriced === 1 ? 'is' : 'are'} not in the sum`
    )
  }
  for (const { atom, status, error } of failures.slice(0, mostNamed)) {
    lines.push(oneLine(`failed: ${atom}${status === undefined ? '' : ` (${status})`}: ${error ?? 'no answer'}`))
  }
  if (failures.length > mostNamed) lines.push(`and ${plural(failures.length - mostNamed, 'more', 'more')}`)
  const reason = endReason(end, budget)
  if (reason !== '') lines.push(reason)
  if (!isWhole(outcome)) lines.push('the same command asks for what is missing, and for nothing else')
  return lines
}

const words: Readonly<Record<string, string>> = {
  exact: 'the same was asked before',
  semantic: 'something alike was',
  provider: 'by a provider',
  shared: 'by a call that others shared'
}

/** What batches have been paid for is then found in the cache, which saves nothing. */
function moneyOf({
  outcome,
  batches
}: Pick<Ran, 'outcome' | 'batches'>): Pick<PlanOutcome, 'costUsd' | 'savedUsd' | 'unpriced'> {
  if (batches === undefined) return outcome
  return {
    costUsd: outcome.costUsd + batches.costUsd,
    savedUsd: Math.max(0, outcome.savedUsd - batches.costUsd),
    unpriced: outcome.unpriced + batches.unpriced
  }
}

/** The summary for programs: names and units do not change. */
export function runJson(ran: Ran): Readonly<Record<string, unknown>> {
  const { plan, outcome, layers, failures, batches, seconds, waves, resultsFile } = ran
  const { answers: _, ...counts } = outcome
  const { costUsd, savedUsd, unpriced } = moneyOf(ran)
  return {
    plan,
    ...counts,
    costUsd,
    savedUsd,
    unpriced,
    waves,
    layers: Object.fromEntries(layers),
    seconds: Math.round(seconds * 1000) / 1000,
    results: resultsFile,
    ...(batches === undefined
      ? {}
      : { batches: { stored: batches.stored, costUsd: batches.costUsd, unpriced: batches.unpriced } }),
    failures: failures.map(({ atom, status, error }) => ({
      atom,
      ...(status === undefined ? {} : { status }),
      message: error ?? 'no answer'
    }))
  }
}
