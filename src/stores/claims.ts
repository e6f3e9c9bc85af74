import type { Breaker } from '../core/breaker.ts'
import { kindOfKey } from '../core/key.ts'
import type { DecodedEntries } from './decoded-entries.ts'
import { distinctBytes, type Entry, encodeEntry } from './entry.ts'
import type { Namespace } from './namespace.ts'
import type { Seal } from './seal.ts'
import type { Store } from './store.ts'

export interface ClaimsTools {
  readonly store: Store
  readonly reads: Breaker
  readonly writes: Breaker
  readonly namespace: Namespace
  readonly decoded: DecodedEntries
  readonly seal: Seal | undefined
  find(key: string): Promise<Entry | undefined>
  /** Writes, within the deadline, something about the entry; false when that has failed. */
  write(entry: Entry, write: () => Promise<void>): Promise<boolean>
}

/** How often something is tried again because something else has been deleted meanwhile. */
export const mostTries = 16

/**
 * An entry with more tags than these is given no new ones: each is a write, and requests that each bear a tag of their
 * own would have it written without end.
 */
const mostTags = 32

/**
 * Whose an entry is: it answers a request with a tag only if it would have gone with that tag.
 * What bears it goes when it is invalidated. What does not is given it, unless the tag has been invalidated since the
 * entry's answer was asked for.
 */
export class Claims {
  readonly #tools: ClaimsTools

  constructor(tools: ClaimsTools) {
    this.#tools = tools
  }

  /** The latest mark, when nothing with that key and those tags has been invalidated after `mark`; undefined else. */
  async validUpTo(
    mark: number | undefined,
    key: string,
    tags: readonly string[],
    anyTag = false
  ): Promise<number | undefined> {
    const { reads, store, namespace } = this.#tools
    if (mark === undefined || reads.isOpen) return undefined
    try {
      const deletions = await reads.run('mark', () => store.deletedSince(mark), kindOfKey(key))
      return namespace.isSpared(deletions, key, tags, anyTag) ? deletions.mark : undefined
    } catch {
      return undefined
    }
  }

  /** The entry, bearing those tags too; undefined when it is not to be had for them. */
  async claim(entry: Entry, tags: readonly string[]): Promise<Entry | undefined> {
    let its: Entry | undefined = entry
    for (let tries = 0; its !== undefined && tries < mostTries; tries++) {
      const { key, tags: own } = its
      const missing = tags.filter((tag) => !own.includes(tag))
      if (missing.length === 0) return its
      const mark = await this.validUpTo(its.mark, key, missing)
      if (mark === undefined) return undefined
      // Where it cannot be given them it serves all the same: the next request asks again whether it may.
      if (own.length + missing.length > mostTags || this.#tools.writes.isOpen) return its
      const claimed = await this.#retag(its, [...own, ...missing], mark)
      if (claimed !== 'changed') return claimed
      // Another answer has taken its place, it has gone, or something has been deleted meanwhile.
      its = await this.#tools.find(key)
    }
    return undefined
  }

  async #retag(entry: Entry, tags: readonly string[], mark: number): Promise<Entry | 'changed'> {
    const { decoded, store, namespace, write, seal } = this.#tools
    const { key } = entry
    const known = decoded.get(key)
    // Too large to be remembered with its bytes.
    if (known === undefined) return entry
    if (known.entry !== entry) return 'changed'
    const retagged = { ...entry, tags }
    const bytes = encodeEntry(retagged, seal)
    const storedTags = tags.map((tag) => namespace.stored(tag))
    let replaced = false
    const done = await write(entry, async () => {
      const beginning = known.bytes.subarray(0, distinctBytes)
      replaced = await store.replace(known.stored, bytes, storedTags, beginning, mark)
    })
    // A store that does not take it now: it serves all the same.
    if (!done) return entry
    if (!replaced) return 'changed'
    decoded.set(key, { stored: known.stored, bytes, entry: retagged })
    return retagged
  }
}
