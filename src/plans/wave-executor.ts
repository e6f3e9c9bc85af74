import { RepriseError } from '../core/errors.ts'
import { SpendingLimit } from '../jobs/spending-limit.ts'
import type { AskAtom, BeforeWave } from './ask-atom.ts'
import type { Plan } from './plan.ts'
import type { PlanEvent, PlanOutcome } from './plan-event.ts'
import { PlanResults } from './plan-results.ts'
import { PlanRun } from './plan-run.ts'

export type { BeforeWave } from './ask-atom.ts'

export interface WaveExecutorOptions {
  /** Asks one atom: `cachedAsk(completions)`, or a function of one's own. */
  readonly ask: AskAtom
  /** How many are under way at a time. Default: 8; with `batch` 32, so that a batch can fill. */
  readonly concurrency?: number
  /** Lets atoms be asked together with others, where the cache does that. Default: false. */
  readonly batch?: boolean
  /** What all its runs together may spend; a number is US dollars for each run. Default: no limit. */
  readonly spendingLimit?: SpendingLimit | number
  /** With a limit: what has an unknown price counts as nothing. Default: false, it ends the run. */
  readonly allowUnknown?: boolean
  /** Called before a wave is asked, with all of it that has no answer yet; for providers' interfaces for batches. */
  readonly beforeWave?: BeforeWave
  readonly observe?: (event: PlanEvent) => void
}

export interface RunPlanOptions {
  /** Where results go, and what was answered before. They stay open. Default: in memory, for this run. */
  readonly results?: PlanResults
  /** Begins nothing more, and waits for what is under way. */
  readonly stop?: AbortSignal
  /** Gives up what is under way, too. */
  readonly abort?: AbortSignal
}

/**
 * Runs plans wave by wave: an atom is asked when all that it needs is answered, and no atom before all of the wave before
 * are settled. An atom that needs one without an answer is skipped, and the run goes on with the others.
 */
export class WaveExecutor {
  readonly #options: WaveExecutorOptions

  /** @throws RepriseError `invalid-option` */
  constructor(options: WaveExecutorOptions) {
    const { concurrency, spendingLimit, ask } = options
    if (typeof ask !== 'function') throw invalid('ask', 'a function that asks an atom', ask)
    if (concurrency !== undefined && !(Number.isSafeInteger(concurrency) && concurrency >= 1))
      throw invalid('concurrency', 'a whole number of at least 1', concurrency)
    if (spendingLimit !== undefined && !(spendingLimit instanceof SpendingLimit) && !(spendingLimit > 0))
      throw invalid('spendingLimit', 'US dollars above 0', spendingLimit)
    this.#options = options
  }

  /**
   * Runs a plan. What fails is counted, and throws nothing.
   * @throws RepriseError `invalid-plan` for a plan that cannot be ordered; whatever `ask`, `beforeWave` or `results` throw
   */
  run(plan: Plan, options: RunPlanOptions = {}): Promise<PlanOutcome> {
    const { ask, batch = false, allowUnknown = false, beforeWave, observe = () => {} } = this.#options
    const { concurrency = batch ? 32 : 8, spendingLimit } = this.#options
    const { results = PlanResults.inMemory(), stop = never(), abort = never() } = options
    const budget = typeof spendingLimit === 'number' ? new SpendingLimit(spendingLimit) : spendingLimit
    const how = { ask, batch, concurrency, allowUnknown, observe, results, stop, abort }
    const more = { ...(budget === undefined ? {} : { budget }), ...(beforeWave === undefined ? {} : { beforeWave }) }
    return new PlanRun(plan, { ...how, ...more }).run()
  }
}

function never(): AbortSignal {
  return new AbortController().signal
}

function invalid(name: string, expected: string, got: unknown): RepriseError {
  return new RepriseError('invalid-option', `${name}: expected ${expected}, got ${String(got)}`)
}
