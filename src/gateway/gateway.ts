import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Cache, type CacheOptions, createCache } from '../cache.ts'
import { messageOf, RepriseError } from '../core/errors.ts'
import { ignore, type Observe } from '../core/events.ts'
import type { Handler } from '../core/handler.ts'
import { type HttpProvider, httpProvider } from '../providers/http-provider.ts'
import { priced } from '../router/priced.ts'
import { listPrices } from '../router/prices.ts'
import type { Body } from '../wires/body.ts'
import { anthropicDialect, type Dialect, openaiDialect } from '../wires/dialect.ts'
import { embeddingKind } from '../wires/embedding-kind.ts'
import { llmKind } from '../wires/llm-kind.ts'
import { wires } from '../wires/open.ts'
import type { Embedding } from '../wires/openai-embeddings.ts'
import type { Wire } from '../wires/wire.ts'
import type { WireRequest } from '../wires/wire-request.ts'
import { completions, writeError } from './completions.ts'
import { readControls } from './controls.ts'
import { embeddings, type GatheredRequest } from './embeddings.ts'
import type { Endpoint } from './endpoint.ts'
import { explainExchange } from './explanations.ts'
import { HttpCaller } from './http-caller.ts'
import { modelVerifier } from './model-verifier.ts'
import { passThrough } from './pass-through.ts'
import { readBody } from './read-body.ts'
import { recallBodies } from './recall.ts'
import { oneTenant, tenantByCredential } from './tenant.ts'
import { passUpgrade } from './upgrade.ts'

export interface GatewayOptions extends CacheOptions {
  /** Default: 4141. 0 takes one that is free. */
  readonly port?: number
  /** Default: 127.0.0.1, which only this machine reaches. */
  readonly host?: string
  /** What OpenAI's SDK calls its base URL, `/v1` included. Default: https://api.openai.com/v1. */
  readonly openaiUrl?: string
  /** What Anthropic's SDK calls its base URL, without `/v1`. Default: https://api.anthropic.com. */
  readonly anthropicUrl?: string
  /** The operator's own keys; sent instead of the caller's. Default: none. */
  readonly openaiKey?: string
  readonly anthropicKey?: string
  /** `credential`: callers with different keys share nothing. `one`: all callers share. Default: `credential`. */
  readonly tenancy?: 'credential' | 'one'
  /** Mixed into the tenants' HMAC. The same in all processes that share a store. */
  readonly secret?: string
  /**
   * A model of OpenAI's, or of whoever speaks its dialect at `openaiUrl`, that decides after the guards whether two
   * texts mean the same. Asked with the operator's own key. Default: none.
   */
  readonly verifierModel?: string
  /** The largest request body, in bytes. Default: 64 MB. */
  readonly maxBodyBytes?: number
}

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
  const openai = httpProvider({
    name: 'openai',
    baseUrl: options.openaiUrl ?? 'https://api.openai.com/v1',
    ...(options.openaiKey === undefined ? {} : { credential: { authorization: `Bearer ${options.openaiKey}` } })
  })
  // Anthropic's SDK has the /v1 in its paths and not in its base URL; who writes it all the same means the same.
  const anthropic = httpProvider({
    name: 'anthropic',
    baseUrl: `${(options.anthropicUrl ?? 'https://api.anthropic.com').replace(/(\/v1)?\/*$/, '')}/v1`,
    ...(options.anthropicKey === undefined ? {} : { credential: { 'x-api-key': options.anthropicKey } })
  })
  const priceOf = listPrices()
  const askOpenai = priced(openai.ask, priceOf, { url: openai.baseUrl, name: openai.name })
  const cache = await createCache({ ...options, ...verifying(options, askOpenai, observe) })
  const tools = {
    tenantOf: options.tenancy === 'one' ? oneTenant() : tenantByCredential(options.secret ?? 'reprise'),
    recall: recallBodies(),
    observe
  }
  const endpoints = new Map<string, Endpoint>()
  for (const wire of wires) {
    const provider = wire.dialect.name === 'openai' ? openai : anthropic
    const last = priced(provider.ask, priceOf, { url: provider.baseUrl, name: provider.name })
    endpoints.set(wire.path, completions(wire, provider.baseUrl, cache.wrap(llmKind(wire), last), tools))
  }
  const oneEmbedding = cache.wrap<GatheredRequest, Embedding>(embeddingKind, (request, context) => request.ask(context))
  endpoints.set('/embeddings', embeddings(openai.baseUrl, oneEmbedding, askOpenai, tools))
  const baseUrlOf = ({ dialect }: Wire): string => (dialect.name === 'openai' ? openai : anthropic).baseUrl
  const explaining: Pick<Endpoint, 'answer'> = {
    answer: (exchange) => explainExchange(cache, exchange, tools, baseUrlOf)
  }

  function handle(request: IncomingMessage, response: ServerResponse, fail: (error: unknown) => void): void {
    const { method = 'GET', url = '/' } = request
    const mark = url.indexOf('?')
    const path = mark === -1 ? url : url.slice(0, mark)
    if (path === '/health' || path === '/') {
      const store = { name: cache.storeName, state: cache.state }
      writeJson(response, 200, { status: 'ok', version, store })
      return
    }
    if (path === '/cache/explain' && method === 'POST') {
      answer(explaining, request, response, url.slice(path.length), fail)
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
      const { signal } = new HttpCaller(response)
      passThrough(request, response, below + query, providerOf(request, below), signal).catch(fail)
      return
    }
    answer(endpoint, request, response, query, fail)
  }

  function answer(
    endpoint: Pick<Endpoint, 'answer'>,
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

  function providerOf(request: IncomingMessage, below: string): HttpProvider {
    return dialectOf(request, below) === openaiDialect ? openai : anthropic
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
      writeError(response, error, { dialect: dialectOf(request, path) })
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
    const path = (request.url ?? '').replace(/^\/v1(?=\/)/, '')
    if (path === request.url) socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n')
    else passUpgrade(request, socket, head, path, providerOf(request, path))
  })
  const closing = { cache, providers: [openai, anthropic], server, handedOver }
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
    providerUrls: [openai.baseUrl, anthropic.baseUrl],
    embedder: cache.embedder,
    close: (graceMs = 10_000) => shutDown(closing, graceMs)
  }
}

