import { LRUCache } from 'lru-cache'
import { RepriseError } from '../core/errors.ts'
import type { Context } from '../core/handler.ts'
import { plainPattern } from '../core/pattern.ts'
import type { WireContent } from '../wires/wire-request.ts'
import { unexpected } from './check.ts'
import type { Facts } from './condition.ts'
import { type Route, type RouteTarget, readRoute, rulesWithoutRoute } from './route.ts'
import type { BreakerRules, RetryOptions, RouterOptions } from './router-options.ts'

/** Who is asked for one request, in order. */
export interface Plan {
  /** The model that the caller named; empty where it named none. */
  readonly model: string
  /** At least one. */
  readonly targets: readonly PlannedTarget[]
  /** Where its answer comes from when nothing fails; see `Router.addressOf`. */
  readonly address: string
  readonly retry: Required<RetryOptions>
  readonly fallsBackOn: (status: number) => boolean
  readonly deadlineMs: number
  readonly breaker: Required<BreakerRules>
  readonly storeFallbacks: boolean
}

export interface PlannedTarget {
  /** A provider's name. */
  readonly provider: string
  /** The model it is asked for. */
  readonly model: string
  /** Another model than the one asked for: none of those that are first in their route. */
  readonly isFallback: boolean
  readonly timeoutMs: number | undefined
}

export interface Planner {
  /** @throws RepriseError `no-suitable-target` when no provider is there for the request at all */
  planOf(content: WireContent, context: Pick<Context, 'tags' | 'tenant'>): Plan
  /** The plan's address, without drawing lots. */
  addressOf(content: WireContent, context: Pick<Context, 'tags' | 'tenant'>): string
  /** Which of its route's targets are there for a request: the same text, the same ones. */
  wayOf(content: WireContent, context: Pick<Context, 'tags' | 'tenant'>): string
}

/** What the planner must know of a provider. */
export interface PlannedProvider {
  readonly name: string
  readonly baseUrl: string
  /** The names of the wires that it speaks. */
  readonly wires: readonly string[]
}

/** Models come from callers: as many are remembered, and none with a longer name. */
const maxRemembered = 1000
const longestRemembered = 256

/** What is known of a model asked for on a wire. */
interface Known {
  readonly route: Route | undefined
  /** Where it is the same for each such request. */
  readonly plan: Plan | undefined
}

/**
 * Reads the routes, once. Which targets a plan names, and its address, follow from the request alone; in which order
 * those of equal `order` come is drawn for each plan anew, without replacement, each by its share of the weights that
 * are left; those that weigh 0 come after them as they are listed. A plan leaves aside whether a provider can take the
 * request (speaks its wire, or can be reached by a crossing): that is for whoever follows it.
 * @throws RepriseError `invalid-option` naming the route, what was expected and got
 */
export function planner(
  options: Pick<RouterOptions, 'routes'>,
  providers: ReadonlyMap<string, PlannedProvider>,
  random: () => number = Math.random
): Planner {
  const routes = readRoutes(options.routes ?? [], providers)
  const remembered = new LRUCache<string, Known>({ max: maxRemembered })

  function planOf(content: WireContent, context: Pick<Context, 'tags' | 'tenant'>): Plan {
    const model = modelOf(content)
    const { route, plan } = known(content, model)
    if (plan !== undefined) return plan
    if (route === undefined) return planWithoutRoute(content, model)
    const eligible = eligibleOf(route, content, model, context)
    return planFor(route, eligible, model)
  }

  function addressOf(content: WireContent, context: Pick<Context, 'tags' | 'tenant'>): string {
    const model = modelOf(content)
    const { route, plan } = known(content, model)
    if (plan !== undefined) return plan.address
    if (route === undefined) return planWithoutRoute(content, model).address
    return addressFrom(firstOf(eligibleOf(route, content, model, context)), model)
  }

  function wayOf(content: WireContent, context: Pick<Context, 'tags' | 'tenant'>): string {
    const model = modelOf(content)
    const { route, plan } = known(content, model)
    if (plan !== undefined || route === undefined) return ''
    return eligibleOf(route, content, model, context)
      .map((target) => route.targets.indexOf(target))
      .join(' ')
  }

  function known(content: WireContent, model: string): Known {
    if (model.length > longestRemembered) return find(content, model)
    const name = `${content.wire.name} ${model}`
    let found = remembered.get(name)
    if (found === undefined) {
      found = find(content, model)
      remembered.set(name, found)
    }
    return found
  }

  function find(content: WireContent, model: string): Known {
    const route = routes.find(({ fits }) => fits(model))
    if (route === undefined) {
      const provider = speakerOf(content)
      return { route, plan: provider && planWithoutRoute(content, model) }
    }
    return { route, plan: isAlwaysTheSame(route) ? planFor(route, route.targets, model) : undefined }
  }

  function planFor(route: Route, eligible: readonly RouteTarget[], model: string): Plan {
    const first = firstOf(eligible)
    const asked = new Set(first.map((target) => target.model ?? model))
    return {
      model,
      targets: inOrder(eligible, random).map((target) => ({
        provider: target.provider,
        model: target.model ?? model,
        isFallback: !asked.has(target.model ?? model),
        timeoutMs: target.timeoutMs
      })),
      address: addressFrom(first, model),
      ...route.rules
    }
  }

  function planWithoutRoute(content: WireContent, model: string): Plan {
    const provider = speakerOf(content)
    if (provider === undefined) {
      const speakers = [...providers.values()].map(({ name, wires }) => `${name} speaks ${wires.join(', ')}`)
      throw new RepriseError(
        'no-suitable-target',
        `no route fits the model ${JSON.stringify(model)}, and no provider speaks ${content.wire.name}: ${speakers.join('; ') || 'there are none'}`
      )
    }
    const { name, baseUrl } = provider
    const target = { provider: name, model, isFallback: false, timeoutMs: undefined }
    return { model, targets: [target], address: baseUrl, ...rulesWithoutRoute }
  }

  function speakerOf({ wire }: WireContent): PlannedProvider | undefined {
    return [...providers.values()].find(({ wires }) => wires.includes(wire.name))
  }

  function addressFrom([target]: readonly RouteTarget[], model: string): string {
    const baseUrl = providers.get(target?.provider ?? '')?.baseUrl ?? ''
    return target?.model === undefined || target.model === model ? baseUrl : `${baseUrl} ${target.model}`
  }

  return { planOf, addressOf, wayOf }
}

