import { setMaxListeners } from 'node:events'
import type { Observe } from './events.ts'
import { checkedEager, checkedMs } from './freshness.ts'
import type { Context } from './handler.ts'
import { defaultMode } from './mode.ts'

/** What a call of the library may say of itself. */
export interface CallOptions {
  /** How long the answer stays fresh, in milliseconds. Default: as the cache is configured. 0: it is not stored. */
  readonly ttlMs?: number
  /** What the stored answer can be invalidated by. */
  readonly tags?: readonly string[]
  /** How long after that it is served at once while it is asked anew, in milliseconds. Default: as the cache is configured. */
  readonly staleWhileRevalidateMs?: number
  /** How long after its freshness it may be served when nobody can answer, in milliseconds. Default: as the cache is configured. */
  readonly graceMs?: number
  /** The share of its time to live, above 0, after which a hit asks for it anew; 1: never. Default: as the cache is configured. */
  readonly eagerRefresh?: number
  /** Answers are shared only within an equal scope. */
  readonly scope?: readonly string[]
  /**
   * Whether it may be asked together with others, for which it waits some time. Default: as the cache is configured.
   */
  readonly batch?: boolean
  /** On whose account: budgets count by it, and tenants share no answers. */
  readonly tenant?: string
  readonly signal?: AbortSignal
}

/** One who never goes, and whom any number of calls listen to at the same time. */
const never = new AbortController()
setMaxListeners(0, never.signal)

/** A call as the layers see it. @throws RepriseError `invalid-option` */
export function contextOf(options: CallOptions, observe: Observe): Context {
  const { scope = [], tags = [], signal, tenant, ttlMs, staleWhileRevalidateMs, graceMs, eagerRefresh, batch } = options
  if (staleWhileRevalidateMs !== undefined) checkedMs(staleWhileRevalidateMs, 'staleWhileRevalidateMs')
  if (graceMs !== undefined) checkedMs(graceMs, 'graceMs')
  if (eagerRefresh !== undefined) checkedEager(eagerRefresh, 'eagerRefresh')
  return {
    scope: tenant === undefined ? scope : ['tenant', tenant, ...scope],
    mode: defaultMode,
    tags,
    caller: signal === undefined ? never : { signal },
    observe,
    ...(tenant === undefined ? {} : { tenant }),
    ...(ttlMs === undefined ? {} : { ttlMs }),
    ...(staleWhileRevalidateMs === undefined ? {} : { staleWhileRevalidateMs }),
    ...(graceMs === undefined ? {} : { graceMs }),
    ...(eagerRefresh === undefined ? {} : { eagerRefresh }),
    ...(batch === undefined ? {} : { batch })
  }
}
