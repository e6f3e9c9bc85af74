import type { Failure } from './failure.ts'
import type { RetryOptions } from './router-options.ts'

/** What a decision about a retry depends on. */
export interface RetryState {
  /** How often the target has been asked. */
  readonly made: number
  /** What is left of the deadline, in milliseconds. */
  readonly leftMs: number
  /** Another target could be asked now. */
  readonly hasNext: boolean
  /** An older answer is at hand. */
  readonly hasSpare: boolean
  readonly random: () => number
}

/** `now`: after `waitMs`, at once. `later`: not before the others, and not before `waitMs` are over. `no`: not again. */
export interface RetryDecision {
  readonly again: 'now' | 'later' | 'no'
  readonly waitMs: number
}

const firstBackoffMs = 250
/**
 * With another target at hand nobody waits longer than this for the same one. A short wait is worth while, since the
 * next target may be another model; a provider that wants to be left alone for seconds is left alone.
 */
const patienceBesideOthersMs = 1000

/**
 * Whether and when the same target is asked again. It waits as long as the provider has asked for (`retry-after`), else
 * 250 ms, doubled each time and with full jitter, so that those who failed together do not come back together.
 */
export function decideRetry(failure: Failure, rules: Required<RetryOptions>, state: RetryState): RetryDecision {
  const { made, leftMs, hasNext, hasSpare, random } = state
  const { attempts, maxWaitMs } = rules
  const backoffMs = Math.min(Math.round(random() * firstBackoffMs * 2 ** (made - 1)), maxWaitMs)
  const waitMs = failure.retryAfterMs ?? backoffMs
  if (made > attempts || !isRetryable(failure, rules)) return { again: 'no', waitMs }
  const mostMs = hasSpare ? 0 : hasNext ? Math.min(maxWaitMs, patienceBesideOthersMs) : maxWaitMs
  return { again: waitMs <= mostMs && waitMs < leftMs ? 'now' : 'later', waitMs }
}

function isRetryable({ kind, status }: Failure, { onStatusCodes }: Required<RetryOptions>): boolean {
  return kind === 'unreachable' || (kind === 'refused' && status !== undefined && onStatusCodes.includes(status))
}
