import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Observe } from '../core/events.ts'
import type { Caller, Context } from '../core/handler.ts'
import type { Dialect } from '../wires/dialect.ts'
import type { Controls } from './controls.ts'
import type { Recall } from './recall.ts'
import type { TenantOf } from './tenant.ts'

/** One path of the gateway that it answers itself. */
export interface Endpoint {
  /** `/chat/completions`: below `/v1`. */
  readonly path: string
  readonly dialect: Dialect
  /**
   * Answers the exchange: at once where nothing has to be waited for, and then there is no promise.
   * What it throws before it has written anything becomes the dialect's error.
   */
  answer(exchange: Exchange): Promise<void> | undefined
}

/** One request and its response, and what every endpoint needs to know of it. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The request's whole body. */
  readonly raw: Buffer
  /** `?beta=true`, or nothing. */
  readonly query: string
  readonly controls: Controls
  readonly caller: Caller
}

/** What endpoints share. */
export interface EndpointTools {
  readonly tenantOf: TenantOf
  readonly recall: Recall
  readonly observe: Observe
}

/** The context of a request to the provider at `baseUrl`. */
export function contextOf(exchange: Exchange, tools: EndpointTools, baseUrl: string): Context {
  const { controls, request, caller } = exchange
  const { mode, tags, ttlMs, scope } = controls
  return {
    // The provider's address is in it: the same model name somewhere else is another model.
    scope: scopeOf(baseUrl, tools.tenantOf(request.headers), scope),
    mode,
    tags,
    caller,
    observe: tools.observe,
    ...(ttlMs === undefined ? {} : { ttlMs })
  }
}

function scopeOf(baseUrl: string, tenant: string, narrower: string | undefined): readonly string[] {
  return narrower === undefined ? [baseUrl, tenant] : [baseUrl, tenant, narrower]
}
