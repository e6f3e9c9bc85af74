import type { Headers } from '../core/headers.ts'

/**
 * When a provider wants to be asked again, in milliseconds from `nowMs`, rounded up and never negative; undefined where
 * it does not say, or nothing that can be understood. Reads `retry-after-ms`, then `retry-after` (seconds or a date, RFC
 * 9110, 10.2.3), then, where `status` is 429, the `x-ratelimit-reset-requests` and `-tokens` of what is used up.
 */
export function retryAfterMs(headers: Headers, nowMs: number = Date.now(), status?: number): number | undefined {
  const said = amount(first(headers, 'retry-after-ms')) ?? secondsOrDate(first(headers, 'retry-after'), nowMs)
  const wait = said ?? (status === 429 ? resetMs(headers) : undefined)
  return wait === undefined ? undefined : Math.ceil(Math.max(0, wait))
}

function first(headers: Headers, name: string): string | undefined {
  const value = headers[name]
  return (typeof value === 'string' ? value : value?.[0])?.trim()
}

function amount(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+(?:\.\d+)?$/.test(text)) return undefined
  return Number.isFinite(Number(text)) ? Number(text) : undefined
}

function secondsOrDate(text: string | undefined, nowMs: number): number | undefined {
  const seconds = amount(text)
  if (seconds !== undefined) return finite(seconds * 1000)
  const date = text === undefined || !httpDate.test(text) ? Number.NaN : Date.parse(asUtc(text))
  return finite(date - nowMs)
}

/** The three forms of a date in HTTP (RFC 9110, 5.6.7); Date.parse alone takes a lone digit for one. */
const httpDate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d\d:\d\d:\d\d/

/** The oldest of the forms does not say that it is in UTC. */
function asUtc(date: string): string {
  return date.endsWith('GMT') ? date : `${date} GMT`
}

/** What is used up decides; of both, the one that takes longer. */
function resetMs(headers: Headers): number | undefined {
  const waits = ['requests', 'tokens'].flatMap((what) =>
    amount(first(headers, `x-ratelimit-remaining-${what}`)) === 0
      ? (durationMs(first(headers, `x-ratelimit-reset-${what}`)) ?? [])
      : []
  )
  return waits.length === 0 ? undefined : Math.max(...waits)
}

const unitMs: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

/** `1s`, `6m0s`, `20ms`, `2m59.56s`. */
function durationMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^(?:\d+(?:\.\d+)?(?:ms|[dhms]))+$/.test(text)) return undefined
  const parts = [...text.matchAll(/([\d.]+)(ms|[dhms])/g)]
  return finite(parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? ''] ?? 0), 0))
}

function finite(number: number): number | undefined {
  return Number.isFinite(number) ? number : undefined
}
