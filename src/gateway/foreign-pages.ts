import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { RepriseError } from '../core/errors.ts'
import { isLoopback } from './admin.ts'

/** Lets a request pass or throws RepriseError `forbidden`. */
export type PageGuard = (request: Pick<IncomingMessage, 'headers' | 'socket'>) => void

/**
 * Keeps pages that a browser has got from elsewhere from spending the operator's key, or reading what all callers share,
 * through a gateway that listens on its reader's machine only. Programs send no origin; pages of this machine, browser
 * extensions, and pages of the very address that was asked (of a proxy before the gateway) are let in.
 */
export function guardAgainstPages({ headers, socket }: Parameters<PageGuard>[0]): void {
  const { origin } = headers
  if (origin === undefined || !isForeign(origin, headers, socket.localPort)) return
  throw new RepriseError(
    'forbidden',
    `expected no page of another machine to ask, got one of ${JSON.stringify(origin)}; a proxy that lets such pages in takes their origin header away`
  )
}

function isForeign(origin: string, headers: IncomingHttpHeaders, ownPort: number | undefined): boolean {
  if (!URL.canParse(origin)) return true
  const { protocol, hostname, host, port } = new URL(origin)
  if (protocol !== 'http:' && protocol !== 'https:') return false
  if (isLoopback(hostname) || hostname.endsWith('.localhost')) return false
  if (headers['sec-fetch-site'] === 'same-origin') return false
  // A name of its own that has been pointed at this machine (DNS rebinding) has this port too: it cannot be a proxy's.
  return host !== headers.host || (port === '' ? '80' : port) === String(ownPort)
}
