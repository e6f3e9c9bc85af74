import type { Answer, Origin } from '../core/answer.ts'
import { RepriseError } from '../core/errors.ts'
import type { Caller, Context } from '../core/handler.ts'
import type { Embedding, EmbeddingInput } from '../wires/openai-embeddings.ts'

/** The inputs of one batch that must be asked, in the order they were missed. */
export type AskBatch = (
  inputs: readonly EmbeddingInput[],
  caller: Caller
) => Promise<{ embeddings: readonly Embedding[]; origin: Origin }>

/**
 * Gathers those inputs of a batch that the cache does not have into one call.
 * Each input ends in one of three ways: it is asked here, it shares another request's call, or it is settled (a hit,
 * an error). When all of them have, the call is made; it is aborted when nobody waits for any of its inputs any more.
 */
export class Gather {
  readonly #ask: AskBatch
  readonly #waiting: Waiting[] = []
  readonly #late: Late[] = []
  readonly #controller = new AbortController()
  #undecided: number

  constructor(inputs: number, ask: AskBatch) {
    this.#undecided = inputs
    this.#ask = ask
  }

  /** Asks for one input, together with the others. */
  ask(input: EmbeddingInput, { caller: { signal } }: Context): Promise<Answer<Embedding>> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        reject(new RepriseError('aborted', 'the caller has gone', { cause: signal.reason }))
        // Not before all is decided: an input that is still looked up may have somebody else waiting for it.
        const called = this.#undecided === 0
        if (called && this.#waiting.every((other) => other.signal.aborted)) this.#controller.abort(signal.reason)
      }
      const settled = (): void => signal.removeEventListener('abort', leave)
      this.#waiting.push({
        input,
        signal,
        resolve(answer) {
          settled()
          resolve(answer)
        },
        reject(error) {
          settled()
          reject(error)
        }
      })
      if (signal.aborted) leave()
      else signal.addEventListener('abort', leave, { once: true })
      this.decided()
    })
  }

  /** Asks for an input that was decided already, together with others of which that is true at about the same time. */
  askLater(input: EmbeddingInput, context: Context): Promise<Answer<Embedding>> {
    return new Promise((resolve) => {
      if (this.#late.length === 0) setTimeout(() => this.#callLate(), togetherMs)
      this.#late.push({ input, context, resolve })
    })
  }

  /** To be called once for each input that is not asked here. */
  decided(): void {
    this.#undecided -= 1
    if (this.#undecided === 0) void this.#call()
  }

  #callLate(): void {
    const late = this.#late.splice(0)
    const gather = new Gather(late.length, this.#ask)
    for (const { input, context, resolve } of late) resolve(gather.ask(input, context))
  }

  async #call(): Promise<void> {
    const waiting = this.#waiting.filter(({ signal }) => !signal.aborted)
    if (waiting.length === 0) return
    try {
      const { embeddings, origin } = await this.#ask(
        waiting.map(({ input }) => input),
        this.#controller
      )
      const tokens = embeddings.reduce((sum, embedding) => sum + embedding.tokens, 0)
      for (const [position, { resolve, reject }] of waiting.entries()) {
        const value = embeddings[position]
        if (value === undefined)
          reject(new RepriseError('provider-malformed', 'the provider did not answer each input exactly once'))
        else resolve({ value, origin: shareOf(origin, value, tokens) })
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }
}

/** Nobody waits for what is asked later. */
const togetherMs = 20

interface Late {
  readonly input: EmbeddingInput
  readonly context: Context
  readonly resolve: (answer: Promise<Answer<Embedding>>) => void
}

interface Waiting {
  readonly input: EmbeddingInput
  readonly signal: AbortSignal
  readonly resolve: (answer: Answer<Embedding>) => void
  readonly reject: (error: unknown) => void
}

/** The batch's origin with this input's part of tokens and cost. */
export function shareOf(origin: Origin, { tokens }: Embedding, allTokens: number): Origin {
  const { costUsd, ...rest } = origin
  const usage = { inputTokens: tokens, outputTokens: 0 }
  return costUsd === undefined || allTokens === 0
    ? { ...rest, usage }
    : { ...rest, usage, costUsd: (costUsd * tokens) / allTokens }
}
