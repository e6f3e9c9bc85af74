import type { Breaker } from '../core/breaker.ts'
import { kindOfKey } from '../core/key.ts'
import type { DecodedEntries } from './decoded-entries.ts'
import { distinctBytes, type Entry, encodeEntry } from './entry.ts'
import { type Namespace, recordKey } from './namespace.ts'
import type { Seal } from './seal.ts'
import type { Deletions, Store } from './store.ts'

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

/** What became of some tags that an entry was to be given. */
interface Outcome {
  /** Undefined when there is none any more, or nobody knows. */
  readonly entry: Entry | undefined
  /** Those for which it may answer, whether it could be given them or not. */
  readonly spared: ReadonlySet<string>
}

/** Claims that are written together. */
interface Round {
  readonly tags: Set<string>
  readonly outcome: Promise<Outcome>
}

/**
 * Whose an entry is: it answers a request with a tag only if it would have gone with that tag.
 * What bears it goes when it is invalidated. What does not is given it, unless the tag has been invalidated since the
 * entry's answer was asked for.
 */
export class Claims {
  readonly #tools: ClaimsTools
  /** What is being written, by key. */
  readonly #writing = new Map<string, Promise<Outcome>>()
  /** What comes while an entry is being written: all of it goes into the write after that. */
  readonly #next = new Map<string, Round>()

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
    const deletions = await this.#deletedSince(mark, key)
    if (deletions === undefined || !this.#tools.namespace.isSpared(deletions, key, tags, anyTag)) return undefined
    return deletions.mark
  }

  /** The entry, bearing those tags too; undefined when it is not to be had for them. */
  async claim(entry: Entry, tags: readonly string[]): Promise<Entry | undefined> {
    const { key } = entry
    const missing = tags.filter((tag) => !entry.tags.includes(tag))
    if (missing.length === 0) return entry
    // Where it cannot be given them it serves all the same: the next request asks again whether it may.
    if (entry.tags.length + missing.length > mostTags || this.#tools.writes.isOpen) {
      return (await this.validUpTo(entry.mark, key, missing)) === undefined ? undefined : entry
    }
    // All of them, not only those that this entry lacks: another may have taken its place by then, and lack others.
    const { entry: its, spared } = await this.#give(entry, tags)
    return tags.every((tag) => spared.has(tag)) ? its : undefined
  }

  /**
   * Gives it the tags in a write of its own, or together with those of others: an entry that hundreds ask for at once,
   * each with a tag of its own, is written twice and not hundreds of times.
   */
  async #give(entry: Entry, tags: readonly string[]): Promise<Outcome> {
    const { key } = entry
    const before = this.#writing.get(key)
    if (before === undefined) return this.#start(key, () => this.#write(key, entry, tags))
    const next = this.#next.get(key) ?? this.#gather(key, before)
    for (const tag of tags) next.tags.add(tag)
    return next.outcome
  }

  #gather(key: string, before: Promise<Outcome>): Round {
    const tags = new Set<string>()
    const begin = (): Promise<Outcome> => {
      this.#next.delete(key)
      // Read anew: what was read for the claim before says nothing of what has happened since.
      return this.#start(key, async () => this.#write(key, await this.#tools.find(key), [...tags]))
    }
    const outcome = before.then(begin, begin)
    const round = { tags, outcome }
    this.#next.set(key, round)
    return round
  }

  #start(key: string, write: () => Promise<Outcome>): Promise<Outcome> {
    const writing = write().finally(() => {
      if (this.#writing.get(key) === writing) this.#writing.delete(key)
    })
    this.#writing.set(key, writing)
    return writing
  }

  async #write(key: string, entry: Entry | undefined, tags: readonly string[]): Promise<Outcome> {
    const { namespace, writes, find } = this.#tools
    let its = entry
    for (let tries = 1; its !== undefined; tries++) {
      const { mark, tags: own } = its
      const deletions = await this.#deletedSince(mark, key)
      const isSpared = (tag: string): boolean =>
        own.includes(tag) || (deletions !== undefined && namespace.isSpared(deletions, key, [tag]))
      const spared = new Set(tags.filter(isSpared))
      const given = [...spared].filter((tag) => !own.includes(tag)).slice(0, Math.max(0, mostTags - own.length))
      if (deletions === undefined || given.length === 0 || writes.isOpen) return { entry: its, spared }
      // Not answered without it: what is invalidated by a tag takes along all that has answered it.
      if (tries > mostTries) break
      const claimed = await this.#retag(its, given, deletions.mark)
      if (claimed !== 'changed') return { entry: claimed, spared }
      // Another answer has taken its place, it has gone, or something has been deleted meanwhile.
      its = await find(key)
    }
    return { entry: undefined, spared: new Set() }
  }

  /** Gives them to what was asked for the answer too, and to that first: it must go whenever the answer does. */
  async #retag(entry: Entry, given: readonly string[], mark: number): Promise<Entry | 'changed'> {
    const record = await this.#tools.find(recordKey(entry.key))
    const lacking = record === undefined ? [] : given.filter((tag) => !record.tags.includes(tag))
    if (record !== undefined && lacking.length > 0) {
      const claimed = await this.#replace(record, [...record.tags, ...lacking], mark)
      if (claimed === 'changed') return 'changed'
      // Where it cannot be given them, the answer is not either.
      if (claimed === record) return entry
    }
    return this.#replace(entry, [...entry.tags, ...given], mark)
  }

  async #replace(entry: Entry, tags: readonly string[], mark: number): Promise<Entry | 'changed'> {
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

  async #deletedSince(mark: number | undefined, key: string): Promise<Deletions | undefined> {
    const { reads, store } = this.#tools
    if (mark === undefined || reads.isOpen) return undefined
    try {
      return await reads.run('mark', () => store.deletedSince(mark), kindOfKey(key))
    } catch {
      return undefined
    }
  }
}
