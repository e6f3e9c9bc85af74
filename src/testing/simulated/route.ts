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
  const dialect = request.headers['anthropic-version'] === undefined ? openai : anthropic
  if (request.method === 'GET' && url.pathname === '/v1/models') return { endpoint: 'models', dialect, url }
  const model = request.method === 'GET' ? /^\/v1\/models\/([^/]+)$/.exec(url.pathname)?.[1] : undefined
  if (model !== undefined) return { endpoint: 'models', dialect, url, model: decodeURIComponent(model) }
  return { endpoint: 'other', dialect, url }
}
