import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Cache, type CacheOptions, createCache } from '../cache.ts'
import { RepriseError } from '../core/errors.ts'
import { ignore, type Observe } from '../core/events.ts'
import type { Handler } from '../core/handler.ts'
import type { Kind } from '../core/kind.ts'
import { readControls } from '../doors/controls.ts'
import { writeError } from '../doors/respond.ts'
import { tenantByCredential } from '../doors/tenant.ts'
import type { Provider } from '../providers/provider.ts'
import { createRouter } from '../router/open.ts'
import type { Router } from '../router/router.ts'
import type { Body } from '../wires/body.ts'
import { anthropicDialect, type Dialect, openaiDialect } from '../wires/dialect.ts'
import { embeddingKind } from '../wires/embedding-kind.ts'
import { llmKind } from '../wires/llm-kind.ts'
import { wires } from '../wires/open.ts'
import type { Embedding } from '../wires/openai-embeddings.ts'
import type { Wire } from '../wires/wire.ts'
import type { WireRequest } from '../wires/wire-request.ts'
import { adminGuard, isLoopback } from './admin.ts'
import { answerBudgets } from './budgets.ts'
import { completions } from './completions.ts'
import { embeddings, type GatheredRequest } from './embeddings.ts'
import type { Endpoint, EndpointTools } from './endpoint.ts'
import { explainExchange } from './explanations.ts'
import type { GatewayOptions } from './gateway-options.ts'
import { HttpCaller } from './http-caller.ts'
import { modelVerifier } from './model-verifier.ts'
import { passThrough } from './pass-through.ts'
import { readBody } from './read-body.ts'
import { recallBodies } from './recall.ts'
import { routerOptions } from './router-options.ts'
import { listen, shutDown } from './server.ts'
import { answerSwitches } from './switches.ts'
import { uncountedGuard } from './uncounted.ts'
import { passUpgrade } from './upgrade.ts'
import { writeJson } from './write-json.ts'

export type { GatewayOptions } from './gateway-options.ts'

export interface Gateway {
  /** `http://127.0.0.1:4141` */
  readonly url: string
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
  const { port = 4141, host = '127.0.0.1', observe = ignore, maxBodyBytes = 64 * 1024 ** 2 } = options
  const { adminToken: token, maxTemperature } = options
  const admin = adminGuard({ loopback: isLoopback(host), ...(token === undefined ? {} : { token }) })
  const routed = routerOptions(options)
  const router = createRouter(routed, { observe })
  const cache = await openCache(options, router).catch(async (error: unknown) => {
    await router.close()
    throw error
  })
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
  const kindOf = (wire: Wire): Kind<WireRequest, Body> =>
    llmKind(wire, maxTemperature === undefined ? {} : { maxTemperature })
  const endpoints = new Map<string, Endpoint>()
  for (const wire of wires) endpoints.set(wire.path, completions(wire, cache.wrap(kindOf(wire), router.ask), tools))
  const oneEmbedding = cache.wrap<GatheredRequest, Embedding>(embeddingKind, (request, context) => request.ask(context))
  endpoints.set('/embeddings', embeddings(oneEmbedding, router.ask, tools))
  const explaining: Answering = { answer: (exchange) => explainExchange(cache, exchange, tools, kindOf) }
  const administrating: Answering = {
    async answer({ request, response, raw }) {
      const path = pathOf(request)
      if (path === '/budgets') await answerBudgets(router.budgets, request, response, path)
      else await answerSwitches(cache.switches, request, response, path, raw)
    }
  }

