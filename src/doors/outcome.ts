import type { OutgoingHttpHeaders } from 'node:http'
import type { Origin } from '../core/answer.ts'
import type { Headers } from '../core/headers.ts'

export interface Form {
  readonly type: string
  /** In bytes; absent for a stream whose end is not known. */
  readonly length?: number
}

/** The headers of a response: its form, where the answer comes from, and what its provider said with it. */
export function responseHeaders(origin: Origin, { type, length }: Form): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = outcomeHeaders(origin)
  headers['content-type'] = type
  if (length !== undefined) headers['content-length'] = length
  return origin.headers === undefined ? headers : { ...answerHeaders(origin.headers), ...headers }
}

/** What the response's headers say of where the answer comes from: `Cache-Status` (RFC 9211), `Age`, `x-reprise-*`. */
export function outcomeHeaders(origin: Origin): Record<string, string> {
  const { layer, bypass, key, ageMs, similarity, provider } = origin
  const headers: Record<string, string> = { 'cache-status': cacheStatus(origin), 'x-reprise-layer': layer }
  // Of a hit too: it may be another one's answer than that of the model asked for.
  if (provider !== undefined) headers['x-reprise-provider'] = provider
  if (origin.fallback) headers['x-reprise-fallback'] = 'true'
  if (layer === 'provider') tellOfProvider(headers, origin)
  else {
    if (ageMs !== undefined) headers['age'] = String(Math.floor(ageMs / 1000))
    headers['x-reprise-cost-usd'] = '0'
    if (origin.stale) headers['x-reprise-stale'] = 'true'
    if (origin.lastResort) headers['x-reprise-last-resort'] = 'true'
    headers['x-reprise-saved-usd'] = money(origin.savedUsd)
  }
  if (origin.batched !== undefined) headers['x-reprise-batched'] = String(origin.batched)
  if (key !== undefined) headers['x-reprise-entry'] = key
  if (similarity !== undefined) headers['x-reprise-similarity'] = similarity.toFixed(4)
  if (bypass !== undefined) headers['x-reprise-bypass-reason'] = bypass
  return headers
}

function tellOfProvider(headers: Record<string, string>, origin: Origin): void {
  const { joined, savedUsd, costUsd, wastedUsd = 0, tookMs } = origin
  // A stream's headers leave before anybody knows what it costs.
  if (tookMs === undefined) return
  if (joined) headers['x-reprise-saved-usd'] = money(savedUsd)
  headers['x-reprise-cost-usd'] = joined ? '0' : money(costUsd === undefined ? undefined : costUsd + wastedUsd)
}

/** What nobody knows is not 0. */
function money(usd: number | undefined): string {
  return usd === undefined ? 'unknown' : usd.toFixed(8)
}

function cacheStatus({ layer, bypass, joined, stored, freshForMs }: Origin): string {
  if (bypass !== undefined) return `reprise; fwd=bypass; detail=${bypass}`
  if (layer !== 'provider') return `reprise; hit; ttl=${Math.floor((freshForMs ?? 0) / 1000)}; detail=${layer}`
  return `reprise; fwd=miss${joined ? '; collapsed' : ''}${stored ? '; stored' : ''}`
}

/** Headers of a provider's response that are true of the answer itself, whoever gets it and in whatever form. */
export function answerHeaders(headers: Headers): OutgoingHttpHeaders {
  const kept: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(headers)) {
    // A provider that is a cache like this one speaks of its own caller: of us.
    if (notOfTheAnswer.has(name) || name.startsWith('x-reprise-')) continue
    kept[name] = value as string | string[]
  }
  return kept
}

const notOfTheAnswer: ReadonlySet<string> = new Set(['content-length', 'cache-control', 'cache-status', 'age'])
