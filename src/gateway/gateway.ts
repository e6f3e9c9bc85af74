import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Cache, type CacheOptions, createCache } from '../cache.ts'
import { RepriseError } from '../core/errors.ts'
import { type Event, ignore, type Observe } from '../core/events.ts'
import type { Handler } from '../core/handler.ts'
import { writeError } from '../doors/respond.ts'
import { tenantByCredential } from '../doors/tenant.ts'
import { checkMetricsPrefix } from '../metrics/prometheus.ts'
import { Statistics } from '../metrics/statistics.ts'
import { createRouter } from '../router/open.ts'
import type { Body } from '../wires/body.ts'
import { llmKind } from '../wires/llm-kind.ts'
import type { Wire } from '../wires/wire.ts'
import type { WireRequest } from '../wires/wire-request.ts'
import { adminGuard, isLoopback } from './admin.ts'
import { Administration } from './administration.ts'
import { DataPlane } from './data-plane.ts'
import { dialectOf } from './dialect-of.ts'
import type { EndpointTools } from './endpoint.ts'
import { guardAgainstPages } from './foreign-pages.ts'
import type { GatewayOptions } from './gateway-options.ts'
import { modelVerifier } from './model-verifier.ts'
import { pathOf } from './path-of.ts'
import { recallBodies } from './recall.ts'
import { routerOptions } from './router-options.ts'
import { routes } from './routes.ts'
import { listen, shutDown } from './server.ts'
import { uncountedGuard } from './uncounted.ts'
import { writeJson } from './write-json.ts'

export type { GatewayOptions } from './gateway-options.ts'

export interface Gateway {
  /** `http://127.0.0.1:4141` */
  readonly url: string
  /** Where it is looked after: the same, unless that has a port of its own. */
  readonly adminUrl: string
  readonly storeName: string
  /** Whom it asks: the providers' base URLs, `/v1` included. */
  readonly providerUrls: readonly string[]
  /** What answers by meaning; undefined when only identical requests are answered. */
  readonly embedder: Cache['embedder']
  /** Takes no more requests, lets those under way finish for at most `graceMs`, and closes the store. */
  close(graceMs?: number): Promise<void>
}

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/**
 * Starts a gateway: official SDKs talk to it as to their provider.
 * @throws RepriseError `invalid-option` when it cannot start as asked.
 */
export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const { port = 4141, host = '127.0.0.1', maxBodyBytes = 64 * 1024 ** 2 } = options
  const { adminToken: token, adminPort, adminHost = host, maxTemperature, metricsPrefix, telemetry } = options
  checkPlaces(options)
  checkReach({ host, 'admin-host': adminHost }, token)
  if (metricsPrefix !== undefined) checkMetricsPrefix(metricsPrefix, 'metricsPrefix')
  const guard = adminGuard({ loopback: isLoopback(adminHost), ...(token === undefined ? {} : { token }) })
  const statistics = options.statistics ?? new Statistics()
  const { observe: told = ignore } = options
  function listener(event: Event): void {
    telemetry?.observe(event)
    told(event)
  }
  function observe(event: Event): void {
    statistics.note(event)
    listener(event)
  }
  const routed = routerOptions(options)
  const router = createRouter(routed, { observe })
  const cache = await openCache({ ...options, statistics, observe: listener }, router.ask, observe).catch(
    async (error: unknown) => {
      await router.close()
      throw error
    }
  )
  router.budgets.countIn(cache.tally)
  const tools: EndpointTools = {
    tenantOf: tenantByCredential(options.secret ?? 'reprise', options.tenants),
    sharesAll: options.tenancy === 'one',
    addressOf: router.addressOf,
    recall: recallBodies(),
    observe
  }
  const onAccount = Object.entries(routed.providers).flatMap(([name, { key }]) => (key === undefined ? [] : [name]))
  const uncounted = uncountedGuard(router.budgets, new Set(onAccount), tools.tenantOf)
  const limits = maxTemperature === undefined ? {} : { maxTemperature }
  const shared = { cache, router, tools, kindOf: (wire: Wire) => llmKind(wire, limits) }
  // Elsewhere a page reaches no more than whoever else is there; and what is nobody's but the caller's is the caller's.
  const isTempting = isLoopback(host) && (onAccount.length > 0 || tools.sharesAll)
  const pages = isTempting ? guardAgainstPages : ignore
  const plane = new DataPlane({ ...shared, uncounted, pages, maxBodyBytes })
  const administration = new Administration(routes({ ...shared, statistics, version, metricsPrefix }), {
    guard,
    maxBodyBytes
  })

  function health(response: ServerResponse): void {
    const store = { name: cache.storeName, state: cache.state }
    writeJson(response, 200, { status: 'ok', version, store })
  }

  const isApart = adminPort !== undefined
  const server = serving((request, response, fail) => {
    const path = pathOf(request)
    // Callers first: they are many.
    if (path.startsWith('/v1/')) {
      if (telemetry === undefined) plane.handle(request, response, fail)
      else telemetry.within(request.headers, () => plane.handle(request, response, fail), request)
    } else if (path === '/health' || path === '/') health(response)
    else if (!isApart && administration.owns(path)) administration.handle(request, response, fail)
    else plane.handle(request, response, fail)
  })
  server.on('upgrade', (request, socket, head) => plane.upgrade(request, socket, head))
  const adminServer = serving((request, response, fail) => {
    const path = pathOf(request)
    if (path === '/health' || path === '/') health(response)
    else administration.handle(request, response, fail)
  })
  // The cache first: what it still asks anew needs the providers.
  const closing = { parts: [cache, router], servers: [server, adminServer], handedOver: plane.handedOver }
  try {
    await listen(server, port, host)
    if (isApart) await listen(adminServer, adminPort, adminHost, 'admin-')
  } catch (error) {
    await shutDown(closing, 0)
    throw error
  }
  const url = urlOf(server, host)
  return {
    url,
    adminUrl: isApart ? urlOf(adminServer, adminHost) : url,
    storeName: cache.storeName,
    providerUrls: [...router.providers.values()].map(({ baseUrl }) => baseUrl),
    embedder: cache.embedder,
    close: (graceMs = 10_000) => shutDown(closing, graceMs)
  }
}