/** The verifier that the options ask for by a model's name. */
function verifying(
  { verifierModel: model, openaiKey }: GatewayOptions,
  ask: Handler<WireRequest, Body>,
  observe: Observe
): Pick<CacheOptions, 'verifier'> {
  if (model === undefined) return {}
  // Else one caller's key would pay for finding out whether another's answer may be had.
  if (openaiKey === undefined) {
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

function writeJson(response: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === 'EADDRINUSE'
          ? 'it is in use by another program; choose another with --port'
          : error.code === 'EACCES'
            ? 'this user may not listen there; choose a port above 1023 with --port'
            : error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND'
              ? 'this machine has no such address; see --host'
              : messageOf(error)
      reject(new RepriseError('invalid-option', `cannot listen on ${host}:${port}: ${reason}`, { cause: error }))
    })
    server.listen(port, host, () => resolve())
  })
}

interface Closing {
  readonly server: Server
  readonly cache: Pick<Cache, 'close'>
  readonly providers: readonly HttpProvider[]
  /** Connections that are no longer the server's, which therefore does not close them. */
  readonly handedOver: ReadonlySet<Duplex>
}

async function shutDown({ server, cache, providers, handedOver }: Closing, graceMs: number): Promise<void> {
  const { listening } = server
  const ended = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const timer = setTimeout(() => {
    server.closeAllConnections()
    for (const socket of handedOver) socket.destroy()
  }, graceMs)
  if (listening) await ended
  clearTimeout(timer)
  await Promise.allSettled(providers.map((provider) => provider.close()))
  await cache.close()
}
