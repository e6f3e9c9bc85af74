import type { IncomingHttpHeaders } from 'node:http'
import type { PeekingHandler } from '../core/handler.ts'
import { withBodyControls } from '../doors/controls.ts'
import { sinkFor } from '../doors/other-outcomes.ts'
import { providerHeaders, versionHeaders } from '../doors/request-headers.ts'
import { respond } from '../doors/respond.ts'
import type { Body } from '../wires/body.ts'
import type { Wire } from '../wires/wire.ts'
import type { WireContent, WireRequest } from '../wires/wire-request.ts'
import { contextOf, type Endpoint, type EndpointTools } from './endpoint.ts'

/** The endpoint of a wire: asks the handler, and answers plainly or as a stream from the one answer. */
export function completions(wire: Wire, handler: PeekingHandler<WireRequest, Body>, tools: EndpointTools): Endpoint {
  return {
    path: wire.path,
    dialect: wire.dialect,
    answer(exchange) {
      const { request, response, raw, query, controls } = exchange
      const content = tools.recall(wire, raw, query, versionHeaders(request.headers))
      return respond(
        new IncomingRequest(content, request.headers),
        contextOf(exchange, tools, content),
        handler,
        sinkFor(response, withBodyControls(controls, content.cache))
      )
    }
  }
}

/** A request as it came in. Only a provider reads its headers, so that a hit need not go through them. */
class IncomingRequest implements WireRequest {
  readonly content: WireContent
  readonly #headers: IncomingHttpHeaders

  constructor(content: WireContent, headers: IncomingHttpHeaders) {
    this.content = content
    this.#headers = headers
  }

  get headers(): Readonly<Record<string, string>> {
    return providerHeaders(this.#headers)
  }
}
