import { LRUCache } from 'lru-cache'
import { parseDuration } from './duration.ts'
import { RepriseError } from './errors.ts'
import { patternMatcher } from './pattern.ts'

/** A duration: `24h`, or a number of seconds. */
export type Duration = string | number

/** How long answers stay fresh: a duration, or rules with exceptions. */
export type Ttl = Duration | TtlRules

export interface TtlRules {
  /** Default: 24 h. */
  readonly default?: Duration | FreshnessRule
  /** By kind: `llm`, `embedding`, `value`, `retrieval` (default: 1 h, or `default` where that is shorter). */
  readonly kinds?: Readonly<Record<string, Duration | FreshnessRule>>
  /** By model; `*` stands for any run of characters, and the first pattern that fits decides. Before kinds. */
  readonly models?: Readonly<Record<string, Duration | FreshnessRule>>
}

/** What is said of one kind or model; what it leaves out is said by the next: model, kind, default. */
export interface FreshnessRule {
  /** How long an answer stays fresh. 0: it is not stored. */
  readonly ttl?: Duration
  /** How long after that it is served at once, marked stale, while it is asked anew. */
  readonly staleWhileRevalidate?: Duration
  /** How long after its freshness it may be served when nobody can answer. */
  readonly grace?: Duration
  /** The share of its time to live after which a hit asks for it anew, above 0; 1: never. */
  readonly eagerRefresh?: number
  /** Up to which share an entry lives shorter, at random, from 0 on and below 1. */
  readonly jitter?: number
  /** Within which bounds the time to live follows the answers: see `adaptiveTtl` of the cache's options. */
  readonly adaptive?: { readonly min: Duration; readonly max: Duration }
}

/** What holds where no rule says otherwise. Durations in milliseconds. */
export interface FreshnessDefaults {
  /** How long after its freshness an answer is served at once, marked stale, while it is asked anew. Default: 0. */
  readonly staleWhileRevalidateMs?: number
  /** How long after its freshness it may be served when its provider fails. Default: 0. */
  readonly graceMs?: number
  /**
   * The share of an answer's time to live, such as 0.9, after which a hit on it asks for it anew behind the caller's
   * back. Default: 1, never.
   */
  readonly eagerRefresh?: number
  /**
   * Up to which share of its time to live an entry lives shorter, at random, so that those stored together do not end
   * together. Default: 0.
   */
  readonly jitter?: number
  /**
   * Answers that are the same when they are asked anew live twice as long as before, others half as long, within these
   * bounds. Default: none.
   */
  readonly adaptiveTtl?: Bounds
}

export interface Bounds {
  readonly minMs: number
  readonly maxMs: number
}

/** How long an answer may be used, and for what. Durations in milliseconds. */
export interface Freshness {
  readonly ttlMs: number
  readonly staleWhileRevalidateMs: number
  readonly graceMs: number
  readonly eagerRefresh: number
  readonly jitter: number
  readonly adaptive: Bounds | undefined
}

export type FreshnessOf = (kind: string, model: string | undefined) => Freshness

/** What a search finds goes out of date sooner than what a model says. */
const retrievalMs = 3_600_000

/** Many more models than an application asks, and little enough to be kept whatever names callers invent. */
const mostKnown = 1000
const longestKnown = 256

/** Reads what is said of freshness. @throws RepriseError `invalid-option` */
export function freshnessRules(ttl: Ttl = '24h', defaults: FreshnessDefaults = {}): FreshnessOf {
  const { default: said = {}, kinds = {}, models = {} } = typeof ttl === 'object' ? ttl : { default: ttl }
  const general: Freshness = { ...checkedDefaults(defaults), ...readRule(said) }
  const byKind = new Map(Object.entries(kinds).map(([kind, rule]) => [kind, readRule(rule, ` of kind ${kind}`)]))
  const byModel = Object.entries(models).map(([pattern, rule]) => ({
    fits: patternMatcher(pattern),
    rule: readRule(rule, ` of model ${pattern}`)
  }))
  const known = new LRUCache<string, Freshness>({ max: mostKnown })

  function resolve(kind: string, model: string | undefined): Freshness {
    const ofModel = model === undefined ? undefined : byModel.find(({ fits }) => fits(model))
    const builtIn = kind === 'retrieval' ? { ttlMs: Math.min(retrievalMs, general.ttlMs) } : {}
    return { ...general, ...builtIn, ...byKind.get(kind), ...ofModel?.rule }
  }

  return function freshnessOf(kind, model) {
    // Where no rule looks at models they need not be told apart: of values there may be as many as there are keys.
    const name = model === undefined || byModel.length === 0 ? kind : `${kind}\0${model}`
    const found = known.get(name)
    if (found !== undefined) return found
    const resolved = resolve(kind, model)
    if (name.length <= longestKnown) known.set(name, resolved)
    return resolved
  }
}

