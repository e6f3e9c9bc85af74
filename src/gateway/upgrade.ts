import { request as httpRequest, type IncomingMessage, STATUS_CODES } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Duplex } from 'node:stream'
import { providerHeaders } from '../doors/request-headers.ts'
import type { Provider } from '../providers/provider.ts'

/**
 * Hands a connection that is to speak something else (a WebSocket, as realtime interfaces do) over to the provider:
 * after the handshake the two are joined, and nobody here reads along.
 */
export function passUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  path: string,
  provider: Provider
): void {
  const { connection = 'upgrade', upgrade = '' } = request.headers
  const send = provider.baseUrl.startsWith('https:') ? httpsRequest : httpRequest
  const outgoing = send(provider.urlOf(path), {
    method: request.method,
    headers: { ...provider.withCredential(providerHeaders(request.headers)), connection, upgrade }
  })
  socket.on('error', () => outgoing.destroy())
  socket.on('close', () => outgoing.destroy())
  outgoing.on('error', () => socket.destroy())
  outgoing.on('upgrade', (response, upstream, upstreamHead) => {
    socket.write(`${headOf(response)}\r\n`)
    socket.write(upstreamHead)
    upstream.write(head)
    upstream.on('error', () => socket.destroy())
    upstream.on('close', () => socket.destroy())
    socket.on('close', () => upstream.destroy())
    upstream.pipe(socket).pipe(upstream)
  })
  // The provider would rather not: its answer, and that is the end of the connection.
  outgoing.on('response', (response) => {
    socket.write(
      `${headOf(response).replace(/^(connection|transfer-encoding):.*\r\n/gim, '')}connection: close\r\n\r\n`
    )
    response.pipe(socket)
  })
  outgoing.end()
}

function headOf({ statusCode = 502, statusMessage, rawHeaders }: IncomingMessage): string {
  let text = `HTTP/1.1 ${statusCode} ${statusMessage || STATUS_CODES[statusCode]}\r\n`
  for (let at = 0; at < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`
  return text
}
