import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Cache } from '../cache.ts'
import { RepriseError } from '../core/errors.ts'
import type { Kind } from '../core/kind.ts'
import { readControls } from '../doors/controls.ts'
import type { Provider } from '../providers/provider.ts'
import type { Router } from '../router/router.ts'
import { togetherBy } from '../router/together.ts'
import type { Body } from '../wires/body.ts'
import { embeddingKind } from '../wires/embedding-kind.ts'
import { wires } from '../wires/open.ts'
import type { Embedding } from '../wires/openai-embeddings.ts'
import type { Wire } from '../wires/wire.ts'
import type { WireRequest } from '../wires/wire-request.ts'
import { completions } from './completions.ts'
import { dialectOf } from './dialect-of.ts'
import { embeddings, type GatheredRequest } from './embeddings.ts'
import type { Endpoint, EndpointTools } from './endpoint.ts'
import type { PageGuard } from './foreign-pages.ts'
import { HttpCaller } from './http-caller.ts'
import { passThrough } from './pass-through.ts'
import { pathOf } from './path-of.ts'
import { readBody } from './read-body.ts'
import type { UncountedGuard } from './uncounted.ts'
import { passUpgrade } from './upgrade.ts'

export interface DataPlaneTools {
  readonly cache: Cache
  readonly router: Router
  readonly tools: EndpointTools
  readonly uncounted: UncountedGuard
  /** Who may not ask at all, whatever they ask for. */
  readonly pages: PageGuard
  readonly kindOf: (wire: Wire) => Kind<WireRequest, Body>
  readonly maxBodyBytes: number
}

/** What the callers of models ask for: everything below `/v1`. What is not answered here goes to the provider as it is. */
export class DataPlane {
  /** Connections that were handed over to a provider, and are no longer the server's to close. */
  readonly handedOver = new Set<Duplex>()
  readonly #endpoints = new Map<string, Endpoint>()
  readonly #router: Router
  readonly #uncounted: UncountedGuard
  readonly #pages: PageGuard
  readonly #maxBodyBytes: number

  constructor({ cache, router, tools, uncounted, pages, kindOf, maxBodyBytes }: DataPlaneTools) {
    this.#pages = pages
    this.#router = router
    this.#uncounted = uncounted
    this.#maxBodyBytes = maxBodyBytes
    for (const wire of wires) {
      this.#endpoints.set(
        wire.path,
        completions(wire, cache.wrap(kindOf(wire), router.ask, togetherBy(router, wire)), tools)
      )
    }
    const one = cache.wrap<GatheredRequest, Embedding>(embeddingKind, (request, context) => request.ask(context))
    this.#endpoints.set('/embeddings', embeddings(one, router.ask, tools))
  }

  /** Answers; what goes wrong is told to `fail`, or thrown before anything has been read. */
  handle(request: IncomingMessage, response: ServerResponse, fail: (error: unknown) => void): void {
    const { method = 'GET', url = '/' } = request
    const path = pathOf(request)
    if (!path.startsWith('/v1/')) {
      const hint = "a client's base URL is this address with /v1 (OpenAI) or without (Anthropic)"
      throw new RepriseError('not-found', `no such path: ${path}; ${hint}`)
    }
    this.#pages(request)
    checkWithin(path)
    const below = path.slice('/v1'.length)
    const query = url.slice(path.length)
    const endpoint = method === 'POST' ? this.#endpoints.get(below) : undefined
    // A body in a content coding is the provider's to read, and says nothing that a key could be made of.
    if (endpoint === undefined || (request.headers['content-encoding'] ?? 'identity') !== 'identity') {
      const provider = this.#providerOf(request, below)
      const pass = (): Promise<void> =>
        passThrough(request, response, below + query, provider, new HttpCaller(response).signal)
      const allowed = this.#uncounted(request, below, provider.name)
      const passing = allowed === undefined ? pass() : allowed.then(pass)
      passing.catch(fail)
      return
    }
    const caller = new HttpCaller(response)
    const controls = readControls(request.headers)
    readBody(request, this.#maxBodyBytes, (error, raw) => {
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

  /** Hands a WebSocket over to its provider. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.handedOver.add(socket)
    socket.once('close', () => this.handedOver.delete(socket))
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
    try {
      this.#pages(request)
      checkWithin(pathOf(request))
      const provider = this.#providerOf(request, path)
      const pass = (): void => passUpgrade(request, socket, head, path, provider)
      const allowed = this.#uncounted(request, path, provider.name)
      if (allowed === undefined) pass()
      else allowed.then(pass, () => refuse('403 Forbidden')).catch(() => socket.destroy())
    } catch {
      refuse('400 Bad Request')
    }
  }

  #providerOf(request: IncomingMessage, below: string): Provider {
    const provider = this.#router.providers.get(dialectOf(request, below).name)
    if (provider === undefined) throw new RepriseError('internal', 'no provider for the path')
    return provider
  }
}

/** Dots that lead upwards, as addresses are read: also where they are percent-encoded, or behind a backslash. */
const upwards = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){2}(?:$|[/\\;]|%2f|%5c|%3b)/i

/**
 * Below a provider's base URL callers may ask for anything, with the operator's key too; not beside it or above.
 * @throws RepriseError `not-found`
 */
function checkWithin(path: string): void {
  if (upwards.test(path)) throw new RepriseError('not-found', `no such path: ${path}; it leads out of /v1`)
}
