import { parseDuration } from './duration.ts'

/** A duration (`24h`, or a number of seconds), or one with exceptions. */
export type Ttl = string | number | TtlRules

export interface TtlRules {
  /** Default: 24 h. */
  readonly default?: string | number
  /** By kind: `llm`, `embedding`, `value`, `retrieval` (default: 1 h, or `default` where that is shorter). */
  readonly kinds?: Readonly<Record<string, string | number>>
  /** By model; `*` stands for any run of characters, and the first pattern that fits decides. Before kinds. */
  readonly models?: Readonly<Record<string, string | number>>
}

const retrievalMs = 3_600_000

/** Tells how long an answer stays fresh, in milliseconds. */
export type TtlMs = (kind: string, model: string | undefined) => number

/** Reads a time to live. @throws RepriseError `invalid-option` */
export function ttlRules(ttl: Ttl = '24h'): TtlMs {
  const { default: fallback = '24h', kinds = {}, models = {} } = typeof ttl === 'object' ? ttl : { default: ttl }
  const defaultMs = parseDuration(fallback, 'ttl')
  // What a search finds goes out of date sooner than what a model says.
  const kindMs = new Map([['retrieval', Math.min(retrievalMs, defaultMs)]])
  for (const [kind, value] of Object.entries(kinds)) kindMs.set(kind, parseDuration(value, `ttl of kind ${kind}`))
  const modelMs = Object.entries(models).map(([pattern, value]) => ({
    fits: new RegExp(`^${pattern.split('*').map(escapePattern).join('.*')}$`, 's'),
    ttlMs: parseDuration(value, `ttl of model ${pattern}`)
  }))
  return function ttlMs(kind, model) {
    const byModel = model === undefined ? undefined : modelMs.find(({ fits }) => fits.test(model))
    return byModel?.ttlMs ?? kindMs.get(kind) ?? defaultMs
  }
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
