import type { AtomSettled, PlanEvent } from '../plans/plan-event.ts'

/** What has become of the atoms of a wave, or of several. */
export interface WaveTally {
  readonly total: number
  /** Answered by a run before this one. */
  readonly kept: number
  /** Answered for nothing. */
  readonly hits: number
  /** Answered by a provider. */
  readonly asked: number
  readonly failed: number
  /** Not asked, because they need what has failed. */
  readonly skipped: number
  readonly spentUsd: number
  readonly savedUsd: number
  /** Answers whose price nobody knows. */
  readonly unpriced: number
}

/** How many of them there is nothing more to be done for. */
export function settledIn({ kept, hits, asked, failed, skipped }: WaveTally): number {
  return kept + hits + asked + failed + skipped
}

export function sumOf(tallies: readonly WaveTally[]): WaveTally {
  const sum = (field: keyof WaveTally): number => tallies.reduce((all, tally) => all + tally[field], 0)
  return {
    total: sum('total'),
    kept: sum('kept'),
    hits: sum('hits'),
    asked: sum('asked'),
    failed: sum('failed'),
    skipped: sum('skipped'),
    spentUsd: sum('spentUsd'),
    savedUsd: sum('savedUsd'),
    unpriced: sum('unpriced')
  }
}

type Mutable = { -readonly [Field in keyof WaveTally]: WaveTally[Field] }

/** The atoms that were settled last decide how many are hits from now on. */
const mostRecent = 50

/** What a run has come to so far, wave by wave; and how long it may take. Waves are counted from 1. */
export class RunTally {
  readonly waves: readonly WaveTally[]
  /** Of what was asked: who answered how often. */
  readonly layers = new Map<string, number>()
  readonly #waves: readonly Mutable[]
  readonly #concurrency: number
  readonly #now: () => number
  readonly #startedMs = new Map<string, number>()
  readonly #recent: boolean[] = []
  #alreadyDone = 0
  #missMs = 0
  #misses = 0
  #hitMs = 0
  #hits = 0

  /** @param sizes of the waves */
  constructor(sizes: readonly number[], concurrency: number, now: () => number = Date.now) {
    this.#waves = sizes.map((total) => ({ ...sumOf([]), total }))
    this.waves = this.#waves
    this.#concurrency = concurrency
    this.#now = now
  }

  get all(): WaveTally {
    const sum = sumOf(this.waves)
    // Of later waves it is known in all how many are done, and not yet of which.
    return { ...sum, kept: Math.max(sum.kept, this.#alreadyDone) }
  }

  /** The atoms that are being asked, the one that has waited longest first, and since when. */
  get underWay(): ReadonlyMap<string, number> {
    return this.#startedMs
  }

  note(event: PlanEvent): void {
    if (event.type === 'plan-begun') this.#alreadyDone = event.alreadyDone
    else if (event.type === 'wave-begun') this.#wave(event.wave).kept += event.atoms - event.pending
    else if (event.type === 'atom-begun') this.#startedMs.set(event.atom, this.#now())
    else if (event.type === 'atom-settled') this.#settle(event)
  }

  /**
   * How long the rest takes, in milliseconds, as far as can be told. Hits take next to no time: what matters is how many
   * of those settled last were none, how long those took, and how many can be asked at a time in each wave. Undefined
   * until one was asked of a provider: before that nobody knows how long it takes.
   */
  leftMs(): number | undefined {
    if (this.#misses === 0) return undefined
    const recentMisses = this.#recent.filter((isHit) => !isHit).length
    // Half of one more either way: what has not happened yet is not impossible.
    const missRate = (recentMisses + 0.5) / (this.#recent.length + 1)
    const missMs = this.#missMs / this.#misses
    const hitMs = this.#hits === 0 ? 0 : this.#hitMs / this.#hits
    const each = missRate * missMs + (1 - missRate) * hitMs
    return this.waves.reduce((sum, wave) => {
      const rest = wave.total - settledIn(wave)
      return rest <= 0 ? sum : sum + (rest * each) / Math.min(this.#concurrency, rest)
    }, 0)
  }

  #settle(event: AtomSettled): void {
    const tally = this.#wave(event.wave)
    const { atom, outcome, hit: isHit = false, layer = 'provider', costUsd, savedUsd = 0 } = event
    const tookMs = event.tookMs ?? this.#now() - (this.#startedMs.get(atom) ?? this.#now())
    this.#startedMs.delete(atom)
    // An answer that is of no use had to be paid for, too.
    tally.spentUsd += costUsd ?? 0
    if (outcome === 'resumed') tally.kept += 1
    else if (outcome === 'failed') tally.failed += 1
    else if (outcome === 'skipped') tally.skipped += 1
    else {
      if (isHit) tally.hits += 1
      else tally.asked += 1
      tally.savedUsd += savedUsd
      if (costUsd === undefined) tally.unpriced += 1
      // Whoever shares another's call is answered by the provider too, for nothing.
      const name = isHit && layer === 'provider' ? 'shared' : layer
      this.layers.set(name, (this.layers.get(name) ?? 0) + 1)
      this.#learn(isHit, tookMs)
    }
  }

  #learn(isHit: boolean, tookMs: number): void {
    this.#recent.push(isHit)
    if (this.#recent.length > mostRecent) this.#recent.shift()
    if (isHit) {
      this.#hits += 1
      this.#hitMs += tookMs
    } else {
      this.#misses += 1
      this.#missMs += tookMs
    }
  }

  #wave(wave: number): Mutable {
    const tally = this.#waves[wave - 1]
    if (tally === undefined) throw new RangeError(`expected a wave from 1 to ${this.#waves.length}, got ${wave}`)
    return tally
  }
}
