import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { JsonObject } from '../../core/json.ts'

/** What arrived at a path that nobody here knows: for tests of what is passed through. */
export function echo(request: IncomingMessage, url: URL, body: Buffer): JsonObject {
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? '')
    ])
  )
  return {
    path: url.pathname,
    query: url.search,
    method: request.method ?? '',
    headers,
    bodySha256: createHash('sha256').update(body).digest('hex'),
    bodyBytes: body.length
  }
}
