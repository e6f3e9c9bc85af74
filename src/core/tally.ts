/** Counts whole numbers, together with all who share a store. Never throws. */
export interface Tally {
  /**
   * Adds to a count, made at 0 with `ttlMs` to live; the new count. Atomic among all who share the store.
   * `over`: it would have come to more than `atMost`, and nothing was added. `unknown`: the store cannot say.
   */
  add(key: string, by: number, options: { readonly ttlMs: number; readonly atMost?: number }): Promise<Tallied>
}

export type Tallied = number | 'over' | 'unknown'
