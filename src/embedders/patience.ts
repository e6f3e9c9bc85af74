import { setTimeout as delay } from 'node:timers/promises'
import { ProviderError, RepriseError } from '../core/errors.ts'
import { abortedError } from './abort.ts'

const firstWaitMs = 250
const longestWaitMs = 8000

/**
 * How long to wait before a request is made again; undefined when that cannot help, or the provider asks for more time
 * than a caller has. Twice as long each time, and less by chance, so that those who failed together do not come again
 * together ("full jitter": https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export function patienceOf(error: unknown, attempt: number, random: () => number = Math.random): number | undefined {
  if (!mayPass(error)) return undefined
  const askedMs = error instanceof ProviderError ? retryAfterMs(error) : undefined
  if (askedMs !== undefined) return askedMs <= longestWaitMs ? askedMs : undefined
  return Math.min(longestWaitMs, firstWaitMs * 2 ** attempt) * random()
}

/** Waits, unless nobody waits for that. @throws RepriseError `aborted` */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
    throw abortedError(error)
  })
}

/** An answer that cannot be read would be no other the next time; no answer at all might be one. */
function mayPass(error: unknown): boolean {
  if (error instanceof ProviderError) return error.retryable
  return error instanceof RepriseError && (error.code === 'provider-unreachable' || error.code === 'provider-timeout')
}

/** What the provider asks for: `retry-after` in seconds or as a date (RFC 9110, 10.2.3), or OpenAI's `retry-after-ms`. */
function retryAfterMs({ headers }: ProviderError): number | undefined {
  const milliseconds = Number.parseFloat(String(headers['retry-after-ms']))
  if (milliseconds >= 0) return milliseconds
  const text = String(headers['retry-after'])
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
