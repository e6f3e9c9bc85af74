import { setFlagsFromString } from 'node:v8'
import { assemble } from '../config/assemble.ts'
import { settingsHelp } from '../config/help.ts'
import { loadSettings } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'
import { type Event, ignore, type Observe } from '../core/events.ts'
import { isLoopback } from '../gateway/admin.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../gateway/gateway.ts'
import { openTelemetry } from '../metrics/telemetry.ts'
import { describeStore } from '../stores/open.ts'
import { adminTokenFile, ensureAdminToken } from './admin-token.ts'
import { eventLine } from './event-line.ts'
import { showProgress } from './show-progress.ts'
import { sparing } from './sparing.ts'

const help = `reprise serve: starts the gateway

${settingsHelp()}

Each flag can also be set in the environment (--openai-url as REPRISE_OPENAI_URL) and in the file.`

/**
 * V8 puts objects of a kind that has often outlived a collection straight among the old ones. Requests that wait for
 * a provider teach it so, and from then on every hit's objects, dead within the microsecond, are kept until the next
 * great collection and copied before (docs/decisions/0003).
 */
function keepTheYoungYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}

/** Starts the gateway, says where it is, and runs until it is told to stop. */
export async function serve(flags: readonly string[]): Promise<void> {
  if (flags.includes('--help') || flags.includes('-h')) {
    console.log(help)
    return
  }
  keepTheYoungYoung()
  const settings = loadSettings(flags)
  const options = await assemble(settings, showProgress())
  const { host = '127.0.0.1', adminHost = host } = options
  // Where only this machine calls, a token is made for it; where others do, its operator has to choose one.
  const isOwn = isLoopback(host) && isLoopback(adminHost)
  const adminToken = options.adminToken ?? (isOwn ? await ensureAdminToken() : undefined)
  const observe = await observing(settings)
  const gateway = await startGateway({
    ...options,
    ...(adminToken === undefined ? {} : { adminToken }),
    ...(settings.telemetry ? { telemetry: await openTelemetry() } : {}),
    observe
  })
  const say = settings.log === 'json' ? console.error : console.log
  say(`Reprise listens on ${gateway.url}
  stores answers in ${describeStore(String(options.store))}
  ${meaningLine(gateway.embedder, options.guards)}
  asks ${gateway.providerUrls.join(' and ')}
  shows what it does at ${dashboardLine(gateway.adminUrl, options.adminToken === undefined ? adminToken : undefined)}

Point your client at it:
  export OPENAI_BASE_URL=${gateway.url}/v1
  export ANTHROPIC_BASE_URL=${gateway.url}`)

  if (!isLoopback(host) && hasKeys(options)) {
    console.error(`Whoever reaches ${gateway.url} can spend the configured provider key.`)
  }

  let stopping = false
  async function stop(): Promise<void> {
    // Told twice, somebody is in a hurry.
    if (stopping) process.exit(1)
    stopping = true
    await gateway.close()
    // Exit at once: an idle connection that is only kept for later must not hold the process.
    process.exit(0)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

/** A token that was made is shown to whoever sits before it; a log is read by others too. */
function dashboardLine(url: string, made: string | undefined): string {
  const page = `${url}/dashboard`
  if (made === undefined) return page
  return process.stdout.isTTY ? `${page}#token=${made}` : `${page} (admin token: ${adminTokenFile()})`
}

/** Who is told what happens. */
async function observing({ log, ...settings }: Settings): Promise<Observe> {
  if (log === 'off') return ignore
  if (log !== 'json') return report
  const { createLog } = await import('../metrics/log.ts')
  return createLog({ level: settings['log-level'] ?? 'info', texts: settings['log-texts'] === true })
}

/** What is answered beside identical requests. */
function meaningLine(embedder: Gateway['embedder'], guards = 'standard'): string {
  if (embedder === undefined) {
    return 'answers identical requests only; --embedder (static:, local, openai:, voyage:) adds those that mean the same'
  }
  const { model, minSimilarity } = embedder
  return `answers what means the same by ${model}, from similarity ${minSimilarity} on, guards ${guards}`
}

/** Whether any provider is paid by the operator. */
function hasKeys({ openaiKey, anthropicKey, providers = {} }: GatewayOptions): boolean {
  return [openaiKey, anthropicKey, ...Object.values(providers).map(({ key }) => key)].some((key) => key !== undefined)
}

const tell = sparing((line) => console.error(`${new Date().toISOString()} ${line}`))

/** Tells the operator what the callers are spared. */
function report(event: Event): void {
  const line = eventLine(event)
  if (line !== undefined) tell(line)
}
