import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { RepriseError } from '../core/errors.ts'
import { vectorBytes, vectorOf } from '../core/vector-bytes.ts'
import { abortedError, throwIfAborted } from './abort.ts'
import type { Embedder, EmbedOptions } from './embedder.ts'
import { TextBatches } from './text-batches.ts'

/** Where vectors of known texts are kept, beyond this process. A failure is a miss; it should not keep callers waiting. */
export interface VectorMemory {
  get(key: string): Promise<Uint8Array | undefined>
  set(key: string, bytes: Uint8Array): Promise<void>
}

export interface MemoizeOptions {
  /** The most that vectors may take in this process. Default: 16 MB. */
  readonly maxBytes?: number
  /** How long a text waits for others to be embedded with, in milliseconds; 0: for this turn of the event loop. Default: 2. */
  readonly windowMs?: number
  /** The most texts in one call of the embedder. Default: 256. */
  readonly batchSize?: number
}

/** One text that is being looked up or embedded, and how many wait for it. */
interface Flight {
  readonly vector: Promise<Float32Array>
  readonly left: AbortController
  passengers: number
}

/** What a vector costs beside its numbers: its key, and its place in the list. */
const vectorOverhead = 300

/**
 * Remembers the vectors of known texts, in this process and in `memory`, and has the texts that several callers ask for at
 * once embedded in one call. Callers of one text share its vector; whoever leaves leaves alone, and what nobody waits for any
 * more is aborted. An embedder that is cheap is given back as it is.
 * @throws RepriseError `invalid-option`
 */
export function memoize(embedder: Embedder, memory?: VectorMemory, options: MemoizeOptions = {}): Embedder {
  return embedder.isCheap ? embedder : new RememberingEmbedder(embedder, memory, options)
}

class RememberingEmbedder implements Embedder {
  readonly name: string
  readonly model: string
  readonly minSimilarity: number
  readonly isCheap = false
  readonly #embedder: Embedder
  readonly #memory: VectorMemory | undefined
  readonly #known: LRUCache<string, Float32Array>
  readonly #flights = new Map<string, Flight>()
  readonly #batches: TextBatches

  constructor(embedder: Embedder, memory: VectorMemory | undefined, options: MemoizeOptions) {
    const { maxBytes = 16 * 1024 ** 2, windowMs = 2, batchSize = 256 } = options
    check('maxBytes', maxBytes, 1)
    check('windowMs', windowMs, 0)
    check('batchSize', batchSize, 1)
    this.name = embedder.name
    this.model = embedder.model
    this.minSimilarity = embedder.minSimilarity
    this.#embedder = embedder
    this.#memory = memory
    this.#known = new LRUCache({ maxSize: maxBytes, sizeCalculation: ({ byteLength }) => byteLength + vectorOverhead })
    this.#batches = new TextBatches(embedder, { windowMs, batchSize })
  }

  async embed(texts: readonly string[], { signal }: EmbedOptions = {}): Promise<readonly Float32Array[]> {
    throwIfAborted(signal)
    const joined: Flight[] = []
    const vectors = texts.map((text) => {
      const key = hash('sha256', JSON.stringify([this.model, text]))
      const known = this.#known.get(key)
      if (known !== undefined) return known
      const flight = this.#join(key, text)
      joined.push(flight)
      return flight.vector
    })
    try {
      const found = await unlessAborted(Promise.all(vectors), signal)
      // Each caller's own: what one does with a vector is not to be found by another.
      return found.map((vector) => vector.slice())
    } finally {
      for (const flight of joined) if (--flight.passengers === 0) flight.left.abort()
    }
  }

  async close(): Promise<void> {
    this.#known.clear()
    await this.#embedder.close()
  }

  #join(key: string, text: string): Flight {
    const other = this.#flights.get(key)
    if (other !== undefined && !other.left.signal.aborted) {
      other.passengers++
      return other
    }
    const left = new AbortController()
    const flight = { vector: this.#find(key, text, left.signal), left, passengers: 1 }
    this.#flights.set(key, flight)
    const land = (): void => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    }
    flight.vector.then(land, land)
    return flight
  }

  async #find(key: string, text: string, signal: AbortSignal): Promise<Float32Array> {
    const remembered = await this.#recall(key)
    const vector = remembered ?? (await this.#batches.embed(text, signal))
    this.#known.set(key, vector)
    if (remembered === undefined && vector.length > 0) void this.#remember(key, vector)
    return vector
  }

  async #recall(key: string): Promise<Float32Array | undefined> {
    try {
      const bytes = await this.#memory?.get(key)
      // What comes from far may be anything; and its own copy, for the bytes may be part of something larger.
      return bytes === undefined ? undefined : vectorOf(bytes)?.slice()
    } catch {
      return undefined
    }
  }

  async #remember(key: string, vector: Float32Array): Promise<void> {
    try {
      await this.#memory?.set(key, vectorBytes(vector))
    } catch {
      // It will be embedded again.
    }
  }
}

async function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise
  let leave: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(abortedError(signal.reason))
    signal.addEventListener('abort', leave)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    if (leave !== undefined) signal.removeEventListener('abort', leave)
  }
}

function check(option: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return
  throw new RepriseError('invalid-option', `${option}: expected a whole number of at least ${least}, got ${value}`)
}
