import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Cache } from '../cache.ts'
import { RepriseError } from '../core/errors.ts'
import type { Caller } from '../core/handler.ts'
import { type Controls, readControls } from '../doors/controls.ts'
import type { AdminGuard } from './admin.ts'
import { HttpCaller } from './http-caller.ts'
import { pathOf } from './path-of.ts'
import { readBody } from './read-body.ts'

/** One request to whoever looks after the gateway, and its response. */
export interface AdminExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Without query. */
  readonly path: string
  /** What of the path its pattern has caught, decoded. */
  readonly caught: readonly string[]
  readonly query: URLSearchParams
  /** The request's whole body. */
  readonly raw: Buffer
  readonly controls: Controls
  readonly caller: Caller
  /** Whether whoever asks may administrate; false on open paths only. */
  readonly isAdmin: boolean
}

/** One path that is not for the callers of models. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly path: RegExp
  /** For the error when it is asked otherwise: `GET /cache/entries`. */
  readonly usage: string
  /** Whether anybody may ask. Default: only whoever the guard lets pass. */
  readonly open?: true
  answer(exchange: AdminExchange): void | Promise<void>
}

export interface AdministrationTools {
  readonly cache: Cache
  readonly guard: AdminGuard
  readonly maxBodyBytes: number
}

/** Answers what concerns the gateway itself: by its routes, behind its guard. */
export class Administration {
  readonly #routes: readonly AdminRoute[]
  readonly #guard: AdminGuard
  readonly #maxBodyBytes: number

  constructor(routes: readonly AdminRoute[], { guard, maxBodyBytes }: Omit<AdministrationTools, 'cache'>) {
    this.#routes = routes
    this.#guard = guard
    this.#maxBodyBytes = maxBodyBytes
  }

  /** Whether a path is one of these, whatever the method. */
  owns(path: string): boolean {
    return this.#routes.some((route) => route.path.test(path))
  }

  /** Answers; what goes wrong is told to `fail`, or thrown before anything has been read. */
  handle(request: IncomingMessage, response: ServerResponse, fail: (error: unknown) => void): void {
    const { method = 'GET', url = '/' } = request
    // As it was written: what it is to be decoded to is for its route to say, and dots in it lead nowhere.
    const path = pathOf(request)
    const query = new URLSearchParams(url.slice(path.length))
    const route = this.#routeOf(method === 'HEAD' ? 'GET' : method, path)
    const isAdmin = this.#isAdmin(request, route.open === true)
    const caught = (route.path.exec(path) ?? []).slice(1).map((part) => decoded(part ?? ''))
    const caller = new HttpCaller(response)
    const controls = readControls(request.headers)
    readBody(request, this.#maxBodyBytes, (error, raw) => {
      if (error !== undefined) {
        fail(error)
        return
      }
      try {
        const exchange = { request, response, path, caught, query, raw, controls, caller, isAdmin }
        route.answer(exchange)?.catch(fail)
      } catch (thrown) {
        fail(thrown)
      }
    })
  }

  #routeOf(method: string, path: string): AdminRoute {
    const here = this.#routes.filter((route) => route.path.test(path))
    const route = here.find((one) => one.method === method)
    if (route !== undefined) return route
    if (here.length === 0) throw new RepriseError('not-found', `no such path: ${path}`)
    const usages = here.map(({ usage }) => usage).join(' or ')
    throw new RepriseError('not-found', `expected ${usages}, got ${method} ${path}`)
  }

  #isAdmin(request: IncomingMessage, open: boolean): boolean {
    try {
      this.#guard(request)
      return true
    } catch (error) {
      if (!open) throw error
      return false
    }
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new RepriseError('not-found', `expected a path in percent-encoding, got ${part}`)
  }
}
