import { Breaker } from '../core/breaker.ts'
import type { Observe } from '../core/events.ts'
import { partitionOf, sameScope } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'
import type { Embedder } from '../embedders/embedder.ts'

/** What a request means, as far as it can be compared. */
export interface Meaning {
  readonly text: string
  /** Requests are compared within a partition only: everything but `text` is the same there, the embedder included. */
  readonly partition: string
  /** A unit vector. */
  readonly vector: Float32Array
}

/** Why there is nothing to compare. */
export interface Meaningless {
  /** `exact-only` (the kind allows no other), `too-long`, `unknown-words`, `embedder-failed`. */
  readonly reason: string
}

export interface MeaningsOptions {
  readonly embedder: Embedder
  /** Asked whether the embedder is back; default: `embedder`. One that remembers texts would answer for itself. */
  readonly probed?: Embedder
  readonly observe: Observe
  /** The longest that embedding one text may hold a request up, in milliseconds. Default: 1,000. */
  readonly deadlineMs?: number
  /**
   * Texts above this are not compared, in UTF-16 units. Default: 1,000. The longer two texts are, the less a
   * difference that matters moves their vectors apart.
   */
  readonly maxTextLength?: number
}

/** What a request means, and for whom that was found out. */
interface Known {
  readonly kind: string
  readonly scope: readonly string[]
  readonly meaning: Promise<Meaning | Meaningless>
}

/** Says what requests mean, each request once however many layers ask, and never throws. */
export class Meanings {
  readonly embedder: Embedder
  readonly #breaker: Breaker
  readonly #maxTextLength: number
  readonly #known = new WeakMap<object, Known>()

  constructor({ embedder, probed = embedder, observe, deadlineMs = 1000, maxTextLength = 1000 }: MeaningsOptions) {
    this.embedder = embedder
    this.#maxTextLength = maxTextLength
    this.#breaker = new Breaker({
      part: 'embedder',
      deadlineMs,
      observe,
      probe: () => probed.embed(['Is anybody there?'])
    })
  }

  /** What the request means within the scope. */
  of<Request extends object>(
    kind: Kind<Request, unknown>,
    request: Request,
    scope: readonly string[]
  ): Promise<Meaning | Meaningless> {
    const known = this.#known.get(request)
    // Whoever asks the same object again for somebody else must not be led to the first one's entries.
    if (known !== undefined && known.kind === kind.name && sameScope(known.scope, scope)) return known.meaning
    const meaning = this.#embed(kind, request, scope)
    this.#known.set(request, { kind: kind.name, scope, meaning })
    return meaning
  }

  async close(): Promise<void> {
    this.#breaker.end()
    await this.embedder.close()
  }

  async #embed<Request extends object>(
    kind: Kind<Request, unknown>,
    request: Request,
    scope: readonly string[]
  ): Promise<Meaning | Meaningless> {
    const likeness = kind.likeness?.(request)
    if (likeness === undefined) return { reason: 'exact-only' }
    const { text, within } = likeness
    if (text.length > this.#maxTextLength) return { reason: 'too-long' }
    let vector: Float32Array | undefined
    try {
      vector = (await this.#breaker.run('embed', () => this.embedder.embed([text])))[0]
    } catch {
      // Asked again it may succeed.
      this.#known.delete(request)
      return { reason: 'embedder-failed' }
    }
    if (vector === undefined || vector.length === 0) return { reason: 'unknown-words' }
    // The vector's own length, because a model may be told to give shorter ones.
    const space = [within, this.embedder.model, vector.length]
    return { text, vector, partition: partitionOf(kind, request, space, scope) }
  }
}
