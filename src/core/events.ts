/** What happened. Metrics, statistics, logs and traces only listen. */
export type Event =
  /** A layer had the answer. */
  | {
      readonly type: 'hit'
      readonly layer: string
      readonly kind: string
      readonly key: string
      readonly stale: boolean
      readonly savedUsd?: number
      /** Of a hit by meaning: cosine in [-1, 1]. */
      readonly similarity?: number
    }
  /** A layer did not have it. */
  | { readonly type: 'miss'; readonly layer: string; readonly kind: string; readonly key: string }
  /** A layer was not asked. */
  | { readonly type: 'bypass'; readonly layer: string; readonly kind: string; readonly reason: string }
  /** An answer was stored. */
  | {
      readonly type: 'stored'
      readonly layer: string
      readonly kind: string
      readonly key: string
      readonly bytes: number
    }
  /** An answer was not fit to be stored. */
  | {
      readonly type: 'refused'
      readonly layer: string
      readonly kind: string
      readonly key: string
      readonly reason: string
    }
  /** An entry was near enough, and a guard or the verifier said that it means something else. */
  | {
      readonly type: 'refuted'
      readonly layer: string
      readonly kind: string
      /** Of the entry that was near. */
      readonly key: string
      readonly similarity: number
      /** Who said no: a guard's name, or `verifier`. */
      readonly by: string
      readonly reason: string
    }
  /** A caller shares another caller's call. */
  | { readonly type: 'joined'; readonly layer: string; readonly kind: string; readonly key: string }
  /** A provider was asked, and answered or failed. */
  | {
      readonly type: 'asked'
      readonly provider: string
      readonly wire: string
      readonly ok: boolean
      readonly tookMs: number
    }
  /** Entries were invalidated. */
  | { readonly type: 'invalidated'; readonly count: number }
  /** A part of the cache failed; the request went on without it. */
  | { readonly type: 'failed'; readonly part: string; readonly operation: string; readonly error: Error }
  /** A part of the cache is left out for a while, or is back. */
  | { readonly type: 'opened' | 'closed'; readonly part: string; readonly error?: Error }

/** Listens to events. */
export type Observe = (event: Event) => void

/** Hears nothing. */
export function ignore(): void {}
