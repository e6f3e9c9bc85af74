import type { Cache } from '../cache.ts'
import { RepriseError } from '../core/errors.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import type { Kind } from '../core/kind.ts'
import { versionHeaders } from '../doors/request-headers.ts'
import type { Body } from '../wires/body.ts'
import { wires } from '../wires/open.ts'
import type { Wire } from '../wires/wire.ts'
import { WireContent, type WireRequest } from '../wires/wire-request.ts'
import type { AdminRoute } from './administration.ts'
import { contextOf, type EndpointTools } from './endpoint.ts'

/**
 * Says why a request would be answered from the cache, or not: `POST /cache/explain` with the request as it would be
 * sent, or with `{ "endpoint": "/v1/messages", "request": { ... } }`. It speaks of what the caller's own credential
 * shares, and of nobody else's entries.
 */
export function explaining(
  cache: Cache,
  tools: EndpointTools,
  kindOf: (wire: Wire) => Kind<WireRequest, Body>
): AdminRoute {
  return {
    method: 'POST',
    path: /^\/cache\/explain$/,
    usage: 'POST /cache/explain',
    async answer(exchange) {
      const { request, response, raw } = exchange
      const body = new RawBody(raw)
      const wire = wireOf(body.json, body.endpoint, request.headers['anthropic-version'] !== undefined)
      const query = exchange.query.size === 0 ? '' : `?${exchange.query}`
      const content = new WireContent(wire, body.request, query, versionHeaders(request.headers))
      const { scope, mode } = contextOf(exchange, tools, content)
      const explanation = await cache.explain(kindOf(wire), { content, headers: {} }, { scope, mode })
      const text = `${JSON.stringify({ endpoint: `/v1${wire.path}`, ...explanation }, undefined, 2)}\n`
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
      response.end(text)
    }
  }
}

/** The request to be explained, and which endpoint it is for, when that is said. */
class RawBody {
  readonly json: JsonObject
  readonly endpoint: string | undefined
  readonly request: Buffer

  constructor(raw: Buffer) {
    let value: unknown
    try {
      value = JSON.parse(raw.toString())
    } catch (error) {
      throw new RepriseError('invalid-body', 'the body is not JSON', { cause: error })
    }
    if (!isObject(value)) throw new RepriseError('invalid-body', 'the body must be a JSON object')
    const { request, endpoint } = value
    const isWrapped = isObject(request)
    this.json = isWrapped ? request : value
    this.endpoint = isWrapped && typeof endpoint === 'string' ? endpoint : undefined
    // As it came where it can be: numbers that parsing would make equal to others are told apart by their digits.
    this.request = isWrapped ? Buffer.from(JSON.stringify(request)) : raw
  }
}

function wireOf(json: JsonObject, endpoint: string | undefined, isAnthropic: boolean): Wire {
  const likely = json['input'] !== undefined ? '/responses' : isAnthropic ? '/messages' : '/chat/completions'
  const path = (endpoint ?? likely).replace(/^\/?(v1)?\/?/, '/')
  const wire = wires.find((one) => one.path === path)
  if (wire !== undefined) return wire
  const known = wires.map((one) => `/v1${one.path}`).join(', ')
  throw new RepriseError('invalid-body', `endpoint: expected one of ${known}, got ${JSON.stringify(endpoint)}`, {
    field: 'endpoint'
  })
}
