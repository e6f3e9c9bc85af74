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
  const { layer, bypass, key, savedUsd, ageMs, similarity } = origin
  const headers: Record<string, string> = { 'cache-status': cacheStatus(origin), 'x-reprise-layer': layer }
  if (layer !== 'provider' && ageMs !== undefined) headers['age'] = String(Math.floor(ageMs / 1000))
  if (key !== undefined) headers['x-reprise-entry'] = key
  if (similarity !== undefined) headers['x-reprise-similarity'] = similarity.toFixed(4)
  if (savedUsd !== undefined) headers['x-reprise-saved-usd'] = savedUsd.toFixed(8)
  if (bypass !== undefined) headers['x-reprise-bypass-reason'] = bypass
  return headers
}

function cacheStatus({ layer, bypass, joined, stored, freshForMs }: Origin): string {
  if (bypass !== undefined) return `reprise; fwd=bypass; detail=${bypass}`
  if (layer !== 'provider') return `reprise; hit; ttl=${Math.floor((freshForMs ?? 0) / 1000)}; detail=${layer}`
  return `reprise; fwd=miss${joined ? '; collapsed' : ''}${stored ? '; stored' : ''}`
}

/** Headers of a provider's response that are true of the answer itself, whoever gets it and in whatever form. */
export function answerHeaders(headers: Headers): OutgoingHttpHeaders {
  const { 'content-length': _length, 'cache-control': _control, ...rest } = headers
  return rest as OutgoingHttpHeaders
}
