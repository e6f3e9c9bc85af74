export type { DocumentOptions, Retrieved } from './adapters/cached-search.ts'
export { type RetrieverOptions, retriever } from './adapters/retriever.ts'
export type { Inventory, Listing, RecordedRequest, Wanted } from './cache/inventory.ts'
export {
  type Cache,
  type Cached,
  type CacheOptions,
  createCache,
  type InvalidateOptions,
  type StatisticsOptions
} from './cache.ts'
export {
  type CachedProvider,
  type CachedRouter,
  type CachedRouterOptions,
  type CachedRouterStats,
  createCachedRouter,
  type Invoked,
  type InvokeOptions
} from './cached-router.ts'
export type { Completion, CompletionOptions, Completions } from './completions.ts'
export { AllProvidersFailedError, type TargetFailure } from './core/all-providers-failed-error.ts'
export type { Answer, Origin } from './core/answer.ts'
export type { CallOptions } from './core/context.ts'
export { type ErrorCode, ProviderError, RepriseError } from './core/errors.ts'
export type { Answered, Event, Observe, Outcome, SkipReason } from './core/events.ts'
export type { Bounds, Duration, FreshnessDefaults, FreshnessRule, Ttl, TtlRules } from './core/freshness.ts'
export { type Context, compose, type Delta, type Handler, type Layer } from './core/handler.ts'
export type { Headers } from './core/headers.ts'
export type { Json, JsonObject } from './core/json.ts'
export type { Kind, Likeness, Usage } from './core/kind.ts'
export { defaultMode, type Mode } from './core/mode.ts'
export { type OverBudget, OverBudgetError } from './core/over-budget-error.ts'
export type { RedisCommand } from './core/redis-command.ts'
export { type Documents, documentTag, type RetrievalRequest } from './core/retrieval-kind.ts'
export type { Selection } from './core/selection.ts'
export type { StoredVector, StoredVectors, VectorListener } from './core/stored-vectors.ts'
export type { SwitchName } from './core/switch-names.ts'
export type { Tallied, Tally } from './core/tally.ts'
export type { Embedder, EmbedOptions } from './embedders/embedder.ts'
export { type OpenEmbedderOptions, openEmbedder } from './embedders/open.ts'
export type { Progress } from './embedders/progress.ts'
export type { GuardLevel, Refutation } from './guards/guard.ts'
export { type Guards, openGuards } from './guards/open.ts'
export type { Explanation, Neighbour } from './layers/explanation.ts'
export type { SwitchSettings, SwitchState } from './layers/switches.ts'
export type { Verifier } from './layers/verifier.ts'
export { type Gauge, type PrometheusOptions, prometheus } from './metrics/prometheus.ts'
export type { Report } from './metrics/report.ts'
export type { Snapshot } from './metrics/snapshot.ts'
export { Statistics } from './metrics/statistics.ts'
export { openTelemetry, type Telemetry } from './metrics/telemetry.ts'
export type { AskAtom, AskedAtom, AtomAskedInVain, BeforeWave } from './plans/ask-atom.ts'
export { type CachedCompletion, type CachedCompletions, cachedAsk } from './plans/cached-ask.ts'
export type { Atom, AtomAnswer, AtomRequest, Plan, Templated } from './plans/plan.ts'
export type {
  AtomBegun,
  AtomSettled,
  PlanBegun,
  PlanEnded,
  PlanEvent,
  PlanOutcome,
  WaveBegun,
  WaveEnded
} from './plans/plan-event.ts'
export { PlanResults, type PlanResultsOptions } from './plans/plan-results.ts'
export { type ReadPlanOptions, readPlan } from './plans/read-plan.ts'
export type { AnsweredLine, ResultLine, UnansweredLine } from './plans/result-line.ts'
export { type RunPlanOptions, WaveExecutor, type WaveExecutorOptions } from './plans/wave-executor.ts'
export { wavesOf } from './plans/waves.ts'
export type { ProviderKind } from './providers/open.ts'
export type { BudgetOptions, BudgetStatus, Budgets } from './router/budget.ts'
export type { Condition } from './router/condition.ts'
export { createRouter } from './router/open.ts'
export type { PriceRow, PriceTable } from './router/prices.ts'
export type { Router, TargetStatus } from './router/router.ts'
export type {
  BreakerRules,
  ProviderOptions,
  RetryOptions,
  RouteOptions,
  RouterOptions,
  TargetOptions
} from './router/router-options.ts'
export type { Deletions, Lease, PartitionedVector, Selector, SetOptions, Store, StoreSize } from './stores/store.ts'
export { type RedisVectorsOptions, redisVectors } from './vectors/redis.ts'
export type { Match, VectorIndex } from './vectors/vector-index.ts'
