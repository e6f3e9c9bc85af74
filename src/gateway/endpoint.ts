import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Observe } from '../core/events.ts'
import type { Caller, Context } from '../core/handler.ts'
import { type Controls, withBodyControls } from '../doors/controls.ts'
import type { TenantOf } from '../doors/tenant.ts'
import type { Router } from '../router/router.ts'
import type { Dialect } from '../wires/dialect.ts'
import type { WireContent } from '../wires/wire-request.ts'
import type { Recall } from './recall.ts'

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
  /** On whose account a request is. */
  readonly tenantOf: TenantOf
  /** Whether all tenants share their answers. */
  readonly sharesAll: boolean
  /** Where the answer to a request comes from, as long as nothing fails. */
  readonly addressOf: Router['addressOf']
  readonly recall: Recall
  readonly observe: Observe
}

/** The context of a request. */
export function contextOf(
  exchange: Pick<Exchange, 'controls' | 'request' | 'caller'>,
  tools: EndpointTools,
  content: WireContent
): Context {
  const { request, caller } = exchange
  const controls = withBodyControls(exchange.controls, content.cache)
  const { mode, tags, ttlMs, staleWhileRevalidateMs, graceMs, batch, scope } = controls
  const tenant = tools.tenantOf(request.headers)
  const context: Context = {
    // The provider's address is in it: the same model name somewhere else is another model.
    scope: scopeOf(tools.addressOf(content, { tags, tenant }), tools.sharesAll ? 'everyone' : tenant, scope),
    mode,
    tags,
    tenant,
    caller,
    observe: tools.observe
  }
  // Most say nothing of it, and each that is spread into another object costs as much as the rest of this.
  if (ttlMs === undefined && staleWhileRevalidateMs === undefined && graceMs === undefined && batch === undefined)
    return context
  return {
    ...context,
    ...(ttlMs === undefined ? {} : { ttlMs }),
    ...(staleWhileRevalidateMs === undefined ? {} : { staleWhileRevalidateMs }),
    ...(graceMs === undefined ? {} : { graceMs }),
    ...(batch === undefined ? {} : { batch })
  }
}

function scopeOf(address: string, sharers: string, narrower: string | undefined): readonly string[] {
  return narrower === undefined ? [address, sharers] : [address, sharers, narrower]
}
