/** What the gateway's administrative interface says, as far as this page reads it. Money is in US dollars. */

export type Scope = 'process' | 'fleet'
export type Range = 'hour' | 'day'

export interface Health {
  readonly status: string
  readonly version: string
  readonly store: { readonly name: string; readonly state: StoreState }
}

export type StoreState = 'up' | 'down' | 'read-only'

export interface LayerStatistics {
  readonly cache_layer: string
  readonly hit_rate: number
  readonly total_hits: number
  readonly total_misses: number
  readonly total_writes: number
  readonly total_invalidations: number
  readonly total_errors: number
  readonly total_lookups?: number
  readonly total_bypasses?: number
  readonly total_stale_hits?: number
  readonly total_rescued?: number
  readonly saved_usd?: number
  readonly saved_seconds?: number
  readonly bypass_reasons?: Counts
  readonly refused?: Counts
  readonly refuted_by_guard?: Counts
}

export type Counts = Readonly<Record<string, number>>

export interface Latency {
  readonly count: number
  readonly mean_ms: number | null
  readonly p50_ms: number | null
  readonly p95_ms: number | null
  readonly p99_ms: number | null
}

export interface Group {
  readonly requests: number
  readonly hits: number
  readonly misses: number
  readonly hit_rate: number
  readonly cost_usd: number
  readonly saved_usd: number
  readonly saved_seconds: number
  readonly input_tokens: number
  readonly output_tokens: number
  readonly saved_tokens: number
}

export interface ModelGroup extends Group {
  readonly model: string
}

export interface TagGroup extends Group {
  readonly tag: string
}

export interface ProviderStatistics {
  readonly provider: string
  readonly ok: number
  readonly failed: number
  readonly mean_ms: number | null
  readonly p50_ms: number | null
  readonly p95_ms: number | null
}

export interface TargetStatistics {
  readonly target: string
  readonly retried: number
  readonly skipped: Counts
  readonly fell_back: number
  readonly cost_usd: number
  readonly unpriced: number
}

export interface TopEntry {
  readonly key: string
  readonly kind: string
  readonly model?: string | null
  readonly hits: number
  readonly saved_usd: number
  readonly saved_seconds: number
  readonly last_hit: string
  /** What was asked, as far as it is known. */
  readonly text?: string | null
}

export interface NearMiss {
  readonly at: string
  readonly kind: string
  readonly key: string
  readonly similarity: number
  readonly by: string
  readonly reason: string
  readonly text: string
  readonly entry_text?: string | null
}

export interface Statistics {
  readonly combined_hit_rate: number
  readonly semantic_hit_rate?: number
  readonly scope: Scope
  readonly processes: number
  readonly since: string
  readonly requests: {
    readonly total: number
    readonly hits: number
    readonly misses: number
    readonly joined: number
    readonly rescued: number
    readonly bypassed: number
    readonly failed: number
  }
  readonly saved: { readonly usd: number; readonly seconds: number; readonly tokens: number }
  readonly spent: { readonly usd: number; readonly unpriced_calls: number }
  readonly latency: { readonly hit: Latency; readonly miss: Latency }
  readonly by_model: readonly ModelGroup[]
  readonly providers: readonly ProviderStatistics[]
  readonly targets: readonly TargetStatistics[]
  readonly failures: Readonly<Record<string, Counts>>
  readonly refreshes?: { readonly ok: number; readonly failed: number }
  /** These three only for whoever may administrate. */
  readonly by_tag?: readonly TagGroup[]
  readonly top_entries?: readonly TopEntry[]
  readonly near_misses?: readonly NearMiss[]
}

export interface HistoryPoint {
  readonly at: number
  readonly lookups: Counts
  readonly hits: Counts
  readonly requests: number
  readonly hit_requests: number
  readonly saved_usd: number
  readonly saved_ms: number
  readonly hit_ms_sum: number
  readonly hit_count: number
  readonly miss_ms_sum: number
  readonly miss_count: number
}

export interface History {
  readonly step_ms: number
  readonly points: readonly HistoryPoint[]
}

export interface Providers {
  readonly targets: readonly TargetHealth[]
  readonly parts: readonly { readonly part: string; readonly state: string }[]
}

export interface TargetHealth {
  readonly target: string
  readonly state: 'up' | 'left-out'
  readonly leftOutUntil?: string | null
}

export interface Budget {
  readonly name: string
  readonly of?: string | null
  readonly period: string
  readonly limitUsd: number | null
  readonly spentUsd: number | null
  readonly reservedUsd: number | null
  readonly remainingUsd: number | null
  readonly resetsAt: string | null
  readonly unpriced?: number | null
}

export interface Budgets {
  readonly budgets: readonly Budget[]
}

export interface SwitchState {
  readonly on: boolean
  readonly by: 'default' | 'runtime' | 'configuration'
}

export interface Switches {
  readonly switches: Readonly<Record<string, SwitchState>>
}

export interface StoreSize {
  readonly name: string
  readonly state: StoreState
  readonly entries: number | null
  readonly bytes: number | null
  readonly maxBytes: number | null
}

export interface Entry {
  readonly key: string
  readonly kind: string
  readonly model?: string | null
  readonly provider?: string | null
  readonly tags: readonly string[]
  readonly storedAt: string
  readonly freshUntil?: string | null
  readonly expiresAt?: string | null
  readonly state: string
  readonly bytes: number
  readonly costUsd: number | null
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly tookMs: number | null
  /** What was asked, as far as it is known. */
  readonly text: string | null
  /** The beginning of the answer's text. */
  readonly answer: string | null
}

export interface WholeEntry extends Entry {
  readonly body: unknown
}

export interface Entries {
  readonly entries: readonly Entry[]
  readonly looked: number
  readonly truncated: boolean
}

export interface Invalidated {
  readonly count: number
  readonly dryRun: boolean
}
