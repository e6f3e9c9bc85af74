import { type AskEnd, type Asked, askAll } from '../jobs/ask-all.ts'
import { SpendingLimit } from '../jobs/spending-limit.ts'
import { readWarmLine, type WarmRequest } from '../jobs/warm-lines.ts'
import type { WarmState } from '../jobs/warm-state.ts'
import { askGateway, type GatewayReply } from './ask-gateway.ts'
import { checkGateway } from './check-gateway.ts'
import { type DialectName, headersFor } from './dialect-headers.ts'
import { endReason } from './end-reason.ts'
import { dollars, plural } from './figures.ts'
import { gatewayConnection } from './gateway-connection.ts'
import { interruption } from './interruption.ts'
import { duration } from './progress-bar.ts'
import { warmByBatch } from './warm-batch.ts'
import { barOf, Failures, openState, pending, surveyFile, versionNotes, type WarmOptions } from './warm-job.ts'

/** Asks each request of a file through the gateway. Resolves with what the program is to end with. */
export async function warmRequests(file: string, options: WarmOptions): Promise<number> {
  const { output, keys, headers, concurrency, budgetUsd, allowUnknown, defaults } = options
  const dialects = new Set<DialectName>()
  const read = (line: Parameters<typeof readWarmLine>[0]): WarmRequest => readWarmLine(line, defaults)
  const survey = await surveyFile(
    file,
    (line) => {
      dialects.add(read(line).wire.dialect.name)
      return true
    },
    options
  )
  if (survey.invalid > 0) output.write(`${plural(survey.invalid, 'line', 'lines')} of ${file} left out: no requests\n`)
  if (survey.count === 0) {
    output.write(`${file} holds no requests: there is nothing to ask\n`)
    return 0
  }
  const stateFile = options.state ?? `${file}.progress`
  const state = openState(stateFile, survey, ['ask'], dialects, options)
  if (state.count >= survey.count) {
    state.close()
    output.write(
      `all ${plural(survey.count, 'request', 'requests')} of ${file} are answered, says ${stateFile}; --restart asks them again\n`
    )
    return 0
  }
  await checkGateway(options.url)
  if (options.batchApi) {
    const ended = await warmByBatch(file, pending(file, read, state, options.limit), options).catch(
      (error: unknown) => {
        state.close()
        throw error
      }
    )
    if (ended !== undefined) {
      state.close()
      return ended
    }
  }

  const startedMs = Date.now()
  const before = state.count
  const bar = barOf(Math.min(survey.count, before + options.limit), options)
  const failures = new Failures(`${file}.errors.jsonl`, bar, 'failed')
  const tally = new Tally()
  const user = interruption(() => bar.print('stopping: waiting for what is under way; ctrl-c once more gives it up'))
  const gateway = gatewayConnection(options.url, concurrency)
  const budget = budgetUsd === undefined ? undefined : new SpendingLimit(budgetUsd)
  const show = (): void => bar.update(before + tally.answered + failures.count, tally.parts(failures.count))
  let end: AskEnd
  try {
    show()
    end = await askAll<WarmRequest, GatewayReply>({
      items: pending(file, read, state, options.limit),
      ask: (request, signal) =>
        askGateway(
          gateway,
          (dialect) => headersFor(dialect, keys, headers),
          { ...request, dialect: request.wire.dialect.name },
          signal
        ),
      settled(request, asked) {
        if (asked.ok) state.note([request.line])
        else failures.add(request.line, asked.status, asked.message)
        tally.add(asked)
        show()
      },
      concurrency,
      ...(budget === undefined ? {} : { budget }),
      allowUnknown,
      stop: user.stop,
      abort: user.abort
    })
  } finally {
    user.release()
    bar.end()
    if (state.count >= survey.count) state.finish()
    state.close()
    await gateway.close()
  }
  const told = {
    file,
    count: survey.count,
    state,
    stateFile,
    tally,
    failures,
    budget,
    seconds: (Date.now() - startedMs) / 1000
  }
  for (const line of [...report(end, told), ...versionNotes(dialects, options)]) output.write(`${line}\n`)
  return user.exitCode() ?? (failures.count > 0 || end === 'failing' || end === 'price-unknown' ? 1 : 0)
}

/** What was answered, and how. */
class Tally {
  answered = 0
  hits = 0
  costUsd = 0
  unpriced = 0
  /** Answers that later callers will not find, by why. */
  readonly unstored = new Map<string, number>()

  get asked(): number {
    return this.answered - this.hits
  }

  add(outcome: Asked<GatewayReply>): void {
    if (!outcome.ok) return
    const { costUsd, answer } = outcome
    this.answered += 1
    if (answer.isHit) this.hits += 1
    if (costUsd === undefined) this.unpriced += 1
    this.costUsd += costUsd ?? 0
    if (answer.unstored !== undefined) this.unstored.set(answer.unstored, (this.unstored.get(answer.unstored) ?? 0) + 1)
  }

  parts(failed: number): string[] {
    return [
      `${this.hits} hits`,
      `${this.asked} asked`,
      ...(failed === 0 ? [] : [`${failed} failed`]),
      `${dollars(this.costUsd)}${this.unpriced === 0 ? '' : '+?'}`
    ]
  }
}

interface Told {
  readonly file: string
  readonly count: number
  readonly state: WarmState
  readonly stateFile: string
  readonly tally: Tally
  readonly failures: Failures
  readonly budget: SpendingLimit | undefined
  readonly seconds: number
}

function report(end: AskEnd, { file, count, state, stateFile, tally, failures, budget, seconds }: Told): string[] {
  const { hits, asked, costUsd, unpriced, unstored } = tally
  const lines = [
    `${file}: ${plural(hits, 'hit', 'hits')}, ${plural(asked, 'asked', 'asked')} for ${dollars(costUsd)}, ${plural(failures.count, 'failed', 'failed')}, in ${duration(seconds)}`
  ]
  if (unpriced > 0)
    lines.push(
      `${plural(unpriced, 'answer has', 'answers have')} no known price, and ${unpriced === 1 ? 'is' : 'are'} not in the sum`
    )
  for (const [why, times] of unstored) {
    lines.push(
      `${plural(times, 'answer is', 'answers are')} not in the cache (${why}): whoever asks so is asked for anew`
    )
  }
  if (failures.count > 0) lines.push(`what failed is in ${failures.file}`)
  const reason = endReason(end, budget)
  if (reason !== '') lines.push(reason)
  const done = `${state.count.toLocaleString('en')} of ${plural(count, 'request', 'requests')} done`
  lines.push(
    state.count >= count ? `${done}: all` : `${done}, says ${stateFile}; the same command goes on with the rest`
  )
  return lines
}
