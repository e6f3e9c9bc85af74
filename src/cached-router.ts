import { type Cache, createCache } from './cache.ts'
import { type CachedRouterOptions, readOptions } from './cached-router/options.ts'
import { type CachedRouterStats, StatsCounter } from './cached-router/stats-counter.ts'
import { textOf, textOfDelta } from './cached-router/text-of.ts'
import { type Completion, type Completions, completions as completionsBefore } from './completions.ts'
import type { Origin } from './core/answer.ts'
import type { CallOptions } from './core/context.ts'
import { RepriseError } from './core/errors.ts'
import type { Event } from './core/events.ts'
import type { Delta } from './core/handler.ts'
import { Statistics } from './metrics/statistics.ts'
import { checkNumber, checkWhole, unexpected } from './router/check.ts'
import { createRouter } from './router/open.ts'
import type { Router } from './router/router.ts'

export type { CachedProvider, CachedRouterOptions } from './cached-router/options.ts'
export type { CachedRouterStats } from './cached-router/stats-counter.ts'

export interface InvokeOptions extends CallOptions {
  /** From 0 on; `maxTemperature` decides whether the cache is used. Default: the model's. */
  readonly temperature?: number
  /** Default: none. */
  readonly system?: string
  /** The most that may be answered, in tokens. Default: the model's. */
  readonly maxTokens?: number
  /** One of the providers' models, which is then asked first. Default: whichever provider is the first to answer. */
  readonly model?: string
  /** Told the answer's text while it is made, piece by piece; a hit's all at once. */
  readonly onText?: (text: string) => void
}

export interface Invoked {
  /** The answer's text; a refusal's where the model refuses. */
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

/** A cache, a router and a budget in one: prompts in, texts out. */
export interface CachedRouter {
  /** @throws AllProvidersFailedError, OverBudgetError, ProviderError where there is one provider only, RepriseError */
  invoke(prompt: string, options?: InvokeOptions): Promise<Invoked>
  stats(): Promise<CachedRouterStats>
  /** For whole requests, and for official SDKs. */
  readonly completions: Completions
  readonly cache: Cache
  readonly router: Router
  close(): Promise<void>
}

/**
 * Opens a cache before providers that stand in for each other, within a budget.
 * @throws RepriseError `invalid-option`
 */
export async function createCachedRouter(options: CachedRouterOptions): Promise<CachedRouter> {
  const { cacheOptions, routerOptions, maxTemperature, usualModel, models, limitField } = readOptions(options)
  const counter = new StatsCounter()
  const statistics = options.statistics ?? new Statistics()
  function listen(event: Event): void {
    counter.note(event)
    options.observe?.(event)
  }
  function observe(event: Event): void {
    statistics.note(event)
    listen(event)
  }
  const router = createRouter(routerOptions, { observe })
  const cache = await createCache({ ...cacheOptions, statistics, observe: listen }).catch(async (error: unknown) => {
    await router.close()
    throw error
  })
  router.budgets.countIn(cache.tally)
  const completions = completionsBefore(
    { wrap: (kind, last) => counter.counting(cache.wrap(kind, last)), contextOf: cache.contextOf },
    router,
    maxTemperature === undefined ? {} : { maxTemperature }
  )

  async function invoke(prompt: string, own: InvokeOptions = {}): Promise<Invoked> {
    check(prompt, own)
    const { temperature, system, maxTokens, model = usualModel, onText, ...call } = own
    const body = {
      model,
      messages: [
        ...(system === undefined ? [] : [{ role: 'system', content: system }]),
        { role: 'user', content: prompt }
      ],
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : { [limitField]: maxTokens }),
      ...(onText === undefined ? {} : { stream: true })
    }
    if (onText === undefined) return invoked(await completions.chat(body, call))
    let hasBegun = false
    function onDelta(delta: Delta): void {
      const text = textOfDelta(delta)
      if (text === '') return
      hasBegun = true
      onText?.(text)
    }
    const answer = invoked(await completions.chat(body, { ...call, onDelta }))
    if (!hasBegun && answer.response !== '') onText(answer.response)
    return answer
  }

  function check(prompt: unknown, { temperature, maxTokens, model }: InvokeOptions): void {
    if (typeof prompt !== 'string') throw unexpected('prompt', 'a text', prompt)
    if (temperature !== undefined) checkNumber(temperature, 'temperature', 0)
    if (maxTokens !== undefined) checkWhole(maxTokens, 'maxTokens', 1)
    if (model !== undefined && !models.has(model))
      throw unexpected('model', `the model of one of the providers (${[...models].join(', ')})`, model)
  }

  return {
    invoke,
    completions,
    cache,
    router,
    async stats() {
      const [budget] = await router.budgets.status()
      return counter.stats(budget)
    },
    async close() {
      try {
        await cache.close()
      } finally {
        await router.close()
      }
    }
  }
}

function invoked({ body, cacheHit, origin }: Completion): Invoked {
  const response = textOf(body)
  if (response === undefined) {
    const said = JSON.stringify(body).slice(0, 200)
    throw new RepriseError(
      'provider-malformed',
      `${origin.provider} answered with something that is no answer: ${said}`
    )
  }
  const { provider, model, costUsd } = origin
  return { response, cached: cacheHit, cost: cacheHit ? 0 : costUsd, provider, model, origin }
}
