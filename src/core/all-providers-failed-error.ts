import { mayPass, RepriseError } from './errors.ts'

/** Why one target did not answer. */
export interface TargetFailure {
  /** `provider/model`. */
  readonly target: string
  /** What happened, in words for whoever asked. */
  readonly reason: string
  /** What the provider said, where it said anything. */
  readonly status?: number
  /** It could not answer later either: it cannot take the request, say. */
  readonly final?: true
  /** When it may be asked again, in milliseconds from now, where it said so. */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/**
 * None of a route's targets has answered; each is listed with its reason.
 * `status` is 429 when all of them want to be asked later, 504 when all were too slow, else 502.
 */
export class AllProvidersFailedError extends RepriseError {
  readonly failures: readonly TargetFailure[]

  constructor(model: string, failures: readonly TargetFailure[]) {
    const reasons = failures.map(({ target, reason }) => `${target}: ${reason}`).join('; ')
    const waits = failures.flatMap(({ retryAfterMs }) => retryAfterMs ?? [])
    const statuses = new Set(failures.map(({ status }) => status))
    const [only] = statuses
    super('all-providers-failed', `no provider could answer for ${model}. ${reasons}`, {
      cause: failures.findLast(({ cause }) => cause !== undefined)?.cause,
      retryable: failures.some(({ status, final }) => final !== true && (status === undefined || mayPass(status))),
      ...(statuses.size === 1 && (only === 429 || only === 504) ? { status: only } : {}),
      ...(waits.length === 0 ? {} : { retryAfterMs: Math.min(...waits) })
    })
    this.name = 'AllProvidersFailedError'
    this.failures = failures
  }
}
