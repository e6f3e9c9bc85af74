import type { Headers } from './headers.ts'

/**
 * Every error that Reprise itself makes. `status` is what the gateway answers with; `retryable` says
 * whether the same request may succeed later. The table stands in docs/errors.md too, and a test compares.
 */
export const errorTable = {
  'invalid-body': { status: 400, retryable: false },
  'invalid-header': { status: 400, retryable: false },
  'invalid-plan': { status: 400, retryable: false },
  'not-found': { status: 404, retryable: false },
  'body-too-large': { status: 413, retryable: false },
  internal: { status: 500, retryable: true },
  'provider-unreachable': { status: 502, retryable: true },
  'provider-malformed': { status: 502, retryable: true },
  'provider-timeout': { status: 504, retryable: true },
  'only-if-cached': { status: 504, retryable: false },
  'all-providers-failed': { status: 502, retryable: true },
  'no-suitable-target': { status: 400, retryable: false },
  'over-budget': { status: 429, retryable: false },
  'price-unknown': { status: 403, retryable: false },
  unauthorized: { status: 401, retryable: false },
  forbidden: { status: 403, retryable: false },
  conflict: { status: 409, retryable: false },
  aborted: { status: 499, retryable: true },
  'invalid-option': { status: 500, retryable: false },
  'store-unavailable': { status: 503, retryable: true },
  'store-closed': { status: 503, retryable: false },
  'store-timeout': { status: 503, retryable: true },
  'embedder-unavailable': { status: 503, retryable: true },
  'embedder-closed': { status: 503, retryable: false },
  'missing-dependency': { status: 500, retryable: false }
} as const satisfies Record<string, { status: number; retryable: boolean }>

export type ErrorCode = keyof typeof errorTable

export interface RepriseErrorOptions {
  readonly cause?: unknown
  readonly field?: string
  readonly retryAfterMs?: number
  /** Where the cause decides. Default: as the table says. */
  readonly status?: number
  readonly retryable?: boolean
}

/** An error of Reprise's own making, with a stable `code`. */
export class RepriseError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly retryable: boolean
  /** The request's field that was wrong, when it was one. */
  readonly field?: string
  /** When it is worth asking again, in milliseconds from now, where that is known. */
  readonly retryAfterMs?: number

  constructor(code: ErrorCode, message: string, options: RepriseErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'RepriseError'
    this.code = code
    this.status = options.status ?? errorTable[code].status
    this.retryable = options.retryable ?? errorTable[code].retryable
    if (options.field !== undefined) this.field = options.field
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
  }
}

/** A provider said no: its own status, headers and body, to be passed on as they are. */
export class ProviderError extends Error {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
  readonly retryable: boolean
  readonly provider: string

  constructor(provider: string, status: number, headers: Headers, body: Uint8Array) {
    super(`${provider} answered ${status}`)
    this.name = 'ProviderError'
    this.provider = provider
    this.status = status
    this.headers = headers
    this.body = body
    this.retryable = mayPass(status)
  }
}

/** Whether a provider may answer later: 408 request timeout, 409 a lock, 425 too early, 429 rate limit, 5xx, 529 overloaded. */
export function mayPass(status: number): boolean {
  return status === 408 || status === 409 || status === 425 || status === 429 || status >= 500
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
