/** Counts whole numbers, together with all who share a store. Never throws. */
export interface Tally {
  /** Adds to a count, made at 0; the new count. Atomic among all who share the store. 0 only looks. */
  add(key: string, by: number, options: TallyOptions): Promise<Tallied>
}

export interface TallyOptions {
  /** How long a count that is made now lives. */
  readonly ttlMs: number
  /** Nothing is added when `by` is above 0 and the count would come to more. */
  readonly atMost?: number
  /** Told what came of it after all, when that was `unknown` and the store answers later. It may never be. */
  readonly onLate?: (tallied: number | 'over') => void
}

/**
 * The new count, or: `over`, it would have come to more than `atMost`, and nothing was added; `down`, the store is left
 * out for now, and nothing was added; `unknown`, the store failed or was too slow, and nobody knows whether it was added.
 */
export type Tallied = number | 'over' | 'down' | 'unknown'
