import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { messageOf, RepriseError } from '../core/errors.ts'

/**
 * Listens. @param setting what is to be set otherwise when it cannot: `admin-` of the administration's
 * @throws RepriseError `invalid-option`, saying why it cannot
 */
export function listen(server: Server, port: number, host: string, setting: '' | 'admin-' = ''): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === 'EADDRINUSE'
          ? `it is in use by another program; choose another with --${setting}port`
          : error.code === 'EACCES'
            ? `this user may not listen there; choose a port above 1023 with --${setting}port`
            : error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND'
              ? `this machine has no such address; see --${setting}host`
              : messageOf(error)
      reject(new RepriseError('invalid-option', `cannot listen on ${host}:${port}: ${reason}`, { cause: error }))
    })
    server.listen(port, host, () => resolve())
  })
}

export interface Closing {
  readonly servers: readonly Server[]
  readonly parts: readonly { close(): Promise<void> }[]
  /** Connections that are no longer the server's, which therefore does not close them. */
  readonly handedOver: ReadonlySet<Duplex>
}

/** Takes no more requests, lets those under way finish for at most `graceMs`, and closes `parts` in turn. */
export async function shutDown({ servers, parts, handedOver }: Closing, graceMs: number): Promise<void> {
  const ending = servers.map((server) => (server.listening ? endOf(server) : undefined))
  const timer = setTimeout(() => {
    for (const server of servers) server.closeAllConnections()
    for (const socket of handedOver) socket.destroy()
  }, graceMs)
  await Promise.all(ending)
  clearTimeout(timer)
  const closed: PromiseSettledResult<void>[] = []
  // In turn, and each of them, whatever becomes of those before it.
  for (const part of parts) closed.push(...(await Promise.allSettled([part.close()])))
  for (const outcome of closed) if (outcome.status === 'rejected') throw outcome.reason
}

/** How often connections are looked for that have nothing more to wait for. */
const idleLookMs = 50

function endOf(server: Server): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  // Those that are busy now stay open when they have been answered: their callers may have more to ask.
  const closing = setInterval(() => server.closeIdleConnections(), idleLookMs)
  return ended.finally(() => clearInterval(closing))
}
