import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type SettingName, settings } from '../config/settings.ts'
import { messageOf } from '../core/errors.ts'
import { readPlan } from '../plans/read-plan.ts'
import { wavesOf } from '../plans/waves.ts'
import { keysOf } from './dialect-headers.ts'
import { flagValues } from './flag-values.ts'
import { planPicture } from './run-picture.ts'
import { type RunOptions, runPlan } from './run-plan.ts'
import type { ScreenStream } from './run-screen.ts'
import { UsageError } from './usage-error.ts'

const help = `reprise run PLAN.yaml [flags]: asks all that a plan asks, in the order of what needs what, through the cache

  --through URL         ask a running gateway (default: in this process, with the settings of reprise serve)
  --concurrency N       how many are under way at a time (8; with --batch 32, so that a batch can fill)
  --batch               let the gateway ask several in one call
  --batch-api           have each wave answered by the providers' own interfaces for batches first: half the price, in up to
                        24 hours; with --through it needs the gateway's admin token (REPRISE_ADMIN_TOKEN)
  --budget USD          begin nothing that may cost more than this in all
  --allow-unknown       with --budget: go on when an answer has no known price
  --var NAME=VALUE      a variable of the plan; may be given several times
  --results FILE        where the answers are written (PLAN.results.jsonl); what is in it is not asked again
  --restart             begin anew, whatever is in it
  --dry-run             show waves and atoms, and ask nobody
  --quiet               show no progress
  --json                the summary as JSON
  --help                this text

In this process: the flags, the environment and the file of reprise serve hold, --store, --embedder, --config, ... (reprise
serve --help); only where it listens is its own. Its store may be in use by a gateway at the same time.

The keys are taken from OPENAI_API_KEY and ANTHROPIC_API_KEY. An answer is tagged masterplan:ID and wave:N, and with its
atom's own tags. Ends with 0 when every atom is answered, 1 when one is not, 2 when it was called wrongly or the plan is
no plan, 130 when it was interrupted; the same command goes on where it was.`

/** What the command works with; a test brings its own. */
export interface RunSurroundings {
  readonly environment?: NodeJS.ProcessEnv
  /** Where the result goes, and where what is going on. */
  readonly output?: ScreenStream
  readonly progress?: ScreenStream
  /** Hears what the program is to end with. Default: sets it. */
  readonly end?: (exitCode: number) => void
}

/**
 * Runs a plan. The program is to end with 0 when all is answered, 1 when something is not, 130 when it was interrupted.
 * @throws UsageError for wrong flags and files; RepriseError `invalid-plan` for a plan that is none; others for a gateway
 * that is not there
 */
export async function run(flags: readonly string[], surroundings: RunSurroundings = {}): Promise<void> {
  const { environment = process.env, end = exitWith } = surroundings
  const { output = summaryOn(process.stdout), progress = progressOn(process.stderr) } = surroundings
  if (flags.includes('--help') || flags.includes('-h')) {
    output.write(`${help}\n`)
    return
  }
  const { values, file, settingFlags } = parse(flags)
  const options: RunOptions = { ...optionsOf(file, values, settingFlags), environment, output, progress }
  const plan = readPlan(readText(file), { name: file, variables: variablesOf(values.var ?? []) })
  if (values['dry-run'] === true) {
    const width = output.isTTY === true ? output.columns : undefined
    for (const line of planPicture(plan, wavesOf(plan), width)) output.write(`${line}\n`)
    return
  }
  end(await runPlan(plan, { ...options, keys: keysOf(environment, 'run') }))
}

/**
 * Whoever reads no further (`| head`), and a full disk under a log, do not end a run in its middle: what it is for is in
 * the results. That a summary is lost is told, and counts.
 */
function summaryOn(stream: NodeJS.WriteStream): ScreenStream {
  stream.on('error', (error) => {
    if ('code' in error && error.code === 'EPIPE') return
    console.error(`reprise: cannot write the summary: ${messageOf(error)}; the results are in their file`)
    process.once('exit', () => {
      process.exitCode ||= 1
    })
  })
  return stream
}

