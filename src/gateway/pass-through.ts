import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Dispatcher } from 'undici'
import { providerHeaders } from '../doors/request-headers.ts'
import { withoutHopByHop } from '../providers/hop-by-hop.ts'
import type { Provider } from '../providers/provider.ts'

/** Hands a request to the provider and its response back, untouched and uncached, both as streams. */
export async function passThrough(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  provider: Provider,
  signal: AbortSignal
): Promise<void> {
  const { 'accept-encoding': encoding, 'content-length': length, 'transfer-encoding': transfer } = request.headers
  const answer = await provider.forward(path, {
    method: (request.method ?? 'GET') as Dispatcher.HttpMethod,
    headers: {
      ...providerHeaders(request.headers),
      ...(encoding === undefined ? {} : { 'accept-encoding': String(encoding) }),
      ...(length === undefined ? {} : { 'content-length': length })
    },
    body: length === undefined && transfer === undefined ? null : request,
    signal
  })
  response.writeHead(answer.statusCode, {
    ...withoutHopByHop(answer.headers),
    'cache-status': 'reprise; fwd=bypass; detail=path',
    'x-reprise-layer': 'provider',
    'x-reprise-bypass-reason': 'path'
  })
  await pipeline(answer.body, response)
}
