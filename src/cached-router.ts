import { type Cache, type CacheOptions, createCache } from './cache.ts'
import type { Completion, CompletionOptions, Completions } from './completions.ts'
import type { Origin } from './core/answer.ts'
import { RepriseError } from './core/errors.ts'
import type { Event } from './core/events.ts'
import { isObject, type JsonObject } from './core/json.ts'
import { createRouter } from './router/open.ts'
import type { Router } from './router/router.ts'
import type { ProviderOptions, RouteOptions, RouterOptions } from './router/router-options.ts'

/** One provider and the model it is asked for. */
export interface CachedProvider extends ProviderOptions {
  /** How it is called in answers and errors. Default: its kind. */
  readonly name?: string
  readonly model: string
}

export interface CachedRouterOptions
  extends CacheOptions,
    Pick<RouterOptions, 'unknownPrice'>,
    Pick<RouteOptions, 'strategy' | 'retry' | 'deadlineMs' | 'breaker' | 'storeFallbacks'> {
  /** Who is asked, and who next when one fails. */
  readonly providers: readonly [CachedProvider, ...CachedProvider[]]
  /** What may be spent in all, in US dollars. A hit is free. Default: no limit. */
  readonly initialBudget?: number
  /** Prompts asked at a temperature above it are neither looked up nor stored. Default: no limit. */
  readonly maxTemperature?: number
}

export interface InvokeOptions extends CompletionOptions {
  /** Between 0 and 2; `maxTemperature` decides whether the cache is used. Default: the model's. */
  readonly temperature?: number
  /** Default: none. */
  readonly system?: string
  /** The most that may be answered, in tokens. Default: the model's. */
  readonly maxTokens?: number
}

export interface Invoked {
  readonly response: string
  /** True when nobody was paid for it. */
  readonly cached: boolean
  /** What this call cost, in US dollars: 0 for a hit; undefined when the price is not known. */
  readonly cost: number | undefined
  /** Who made the answer, now or then. */
  readonly provider: string | undefined
  readonly model: string | undefined
  readonly origin: Origin
}

/** Since the router was made. Money in US dollars, shares between 0 and 1. */
export interface CachedRouterStats {
  readonly budgetSpent: number
  /** Undefined without a budget. */
  readonly budgetRemaining: number | undefined
  readonly budgetSaved: number
  /** Hits by lookups, bypasses left out; 0 before the first. */
  readonly hitRate: number
  /** Hits by meaning, by lookups. */
  readonly semanticHitRate: number
  readonly requests: number
  readonly hits: number
  readonly misses: number
  /** Not looked up: above `maxTemperature`, say. */
  readonly bypasses: number
  readonly failures: number
  /** Calls whose price is not known: `budgetSpent` is without them. */
  readonly unpriced: number
}

/** A cache, a router and a budget in one: prompts in, texts out. */
export interface CachedRouter {
  /** @throws AllProvidersFailedError, OverBudgetError, ProviderError */
  invoke(prompt: string, options?: InvokeOptions): Promise<Invoked>
  stats(): Promise<CachedRouterStats>
  /** For whole requests, and for official SDKs. */
  readonly completions: Completions
  readonly cache: Cache
  readonly router: Router
  close(): Promise<void>
}

const budgetName = 'initial'

/** The model that prompts are asked for: whichever of the providers' answers. */
const anyModel = 'default'

/**
 * Opens a cache before providers that stand in for each other, within a budget.
 * @throws RepriseError `invalid-option`
 */
