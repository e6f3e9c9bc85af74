import type { Headers } from './headers.ts'
import type { Usage } from './kind.ts'

/** What a handler gives back: the value, and where it comes from. */
export interface Answer<Result> {
  readonly value: Result
  readonly origin: Origin
}

/** Where an answer comes from. */
export interface Origin {
  /** Who answered: `provider`, or the layer that had it (`exact`, ...). */
  readonly layer: string
  /** How like the request is to the one that was answered: cosine in [-1, 1]; only when they are not identical. */
  readonly similarity?: number
  /** The entry's key, when the answer can be found in the store. */
  readonly key?: string
  /** This caller shared another caller's call. */
  readonly joined?: true
  /** Asked together with others in one call: how many they were, this one included. */
  readonly batched?: number
  /** When the provider answered, in milliseconds since 1970. */
  readonly storedAtMs?: number
  /** How long ago that was. */
  readonly ageMs?: number
  /** How much longer the answer is fresh; negative when it is stale. */
  readonly freshForMs?: number
  /** Past its time to live, and served all the same: while it is asked anew, or because nothing better was to be had. */
  readonly stale?: true
  /** Served because all who could have answered had failed. */
  readonly rescued?: true
  /** Less alike than a hit by meaning must be, and served because all who could have answered failed. */
  readonly lastResort?: true
  /** Whether the answer went into the store. */
  readonly stored?: boolean
  /** Why the cache was not asked. */
  readonly bypass?: string
  /** Who made the answer: a provider's name. */
  readonly provider?: string
  /** Made by another model than the one that was asked for, because that one could not answer. */
  readonly fallback?: true
  /** Must not be stored, whatever its kind thinks of it. */
  readonly storable?: false
  /** The model that the provider says it used. */
  readonly model?: string
  readonly usage?: Usage
  /** What the provider's call cost, in US dollars; absent when the price is unknown. */
  readonly costUsd?: number
  /** What else was spent on it, in US dollars: on a part of a batch that was not certain. */
  readonly wastedUsd?: number
  /** What this hit saved, in US dollars; absent when the price is unknown. */
  readonly savedUsd?: number
  /** How long the provider took, in milliseconds. */
  readonly tookMs?: number
  /** Headers of the provider's response; only on an answer fresh from it. */
  readonly headers?: Headers
}
