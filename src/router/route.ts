import { mayPass } from '../core/errors.ts'
import { patternMatcher } from '../core/pattern.ts'
import {
  checkBoolean,
  checkDuration,
  checkList,
  checkNumber,
  checkObject,
  checkStatuses,
  checkText,
  checkWhole,
  unexpected
} from './check.ts'
import { compileCondition, type Facts } from './condition.ts'
import type { BreakerRules, RetryOptions, RouteOptions, TargetOptions } from './router-options.ts'

/** A route as it was meant, read once. */
export interface Route {
  /** For errors: `routes[0] (gpt-4o*)`. */
  readonly label: string
  readonly patterns: readonly string[]
  fits(model: string): boolean
  /** In the order they are listed. */
  readonly targets: readonly RouteTarget[]
  readonly rules: RouteRules
}

/** What a plan takes over as it stands. */
export interface RouteRules {
  readonly retry: Required<RetryOptions>
  readonly fallsBackOn: (status: number) => boolean
  readonly deadlineMs: number
  readonly breaker: Required<BreakerRules>
  readonly storeFallbacks: boolean
}

export interface RouteTarget {
  readonly provider: string
  /** Undefined: the one that the caller named. */
  readonly model: string | undefined
  readonly weight: number
  readonly order: number
  /** Undefined: it is there for all. */
  readonly when: ((facts: Facts) => boolean) | undefined
  readonly timeoutMs: number | undefined
}

/** The statuses after which a provider may answer later. */
const passing = Array.from({ length: 200 }, (_, index) => 400 + index).filter(mayPass)
/** What another target may well see otherwise: its own credential, its own models. */
const ownTo = [401, 403, 404]

/** The rules of a model that has no route: it is asked once, where it was always asked. */
export const rulesWithoutRoute: RouteRules = {
  ...rulesOf({}, ''),
  retry: { ...retryOf({}, ''), attempts: 0 },
  fallsBackOn: () => false,
  // There is nobody else to ask: what the provider says goes to the caller, each time.
  breaker: { ...breakerOf({}, ''), failures: Number.POSITIVE_INFINITY }
}

/** Reads a route. @throws RepriseError `invalid-option` naming the route, what was expected and got */
export function readRoute(options: RouteOptions, index: number, providers: ReadonlySet<string>): Route {
  const place = `routes[${index}]`
  checkObject(options, place, routeFields)
  const patterns: readonly string[] = typeof options.model === 'string' ? [options.model] : options.model
  const models = 'the name of a model, a pattern, or a list of these'
  checkList(patterns, `${place}.model`, models)
  for (const pattern of patterns) checkText(pattern, `${place}.model`, models)
  const label = `${place} (${patterns.join(', ')})`
  const { strategy = 'fallback', targets } = options
  if (strategy !== 'fallback' && strategy !== 'loadbalance')
    throw unexpected(`${label}.strategy`, 'fallback or loadbalance', strategy)
  checkList(targets, `${label}.targets`, 'a list of at least one provider to ask')
  const fits = patterns.map(patternMatcher)
  return {
    label,
    patterns,
    fits: (model) => fits.some((matches) => matches(model)),
    targets: targets.map((target, number) =>
      readTarget(target, `${label}.targets[${number}]`, strategy === 'fallback' ? number : 0, providers)
    ),
    rules: rulesOf(options, label)
  }
}

const routeFields: readonly (keyof RouteOptions)[] = [
  'model',
  'targets',
  'strategy',
  'retry',
  'fallbackOn',
  'deadlineMs',
  'breaker',
  'storeFallbacks'
]

const targetFields: readonly (keyof TargetOptions)[] = ['provider', 'model', 'weight', 'order', 'when', 'timeoutMs']

function readTarget(
  given: string | TargetOptions,
  where: string,
  usualOrder: number,
  providers: ReadonlySet<string>
): RouteTarget {
  const options = typeof given === 'string' ? takeApart(given, providers) : given
  checkObject(options, where, targetFields)
  const { provider, model, weight = 1, order = usualOrder, when, timeoutMs } = options
  if (!providers.has(provider)) {
    const known = providers.size === 0 ? 'there are none' : `there are ${[...providers].join(', ')}`
    throw unexpected(where, `the name of a provider (${known})`, provider)
  }
  if (model !== undefined) checkText(model, `${where}.model`, 'the name of a model')
  checkNumber(weight, `${where}.weight`, 0)
  checkNumber(order, `${where}.order`)
  if (timeoutMs !== undefined) checkDuration(timeoutMs, `${where}.timeoutMs`, 1)
  return {
    provider,
    model,
    weight,
    order,
    when: when === undefined ? undefined : compileCondition(when, `${where}.when`),
    timeoutMs
  }
}

/** `provider/model`: whatever follows the first slash is the model's name, further slashes included. */
function takeApart(target: string, providers: ReadonlySet<string>): TargetOptions {
  const slash = target.indexOf('/')
  if (slash === -1 || providers.has(target)) return { provider: target }
  return { provider: target.slice(0, slash), model: target.slice(slash + 1) }
}

function rulesOf(options: Omit<RouteOptions, 'model' | 'targets'>, label: string): RouteRules {
  const { fallbackOn, deadlineMs = 600_000, storeFallbacks = false } = options
  checkDuration(deadlineMs, `${label}.deadlineMs`, 1)
  checkBoolean(storeFallbacks, `${label}.storeFallbacks`)
  if (fallbackOn !== undefined) checkStatuses(fallbackOn, `${label}.fallbackOn`)
  const statuses = new Set(fallbackOn ?? [...ownTo, ...passing])
  return {
    retry: retryOf(options.retry ?? {}, `${label}.retry`),
    // Beyond 599 there are no statuses; some proxies make their own all the same.
    fallsBackOn: (status) => statuses.has(status) || (fallbackOn === undefined && status > 599),
    deadlineMs,
    breaker: breakerOf(options.breaker ?? {}, `${label}.breaker`),
    storeFallbacks
  }
}

function retryOf(options: RetryOptions, where: string): Required<RetryOptions> {
  checkObject(options, where, ['attempts', 'onStatusCodes', 'maxWaitMs'] satisfies (keyof RetryOptions)[])
  const { attempts = 1, onStatusCodes = passing, maxWaitMs = 5000 } = options
  checkWhole(attempts, `${where}.attempts`, 0)
  checkStatuses(onStatusCodes, `${where}.onStatusCodes`)
  checkDuration(maxWaitMs, `${where}.maxWaitMs`, 0)
  return { attempts, onStatusCodes, maxWaitMs }
}

function breakerOf(options: BreakerRules, where: string): Required<BreakerRules> {
  checkObject(options, where, ['failures', 'leftOutMs'] satisfies (keyof BreakerRules)[])
  const { failures = 5, leftOutMs = 1000 } = options
  checkWhole(failures, `${where}.failures`, 1)
  checkDuration(leftOutMs, `${where}.leftOutMs`, 1)
  return { failures, leftOutMs }
}
