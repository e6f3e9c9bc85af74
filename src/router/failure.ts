import type { Answer } from '../core/answer.ts'
import { messageOf, ProviderError, RepriseError } from '../core/errors.ts'
import type { SkipReason } from '../core/events.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { retryAfterMs } from '../providers/retry-after.ts'
import { type Body, textOf } from '../wires/body.ts'

/** What an attempt came to that brought no answer. */
export class Failure {
  readonly kind: 'refused' | 'unreachable' | 'timeout' | 'malformed'
  /** As the caller gets it where there is nobody else to ask. */
  readonly error: Error
  /** In words for whoever asked. */
  readonly reason: string
  /** The caller has seen something of the answer: nobody may be asked again. */
  readonly seen: boolean
  /** It says something of the target's health, for its breaker. */
  readonly counts: boolean
  /** 0 where nothing can have been charged; undefined: nobody knows. */
  readonly costUsd: 0 | undefined
  /** What the provider said; 504 for one that said nothing in time. */
  readonly status: number | undefined
  /** When the provider wants to be asked again. */
  readonly retryAfterMs: number | undefined
  /** What came instead of an answer, where something did. */
  readonly answer: Answer<Body> | undefined

  constructor(kind: Failure['kind'], error: Error, details: FailureDetails = {}) {
    this.kind = kind
    this.error = error
    this.reason = details.reason ?? messageOf(error)
    this.seen = details.seen ?? false
    this.counts = details.counts ?? true
    this.costUsd = details.costUsd
    this.status = details.status
    this.retryAfterMs = details.retryAfterMs
    this.answer = details.answer
  }
}

type FailureDetails = { readonly [Detail in keyof Omit<Failure, 'kind' | 'error'>]?: Failure[Detail] | undefined }

/** Why a target was not asked. */
export class Skip {
  readonly reason: SkipReason
  readonly detail: string
  /** The budget's own words, where it was one. */
  readonly error: Error | undefined
  /** What the target said last, of one that is left out. */
  readonly status: number | undefined
  /** What is missing from a budget is only set aside for other calls, and may be there when they have ended. */
  readonly comesFree: boolean

  constructor(
    reason: SkipReason,
    detail: string,
    more: { readonly error?: Error; readonly status?: number; readonly comesFree?: boolean } = {}
  ) {
    this.reason = reason
    this.detail = detail
    this.error = more.error
    this.status = more.status
    this.comesFree = more.comesFree ?? false
  }
}

/**
 * What a provider's handler has thrown, as a failure; an error that says nothing of the provider is thrown on.
 * `ownCredential`: the caller pays with its own, and a rate limit it meets says nothing of what others would.
 */
export function failureOf(error: unknown, seen: boolean, ownCredential: boolean): Failure {
  if (error instanceof ProviderError) return refusal(error, seen, ownCredential)
  if (!(error instanceof RepriseError)) throw error
  if (error.code === 'provider-unreachable') {
    return new Failure('unreachable', error, { seen, costUsd: neverArrived(error) ? 0 : undefined })
  }
  if (error.code === 'provider-timeout') {
    return new Failure('timeout', error, { seen, costUsd: neverArrived(error) ? 0 : undefined, status: 504 })
  }
  // A stream that ran to its end and cannot be kept is the fault of whoever reads it, as far as anybody knows.
  if (error.code === 'provider-malformed') return new Failure('malformed', error, { seen, counts: !seen })
  throw error
}

function refusal(error: ProviderError, seen: boolean, ownCredential: boolean): Failure {
  const { status, headers, body } = error
  const said = messageIn(body)
  return new Failure('refused', error, {
    reason: `answered ${status}${said === undefined ? '' : `: ${said}`}`,
    seen,
    // Other statuses are about the request: 408, 409 and 425 as well, which another request need not meet.
    counts: status >= 500 || (status === 429 && !ownCredential),
    costUsd: 0,
    status,
    retryAfterMs: retryAfterMs(headers, Date.now(), status)
  })
}

const longestMessage = 200

/** What the body of an error says in words, in the dialects known here. */
export function messageIn(body: Uint8Array): string | undefined {
  const error = errorIn(body)
  const message = isObject(error) ? error['message'] : error
  if (typeof message !== 'string' || message === '') return undefined
  return message.length > longestMessage ? `${message.slice(0, longestMessage)}...` : message
}

/** The part of an error's body that says what it is. */
export function errorIn(body: Uint8Array): JsonObject[string] {
  try {
    const json: unknown = JSON.parse(textOf(body))
    return isObject(json) ? (json['error'] ?? json['message']) : undefined
  } catch {
    return undefined
  }
}

/** Errors before a connection stands: nothing of the request can have been read, and nothing charged. */
const beforeConnection: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'ETIMEDOUT'
])

function neverArrived(error: Error): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && beforeConnection.has(String(cause.code))) return true
  }
  return false
}