function progressOn(stream: NodeJS.WriteStream): ScreenStream {
  stream.on('error', () => {})
  return stream
}

function exitWith(exitCode: number): void {
  process.exitCode = exitCode
}

const text = { type: 'string' } as const
const yes = { type: 'boolean' } as const
const several = { type: 'string', multiple: true } as const

const own = {
  through: text,
  concurrency: text,
  batch: yes,
  'batch-api': yes,
  budget: text,
  'allow-unknown': yes,
  var: several,
  results: text,
  restart: yes,
  'dry-run': yes,
  quiet: yes,
  json: yes
} as const

/** Settings that say where a gateway listens and what it logs: this one listens to nobody else. */
const notHere: ReadonlySet<SettingName> = new Set([
  'port',
  'host',
  'admin-port',
  'admin-host',
  'log',
  'log-level',
  'log-texts'
])
const settingNames = (Object.keys(settings) as SettingName[]).filter((name) => !notHere.has(name) && !(name in own))

type Values = ReturnType<typeof parse>['values']

function parse(flags: readonly string[]) {
  const others = Object.fromEntries([...settingNames, 'config'].map((name) => [name, text]))
  const options = { ...others, ...own }
  let parsed: ReturnType<typeof parseArgs<{ args: string[]; options: typeof own; allowPositionals: true }>>
  try {
    parsed = parseArgs({ args: [...flags], options, strict: true, allowPositionals: true })
  } catch (error) {
    throw wrong(messageOf(error).split(/\.\s/)[0] ?? '', error)
  }
  const { values, positionals } = parsed
  const [file] = positionals
  if (file === undefined || positionals.length > 1) {
    throw wrong(`expected a plan's file, got ${file === undefined ? 'none' : positionals.join(' and ')}`)
  }
  const settingFlags = Object.entries(values as Readonly<Record<string, unknown>>).flatMap(([name, value]) =>
    name in own ? [] : [`--${name}=${String(value)}`]
  )
  const [first] = settingFlags
  if (values.through !== undefined && first !== undefined) {
    throw wrong(
      `${first.replace(/=.*/s, '')}: expected it without --through, got both: that gateway has settings of its own`
    )
  }
  if (values['batch-api'] === true && values.budget !== undefined) {
    throw wrong('--budget: expected it without --batch-api, because what a batch costs is known when it has been paid')
  }
  return { values, file, settingFlags }
}

function optionsOf(
  file: string,
  values: Values,
  settingFlags: readonly string[]
): Omit<RunOptions, 'environment' | 'output' | 'progress'> {
  const read = flagValues('run')
  const { through } = values
  return {
    through: through === undefined ? undefined : read.url('through', through),
    settingFlags,
    concurrency: read.whole('concurrency', values.concurrency, 1024) ?? (values.batch === true ? 32 : 8),
    batch: values.batch === true,
    batchApi: values['batch-api'] === true,
    budgetUsd: read.dollars('budget', values.budget),
    allowUnknown: values['allow-unknown'] === true,
    resultsFile: values.results ?? `${file.replace(/\.[^./\\]*$/, '')}.results.jsonl`,
    restart: values.restart === true,
    isQuiet: values.quiet === true,
    isJson: values.json === true
  }
}

function variablesOf(given: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    given.map((each) => {
      const at = each.indexOf('=')
      if (at < 1) throw wrong(`--var: expected NAME=VALUE, got ${JSON.stringify(each)}`)
      return [each.slice(0, at), each.slice(at + 1)]
    })
  )
}

function readText(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw wrong(`cannot read ${file}: ${messageOf(error)}; name a plan's file`, error)
  }
  // Of what cannot be read as it was meant, nobody wants to be asked.
  if (isUtf8(bytes)) return bytes.toString()
  throw wrong(`${file}: expected text in UTF-8, got another encoding; save it as UTF-8`)
}

function wrong(message: string, cause?: unknown): UsageError {
  return new UsageError('run', message, cause)
}
