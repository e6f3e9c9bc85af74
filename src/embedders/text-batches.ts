import { RepriseError } from '../core/errors.ts'
import { abortedError } from './abort.ts'
import type { Embedder } from './embedder.ts'

export interface TextBatchesOptions {
  /** How long the first text of a batch waits for others; 0: for this turn of the event loop. */
  readonly windowMs: number
  readonly batchSize: number
}

interface Waiting {
  readonly text: string
  readonly signal: AbortSignal
  resolve(vector: Float32Array): void
  reject(error: unknown): void
}

/** Has texts that are asked for one by one embedded together. */
export class TextBatches {
  readonly #embedder: Embedder
  readonly #options: TextBatchesOptions
  #waiting: Waiting[] = []
  #cancel = (): void => {}

  constructor(embedder: Embedder, options: TextBatchesOptions) {
    this.#embedder = embedder
    this.#options = options
  }

  /** A text's vector. A batch is aborted when the signals of all its texts are, and not before. */
  embed(text: string, signal: AbortSignal): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, signal, resolve, reject })
      if (this.#waiting.length === 1) this.#cancel = after(this.#options.windowMs, () => this.#send())
      if (this.#waiting.length >= this.#options.batchSize) this.#send()
    })
  }

  #send(): void {
    this.#cancel()
    const all = this.#waiting
    this.#waiting = []
    for (const { signal, reject } of all) if (signal.aborted) reject(abortedError(signal.reason))
    const wanted = all.filter(({ signal }) => !signal.aborted)
    if (wanted.length > 0) void this.#ask(wanted)
  }

  async #ask(batch: readonly Waiting[]): Promise<void> {
    const deserted = new AbortController()
    const leave = (): void => {
      if (batch.every(({ signal }) => signal.aborted)) deserted.abort()
    }
    for (const { signal } of batch) signal.addEventListener('abort', leave)
    try {
      const texts = batch.map(({ text }) => text)
      const vectors = await this.#embedder.embed(texts, { signal: deserted.signal })
      if (vectors.length !== texts.length) {
        const message = `${this.#embedder.name}: expected ${texts.length} vectors, got ${vectors.length}`
        throw new RepriseError('provider-malformed', message)
      }
      for (const [index, { resolve }] of batch.entries()) resolve(vectors[index] as Float32Array)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      for (const { signal } of batch) signal.removeEventListener('abort', leave)
    }
  }
}

/** Does something later, unless it is cancelled. */
function after(ms: number, act: () => void): () => void {
  if (ms === 0) {
    const turn = setImmediate(act)
    return () => clearImmediate(turn)
  }
  const timer = setTimeout(act, ms)
  return () => clearTimeout(timer)
}
