import { parseArgs } from 'node:util'
import { messageOf } from '../core/errors.ts'
import { controlsOf } from '../jobs/warm-lines.ts'
import { keysOf, readHeaders } from './dialect-headers.ts'
import { flagValues } from './flag-values.ts'
import { UsageError } from './usage-error.ts'
import { warmImport } from './warm-import.ts'
import type { Sink, WarmOptions } from './warm-job.ts'
import { warmPopular } from './warm-popular.ts'
import { warmRequests } from './warm-requests.ts'

const help = `reprise warm REQUESTS.jsonl [flags]: asks each request of a file through a gateway, so that later callers find the
answers
reprise warm --import PAIRS.jsonl [--requests REQUESTS.jsonl]: stores answers that are there already
reprise warm --popular N: has the most valuable answers that have expired asked anew

  --url URL             the gateway (http://127.0.0.1:4141)
  --concurrency N       how many are under way at a time (8)
  --budget USD          begin nothing that may cost more than this in all
  --allow-unknown       with --budget: go on when an answer has no known price
  --tag TAG             store the answers with this tag; may be given several times
  --ttl DURATION        how long the answers may be used: 30m, 24h, 7d (what the gateway is set to)
  --header 'NAME: V'    send this with each request, as the later callers do: anthropic-version, x-reprise-scope,
                        openai-organization, ...; may be given several times
  --batch-api           have what is not there answered by the providers' own interfaces for batches first: half the price,
                        and up to 24 hours; ctrl-c leaves them there, and the same command picks them up
  --limit N             this time N at most; the same command goes on with the next
  --skip-invalid        leave out lines that are no requests, and count them
  --state FILE          where it is noted which lines are done (FILE.progress)
  --restart             begin anew, whatever is noted there
  --quiet               show no progress
  --help                this text

  --requests FILE       with --import: the requests of a batch whose results are imported, joined by custom_id

A line is a request ({"model": ..., "messages": [...]}), {"endpoint": ..., "request": {...}, "tags": [...], "ttl": "24h"},
or of a batch for OpenAI (url, body) or Anthropic (params). With --import: {"request": {...}, "response": {...} or TEXT}.

The keys are taken from OPENAI_API_KEY and ANTHROPIC_API_KEY. Answers are for callers with the same key (unless the
gateway has one tenant) and the same anthropic-version (2023-06-01). --import, --popular and --batch-api need the gateway's admin token (REPRISE_ADMIN_TOKEN).
What failed is in FILE.errors.jsonl. Ends with 0 when all is well, 1 when something failed, 2 when it was called
wrongly, 130 when it was interrupted; the same command goes on where it was.`

/** What the command works with; a test brings its own. */
export interface WarmSurroundings {
  readonly environment?: NodeJS.ProcessEnv
  /** Where the result goes, and where what is going on. */
  readonly output?: Sink
  readonly progress?: Sink
  /** Hears what the program is to end with. Default: sets it. */
  readonly end?: (exitCode: number) => void
  /** How long batches are waited for. */
  readonly patience?: WarmOptions['patience']
}

/**
 * Fills the cache of a running gateway. The program is to end with 0, with 1 when something failed, with 130 when it was
 * interrupted.
 * @throws UsageError for wrong flags, files and lines; RepriseError for a gateway that is not there or refuses it all
 */
export async function warm(flags: readonly string[], surroundings: WarmSurroundings = {}): Promise<void> {
  const { environment = process.env, output = process.stdout, progress = process.stderr } = surroundings
  const { end = exitWith, patience = {} } = surroundings
  if (flags.includes('--help') || flags.includes('-h')) {
    output.write(`${help}\n`)
    return
  }
  const { values, file } = parse(flags)
  const options: WarmOptions = {
    ...optionsOf(values),
    keys: keysOf(environment),
    environment,
    output,
    progress,
    patience
  }
  if (values.popular !== undefined)
    end(await warmPopular(read.whole('popular', values.popular, mostPopular) ?? 0, options))
  else if (values.import !== undefined) end(await warmImport(values.import, values.requests, options))
  else end(await warmRequests(file ?? '', options))
}

