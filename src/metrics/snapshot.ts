/** All that has been counted, as JSON: of one process, or the sum of several. Money is in US dollars. */
export interface Snapshot {
  readonly version: 1
  /** Since when it has been counted, in milliseconds since 1970. */
  readonly sinceMs: number
  /** When it was taken. */
  readonly atMs: number
  /** How many processes it is the sum of. */
  readonly processes: number
  /** By the label that a layer has for a kind: `llm`, `llm_semantic`, `rag`, `rag_similarity`, ... */
  readonly layers: Readonly<Record<string, LayerCounts>>
  /** By kind: `llm`, `embedding`, `retrieval`, ... */
  readonly kinds: Readonly<Record<string, KindCounts>>
  /** By the model asked for; those beyond the first few hundred together as `other`. */
  readonly models: Readonly<Record<string, GroupCounts>>
  /** By tag of the request; those asked for least lately are forgotten beyond a few hundred. */
  readonly tags: Readonly<Record<string, GroupCounts>>
  readonly providers: Readonly<Record<string, ProviderCounts>>
  /** By target: how often it was asked again, passed over and why, and replaced by the next. */
  readonly targets: Readonly<Record<string, TargetCounts>>
  /** Parts that have failed, by part and operation: `store` `get`. */
  readonly failures: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Entries asked anew in the background: stored, and not. */
  readonly refreshes: { readonly ok: number; readonly failed: number }
  /** The entries that have answered most, most dollars saved first. */
  readonly top: readonly TopEntry[]
  /** The latest requests that were near an entry and refused, latest first. */
  readonly nearMisses: readonly NearMiss[]
  /** Prompts asked together in one call. */
  readonly batches: { readonly sizes: HistogramCounts; readonly requests: number }
}

/** What has become of the lookups of a layer: `lookups = hits + misses + bypasses`. */
export interface LayerCounts {
  readonly lookups: number
  readonly hits: number
  /** Those among the hits that were past their time to live. */
  readonly staleHits: number
  readonly misses: number
  readonly bypasses: number
  readonly bypassReasons: Readonly<Record<string, number>>
  readonly writes: number
  readonly writtenBytes: number
  readonly invalidations: number
  /** By operation. */
  readonly errors: Readonly<Record<string, number>>
  /** Answers not fit to be stored, by reason. */
  readonly refused: Readonly<Record<string, number>>
  /** Near entries that were refused, by guard. */
  readonly refuted: Readonly<Record<string, number>>
  /** Answers served in need, after everybody below had failed. */
  readonly rescued: number
  /** Of hits and of those served in need, where the price is known; of `single_flight`, of those who shared a call. */
  readonly savedUsd: number
  readonly savedMs: number
  readonly hitLatency: HistogramCounts
  readonly missLatency: HistogramCounts
}

/** What has become of the requests of a kind, and how long each took, by outcome. */
export interface KindCounts {
  readonly outcomes: Readonly<Record<string, number>>
  readonly latency: Readonly<Record<string, HistogramCounts>>
}

/** Requests that have something in common. */
export interface GroupCounts {
  readonly requests: number
  readonly hits: number
  /** Looked up and not answered by the cache: asked for, joined, served in need or failed. */
  readonly misses: number
  readonly costUsd: number
  readonly savedUsd: number
  readonly savedMs: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** Of answers that nobody was paid for. */
  readonly savedTokens: number
}

export interface ProviderCounts {
  readonly ok: number
  readonly failed: number
  readonly latency: HistogramCounts
}

export interface TargetCounts {
  readonly retried: number
  readonly skipped: Readonly<Record<string, number>>
  readonly fellBack: number
  readonly costUsd: number
  /** Calls whose price is not known. */
  readonly unpriced: number
}

/** How many observations were at most each bound, and their sum. Bounds are the same for all histograms of a name. */
export interface HistogramCounts {
  /** Not cumulated: one more than there are bounds, the last for what is beyond them. */
  readonly counts: readonly number[]
  readonly sum: number
}

export interface TopEntry {
  readonly key: string
  readonly kind: string
  readonly model?: string
  readonly hits: number
  readonly savedUsd: number
  readonly savedMs: number
  readonly lastHitAtMs: number
}

export interface NearMiss {
  readonly atMs: number
  readonly kind: string
  /** Of the entry that was near. */
  readonly key: string
  readonly similarity: number
  /** The guard, or `verifier`. */
  readonly by: string
  readonly reason: string
  readonly text: string
  readonly entryText?: string
}
