import { Breaker } from '../core/breaker.ts'
import { ignore, type Observe } from '../core/events.ts'
import type { Refutation } from '../guards/guard.ts'
import type { Guards } from '../guards/open.ts'
import type { Entry } from '../stores/entry.ts'
import type { Match, VectorIndex } from '../vectors/vector-index.ts'
import type { Meaning, Meanings } from './meanings.ts'
import type { Verifier } from './verifier.ts'

export interface MeaningSearchOptions {
  readonly meanings: Meanings
  readonly index: VectorIndex
  readonly guards: Guards
  /** Cosine from which on two texts may mean the same. Default: the embedder's. */
  readonly minSimilarity?: number
  /** When nobody can answer, the most similar entry from here on is served. Default: none is. */
  readonly lastResortSimilarity?: number
  /** Decides where similarity alone does not, after the guards. Default: none. */
  readonly verifier?: Verifier
  /** Similarities below this are for the verifier to decide, those from it on need none. Default: all are. */
  readonly verifyBelow?: number
  /** The longest that the index may hold a request up, in milliseconds. Default: 100. */
  readonly deadlineMs?: number
  readonly observe?: Observe
}

/** Finds entries by meaning: what the layer, `keep` and `explain` share. */
export class MeaningSearch {
  readonly meanings: Meanings
  readonly minSimilarity: number
  readonly lastResortSimilarity: number | undefined
  readonly #index: VectorIndex
  readonly #guards: Guards
  readonly #verifier: Verifier | undefined
  readonly #verifyBelow: number
  readonly #breaker: Breaker
  readonly #verifying: Breaker | undefined

  constructor(options: MeaningSearchOptions) {
    const {
      meanings,
      index,
      guards,
      verifier,
      verifyBelow = Number.POSITIVE_INFINITY,
      deadlineMs = 100,
      observe = ignore
    } = options
    this.meanings = meanings
    this.minSimilarity = options.minSimilarity ?? meanings.embedder.minSimilarity
    this.lastResortSimilarity = options.lastResortSimilarity
    this.#index = index
    this.#guards = guards
    this.#verifier = verifier
    this.#verifyBelow = verifyBelow
    const probed = Float32Array.of(1)
    this.#breaker = new Breaker({
      part: 'vectors',
      deadlineMs,
      observe,
      probe: () => index.nearest('probe', probed, 1, 1)
    })
    if (verifier !== undefined) {
      const { deadlineMs: verifierMs = 2000 } = verifier
      this.#verifying = new Breaker({
        part: 'verifier',
        deadlineMs: verifierMs,
        observe,
        probe: () => verifier.verify('Is anybody there?', 'Is anyone there?')
      })
    }
  }

  /** True when the store's vectors are where the index finds them. */
  get readsStore(): boolean {
    return this.#index.readsStore
  }

  /** The best matches of a meaning; none when the index fails. Never throws. */
  async nearest({ partition, vector }: Meaning, minSimilarity: number, count: number): Promise<readonly Match[]> {
    try {
      return await this.#breaker.run('nearest', () => this.#index.nearest(partition, vector, minSimilarity, count))
    } catch {
      return []
    }
  }

  /** Why an entry near enough does not answer; undefined when no guard objects. */
  refute({ text }: Meaning, entry: Entry): Refutation | undefined {
    // Without its text nobody can say what the entry answers.
    if (entry.text === undefined) return { by: 'text', reason: 'the entry does not say what it answers' }
    return this.#guards(text, entry.text)
  }

  /** Whether the verifier has to be asked for a match. */
  isDoubtful({ similarity }: Match): boolean {
    return this.#verifier !== undefined && similarity < this.#verifyBelow
  }

  /** Asks the verifier; whatever goes wrong with it counts as a no. */
  async verify({ text }: Meaning, entry: Entry): Promise<Refutation | undefined> {
    const { text: answered = '' } = entry
    try {
      const same = await this.#verifying?.run('verify', async () => this.#verifier?.verify(text, answered))
      return same === true ? undefined : { by: 'verifier', reason: 'it says that they do not mean the same' }
    } catch {
      return { by: 'verifier', reason: 'it could not be asked' }
    }
  }

  /** Makes an entry findable by its meaning; it is there without that too. Never throws. */
  async add({ partition, vector }: Meaning, key: string, expiresAtMs: number): Promise<void> {
    try {
      await this.#breaker.run('add', () => this.#index.add(partition, key, vector, expiresAtMs))
    } catch {
      // Told as an event.
    }
  }

  /** Takes pointers to entries that are gone out of the index. Nobody waits for it. */
  forget({ partition }: Meaning, keys: readonly string[]): void {
    if (keys.length === 0 || this.#breaker.isOpen) return
    this.#breaker.run('remove', () => this.#index.remove(partition, keys)).catch(() => {})
  }

  async close(): Promise<void> {
    this.#breaker.end()
    this.#verifying?.end()
    await Promise.allSettled([this.#index.close(), this.meanings.close()])
  }
}