/** So many the gateway takes at a time. */
const mostPopular = 100

function exitWith(exitCode: number): void {
  process.exitCode = exitCode
}

type Values = ReturnType<typeof parse>['values']

const modes = 'expected a file of requests, --import FILE or --popular N'

function parse(flags: readonly string[]) {
  const text = { type: 'string' } as const
  const yes = { type: 'boolean' } as const
  const options = {
    url: text,
    concurrency: text,
    budget: text,
    'allow-unknown': yes,
    tag: { type: 'string', multiple: true },
    ttl: text,
    header: { type: 'string', multiple: true },
    limit: text,
    'skip-invalid': yes,
    state: text,
    restart: yes,
    'batch-api': yes,
    quiet: yes,
    import: text,
    requests: text,
    popular: text
  } as const
  let parsed: ReturnType<typeof parseArgs<{ args: string[]; options: typeof options; allowPositionals: true }>>
  try {
    parsed = parseArgs({ args: [...flags], options, strict: true, allowPositionals: true })
  } catch (error) {
    throw wrong(messageOf(error).split(/\.\s/)[0] ?? '', error)
  }
  const { values, positionals } = parsed
  const given = [
    ...positionals,
    ...(['import', 'popular'] as const).flatMap((name) => (values[name] === undefined ? [] : `--${name}`))
  ]
  if (given.length !== 1) throw wrong(`${modes}, got ${given.length === 0 ? 'none' : given.join(' and ')}`)
  for (const name of Object.keys(values) as (keyof typeof values)[]) {
    const mode = values.popular !== undefined ? 'popular' : values.import !== undefined ? 'import' : 'file'
    if (!(takenBy[mode].has(name) || name === mode))
      throw wrong(`--${name}: expected it ${places[name] ?? 'elsewhere'}, got it beside ${given[0]}`)
  }
  if (values['batch-api'] === true && values.budget !== undefined) {
    throw wrong(
      '--budget: expected it without --batch-api, because what a batch costs is known when it has been paid; --limit N keeps it small'
    )
  }
  return { values, file: positionals[0] }
}

const everywhere = ['url', 'concurrency', 'quiet']
const ofFiles = [...everywhere, 'tag', 'ttl', 'header', 'limit', 'skip-invalid', 'state', 'restart']

/** Which flags a mode heeds: one that it would pass over is a mistake of who gives it. */
const takenBy: Readonly<Record<'file' | 'import' | 'popular', ReadonlySet<string>>> = {
  file: new Set([...ofFiles, 'budget', 'allow-unknown', 'batch-api']),
  import: new Set([...ofFiles, 'requests']),
  popular: new Set([...everywhere, 'budget'])
}

const places: Readonly<Record<string, string>> = {
  requests: 'with --import',
  budget: 'where something is asked',
  'allow-unknown': 'with a file of requests',
  'batch-api': 'with a file of requests'
}

const read = flagValues('warm')

function optionsOf(values: Values): Omit<WarmOptions, 'keys' | 'environment' | 'output' | 'progress' | 'patience'> {
  const { url = 'http://127.0.0.1:4141', tag: tags = [], ttl, state } = values
  try {
    controlsOf({ tags, ...(ttl === undefined ? {} : { ttl }) }, {})
  } catch (error) {
    throw wrong(`--${messageOf(error).replace(/^tags/, 'tag')}`, error)
  }
  const limit = read.whole('limit', values.limit)
  return {
    url: read.url('url', url),
    concurrency: read.whole('concurrency', values.concurrency, 1024) ?? 8,
    budgetUsd: read.dollars('budget', values.budget),
    allowUnknown: values['allow-unknown'] === true,
    defaults: { tags, ...(ttl === undefined ? {} : { ttl }) },
    headers: readHeaders(values.header ?? []),
    limit: limit ?? Number.POSITIVE_INFINITY,
    skipInvalid: values['skip-invalid'] === true,
    state,
    restart: values.restart === true,
    batchApi: values['batch-api'] === true,
    isQuiet: values.quiet === true
  }
}

function wrong(message: string, cause?: unknown): UsageError {
  return new UsageError('warm', message, cause)
}
