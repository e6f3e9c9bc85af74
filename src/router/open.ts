import { RepriseError } from '../core/errors.ts'
import { ignore, type Observe } from '../core/events.ts'
import { isObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'
import { openProvider } from '../providers/open.ts'
import type { Provider } from '../providers/provider.ts'
import { crossingBetween } from '../wires/crossings.ts'
import type { RoutedProvider } from './attempt.ts'
import { budgets } from './budget.ts'
import { unexpected } from './check.ts'
import { estimator } from './estimate.ts'
import { Limiter } from './limiter.ts'
import { planner } from './plan.ts'
import { listPrices, type PriceOf, type PriceOptions, pricesWith } from './prices.ts'
import type { Router } from './router.ts'
import type { ProviderOptions, RouterOptions } from './router-options.ts'
import { type RoutingParts, routing } from './routing.ts'
import { loadTokenizer } from './token-count.ts'

export interface RouterTools extends Pick<RoutingParts, 'sleep' | 'random'> {
  /** Told what happens to the budgets outside of any one call. Default: nobody. */
  readonly observe?: Observe
}

/**
 * Opens the providers, reads the routes, and makes a router of them.
 * @throws RepriseError `invalid-option` naming what was wrong, expected and got
 */
export function createRouter(options: RouterOptions, tools: RouterTools = {}): Router {
  const { budgets: budgetOptions = [], unknownPrice } = options
  if (!isObject(options.providers) || Object.keys(options.providers).length === 0)
    throw unexpected('providers', 'at least one, by name: { openai: { key: ... } }', options.providers)
  const { observe = ignore, ...timing } = tools
  const list = listPrices()
  const providers = new Map(
    Object.entries(options.providers).map(([name, provider]) => [name, routed(name, provider, list)])
  )
  // Reading it holds the event loop up for some 200 ms: better now than while the first calls wait for their store.
  if (budgetOptions.length > 0) void loadTokenizer()
  const planned = new Map(Array.from(providers, ([name, { provider }]) => [name, provider]))
  return routing({
    // Also where a name is spelt so: asking two requests apart is never wrong.
    readsTags: JSON.stringify({ ...options, providers: undefined }).includes('tag'),
    ...timing,
    providers,
    planner: planner(options, planned, tools.random),
    budgets: budgets(budgetOptions, { ...(unknownPrice === undefined ? {} : { unknownPrice }), observe }),
    estimator: estimator(),
    crossingBetween
  })
}

function routed(name: string, options: ProviderOptions, list: PriceOf): RoutedProvider & { provider: Provider } {
  const { concurrency, prices, key, passCredential = false } = options
  if (concurrency !== undefined && !(Number.isSafeInteger(concurrency) && concurrency >= 1)) {
    throw new RepriseError(
      'invalid-option',
      `${name}: concurrency: expected a whole number from 1 on, got ${concurrency}; leave it out for no limit`
    )
  }
  const provider = openProvider(name, options)
  const hint = { url: provider.baseUrl, name: provider.pricesOf }
  const own = prices === undefined ? undefined : pricesWith(prices, () => undefined)
  return {
    provider,
    // What the operator pays comes before the list, whichever of its names the model goes by.
    priceOf(said: string | undefined, asked: string, usage: Usage, how: Pick<PriceOptions, 'batch'> = {}) {
      return (
        own?.(said ?? asked, usage, hint, { ...how, alias: asked }) ??
        (said === undefined ? undefined : list(said, usage, hint, how)) ??
        list(asked, usage, hint, how)
      )
    },
    limiter: concurrency === undefined ? undefined : new Limiter(concurrency),
    passesCredential: passCredential && key === undefined
  }
}