function readRoutes(
  options: NonNullable<RouterOptions['routes']>,
  providers: ReadonlyMap<string, PlannedProvider>
): readonly Route[] {
  if (!Array.isArray(options)) throw unexpected('routes', 'a list of routes', options)
  const names = new Set(providers.keys())
  const routes = options.map((route, index) => readRoute(route, index, names))
  const takenBy = new Map<string, Route>()
  for (const route of routes) {
    const patterns = route.patterns.map(plainPattern)
    const earlier = patterns.map((pattern) => takenBy.get(pattern))
    const [hiding] = earlier
    // Only what is sure: whether one pattern covers another, or several do together, is not decided here.
    if (hiding !== undefined && !earlier.includes(undefined)) {
      const message = `${route.label} can never fit, because ${hiding.label} comes first; expected other models, or one route with the targets of both`
      throw new RepriseError('invalid-option', message)
    }
    for (const pattern of patterns) if (!takenBy.has(pattern)) takenBy.set(pattern, route)
  }
  return routes
}

function modelOf({ json }: WireContent): string {
  const { model } = json
  return typeof model === 'string' ? model : ''
}

/** @throws RepriseError `no-suitable-target` when no condition holds */
function eligibleOf(
  { label, targets }: Route,
  content: WireContent,
  model: string,
  { tags, tenant }: Pick<Context, 'tags' | 'tenant'>
): readonly RouteTarget[] {
  const { wire, stream, json: params } = content
  const facts: Facts = { model, stream, tenant, tags, dialect: wire.dialect.name, wire: wire.name, params }
  const eligible = targets.filter(({ when }) => when === undefined || when(facts))
  if (eligible.length > 0) return eligible
  const names = targets.map((target) =>
    target.model === undefined ? target.provider : `${target.provider}/${target.model}`
  )
  throw new RepriseError(
    'no-suitable-target',
    `${label} has no target for this request: none of the conditions (when) of ${names.join(', ')} holds`
  )
}

/** Those of the lowest order, as they are listed. */
function firstOf(targets: readonly RouteTarget[]): readonly RouteTarget[] {
  const lowest = Math.min(...targets.map(({ order }) => order))
  return targets.filter(({ order }) => order === lowest)
}

/** Whether neither the request nor a lot has a say in who is asked, and when. */
function isAlwaysTheSame({ targets }: Route): boolean {
  const orders = new Set(targets.map(({ order }) => order))
  return orders.size === targets.length && targets.every(({ when }) => when === undefined)
}

function inOrder(targets: readonly RouteTarget[], random: () => number): readonly RouteTarget[] {
  const orders = [...new Set(targets.map(({ order }) => order))].sort((one, other) => one - other)
  return orders.flatMap((order) =>
    drawn(
      targets.filter((target) => target.order === order),
      random
    )
  )
}

/** All of them, each place drawn by weight from those that are left. */
function drawn(targets: readonly RouteTarget[], random: () => number): readonly RouteTarget[] {
  const left = targets.filter(({ weight }) => weight > 0)
  const weightless = targets.filter(({ weight }) => weight === 0)
  const result: RouteTarget[] = []
  while (left.length > 1) {
    let lot = random() * left.reduce((sum, { weight }) => sum + weight, 0)
    const index = left.findIndex(({ weight }) => {
      lot -= weight
      return lot < 0
    })
    // Rounding may leave a lot that nobody has drawn: then it is the last one's.
    result.push(...left.splice(index === -1 ? left.length - 1 : index, 1))
  }
  return [...result, ...left, ...weightless]
}
