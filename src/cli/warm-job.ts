import { createHash } from 'node:crypto'
import { appendFileSync, rmSync, statSync } from 'node:fs'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { BatchPatience } from '../jobs/batch-report.ts'
import { type Line, readLines } from '../jobs/lines.ts'
import type { WarmDefaults } from '../jobs/warm-lines.ts'
import { WarmState } from '../jobs/warm-state.ts'
import { type DialectName, headersFor, type Keys, usualAnthropicVersion } from './dialect-headers.ts'
import { plural } from './figures.ts'
import { type ProgressBar, type ProgressStream, progressBar } from './progress-bar.ts'
import { UsageError } from './usage-error.ts'

export type Sink = ProgressStream

/** What the command was called with. */
export interface WarmOptions {
  /** Of the gateway, without /v1. */
  readonly url: string
  readonly concurrency: number
  readonly budgetUsd: number | undefined
  readonly allowUnknown: boolean
  /** What holds for every line. */
  readonly defaults: WarmDefaults
  /** How many lines this time. */
  readonly limit: number
  readonly skipInvalid: boolean
  readonly state: string | undefined
  readonly restart: boolean
  /** Through the providers' interfaces for batches first. */
  readonly batchApi: boolean
  /** How long those are waited for. */
  readonly patience: Partial<BatchPatience>
  readonly isQuiet: boolean
  readonly keys: Keys
  /** Sent with each request, the credential apart. */
  readonly headers: Readonly<Record<string, string>>
  readonly environment: NodeJS.ProcessEnv
  readonly output: Sink
  readonly progress: Sink
}

/** A file that has been looked through before anything is done with it. */
export interface Survey {
  /** SHA-256 of its content. */
  readonly digest: string
  readonly lastLine: number
  /** How many of its lines are to be done. */
  readonly count: number
  /** How many lines were left out because they are wrong. */
  readonly invalid: number
}

/**
 * Reads a whole file to see whether each line is as it must be. `read` says of a line whether it is to be done, and
 * throws when it is wrong.
 * @throws UsageError naming the first line that is wrong, unless those are to be skipped
 */
export async function surveyFile(file: string, read: (line: Line) => boolean, options: WarmOptions): Promise<Survey> {
  const hash = createHash('sha256')
  const megabytes = Math.ceil((statSync(file, { throwIfNoEntry: false })?.size ?? 0) / 1e6)
  // A small file is read before anybody looks.
  const bar = barOf(megabytes, { ...options, isQuiet: options.isQuiet || megabytes < 20 })
  let bytes = 0
  function hear(chunk: Buffer): void {
    hash.update(chunk)
    bytes += chunk.length
    bar.update(Math.floor(bytes / 1e6), ['MB looked through'])
  }
  let lastLine = 0
  let count = 0
  let invalid = 0
  let first: unknown
  try {
    for await (const line of asUsage(readLines(file, hear))) {
      lastLine = line.number
      try {
        if (read(line)) count += 1
      } catch (error) {
        if (!(error instanceof RepriseError)) throw error
        invalid += 1
        first ??= error
      }
    }
  } finally {
    bar.end()
  }
  if (invalid > 0 && !options.skipInvalid) {
    const others = invalid === 1 ? '' : `, and ${plural(invalid - 1, 'more line is', 'more lines are')} wrong too`
    throw new UsageError(
      'warm',
      `${file}, ${messageOf(first)}${others}; nothing was sent; --skip-invalid leaves such lines out`
    )
  }
  return { digest: hash.digest('hex'), lastLine, count, invalid }
}

/** A file that cannot be read is the mistake of who has named it. */
async function* asUsage<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item, void, undefined> {
  try {
    yield* items
  } catch (error) {
    throw usageOf(error)
  }
}

/** What is wrong with what was given, as a mistake of who has given it; anything else as it is. */
export function usageOf(error: unknown): unknown {
  return error instanceof RepriseError && !(error instanceof UsageError)
    ? new UsageError('warm', error.message, error)
    : error
}

/** The lines that are still to be done, read. Those that are wrong were counted by the survey. */
export async function* pending<Item>(
  file: string,
  read: (line: Line) => Item | undefined,
  state: WarmState,
  limit: number
): AsyncGenerator<Item, void, undefined> {
  let taken = 0
  for await (const line of readLines(file)) {
    if (taken >= limit) return
    if (state.isDone(line.number)) continue
    const item = readOrSkip(line, read)
    if (item === undefined) continue
    taken += 1
    yield item
  }
}

function readOrSkip<Item>(line: Line, read: (line: Line) => Item | undefined): Item | undefined {
  try {
    return read(line)
  } catch (error) {
    if (error instanceof RepriseError) return undefined
    throw error
  }
}

/**
 * Opens the record of what is done. `how` is what makes another job of the same file, beside where and with what its
 * requests are sent. @throws UsageError when it tells of something else
 */
export function openState(
  file: string,
  survey: Survey,
  how: readonly unknown[],
  dialects: ReadonlySet<DialectName>,
  options: WarmOptions
): WarmState {
  const { url, defaults, restart, keys, headers } = options
  // What none of the requests is sent with does not matter.
  const sent = [...dialects].sort().map((dialect) => headersFor(dialect, keys, headers))
  const text = JSON.stringify([url, defaults.tags, defaults.ttl, sent, ...how])
  const purpose = createHash('sha256').update(survey.digest).update(text).digest('hex').slice(0, 16)
  try {
    return WarmState.open(file, { digest: survey.digest, purpose, lastLine: survey.lastLine, restart })
  } catch (error) {
    throw usageOf(error)
  }
}

/** What an operator has to know of the version of Anthropic's API; nothing where it was named or does not matter. */
export function versionNotes(dialects: ReadonlySet<DialectName>, { headers }: WarmOptions): readonly string[] {
  if (!dialects.has('anthropic') || headers['anthropic-version'] !== undefined) return []
  return [
    `for callers that send anthropic-version: ${usualAnthropicVersion}; for others, say --header 'anthropic-version: VERSION'`
  ]
}

/** A bar, or nobody. */
export function barOf(total: number, { progress, isQuiet, environment }: WarmOptions): ProgressBar {
  return isQuiet ? { update() {}, print() {}, end() {} } : progressBar({ total, stream: progress, environment })
}

const shownFailures = 5

/** The lines that failed: the first few are shown, all go into a file. */
export class Failures {
  readonly file: string
  readonly #bar: ProgressBar
  readonly #noun: string
  #count = 0

  constructor(file: string, bar: ProgressBar, noun: string) {
    this.file = file
    this.#bar = bar
    this.#noun = noun
    // What a run before this one has met is asked again now.
    rmSync(file, { force: true })
  }

  get count(): number {
    return this.#count
  }

  add(line: number, status: number | undefined, message: string): void {
    this.#count += 1
    const entry = { line, ...(status === undefined ? {} : { status }), message }
    // What a provider says may repeat what it was asked.
    appendFileSync(this.file, `${JSON.stringify(entry)}\n`, { mode: 0o600 })
    if (this.#count > shownFailures) return
    const said = message.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    this.#bar.print(`line ${line} ${this.#noun}${status === undefined ? '' : ` (${status})`}: ${said}`)
    if (this.#count === shownFailures) this.#bar.print(`more of them go into ${this.file} only`)
  }
}