type Handle = (request: IncomingMessage, response: ServerResponse, fail: (error: unknown) => void) => void

/** A server that answers what goes wrong in the words of whoever asks. */
function serving(handle: Handle): Server {
  return createServer({ keepAliveTimeout: 75_000, requestTimeout: 0 }, (request, response) => {
    const fail = (error: unknown): void => {
      if (response.headersSent || response.destroyed || (error instanceof RepriseError && error.code === 'aborted')) {
        response.destroy()
        return
      }
      // What is left of the request's body is not read: the connection cannot be used again.
      if (!request.complete) response.setHeader('connection', 'close')
      try {
        writeError(response, error, dialectOf(request, pathOf(request).replace(/^\/v1/, '')))
      } catch {
        // What it says cannot be written, a header's text say: at least nobody waits for it.
        response.destroy()
      }
    }
    try {
      handle(request, response, fail)
    } catch (error) {
      fail(error)
    }
  })
}

/** What cannot be meant so. @throws RepriseError `invalid-option` */
function checkPlaces({ port = 4141, host = '127.0.0.1', adminPort, adminHost }: GatewayOptions): void {
  // Node takes it for every address.
  if (host === '' || adminHost === '') {
    throw new RepriseError('invalid-option', `${host === '' ? 'host' : 'admin-host'}: expected an address, got none`)
  }
  if (adminPort === undefined) {
    if (adminHost === undefined || adminHost === host) return
    // Whoever names it means that what is looked after is not where the callers are, and there it would be.
    throw new RepriseError(
      'invalid-option',
      `admin-host: expected an admin-port beside it, got none; without one everything is at ${host}:${port}`
    )
  }
  if (adminPort === 0 || adminPort !== port || (adminHost ?? host) !== host) return
  throw new RepriseError(
    'invalid-option',
    `admin-port: expected another than port, got ${port} for both; without admin-port both are at one`
  )
}

/** Where other machines reach the gateway, whoever looks after it must show a token. @throws RepriseError `invalid-option` */
function checkReach(hosts: Readonly<Record<string, string>>, token: string | undefined): void {
  const open = token === undefined ? Object.entries(hosts).find(([, host]) => !isLoopback(host)) : undefined
  if (open === undefined) return
  const [setting, host] = open
  throw new RepriseError(
    'invalid-option',
    `${setting}: other machines reach ${host}, and there is no admin token: set REPRISE_ADMIN_TOKEN, or listen on 127.0.0.1`
  )
}

function urlOf(server: Server, host: string): string {
  const { port } = server.address() as AddressInfo
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** @param observe told what the verifier does */
async function openCache(options: GatewayOptions, ask: Handler<WireRequest, Body>, observe: Observe): Promise<Cache> {
  return createCache({ shareStatistics: true, ...options, ...verifying(options, ask, observe) })
}

/** The verifier that the options ask for by a model's name. */
function verifying(
  { verifierModel: model, openaiKey, providers }: GatewayOptions,
  ask: Handler<WireRequest, Body>,
  observe: Observe
): Pick<CacheOptions, 'verifier'> {
  if (model === undefined) return {}
  // Else one caller's key would pay for finding out whether another's answer may be had.
  if (openaiKey === undefined && providers?.['openai']?.key === undefined) {
    throw new RepriseError(
      'invalid-option',
      `verifier: openai:${model} is asked with the operator's own key: set REPRISE_OPENAI_KEY`
    )
  }
  return { verifier: modelVerifier(model, ask, observe) }
}
