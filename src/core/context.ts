import type { Observe } from './events.ts'
import type { Context } from './handler.ts'
import { defaultMode } from './mode.ts'

/** What a call of the library may say of itself. */
export interface CallOptions {
  /** How long the answer stays fresh, in milliseconds. Default: as the cache is configured. 0: it is not stored. */
  readonly ttlMs?: number
  /** What the stored answer can be invalidated by. */
  readonly tags?: readonly string[]
  /** Answers are shared only within an equal scope. */
  readonly scope?: readonly string[]
  readonly signal?: AbortSignal
}

/** One who never goes. */
const never = new AbortController()

/** A call as the layers see it. */
export function contextOf({ scope = [], tags = [], signal, ttlMs }: CallOptions, observe: Observe): Context {
  return {
    scope,
    mode: defaultMode,
    tags,
    caller: signal === undefined ? never : { signal },
    observe,
    ...(ttlMs === undefined ? {} : { ttlMs })
  }
}
