import { LRUCache } from 'lru-cache'
import type { Provider } from '../providers/provider.ts'
import type { RoutedProvider } from './attempt.ts'
import { Journey, type JourneyTools, sleep } from './journey.ts'
import type { Plan, PlannedTarget, Planner } from './plan.ts'
import type { Router } from './router.ts'
import { Target } from './target.ts'

export interface RoutingParts extends Pick<JourneyTools, 'budgets' | 'estimator' | 'crossingBetween'> {
  readonly planner: Planner
  readonly readsTags: boolean
  readonly providers: ReadonlyMap<string, RoutedProvider & { readonly provider: Provider }>
  /** Default: in real time. */
  readonly sleep?: JourneyTools['sleep']
  /** From 0 to below 1. Default: `Math.random`. */
  readonly random?: JourneyTools['random']
}

/** Callers may name what models they like: of those used least recently, it is forgotten whether they are left out. */
const mostTargets = 1000
/** Of a target with a longer name nothing is remembered. */
const longestName = 256

/** A router made of its parts. */
export function routing(parts: RoutingParts): Router {
  const { planner, budgets } = parts
  const targets = new LRUCache<string, Target>({ max: mostTargets })
  const providers = new Map([...parts.providers].map(([name, { provider }]) => [name, provider]))

  /** A target that stands in several routes follows the breaker rules of the one that has asked it first. */
  function targetOf({ provider, model }: PlannedTarget, { breaker }: Plan): Target {
    const name = model === '' ? provider : `${provider}/${model}`
    // What has no route is never left out, and must not be: there is nobody else to ask.
    if (!Number.isFinite(breaker.failures) || name.length > longestName) return new Target(name, breaker)
    let target = targets.get(name)
    if (target === undefined) {
      target = new Target(name, breaker)
      targets.set(name, target)
    }
    return target
  }

  const tools: JourneyTools = { sleep, random: Math.random, ...parts, targetOf }

  return {
    ask: async (request, context) =>
      new Journey(tools, planner.planOf(request.together?.like ?? request.content, context), request, context).go(),
    addressOf: (content, context) => planner.addressOf(content, context),
    wayOf: (content, context) => planner.wayOf(content, context),
    batchPriceOf: (provider, usage, asked, said) =>
      parts.providers.get(provider)?.priceOf(said, asked, usage, { batch: true }),
    budgets,
    readsTags: parts.readsTags,
    providers,
    status: () => Array.from(targets.keys()).flatMap((name) => targets.peek(name)?.status ?? []),
    async close() {
      await Promise.all(Array.from(providers.values(), (provider) => provider.close()))
    }
  }
}
