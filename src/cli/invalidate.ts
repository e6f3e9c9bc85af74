import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { messageOf, RepriseError } from '../core/errors.ts'
import { readSelection, type Selection } from '../core/selection.ts'
import { type AdminClient, gatewayOf } from './admin-client.ts'
import { UsageError } from './usage-error.ts'

const help = `reprise invalidate (--key K | --prefix P | --pattern P | --tag T | --model M | --kind K | --all) [flags]:
takes entries out of the cache of a running gateway, and says how many

  --key KEY             the one entry with this key (x-reprise-entry of an answer)
  --prefix TEXT         entries whose key begins so; a key is kind:model:hash
  --pattern PATTERN     entries whose key matches: * any run, ? one character
  --tag TAG             entries stored with this tag (x-reprise-tags of their request)
  --model MODEL         answers to requests for this model
  --kind KIND           llm, embedding, retrieval, value, or your own
  --all                 everything in the gateway's namespace

  --dry-run             only say how many would go
  --yes                 do not ask before --all
  --url URL             the gateway, or its admin port (http://127.0.0.1:4141)
  --help                this text

Stores that are shared are shared in this too: what goes is gone for all gateways of the namespace, and an answer that
was being fetched meanwhile does not come back. The admin token is taken from REPRISE_ADMIN_TOKEN, else from the file
that reprise serve has written on this machine.
Ends with 0 when it is done (also with nothing found), 1 when it could not be done, 2 when it was called wrongly.`

/** What the command works with; a test brings its own. */
export interface InvalidateSurroundings {
  readonly environment?: NodeJS.ProcessEnv
  readonly output?: { write(text: string): unknown }
  /** Asks whoever sits before it; undefined when nobody does. Default: the terminal, when there is one. */
  readonly ask?: ((question: string) => Promise<string>) | undefined
}

/**
 * Asks a running gateway to forget entries, and says how many went.
 * @throws UsageError for wrong flags; RepriseError for what the gateway refuses, and `aborted` when the answer was no
 */
export async function invalidate(
  flags: readonly string[],
  { environment = process.env, output = process.stdout, ...rest }: InvalidateSurroundings = {}
): Promise<void> {
  if (flags.includes('--help') || flags.includes('-h')) {
    output.write(`${help}\n`)
    return
  }
  const { selection, isDryRun, isSure, url } = readFlags(flags)
  const gateway = await gatewayOf('invalidate', url, environment)
  if ('all' in selection && !isDryRun && !isSure) {
    await makeSure(gateway, 'ask' in rest ? rest.ask : asking())
  }
  const count = await invalidated(gateway, selection, isDryRun)
  output.write(`${isDryRun ? `${entries(count)} would go` : `${entries(count)} ${count === 1 ? 'is' : 'are'} gone`}\n`)
}

/** Flags and fields of a selection have the same names. */
const named = ['key', 'prefix', 'pattern', 'tag', 'model', 'kind'] as const
const expected = `expected one of ${[...named, 'all'].map((name) => `--${name}`).join(', ')}`

function readFlags(flags: readonly string[]): {
  readonly selection: Selection
  readonly isDryRun: boolean
  readonly isSure: boolean
  readonly url: string | undefined
} {
  const { values } = parse(flags)
  const given = named.filter((name) => values[name] !== undefined)
  const all = [...given, ...(values.all === true ? ['all'] : [])]
  if (all.length !== 1) {
    throw wrong(`${expected}, got ${all.length === 0 ? 'none' : all.map((name) => `--${name}`).join(' and ')}`)
  }
  const said = Object.fromEntries(given.map((name) => [name, onlyOne(name, values[name])]))
  const options = { isDryRun: values['dry-run'] === true, isSure: values.yes === true, url: values.url }
  try {
    return { selection: readSelection(values.all === true ? { all: true } : said), ...options }
  } catch (error) {
    throw wrong(`--${messageOf(error)}`, error)
  }
}

function parse(flags: readonly string[]) {
  // As lists, so that a second --tag is seen and not silently taken for the first.
  const texts = { type: 'string', multiple: true } as const
  const yes = { type: 'boolean' } as const
  const options = {
    key: texts,
    prefix: texts,
    pattern: texts,
    tag: texts,
    model: texts,
    kind: texts,
    all: yes,
    'dry-run': yes,
    yes,
    url: { type: 'string' }
  } as const
  try {
    return parseArgs({ args: [...flags], options, strict: true, allowPositionals: false })
  } catch (error) {
    throw wrong(messageOf(error).split(/\.\s/)[0] ?? '', error)
  }
}

function onlyOne(name: string, values: readonly string[] = []): string {
  const [value = ''] = values
  if (values.length > 1) throw wrong(`--${name}: expected one, got ${values.length}; call it once for each`)
  return value
}

function wrong(message: string, cause?: unknown): UsageError {
  return new UsageError('invalidate', message, cause)
}

/** Everything is a lot: who types it is told how much before it goes. */
async function makeSure(gateway: AdminClient, ask: InvalidateSurroundings['ask']): Promise<void> {
  if (ask === undefined) {
    throw wrong('--all: expected --yes where nobody can be asked, got none; --dry-run says how much would go')
  }
  const count = await invalidated(gateway, { all: true }, true)
  const answer = await ask(`${entries(count)} at ${gateway.url} would go: everything in its namespace. Go on? [y/N] `)
  if (/^\s*y(es)?\s*$/i.test(answer)) return
  throw new RepriseError('aborted', 'nothing was invalidated')
}

async function invalidated(gateway: AdminClient, selection: Selection, dryRun: boolean): Promise<number> {
  const { count } = await gateway.post('/cache/invalidate', { ...selection, ...(dryRun ? { dryRun } : {}) })
  if (typeof count === 'number') return count
  throw new RepriseError('provider-malformed', `${gateway.url} did not say how many: is it a gateway of this version?`)
}

function entries(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'entry' : 'entries'}`
}

/** Asks on the terminal; undefined when there is none. What is asked goes beside the result, which may go to a file. */
function asking(): InvalidateSurroundings['ask'] {
  const { stdin: input, stderr: output } = process
  if (!input.isTTY || !output.isTTY) return undefined
  return async (question) => {
    const lines = createInterface({ input, output })
    // Whoever closes the input instead of answering has not said yes.
    const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')))
    const answer = await Promise.race([lines.question(question).catch(() => ''), closed])
    lines.close()
    return answer
  }
}
