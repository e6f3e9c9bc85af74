import { AllProvidersFailedError, type TargetFailure } from '../core/all-providers-failed-error.ts'
import { RepriseError } from '../core/errors.ts'
import type { RoutedProvider } from './attempt.ts'
import { Failure, Skip } from './failure.ts'
import type { Plan, PlannedTarget } from './plan.ts'
import type { Spoken } from './spoken.ts'
import type { Target } from './target.ts'

/** One of a plan's targets, on the way of one request. */
export interface Stop {
  readonly planned: PlannedTarget
  readonly target: Target
  readonly routed: RoutedProvider
  /** The request as this target is asked it, once it is known. */
  spoken: Spoken | undefined
  /** What came of it last; what a provider has said is not forgotten for a skip after it. */
  outcome: Failure | Skip | undefined
  /** Left out or put off before it has had all its attempts: when it may be asked once more. */
  owedAtMs: number | undefined
  /** How often it has been asked in vain since this request came: by this one, or by another that was to find out. */
  tries: number
}

/** Why nobody has answered. `asked`: at least one provider was. */
export function errorOf(stops: readonly Stop[], { model: named, deadlineMs }: Plan, asked: boolean): Error {
  const skips = stops.flatMap(({ outcome }) => (outcome instanceof Skip ? [outcome] : []))
  const overBudget = skips.find(({ error }) => error !== undefined)?.error
  if (!asked && overBudget !== undefined) return overBudget
  const [only] = stops
  if (stops.length === 1 && only?.outcome instanceof Failure) return only.outcome.error
  const model = named === '' ? 'the request' : named
  const failures = stops.map((stop) => failureAt(stop, deadlineMs))
  if (skips.length === stops.length && skips.every(({ reason }) => reason === 'unsuitable')) {
    const reasons = failures.map(({ target, reason }) => `${target}: ${reason}`).join('; ')
    return new RepriseError('no-suitable-target', `no target of ${model} can take this request. ${reasons}`)
  }
  return new AllProvidersFailedError(model, failures)
}

function failureAt({ target, outcome, owedAtMs }: Stop, deadlineMs: number): TargetFailure {
  const { name } = target
  if (outcome === undefined) {
    return { target: name, reason: `not asked: the ${deadlineMs} ms for all targets together were over`, status: 504 }
  }
  const failed = outcome instanceof Failure
  const leftOutMs = Math.max(owedAtMs ?? 0, target.leftOutUntilMs) - Date.now()
  const retryAfterMs = (failed ? outcome.retryAfterMs : undefined) ?? (leftOutMs > 0 ? leftOutMs : undefined)
  return {
    target: name,
    reason: failed ? outcome.reason : outcome.detail,
    ...(!failed && outcome.reason !== 'left-out' ? { final: true } : {}),
    ...(outcome.status === undefined ? {} : { status: outcome.status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(outcome.error === undefined ? {} : { cause: outcome.error })
  }
}
