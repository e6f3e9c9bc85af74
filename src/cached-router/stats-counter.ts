import type { Origin } from '../core/answer.ts'
import type { Event } from '../core/events.ts'
import type { Handler, PeekingHandler } from '../core/handler.ts'

/**
 * Since the router was made, in this process, however it was asked. Money in US dollars, shares between 0 and 1.
 * `requests` is the sum of `hits`, `misses`, `bypasses` and `failures`.
 */
export interface CachedRouterStats {
  /**
   * What the providers have cost, calls behind a caller's back included. With a budget: as the budget counts it, which is
   * kept in the store. What an embedder costs is not counted.
   */
  readonly budgetSpent: number
  /** What is neither spent nor set aside for calls under way. Undefined without a budget. */
  readonly budgetRemaining: number | undefined
  /** What the hits would have cost. */
  readonly budgetSaved: number
  /** Hits by hits and misses; 0 before the first. */
  readonly hitRate: number
  /** Hits by meaning, by hits and misses. */
  readonly semanticHitRate: number
  readonly requests: number
  /** Answered without anybody being paid for it: from the cache, or by sharing another caller's call. */
  readonly hits: number
  /** Hits by sharing another caller's call. */
  readonly joined: number
  readonly misses: number
  /** Answered past the cache: above `maxTemperature`, say. */
  readonly bypasses: number
  /** Not answered: over budget, all providers failed, or the caller did not wait. */
  readonly failures: number
  /**
   * Calls of which nobody knows what they cost: the price is not known, or they broke off. `budgetSpent` is without them,
   * but for what a budget had set aside for the latter.
   */
  readonly unpriced: number
}

/** Where the budget stands. */
interface Standing {
  readonly spentUsd: number
  readonly remainingUsd: number
}

/** Counts by what each request came to, so that what the cache does behind its back is not counted as asked for. */
export class StatsCounter {
  #hits = 0
  #semanticHits = 0
  #joined = 0
  #misses = 0
  #bypasses = 0
  #failures = 0
  #unpriced = 0
  #spentUsd = 0
  #savedUsd = 0

  /** Counts what providers are paid: some calls are made for no request of anybody's, and some for several. */
  note(event: Event): void {
    if (event.type !== 'charged') return
    if (event.costUsd === undefined) this.#unpriced += 1
    else this.#spentUsd += event.costUsd
  }

  /** The handler, each request of it counted. */
  counting<Request, Result>(handler: PeekingHandler<Request, Result>): PeekingHandler<Request, Result> {
    const ask: Handler<Request, Result> = async (request, context) => {
      try {
        const answer = await handler(request, context)
        this.#tally(answer.origin)
        return answer
      } catch (error) {
        this.#failures += 1
        throw error
      }
    }
    return Object.assign(ask, {
      peek: (...given: Parameters<typeof handler.peek>) => {
        const known = handler.peek(...given)
        if (known !== undefined) this.#tally(known.origin)
        return known
      }
    })
  }

  stats(budget: Standing | undefined): CachedRouterStats {
    const lookups = this.#hits + this.#misses
    return {
      budgetSpent: budget?.spentUsd ?? this.#spentUsd,
      budgetRemaining: budget?.remainingUsd,
      budgetSaved: this.#savedUsd,
      hitRate: lookups === 0 ? 0 : this.#hits / lookups,
      semanticHitRate: lookups === 0 ? 0 : this.#semanticHits / lookups,
      requests: lookups + this.#bypasses + this.#failures,
      hits: this.#hits,
      joined: this.#joined,
      misses: this.#misses,
      bypasses: this.#bypasses,
      failures: this.#failures,
      unpriced: this.#unpriced
    }
  }

  #tally({ layer, bypass, joined, savedUsd = 0 }: Origin): void {
    if (bypass !== undefined) this.#bypasses += 1
    else if (layer === 'provider' && joined !== true) this.#misses += 1
    else {
      this.#hits += 1
      this.#savedUsd += savedUsd
      if (layer === 'semantic') this.#semanticHits += 1
      if (joined) this.#joined += 1
    }
  }
}