export async function createCachedRouter(options: CachedRouterOptions): Promise<CachedRouter> {
  const { providers, initialBudget, maxTemperature, unknownPrice, observe, ...rest } = options
  const { strategy, retry, deadlineMs, breaker, storeFallbacks, ...cacheOptions } = rest
  const named = providers.map((provider) => ({ ...provider, name: provider.name ?? provider.kind ?? provider.model }))
  const twice = named.find(({ name }, at) => named.findIndex((other) => other.name === name) !== at)
  if (twice !== undefined) {
    throw new RepriseError('invalid-option', `providers: expected names that differ, got ${twice.name} twice`)
  }
  const counts = {
    hits: 0,
    semanticHits: 0,
    misses: 0,
    bypasses: 0,
    failures: 0,
    savedUsd: 0,
    spentUsd: 0,
    unpriced: 0
  }
  const router = createRouter({
    providers: Object.fromEntries(named.map(({ name, model: _model, ...provider }) => [name, provider])),
    // Each model has its own provider first; prompts, which name none, begin with the first.
    routes: [anyModel, ...new Set(named.map(({ model }) => model))].map((asked) => {
      const own = named.filter(({ model }) => model === asked)
      const others = named.filter(({ model }) => model !== asked)
      return {
        model: asked,
        targets: [...own, ...others].map(({ name, model }) => ({ provider: name, model })),
        ...(strategy === undefined ? {} : { strategy }),
        ...(retry === undefined ? {} : { retry }),
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
        ...(breaker === undefined ? {} : { breaker }),
        ...(storeFallbacks === undefined ? {} : { storeFallbacks })
      }
    }),
    ...(initialBudget === undefined ? {} : { budgets: [{ name: budgetName, limitUsd: initialBudget }] }),
    ...(unknownPrice === undefined ? {} : { unknownPrice })
  })
  function count(event: Event): void {
    if (event.type === 'charged') {
      if (event.costUsd === undefined) counts.unpriced += 1
      else counts.spentUsd += event.costUsd
    }
    observe?.(event)
  }
  const cache = await createCache({ ...cacheOptions, observe: count }).catch(async (error: unknown) => {
    await router.close()
    throw error
  })
  const completions = cache.completions(router, maxTemperature === undefined ? {} : { maxTemperature })

  async function invoke(prompt: string, own: InvokeOptions = {}): Promise<Invoked> {
    const { temperature, system, maxTokens, onDelta, ...call } = own
    const body = {
      model: anyModel,
      messages: [
        ...(system === undefined ? [] : [{ role: 'system', content: system }]),
        { role: 'user', content: prompt }
      ],
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : { max_completion_tokens: maxTokens }),
      ...(onDelta === undefined ? {} : { stream: true })
    }
    const completion = await completions
      .chat(body, onDelta === undefined ? call : { ...call, onDelta })
      .catch((error: unknown) => {
        counts.failures += 1
        throw error
      })
    tally(completion)
    const { origin, cacheHit } = completion
    return {
      response: textOf(completion.body),
      cached: cacheHit,
      cost: cacheHit ? 0 : origin.costUsd,
      provider: origin.provider,
      model: origin.model,
      origin
    }
  }

  /** By what each call came to, so that what the cache does behind its back is not counted as asked for. */
  function tally({ origin, cacheHit }: Completion): void {
    if (origin.bypass !== undefined) counts.bypasses += 1
    else if (cacheHit) counts.hits += 1
    else counts.misses += 1
    if (origin.layer === 'semantic') counts.semanticHits += 1
    if (cacheHit) counts.savedUsd += origin.savedUsd ?? 0
  }

  return {
    invoke,
    completions,
    cache,
    router,
    async stats() {
      const [budget] = await router.budgets.status()
      const { hits, semanticHits, misses, bypasses, failures, savedUsd, spentUsd, unpriced } = counts
      const lookups = hits + misses
      return {
        budgetSpent: budget?.spentUsd ?? spentUsd,
        budgetRemaining: budget?.remainingUsd,
        budgetSaved: savedUsd,
        hitRate: lookups === 0 ? 0 : hits / lookups,
        semanticHitRate: lookups === 0 ? 0 : semanticHits / lookups,
        requests: lookups + bypasses + failures,
        hits,
        misses,
        bypasses,
        failures,
        unpriced
      }
    },
    async close() {
      await cache.close()
      await router.close()
    }
  }
}

function textOf({ choices }: JsonObject): string {
  const [choice] = Array.isArray(choices) ? choices : []
  const message = isObject(choice) ? choice['message'] : undefined
  const content = isObject(message) ? message['content'] : undefined
  return typeof content === 'string' ? content : ''
}
