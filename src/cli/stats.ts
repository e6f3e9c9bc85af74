import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { gatewayOf } from './admin-client.ts'
import { statsReport } from './stats-report.ts'
import { clipped } from './table.ts'
import { UsageError } from './usage-error.ts'

const everyMs = 2000

const help = `reprise stats [flags]: what a running gateway has answered from its cache, and what that saved
  --fleet               all processes that share the store, together (this one)
  --json                the report itself, as JSON; with --watch one line each time
  --watch               anew every ${everyMs / 1000} s
  --url URL             the gateway, or its admin port (http://127.0.0.1:4141)
  --help                this text

Tags, the entries that answered most and the near misses are shown to whoever may administrate the gateway: the admin
token is taken from REPRISE_ADMIN_TOKEN, else from the file that reprise serve has written on this machine.
Ends with 0 when it is done, 1 when it could not be done, 2 when it was called wrongly.`

/** What the command works with; a test brings its own. */
export interface StatsSurroundings {
  readonly environment?: NodeJS.ProcessEnv
  /** Where the report goes, and where what goes wrong while it is watched. */
  readonly output?: Sink
  readonly errors?: Sink
  /** Ends watching. */
  readonly signal?: AbortSignal
  readonly everyMs?: number
}

interface Sink {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/**
 * Shows what a running gateway has counted, once or again and again.
 * @throws UsageError for wrong flags; RepriseError for what the gateway refuses, when watching: the first time only
 */
export async function stats(flags: readonly string[], surroundings: StatsSurroundings = {}): Promise<void> {
  const { environment = process.env, output = process.stdout, errors = process.stderr, signal } = surroundings
  if (flags.includes('--help') || flags.includes('-h')) {
    output.write(`${help}\n`)
    return
  }
  const { fleet, json, watch, url } = readFlags(flags)
  const gateway = await gatewayOf('stats', url, environment)
  const path = `/metrics/cache/statistics${fleet ? '?scope=fleet' : ''}`

  /** What is shown; `width` is the terminal's. */
  function said(report: JsonObject): string {
    if (json) return watch ? JSON.stringify(report) : JSON.stringify(report, undefined, 2)
    return statsReport(report, gateway.url, output.columns)
  }

  if (!watch) {
    output.write(`${said(await gateway.get(path))}\n`)
    return
  }
  const show = output.isTTY === true && !json ? redrawing(output) : appending(output)
  show(said(await gateway.get(path)))
  while (await waited(surroundings.everyMs ?? everyMs, signal)) {
    try {
      show(said(await gateway.get(path)))
    } catch (error) {
      // A gateway that is started anew is back in a moment.
      if (!(error instanceof RepriseError)) throw error
      if (output.isTTY === true && !json) show(`reprise: ${error.message}`)
      else errors.write(`reprise: ${error.message}\n`)
    }
  }
}

function readFlags(flags: readonly string[]): {
  readonly fleet: boolean
  readonly json: boolean
  readonly watch: boolean
  readonly url: string | undefined
} {
  const yes = { type: 'boolean' } as const
  const options = { fleet: yes, json: yes, watch: yes, url: { type: 'string' } } as const
  try {
    const { values } = parseArgs({ args: [...flags], options, strict: true, allowPositionals: false })
    const { fleet = false, json = false, watch = false, url } = values
    return { fleet, json, watch, url }
  } catch (error) {
    throw new UsageError('stats', messageOf(error).split(/\.\s/)[0] ?? '', error)
  }
}

/** Draws over what it has drawn before, as much as the terminal has lines for, without a flicker. */
function redrawing(output: Sink): (text: string) => void {
  output.write('\u001B[2J')
  return (text) => {
    const { rows = 24, columns = 80 } = output
    const lines = text.split('\n').slice(0, rows - 1)
    output.write(`\u001B[H${lines.map((line) => `${clipped(line, columns)}\u001B[K\n`).join('')}\u001B[J`)
  }
}

function appending(output: Sink): (text: string) => void {
  return (text) => output.write(`${text}\n`)
}

/** False when the wait was ended from outside. */
async function waited(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  return delay(ms, true, signal === undefined ? {} : { signal }).catch(() => false)
}
