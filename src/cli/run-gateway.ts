import { randomBytes } from 'node:crypto'
import { assemble } from '../config/assemble.ts'
import { loadSettings } from '../config/load.ts'
import { messageOf, RepriseError } from '../core/errors.ts'
import { startGateway } from '../gateway/gateway.ts'
import { openTelemetry } from '../metrics/telemetry.ts'
import { describeStore } from '../stores/open.ts'
import { adminTokenFor } from './admin-token.ts'
import { checkGateway } from './check-gateway.ts'
import { eventLine } from './event-line.ts'
import { type GatewayConnection, gatewayConnection } from './gateway-connection.ts'
import { showProgress } from './show-progress.ts'
import { sparing } from './sparing.ts'
import { UsageError } from './usage-error.ts'

/** The gateway that a plan is asked through. */
export interface RunGateway {
  /** Without /v1. */
  readonly url: string
  readonly connection: GatewayConnection
  /** Where answers come from and go to, for people. */
  readonly described: string
  /** What it is known by the next time, if its URL is another then. */
  readonly place: string
  /** Undefined: none was found, and then the gateway decides. */
  readonly adminToken: string | undefined
  close(): Promise<void>
}

/** @throws RepriseError `provider-unreachable` when nobody answers, `provider-malformed` when it is no gateway */
export async function throughGateway(
  url: string,
  connections: number,
  environment: NodeJS.ProcessEnv
): Promise<RunGateway> {
  const flag = '--through'
  await checkGateway(url, flag)
  const connection = gatewayConnection(url, connections, flag)
  const adminToken = await adminTokenFor(url, environment)
  return { url, connection, described: `through ${url}`, place: url, adminToken, close: () => connection.close() }
}

export interface OwnGatewayOptions {
  readonly environment: NodeJS.ProcessEnv
  /** What it stores has to be there when the process is not. */
  readonly mustLast: boolean
  /** Told what the user should know of providers and store. */
  readonly print: (line: string) => void
}

/**
 * A gateway of the process's own, with the settings that `reprise serve` would have: the same store, so that answers are
 * shared with one that is running. Only this machine reaches it, at a free port, and nobody looks after it.
 * @param flags of `reprise serve`
 * @throws UsageError for wrong settings
 */
export async function ownGateway(
  flags: readonly string[],
  connections: number,
  { environment, mustLast, print }: OwnGatewayOptions
): Promise<RunGateway> {
  const say = sparing(print)
  const adminToken = randomBytes(32).toString('hex')
  const { gateway, store, place } = await asMisuse(async () => {
    const settings = loadSettings(flags, environment)
    const assembled = await assemble(settings, showProgress(), environment)
    if (mustLast && describeStore(String(assembled.store)) === 'memory') throw noLastingStore()
    const { port: _, host: __, adminPort: ___, adminHost: ____, ...options } = assembled
    const started = await startGateway({
      ...options,
      port: 0,
      host: '127.0.0.1',
      // Nobody is told it.
      adminToken,
      ...(settings.telemetry ? { telemetry: await openTelemetry() } : {}),
      observe(event) {
        const line = eventLine(event)
        if (line !== undefined) say(line)
      }
    })
    const { openaiUrl, anthropicUrl } = options
    const known = JSON.stringify(['in process', options.store, openaiUrl ?? null, anthropicUrl ?? null])
    return { gateway: started, store: options.store, place: known }
  })
  const connection = gatewayConnection(gateway.url, connections)
  return {
    url: gateway.url,
    connection,
    described: `in this process, answers in ${describeStore(String(store))}`,
    place,
    adminToken,
    async close() {
      await connection.close()
      await gateway.close()
    }
  }
}

function noLastingStore(): RepriseError {
  return new RepriseError(
    'invalid-option',
    '--batch-api: expected a store that is there when this process is not, because batches outlive it, got memory:; leave --store out, or name embedded:FOLDER or a Redis'
  )
}

/** What is wrong with settings is the mistake of who has given them. */
async function asMisuse<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof RepriseError && error.code === 'invalid-option')) throw error
    throw new UsageError('run', messageOf(error).replace(/ \(reprise serve --help[^)]*\)$/, ''), error)
  }
}
