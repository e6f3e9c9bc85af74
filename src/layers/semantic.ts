import type { Answer } from '../core/answer.ts'
import { Breaker } from '../core/breaker.ts'
import { ignore, type Observe } from '../core/events.ts'
import type { Context, Layer } from '../core/handler.ts'
import { keyOf } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'
import type { Refutation } from '../guards/guard.ts'
import type { Guards } from '../guards/open.ts'
import type { Entries } from '../stores/entries.ts'
import type { Entry } from '../stores/entry.ts'
import type { Match, VectorIndex } from '../vectors/vector-index.ts'
import { answerFrom, serves } from './lookup.ts'
import type { Meaning, Meanings } from './meanings.ts'
import type { Verifier } from './verifier.ts'

export interface SemanticOptions {
  readonly meanings: Meanings
  readonly index: VectorIndex
  readonly guards: Guards
  /** Cosine from which on two texts may mean the same. Default: the embedder's. */
  readonly minSimilarity?: number
  /** Decides where similarity alone does not, after the guards. Default: none. */
  readonly verifier?: Verifier
  /** Similarities below this are for the verifier to decide, those from it on need none. Default: all are. */
  readonly verifyBelow?: number
  /** The longest that the index may hold a request up, in milliseconds. Default: 100. */
  readonly deadlineMs?: number
  readonly observe?: Observe
}

/** How many neighbours are asked for at first, and how many at most when those nearest turn out to be gone. */
const fewNeighbours = 4
const mostNeighbours = 64

/** A verifier costs about as much as a call; further down the list it only has less likely ones to say no to. */
const mostVerified = 2

/** Finds entries by meaning: what the layer, `keep` and `explain` share. */
export class Semantic {
  readonly meanings: Meanings
  readonly minSimilarity: number
  readonly #index: VectorIndex
  readonly #guards: Guards
  readonly #verifier: Verifier | undefined
  readonly #verifyBelow: number
  readonly #breaker: Breaker
  readonly #verifying: Breaker | undefined

  constructor(options: SemanticOptions) {
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
      const { verify, deadlineMs: verifierMs = 2000 } = verifier
      this.#verifying = new Breaker({
        part: 'verifier',
        deadlineMs: verifierMs,
        observe,
        probe: () => verify('Is anybody there?', 'Is anyone there?')
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

/**
 * Answers a request that means the same as a stored one, the most similar first: a match is a pointer, and one whose
 * entry has gone is taken out and the next best tried. What is new is stored further down, by `keep`; what was found
 * here never is.
 */
export function semantic<Request extends object, Result>(
  kind: Kind<Request, Result>,
  entries: Entries,
  layer: Semantic,
  now: () => number = Date.now
): Layer<Request, Result> {
  async function lookUp(request: Request, context: Context): Promise<Answer<Result> | undefined> {
    const meaning = await layer.meanings.of(kind, request, context.scope)
    if ('reason' in meaning) {
      // That the embedder failed is told by an event of its own, and the lookup has missed.
      if (meaning.reason !== 'embedder-failed') {
        context.observe({ type: 'bypass', layer: 'semantic', kind: kind.name, reason: meaning.reason })
        return undefined
      }
    } else {
      const found = await find(meaning, context)
      if (found !== undefined) return found
    }
    context.observe({ type: 'miss', layer: 'semantic', kind: kind.name, key: keyOf(kind, request, context.scope) })
    return undefined
  }

  async function find(meaning: Meaning, context: Context): Promise<Answer<Result> | undefined> {
    const refuted = new Set<string>()
    let verified = 0
    for (let count = fewNeighbours; count <= mostNeighbours; count *= 4) {
      const matches = await layer.nearest(meaning, layer.minSimilarity, count)
      const gone: string[] = []
      for (const match of matches) {
        const { key, similarity } = match
        if (refuted.has(key)) continue
        const entry = await entries.find(key)
        // While the store does not answer nobody knows, and a pointer that was thrown away is not found again.
        if (entry === 'unknown') continue
        if (entry === undefined) gone.push(key)
        if (entry === undefined || !serves(entry, context.mode, now())) continue
        let refutation = layer.refute(meaning, entry)
        if (refutation === undefined && layer.isDoubtful(match)) {
          if (verified === mostVerified) break
          verified += 1
          refutation = await layer.verify(meaning, entry)
        }
        if (refutation === undefined) {
          layer.forget(meaning, gone)
          return hit(entry, similarity, context)
        }
        refuted.add(key)
        context.observe({ type: 'refuted', layer: 'semantic', kind: kind.name, key, similarity, ...refutation })
      }
      layer.forget(meaning, gone)
      // With fewer than were asked for, there are no more; with none gone, those further down are only less alike.
      if (matches.length < count || gone.length === 0) return undefined
    }
    return undefined
  }

  function hit(entry: Entry, similarity: number, context: Context): Answer<Result> {
    const { value, origin } = answerFrom(entry, kind, now())
    const { savedUsd, stale = false } = origin
    const saved = savedUsd === undefined ? {} : { savedUsd }
    const { key } = entry
    context.observe({ type: 'hit', layer: 'semantic', kind: kind.name, key, stale, similarity, ...saved })
    return { value, origin: { ...origin, layer: 'semantic', similarity } }
  }

  return {
    name: 'semantic',
    wrap(next) {
      return async function lookUpByMeaning(request, context) {
        const found = context.mode.noCache ? undefined : await lookUp(request, context)
        return found ?? next(request, context)
      }
    }
  }
}
