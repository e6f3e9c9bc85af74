import type { Answered } from '../core/events.ts'
import { Count, countGroups, countRecord, Groups } from './groups.ts'
import { callBounds, Histogram, lookupBounds } from './histogram.ts'
import type { GroupCounts, KindCounts, LayerCounts, ProviderCounts, TargetCounts } from './snapshot.ts'

/** How many reasons, operations or guards are told apart. */
const mostReasons = 50

/** What is counted of a layer. */
export class LayerCounters {
  lookups = 0
  hits = 0
  staleHits = 0
  misses = 0
  bypasses = 0
  readonly bypassReasons = countGroups(mostReasons)
  writes = 0
  writtenBytes = 0
  invalidations = 0
  readonly errors = countGroups(mostReasons)
  readonly refused = countGroups(mostReasons)
  readonly refuted = countGroups(mostReasons)
  rescued = 0
  savedUsd = 0
  savedMs = 0
  readonly hitLatency = new Histogram(lookupBounds)
  readonly missLatency = new Histogram(lookupBounds)

  snapshot(): LayerCounts {
    return {
      lookups: this.lookups,
      hits: this.hits,
      staleHits: this.staleHits,
      misses: this.misses,
      bypasses: this.bypasses,
      bypassReasons: countRecord(this.bypassReasons),
      writes: this.writes,
      writtenBytes: this.writtenBytes,
      invalidations: this.invalidations,
      errors: countRecord(this.errors),
      refused: countRecord(this.refused),
      refuted: countRecord(this.refuted),
      rescued: this.rescued,
      savedUsd: this.savedUsd,
      savedMs: this.savedMs,
      hitLatency: this.hitLatency.snapshot(),
      missLatency: this.missLatency.snapshot()
    }
  }
}

/** What is counted of requests that came to the same outcome. */
class OutcomeCounters {
  count = 0
  ms = 0
  readonly latency = new Histogram(callBounds)
}

/** What is counted of a kind. */
export class KindCounters {
  readonly #outcomes = new Groups(mostReasons, () => new OutcomeCounters())

  add(outcome: string, tookMs: number): void {
    const counters = this.#outcomes.of(outcome)
    counters.count += 1
    if (tookMs > 0) counters.ms += tookMs
    counters.latency.observe(tookMs / 1000)
  }

  /** How many came to an outcome, and how long they took together. */
  get outcomes(): Iterable<readonly [string, { readonly count: number; readonly ms: number }]> {
    return this.#outcomes
  }

  snapshot(): KindCounts {
    return {
      outcomes: this.#outcomes.record(({ count }) => count),
      latency: this.#outcomes.record(({ latency }) => latency.snapshot())
    }
  }
}

/**
 * What an answer has cost and saved. One for all requests: a hit is noted several times, and each time without making
 * anything.
 */
export class Gain {
  isHit = false
  isMiss = false
  costUsd = 0
  savedUsd = 0
  savedMs = 0
  inputTokens = 0
  outputTokens = 0
  savedTokens = 0

  /** Takes the request's own, in place of the one before. */
  read({ outcome, origin, tookMs }: Answered): void {
    this.isHit = outcome === 'hit'
    this.isMiss = outcome !== 'hit' && outcome !== 'bypass'
    const isSaved = this.isHit || outcome === 'rescued' || outcome === 'joined'
    // Whoever shared a call has its answer from a provider, and has not paid for it.
    const isPaid = origin !== undefined && origin.layer === 'provider' && origin.joined !== true
    const inputTokens = origin?.usage?.inputTokens ?? 0
    const outputTokens = origin?.usage?.outputTokens ?? 0
    this.inputTokens = isPaid ? inputTokens : 0
    this.outputTokens = isPaid ? outputTokens : 0
    this.savedTokens = isPaid ? 0 : inputTokens + outputTokens
    this.costUsd = isPaid ? (origin.costUsd ?? 0) + (origin.wastedUsd ?? 0) : 0
    this.savedUsd = isSaved ? (origin?.savedUsd ?? 0) : 0
    const savedMs = (origin?.tookMs ?? 0) - tookMs
    this.savedMs = isSaved && savedMs > 0 ? savedMs : 0
  }
}

/** What is counted of requests that have something in common. */
export class GroupCounters {
  /** The number of the request that was added last: one that bears a tag twice counts once. */
  latest = -1
  #requests = 0
  #hits = 0
  #misses = 0
  #costUsd = 0
  #savedUsd = 0
  #savedMs = 0
  #inputTokens = 0
  #outputTokens = 0
  #savedTokens = 0

  add(gain: Gain): void {
    this.#requests += 1
    if (gain.isHit) this.#hits += 1
    if (gain.isMiss) this.#misses += 1
    this.#costUsd += gain.costUsd
    this.#savedUsd += gain.savedUsd
    this.#savedMs += gain.savedMs
    this.#inputTokens += gain.inputTokens
    this.#outputTokens += gain.outputTokens
    this.#savedTokens += gain.savedTokens
  }

  snapshot(): GroupCounts {
    return {
      requests: this.#requests,
      hits: this.#hits,
      misses: this.#misses,
      costUsd: this.#costUsd,
      savedUsd: this.#savedUsd,
      savedMs: this.#savedMs,
      inputTokens: this.#inputTokens,
      outputTokens: this.#outputTokens,
      savedTokens: this.#savedTokens
    }
  }
}

/** What is counted of a provider. */
export class ProviderCounters {
  readonly #ok = new Count()
  readonly #failed = new Count()
  readonly #latency = new Histogram(callBounds)

  add(ok: boolean, tookMs: number): void {
    const counter = ok ? this.#ok : this.#failed
    counter.value += 1
    this.#latency.observe(tookMs / 1000)
  }

  snapshot(): ProviderCounts {
    return { ok: this.#ok.value, failed: this.#failed.value, latency: this.#latency.snapshot() }
  }
}

/** What is counted of a target. */
export class TargetCounters {
  retried = 0
  readonly skipped = countGroups(mostReasons)
  fellBack = 0
  costUsd = 0
  unpriced = 0

  snapshot(): TargetCounts {
    return {
      retried: this.retried,
      skipped: countRecord(this.skipped),
      fellBack: this.fellBack,
      costUsd: this.costUsd,
      unpriced: this.unpriced
    }
  }
}
