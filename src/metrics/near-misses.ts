import { clipped } from './groups.ts'
import type { NearMiss } from './snapshot.ts'

/** How many are kept. */
const mostNearMisses = 50

/** How much of a text is kept, in characters. */
const longestText = 300

/** The latest requests that were near an entry and refused. */
export class NearMisses {
  readonly #latest: NearMiss[] = []

  add({ text, entryText, reason, ...nearMiss }: NearMiss): void {
    if (this.#latest.length === mostNearMisses) this.#latest.shift()
    this.#latest.push({
      ...nearMiss,
      reason: clipped(reason, longestText),
      text: clipped(text, longestText),
      ...(entryText === undefined ? {} : { entryText: clipped(entryText, longestText) })
    })
  }

  snapshot(): readonly NearMiss[] {
    return latestOf(this.#latest)
  }
}

/**
 * The latest of them, latest first. Those of one instant are put in an order of their own, so that it does not matter
 * in which order snapshots are added up.
 */
export function latestOf(nearMisses: readonly NearMiss[]): readonly NearMiss[] {
  return nearMisses.toSorted(byTime).slice(0, mostNearMisses)
}

function byTime(a: NearMiss, b: NearMiss): number {
  return (
    b.atMs - a.atMs || byText(a.key, b.key) || byText(a.text, b.text) || byText(JSON.stringify(a), JSON.stringify(b))
  )
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
