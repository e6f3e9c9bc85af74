import type { IncomingMessage } from 'node:http'
import { anthropic, type Dialect, openai } from './dialects.ts'
import type { EndpointName } from './endpoint.ts'

export interface Route {
  readonly endpoint: EndpointName
  readonly dialect: Dialect
  readonly url: URL
  /** The model in the path of GET /v1/models/:id. */
  readonly model?: string
}

const posts: Readonly<Record<string, EndpointName>> = {
  '/v1/chat/completions': 'chat',
  '/v1/responses': 'responses',
  '/v1/embeddings': 'embeddings',
  '/v1/messages': 'messages',
  '/v1/messages/count_tokens': 'count-tokens'
}

/** Where a request goes; undefined below anything but /v1. */
export function routeOf(request: IncomingMessage): Route | undefined {
  const url = new URL(request.url ?? '/', 'http://simulated.invalid')
  if (!url.pathname.startsWith('/v1/')) return undefined
  const endpoint = request.method === 'POST' ? posts[url.pathname] : undefined
  if (endpoint !== undefined) {
    return { endpoint, dialect: endpoint === 'messages' || endpoint === 'count-tokens' ? anthropic : openai, url }
  }
  const batches = batchEndpoint(request, url.pathname)
  if (batches !== undefined)
    return { endpoint: batches, dialect: batches === 'message-batches' ? anthropic : openai, url }
  const dialect = request.headers['anthropic-version'] === undefined ? openai : anthropic
  if (request.method === 'GET' && url.pathname === '/v1/models') return { endpoint: 'models', dialect, url }
  const model = request.method === 'GET' ? /^\/v1\/models\/([^/]+)$/.exec(url.pathname)?.[1] : undefined
  if (model !== undefined) return { endpoint: 'models', dialect, url, model: decodeURIComponent(model) }
  return { endpoint: 'other', dialect, url }
}

/** Below which of the endpoints for batches a path lies. */
function batchEndpoint({ method, headers }: IncomingMessage, path: string): EndpointName | undefined {
  if (/^\/v1\/messages\/batches(?:\/|$)/.test(path)) return 'message-batches'
  if (/^\/v1\/batches(?:\/|$)/.test(path)) return 'batches'
  const isUpload = method === 'POST' && String(headers['content-type']).startsWith('multipart/form-data')
  return (path === '/v1/files' && isUpload) || path.startsWith('/v1/files/file-') ? 'files' : undefined
}
