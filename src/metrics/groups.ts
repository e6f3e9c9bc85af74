/** The longest name that is kept; longer ones are told apart by their beginning. */
const longestName = 200

/** What stands for all those that came when there was no more room. */
const rest = 'other'

/** A number that is counted up. */
export class Count {
  value = 0
}

/**
 * What is counted by a name that callers may choose: once there are as many names as may be, new ones are counted
 * together as `other`.
 */
export class Groups<Counts> {
  readonly #most: number
  readonly #make: (name: string) => Counts
  readonly #byName = new Map<string, Counts>()
  /** The one that was asked for last: mostly the next one too. */
  #latestName: string | undefined
  #latest: Counts | undefined

  /** `most` names, and `other`. */
  constructor(most: number, make: (name: string) => Counts) {
    this.#most = most
    this.#make = make
  }

  /** The counts of `name`. Nothing is made when they are there already. */
  of(name: string): Counts {
    if (name === this.#latestName && this.#latest !== undefined) return this.#latest
    const counts = this.#byName.get(name) ?? this.#add(name)
    // A long one is somebody's prompt, perhaps.
    if (name.length > longestName) return counts
    this.#latestName = name
    this.#latest = counts
    return counts
  }

  [Symbol.iterator](): IterableIterator<[string, Counts]> {
    return this.#byName[Symbol.iterator]()
  }

  /** As a record by name. */
  record<Shown>(show: (counts: Counts) => Shown): Record<string, Shown> {
    return recordOf(this.#byName, show)
  }

  #add(name: string): Counts {
    const short = shortName(name)
    const known = this.#byName.get(short)
    if (known !== undefined) return known
    // One place more, for those that share it.
    if (this.#byName.size >= this.#most && short !== rest) return this.#byName.get(rest) ?? this.#place(rest)
    return this.#place(short)
  }

  #place(name: string): Counts {
    const counts = this.#make(name)
    this.#byName.set(name, counts)
    return counts
  }
}

/** Counted by name, each a plain number. */
export function countRecord(groups: Groups<Count>): Record<string, number> {
  return groups.record(({ value }) => value)
}

/** How often something has happened, by a name. */
export function countGroups(most: number): Groups<Count> {
  return new Groups(most, () => new Count())
}

/** A record of what `entries` show. Never by assignment: a caller may name something `__proto__`. */
export function recordOf<Counts, Shown>(
  entries: Iterable<readonly [string, Counts]>,
  show: (counts: Counts) => Shown
): Record<string, Shown> {
  return Object.fromEntries(Array.from(entries, ([name, counts]) => [name, show(counts)]))
}

/** A name as it is kept. */
export function shortName(name: string): string {
  return clipped(name, longestName)
}

/**
 * The beginning of a text, at most `most` characters, as a text of its own: a slice would keep the whole alive, and the
 * whole may be a prompt of megabytes.
 */
export function clipped(text: string, most: number): string {
  return Buffer.from(text.slice(0, most)).toString()
}
