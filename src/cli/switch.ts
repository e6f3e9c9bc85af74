import { parseArgs } from 'node:util'
import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { switchNames } from '../core/switch-names.ts'
import { type AdminClient, gatewayOf } from './admin-client.ts'
import { table } from './table.ts'
import { UsageError } from './usage-error.ts'

const help = `reprise switch [NAME on|off] [flags]: shows the switches of a running gateway, or sets one
  NAME                  ${switchNames.join(', ')}
  --url URL             the gateway, or its admin port (http://127.0.0.1:4141)
  --help                this text

What is switched off is neither read nor written nor counted. A switch is set for all gateways that share the store
within a second, and stays so after a restart; what a gateway's configuration says is off stays off there.
The admin token is taken from REPRISE_ADMIN_TOKEN, else from the file that reprise serve has written on this machine.
Ends with 0 when it is done, 1 when it could not be done, 2 when it was called wrongly.`

/** What the command works with; a test brings its own. */
export interface SwitchSurroundings {
  readonly environment?: NodeJS.ProcessEnv
  readonly output?: { write(text: string): unknown }
}

/**
 * Shows the switches of a running gateway, after it has set one if one is named.
 * @throws UsageError for wrong flags and for what is no switch; RepriseError for what the gateway refuses
 */
export async function switchCommand(
  flags: readonly string[],
  { environment = process.env, output = process.stdout }: SwitchSurroundings = {}
): Promise<void> {
  if (flags.includes('--help') || flags.includes('-h')) {
    output.write(`${help}\n`)
    return
  }
  const { wanted, url } = readFlags(flags)
  const gateway = await gatewayOf('switch', url, environment)
  const { switches } = wanted === undefined ? await gateway.get('/switches') : await set(gateway, wanted)
  if (!isObject(switches)) {
    throw new RepriseError('provider-malformed', `${gateway.url} names no switches: is it a gateway of this version?`)
  }
  output.write(`${told(switches)}\n`)
}

interface Wanted {
  readonly name: string
  readonly on: boolean
}

function readFlags(flags: readonly string[]): {
  readonly wanted: Wanted | undefined
  readonly url: string | undefined
} {
  const { values, positionals } = parse(flags)
  const [name, state, ...more] = positionals
  if (name === undefined) return { wanted: undefined, url: values.url }
  if (more.length > 0 || (state !== 'on' && state !== 'off')) {
    throw wrong(`expected NAME on or NAME off, or nothing, got ${positionals.join(' ')}`)
  }
  return { wanted: { name, on: state === 'on' }, url: values.url }
}

function parse(flags: readonly string[]) {
  try {
    return parseArgs({ args: [...flags], options: { url: { type: 'string' } }, strict: true, allowPositionals: true })
  } catch (error) {
    throw wrong(messageOf(error).split(/\.\s/)[0] ?? '', error)
  }
}

function wrong(message: string, cause?: unknown): UsageError {
  return new UsageError('switch', message, cause)
}

/** The gateway knows which switches there are, and their other names. */
async function set(gateway: AdminClient, { name, on }: Wanted): Promise<JsonObject> {
  try {
    return await gateway.put(`/switches/${encodeURIComponent(name)}`, { on })
  } catch (error) {
    if (!(error instanceof RepriseError) || error.code !== 'not-found') throw error
    throw wrong(`expected one of ${switchNames.join(', ')}, got ${JSON.stringify(name)}`, error)
  }
}

const sources: Readonly<Record<string, string>> = {
  runtime: 'set while it runs',
  configuration: 'by its configuration'
}

function told(switches: JsonObject): string {
  const rows = Object.entries(switches).map(([name, state]) => {
    const { on, by } = isObject(state) ? state : {}
    return [name, on === true ? 'on' : 'off', sources[String(by)] ?? '']
  })
  return table([['switch', '', ''], ...rows]).join('\n')
}
