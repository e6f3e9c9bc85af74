import type { JsonObject } from '../../core/json.ts'
import { seeded } from './seeded.ts'

/** How likely each token was, and what else might have stood there: as many alternatives as asked for. */
export function logprobsOf(pieces: readonly string[], alternatives: number, seed: string): JsonObject[] {
  const random = seeded(`logprobs ${seed}`)
  return pieces.map((piece) => {
    const logprob = -rounded(random() * 0.9)
    const others = Array.from({ length: Math.max(0, alternatives - 1) }, (_, index) => {
      return entry(` other${index + 1}`, logprob - 1 - rounded(random()) - index)
    })
    return { ...entry(piece, logprob), top_logprobs: alternatives === 0 ? [] : [entry(piece, logprob), ...others] }
  })
}

function entry(token: string, logprob: number): JsonObject {
  return { token, logprob, bytes: [...Buffer.from(token)] }
}

function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6
}
