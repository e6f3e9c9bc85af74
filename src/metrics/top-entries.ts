import type { TopEntry } from './snapshot.ts'

/** How many entries are watched at most. */
const mostHeld = 1000

/** How many of them are told of. */
const mostTold = 100

/** What a hit counts beside its dollars: entries without a price compete by their hits. */
const usdPerHit = 1e-6

interface Held {
  readonly kind: string
  readonly model: string | undefined
  hits: number
  savedUsd: number
  savedMs: number
  lastHitAtMs: number
  /** Value, less what has been taken off since it is held. At nothing it makes room. */
  weight: number
}

/**
 * Finds the entries that have saved most without watching all of them. When there is no more room the median weight is
 * taken off each, and those that have nothing left go: at least half.
 *
 * What is told of an entry is what was counted while it was held: never more than is true. It may be less by at most
 * total / 500, where the total is all dollars saved and a millionth per hit; so whatever has saved more than that is
 * there. For each purge takes its median off at least 500 entries, so that all medians together cannot exceed a 500th of
 * the total, and an entry that goes has lost no more than the medians of the time in which it was held.
 * Cost: a map's lookup per hit; a purge sorts 1,000 weights and comes at most once in 500 new keys.
 * After the Misra-Gries sketch with median purges (Anderson et al., "A High-Performance Algorithm for Identifying
 * Frequent Items in Data Streams", 2017); unlike with space-saving, no entry inherits what another has saved.
 */
export class TopEntries {
  readonly #held = new Map<string, Held>()

  /** An entry has answered. */
  add(key: string, kind: string, model: string | undefined, savedUsd: number, savedMs: number, atMs: number): void {
    const held = this.#held.get(key) ?? this.#hold(key, kind, model)
    held.hits += 1
    held.savedUsd += savedUsd
    held.savedMs += savedMs
    held.lastHitAtMs = atMs
    held.weight += savedUsd + usdPerHit
  }

  /** The best of them. */
  snapshot(): readonly TopEntry[] {
    return Array.from(this.#held, ([key, { kind, model, hits, savedUsd, savedMs, lastHitAtMs }]) => ({
      key,
      kind,
      ...(model === undefined ? {} : { model }),
      hits,
      savedUsd,
      savedMs,
      lastHitAtMs
    }))
      .sort(byValue)
      .slice(0, mostTold)
  }

  #hold(key: string, kind: string, model: string | undefined): Held {
    if (this.#held.size >= mostHeld) this.#purge()
    const held = { kind, model, hits: 0, savedUsd: 0, savedMs: 0, lastHitAtMs: 0, weight: 0 }
    this.#held.set(key, held)
    return held
  }

  #purge(): void {
    const weights = Float64Array.from(this.#held.values(), ({ weight }) => weight).sort()
    const median = weights[weights.length / 2 - 1] ?? 0
    for (const [key, held] of this.#held) {
      held.weight -= median
      if (held.weight <= 0) this.#held.delete(key)
    }
  }
}

/** Most dollars saved first, then most hits. */
export function byValue(a: TopEntry, b: TopEntry): number {
  return b.savedUsd - a.savedUsd || b.hits - a.hits || (a.key < b.key ? -1 : Number(a.key > b.key))
}