/** What one call may say of its answer; undefined: as it is configured. */
export interface OwnFreshness {
  readonly ttlMs?: number
  readonly staleWhileRevalidateMs?: number
  readonly graceMs?: number
  readonly eagerRefresh?: number
}

/** The freshness of one call's answer. A call that names its time to live has it: it does not follow the answers. */
export function ownFreshness(own: OwnFreshness, configured: Freshness): Freshness {
  const { ttlMs, staleWhileRevalidateMs, graceMs, eagerRefresh } = own
  return {
    ttlMs: ttlMs ?? configured.ttlMs,
    staleWhileRevalidateMs: staleWhileRevalidateMs ?? configured.staleWhileRevalidateMs,
    graceMs: graceMs ?? configured.graceMs,
    eagerRefresh: eagerRefresh ?? configured.eagerRefresh,
    jitter: configured.jitter,
    adaptive: ttlMs === undefined ? configured.adaptive : undefined
  }
}

/** `of` says whose rule it is, where it is somebody's: ` of kind llm`. */
function readRule(rule: Duration | FreshnessRule, of = ''): Partial<Freshness> {
  if (typeof rule !== 'object') return { ttlMs: parseDuration(rule, `ttl${of}`) }
  const { ttl, staleWhileRevalidate, grace, eagerRefresh, jitter, adaptive } = rule
  return {
    ...(ttl === undefined ? {} : { ttlMs: parseDuration(ttl, `ttl${of}`) }),
    ...(staleWhileRevalidate === undefined
      ? {}
      : { staleWhileRevalidateMs: parseDuration(staleWhileRevalidate, `staleWhileRevalidate${of}`) }),
    ...(grace === undefined ? {} : { graceMs: parseDuration(grace, `grace${of}`) }),
    ...(eagerRefresh === undefined ? {} : { eagerRefresh: checkedEager(eagerRefresh, `eagerRefresh${of}`) }),
    ...(jitter === undefined ? {} : { jitter: checkedJitter(jitter, `jitter${of}`) }),
    ...(adaptive === undefined ? {} : { adaptive: readBounds(adaptive, of) })
  }
}

function readBounds({ min, max }: NonNullable<FreshnessRule['adaptive']>, of: string): Bounds {
  const names = { min: `adaptive.min${of}`, max: `adaptive.max${of}` }
  return checkedBounds({ minMs: parseDuration(min, names.min), maxMs: parseDuration(max, names.max) }, names)
}

const boundNames = { min: 'adaptiveTtl.minMs', max: 'adaptiveTtl.maxMs' }

function checkedDefaults(defaults: FreshnessDefaults): Freshness {
  const { staleWhileRevalidateMs = 0, graceMs = 0, eagerRefresh = 1, jitter = 0, adaptiveTtl } = defaults
  return {
    ttlMs: 86_400_000,
    staleWhileRevalidateMs: checkedMs(staleWhileRevalidateMs, 'staleWhileRevalidateMs'),
    graceMs: checkedMs(graceMs, 'graceMs'),
    eagerRefresh: checkedEager(eagerRefresh, 'eagerRefresh'),
    jitter: checkedJitter(jitter, 'jitter'),
    adaptive: adaptiveTtl === undefined ? undefined : checkedBounds(adaptiveTtl, boundNames)
  }
}

/** @throws RepriseError `invalid-option` */
export function checkedMs(value: number, name: string): number {
  return checked(value, name, value >= 0 && value <= Number.MAX_SAFE_INTEGER, 'a number of milliseconds from 0 on')
}

/** @throws RepriseError `invalid-option` */
export function checkedEager(value: number, name: string): number {
  return checked(value, name, value > 0 && value <= 1, 'a share above 0 and below 1, or 1 for never')
}

function checkedJitter(value: number, name: string): number {
  return checked(value, name, value >= 0 && value < 1, 'a share from 0 on and below 1')
}

function checkedBounds({ minMs, maxMs }: Bounds, names: { readonly min: string; readonly max: string }): Bounds {
  checked(minMs, names.min, minMs > 0 && minMs <= Number.MAX_SAFE_INTEGER, 'a duration above 0')
  checked(maxMs, names.max, maxMs >= minMs && maxMs <= Number.MAX_SAFE_INTEGER, 'a duration of at least its min')
  return { minMs, maxMs }
}

function checked(value: number, name: string, isRight: boolean, expected: string): number {
  if (typeof value === 'number' && isRight) return value
  throw new RepriseError('invalid-option', `${name}: expected ${expected}, got ${String(value)}`)
}
