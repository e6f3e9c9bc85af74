import { RepriseError } from '../core/errors.ts'
import { SpendingLimit } from '../jobs/spending-limit.ts'
import type { Plan } from '../plans/plan.ts'
import type { AtomSettled, PlanEvent, PlanOutcome } from '../plans/plan-event.ts'
import { PlanResults } from '../plans/plan-results.ts'
import { WaveExecutor } from '../plans/wave-executor.ts'
import { wavesOf } from '../plans/waves.ts'
import type { Keys } from './dialect-headers.ts'
import { plural } from './figures.ts'
import { interruption } from './interruption.ts'
import { type PlanDisplay, planDisplay } from './plan-display.ts'
import { askAtom } from './run-ask.ts'
import { RunBatches } from './run-batches.ts'
import { ownGateway, type RunGateway, throughGateway } from './run-gateway.ts'
import { isWhole, runJson, runReport } from './run-report.ts'
import type { ScreenStream } from './run-screen.ts'
import { RunTally } from './run-tally.ts'
import { oneLine } from './table.ts'
import { UsageError } from './usage-error.ts'

/** What the command was called with. */
export interface RunOptions {
  /** The gateway that is asked, without /v1; undefined: one of this process's own. */
  readonly through: string | undefined
  /** Of `reprise serve`, for the one of this process's own. */
  readonly settingFlags: readonly string[]
  readonly concurrency: number
  readonly batch: boolean
  /** The providers' interfaces for batches first. */
  readonly batchApi: boolean
  readonly budgetUsd: number | undefined
  readonly allowUnknown: boolean
  readonly resultsFile: string
  readonly restart: boolean
  readonly isQuiet: boolean
  readonly isJson: boolean
  readonly environment: NodeJS.ProcessEnv
  readonly output: ScreenStream
  readonly progress: ScreenStream
}

/** Runs a plan, and shows it. Resolves with what the program is to end with. */
export async function runPlan(plan: Plan, options: RunOptions & { readonly keys: Keys }): Promise<number> {
  const { concurrency, batch, budgetUsd, allowUnknown, resultsFile, restart, keys, output, batchApi } = options
  const stateFile = `${resultsFile}.batches`
  const waves = wavesOf(plan)
  const results = openResults(resultsFile, plan, restart)
  const tally = new RunTally(
    waves.map(({ length }) => length),
    concurrency
  )
  const display = displayOf(tally, options)
  const failures: AtomSettled[] = []
  const startedMs = Date.now()
  const budget = budgetUsd === undefined ? undefined : new SpendingLimit(budgetUsd)

  function observe(event: PlanEvent): void {
    tally.note(event)
    if (event.type === 'plan-begun' && event.alreadyDone > 0) {
      display.print(
        `${plural(event.alreadyDone, 'atom is', 'atoms are')} answered already, says ${resultsFile}; --restart asks anew`
      )
    }
    if (event.type === 'atom-settled' && event.outcome === 'failed') {
      failures.push(event)
      display.print(failureLine(event))
    }
    if (event.type === 'wave-ended') display.waveEnded(event.wave)
    display.changed()
  }

  const user = interruption(() =>
    display.print(
      batchApi
        ? 'stopping: batches go on at the provider, and the same command picks them up; waiting for what else is under way'
        : 'stopping: waiting for what is under way; ctrl-c once more gives it up'
    )
  )
  let gateway: RunGateway | undefined
  let batches: RunBatches | undefined
  let outcome: PlanOutcome
  try {
    gateway = await openGateway(options, display)
    display.print(
      `${plan.id}: ${plural(plan.atoms.length, 'atom', 'atoms')} in ${plural(waves.length, 'wave', 'waves')}, ${gateway.described}`
    )
    if (batchApi) batches = new RunBatches({ gateway, keys, stateFile, concurrency, display })
    const executor = new WaveExecutor({
      ask: askAtom(gateway.connection, keys),
      concurrency,
      batch,
      allowUnknown,
      observe,
      ...(batches === undefined ? {} : { beforeWave: batches.beforeWave }),
      ...(budget === undefined ? {} : { spendingLimit: budget })
    })
    outcome = await executor.run(plan, { results, stop: user.stop, abort: user.abort })
  } finally {
    display.end()
    await gateway?.close()
    results.close()
    user.release()
  }
  const ran = {
    plan: plan.id,
    outcome,
    layers: tally.layers,
    batches,
    failures,
    budget,
    seconds: (Date.now() - startedMs) / 1000,
    waves: waves.length,
    resultsFile
  }
  if (options.isJson) output.write(`${JSON.stringify(runJson(ran), undefined, 2)}\n`)
  else for (const line of runReport(ran)) output.write(`${oneLine(line)}\n`)
  return user.exitCode() ?? (isWhole(outcome) ? 0 : 1)
}

/** A file that cannot be used is the mistake of who has named it. */
function openResults(file: string, plan: Plan, restart: boolean): PlanResults {
  try {
    return PlanResults.open(file, plan, { restart })
  } catch (error) {
    if (error instanceof RepriseError && error.code === 'invalid-option') {
      throw new UsageError('run', `--results: ${error.message}`, error)
    }
    throw error
  }
}

function openGateway(
  { through, settingFlags, concurrency, environment, batchApi }: RunOptions,
  display: PlanDisplay
): Promise<RunGateway> {
  return through === undefined
    ? ownGateway(settingFlags, concurrency, { environment, mustLast: batchApi, print: (line) => display.print(line) })
    : throughGateway(through, concurrency, environment)
}

/** A display, or nobody. */
function displayOf(tally: RunTally, { isQuiet, progress, environment }: RunOptions): PlanDisplay {
  if (isQuiet) return { changed() {}, waiting() {}, waveEnded() {}, print() {}, end() {} }
  return planDisplay({ tally, stream: progress, environment })
}

function failureLine({ atom, status, error }: AtomSettled): string {
  return `${atom} failed${status === undefined ? '' : ` (${status})`}: ${error ?? 'no answer'}`
}