  function handle(request: IncomingMessage, response: ServerResponse, fail: (error: unknown) => void): void {
    const { method = 'GET', url = '/' } = request
    const path = pathOf(request)
    if (path === '/health' || path === '/') {
      const store = { name: cache.storeName, state: cache.state }
      writeJson(response, 200, { status: 'ok', version, store })
      return
    }
    if (path === '/cache/explain' && method === 'POST') {
      answer(explaining, request, response, url.slice(path.length), fail)
      return
    }
    if (path === '/budgets' || path === '/switches' || path.startsWith('/switches/')) {
      admin(request)
      answer(administrating, request, response, '', fail)
      return
    }
    if (!path.startsWith('/v1/')) {
      const hint = "a client's base URL is this address with /v1 (OpenAI) or without (Anthropic)"
      throw new RepriseError('not-found', `no such path: ${path}; ${hint}`)
    }
    const below = path.slice('/v1'.length)
    const query = url.slice(path.length)
    const endpoint = method === 'POST' ? endpoints.get(below) : undefined
    // A body in a content coding is the provider's to read, and says nothing that a key could be made of.
    if (endpoint === undefined || (request.headers['content-encoding'] ?? 'identity') !== 'identity') {
      const provider = providerOf(request, below)
      const pass = (): Promise<void> =>
        passThrough(request, response, below + query, provider, new HttpCaller(response).signal)
      const allowed = uncounted(request, below, provider.name)
      const passing = allowed === undefined ? pass() : allowed.then(pass)
      passing.catch(fail)
      return
    }
    answer(endpoint, request, response, query, fail)
  }

  function answer(
    endpoint: Answering,
    request: IncomingMessage,
    response: ServerResponse,
    query: string,
    fail: (error: unknown) => void
  ): void {
    const caller = new HttpCaller(response)
    const controls = readControls(request.headers)
    readBody(request, maxBodyBytes, (error, raw) => {
      if (error !== undefined) {
        fail(error)
        return
      }
      try {
        endpoint.answer({ request, response, raw, query, controls, caller })?.catch(fail)
      } catch (thrown) {
        fail(thrown)
      }
    })
  }

  function providerOf(request: IncomingMessage, below: string): Provider {
    const provider = router.providers.get(dialectOf(request, below).name)
    if (provider === undefined) throw new RepriseError('internal', 'no provider for the path')
    return provider
  }

  const server = createServer({ keepAliveTimeout: 75_000, requestTimeout: 0 }, (request, response) => {
    const fail = (error: unknown): void => {
      if (response.headersSent || response.destroyed || (error instanceof RepriseError && error.code === 'aborted')) {
        response.destroy()
        return
      }
      const path = (request.url ?? '').replace(/^\/v1|\?.*$/g, '')
      // What is left of the request's body is not read: the connection cannot be used again.
      if (!request.complete) response.setHeader('connection', 'close')
      try {
        writeError(response, error, dialectOf(request, path))
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
  const handedOver = new Set<Duplex>()
  server.on('upgrade', (request, socket, head) => {
    handedOver.add(socket)
    socket.once('close', () => handedOver.delete(socket))
    // It is nobody else's yet, and a caller who leaves must not take the process along.
    socket.on('error', () => socket.destroy())
    const path = (request.url ?? '').replace(/^\/v1(?=\/)/, '')
    const refuse = (status: string): void => {
      socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n`)
    }
    if (path === request.url) {
      refuse('404 Not Found')
      return
    }
    const provider = providerOf(request, path)
    const pass = (): void => passUpgrade(request, socket, head, path, provider)
    try {
      const allowed = uncounted(request, path, provider.name)
      if (allowed === undefined) pass()
      else allowed.then(pass, () => refuse('403 Forbidden')).catch(() => socket.destroy())
    } catch {
      refuse('400 Bad Request')
    }
  })
  // The cache first: what it still asks anew needs the providers.
  const closing = { parts: [cache, router], server, handedOver }
  try {
    await listen(server, port, host)
  } catch (error) {
    await shutDown(closing, 0)
    throw error
  }
  const address = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    storeName: cache.storeName,
    providerUrls: [...router.providers.values()].map(({ baseUrl }) => baseUrl),
    embedder: cache.embedder,
    close: (graceMs = 10_000) => shutDown(closing, graceMs)
  }
}

type Answering = Pick<Endpoint, 'answer'>

async function openCache(options: GatewayOptions, { ask }: Router): Promise<Cache> {
  return createCache({ ...options, ...verifying(options, ask, options.observe ?? ignore) })
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const mark = url.indexOf('?')
  return mark === -1 ? url : url.slice(0, mark)
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

/** Both providers live under /v1: whose SDK is speaking? */
function dialectOf({ headers }: IncomingMessage, path: string): Dialect {
  const anthropic = path.startsWith('/messages') || path === '/complete' || headers['anthropic-version'] !== undefined
  return anthropic ? anthropicDialect : openaiDialect
}
