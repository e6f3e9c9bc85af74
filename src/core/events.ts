import type { Origin } from './answer.ts'

/** What happened. Metrics, statistics, logs and traces only listen. */
export type Event =
  /** A layer is asked; a hit, a miss or a bypass of it follows, one of them. */
  | { readonly type: 'looked-up'; readonly layer: string; readonly kind: string }
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
      /** How long the lookup took, in milliseconds. */
      readonly tookMs: number
    }
  /** A layer did not have it. */
  | {
      readonly type: 'miss'
      readonly layer: string
      readonly kind: string
      readonly key: string
      /** How long the lookup took, in milliseconds. */
      readonly tookMs: number
    }
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
  /** A layer was not looked into. */
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
      /** What of the request was compared, and with what of the entry's: callers' words. */
      readonly text: string
      readonly entryText?: string
    }
  /** A caller shares another caller's call. */
  | { readonly type: 'joined'; readonly layer: string; readonly kind: string; readonly key: string }
  /**
   * Requests were asked together in one call: how many, how many of them are asked again alone, and why (a part's doubt,
   * or `failed`).
   */
  | {
      readonly type: 'batched'
      readonly layer: string
      readonly kind: string
      readonly size: number
      readonly alone: number
      readonly reasons: readonly string[]
    }
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
  /** A request has been answered, or has failed: one of these for each. */
  | Answered
  /** Entries were invalidated: how many, and how many of each kind. */
  | { readonly type: 'invalidated'; readonly count: number; readonly byKind: Readonly<Record<string, number>> }
  /** A part of the cache failed; the request went on without it. */
  | {
      readonly type: 'failed'
      readonly part: string
      readonly operation: string
      readonly error: Error
      /** The kind of the entry it was about, when it was about one. */
      readonly kind?: string
    }
  /** A part of the cache is left out for a while, or is back. */
  | { readonly type: 'opened' | 'closed'; readonly part: string; readonly error?: Error }

/**
 * What has become of a request: `hit`, a layer had it; `miss`, its provider was asked for it; `joined`, it shared another
 * caller's call; `rescued`, everybody had failed, and an older or a similar answer was served; `bypass`, the cache was
 * not asked; `failed`, there is no answer.
 */
export type Outcome = 'hit' | 'miss' | 'joined' | 'rescued' | 'bypass' | 'failed'

/** A request and what has become of it, at the cache's door. */
export interface Answered {
  readonly type: 'answered'
  readonly kind: string
  /** The model that was asked for; undefined where there is none. */
  readonly model: string | undefined
  readonly outcome: Outcome
  /** Who answered: `exact`, `semantic`, `provider`, ...; undefined when nobody did. */
  readonly layer: string | undefined
  /** The whole of it, in milliseconds. */
  readonly tookMs: number
  /** What the request is tagged with. */
  readonly tags: readonly string[]
  /** On whose account. */
  readonly tenant: string | undefined
  /** Where the answer comes from; undefined when it has failed. */
  readonly origin: Origin | undefined
  readonly error?: unknown
  /** The caller's words, as far as they can be compared by meaning; only when the cache was told to tell them. */
  readonly text?: string
}

export type SkipReason = 'unsuitable' | 'left-out' | 'over-budget'

/** Listens to events. */
export type Observe = (event: Event) => void

/** Hears nothing. */
export function ignore(): void {}
