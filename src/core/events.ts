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
  /** Everything below a layer that had missed has failed, and its older or similar answer was served instead. */
  | {
      readonly type: 'rescued'
      readonly layer: string
      readonly kind: string
      readonly key: string
      /** Of a similar request's answer: cosine in [-1, 1]. */
      readonly similarity?: number
      readonly savedUsd?: number
    }
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
  /** A target is asked again after a wait, in milliseconds. */
  | { readonly type: 'retried'; readonly target: string; readonly waitMs: number; readonly reason: string }
  /** A target was not asked: it cannot take the request, is left out for a while, or would exceed a budget. */
  | { readonly type: 'skipped'; readonly target: string; readonly reason: SkipReason; readonly detail: string }
  /** A target did not answer, and the next one is asked. */
  | { readonly type: 'fell-back'; readonly from: string; readonly to: string; readonly reason: string }
  /** A call has been paid for; without a price nobody knows what it cost. In US dollars. */
  | { readonly type: 'charged'; readonly target: string; readonly model: string; readonly costUsd: number | undefined }
  /** An entry was asked anew behind the back of those it served. */
  | { readonly type: 'refreshed'; readonly kind: string; readonly key: string; readonly ok: boolean }
  /** A layer or a kind was switched on or off. */
  | { readonly type: 'switched'; readonly layer: string; readonly on: boolean }
  /** Entries were invalidated. */
  | { readonly type: 'invalidated'; readonly count: number }
  /** A part of the cache failed; the request went on without it. */
  | { readonly type: 'failed'; readonly part: string; readonly operation: string; readonly error: Error }
  /** A part of the cache is left out for a while, or is back. */
  | { readonly type: 'opened' | 'closed'; readonly part: string; readonly error?: Error }

export type SkipReason = 'unsuitable' | 'left-out' | 'over-budget'

/** Listens to events. */
export type Observe = (event: Event) => void

/** Hears nothing. */
export function ignore(): void {}
