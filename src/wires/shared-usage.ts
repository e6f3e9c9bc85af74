import type { Usage } from '../core/kind.ts'

/** About how many tokens a part has brought to the prompt, and to the answer. */
export interface PartSize {
  readonly input: number
  readonly output: number
}

/**
 * About how many tokens a text has: one for each 4 bytes of its UTF-8. That is close for English (4 letters a token)
 * and, because their letters take more bytes, near enough for other scripts; what is shared out is the provider's count.
 */
export function estimatedTokens(text: string): number {
  return Buffer.byteLength(text) / 4
}

/**
 * A call's tokens, shared out among its parts: of the input each takes what it has brought, and an equal share of what
 * all have in common; of the output as much as its answer is long. Each field adds up to exactly the call's, and the
 * parts of a field (cached, written to a cache; thinking) are never more than the field where they were not in the call.
 */
export function usageShares(total: Usage, sizes: readonly PartSize[]): readonly Usage[] {
  const brought = sum(sizes.map(({ input }) => input))
  const common = Math.max(0, total.inputTokens - brought) / sizes.length
  const inputs = wholeShares(
    total.inputTokens,
    sizes.map(({ input }) => input + common)
  )
  const outputs = wholeShares(
    total.outputTokens,
    sizes.map(({ output }) => output)
  )
  const cached = optionalShares(total.cachedInputTokens, inputs)
  const uncached = inputs.map((input, at) => Math.max(0, input - (cached?.[at] ?? 0)))
  const written = optionalShares(total.cacheWriteTokens, uncached)
  const reasoning = optionalShares(total.reasoningTokens, outputs)
  return sizes.map((_, at) => ({
    inputTokens: inputs[at] ?? 0,
    outputTokens: outputs[at] ?? 0,
    ...(reasoning === undefined ? {} : { reasoningTokens: reasoning[at] ?? 0 }),
    ...(cached === undefined ? {} : { cachedInputTokens: cached[at] ?? 0 }),
    ...(written === undefined ? {} : { cacheWriteTokens: written[at] ?? 0 })
  }))
}

/**
 * What a token of output costs, in tokens of input: with nearly all models of OpenAI and Anthropic 4 to 8. Which it is
 * nobody here knows (prices are the router's, and may be a contract's own); with the least of it an estimate of an
 * answer's length, which is all that the shares of the output rest on, shifts as few dollars as it can.
 */
const outputWeight = 4

/** A call's dollars, shared out by what each part has of its tokens; they add up to the call's, as doubles do. */
export function costShares(totalUsd: number, tokens: readonly PartSize[]): readonly number[] {
  const weights = shareable(tokens.map(({ input, output }) => input + outputWeight * output))
  const whole = sum(weights)
  return weights.map((weight) => totalUsd * (weight / whole))
}

function optionalShares(total: number | undefined, weights: readonly number[]): readonly number[] | undefined {
  return total === undefined ? undefined : wholeShares(total, weights)
}

/**
 * Whole numbers in proportion to the weights, by largest remainder: none is further than 1 from its exact share, and they
 * add up to the total. Where whole weights add up to the total or more, no share is greater than its weight.
 */
export function wholeShares(total: number, weights: readonly number[]): readonly number[] {
  // Beyond these, numbers have gaps. No provider counts so far; one that seems to has made a mistake.
  if (total > Number.MAX_SAFE_INTEGER) return weights.map((_, at) => (at === 0 ? total : 0))
  const counted = shareable(weights)
  const whole = sum(counted)
  const units = Math.floor(total)
  const exact = counted.map((weight) => units * (weight / whole))
  const shares = exact.map(Math.floor)
  const byRemainder = exact.map((share, at) => ({ at, remainder: share - Math.floor(share) }))
  byRemainder.sort((a, b) => b.remainder - a.remainder || a.at - b.at)
  let left = units - sum(shares)
  for (let turn = 0; left > 0; turn++, left--) add(shares, byRemainder[turn % shares.length]?.at, 1)
  // A product that was rounded up to a whole number may be one too many.
  for (; left < 0; left++) add(shares, shares.indexOf(Math.max(...shares)), -1)
  // No provider counts in fractions; one that did would lose none of them.
  if (units !== total) add(shares, byRemainder[0]?.at, total - units)
  return shares
}

function add(shares: number[], at: number | undefined, amount: number): void {
  if (at !== undefined) shares[at] = (shares[at] ?? 0) + amount
}

/** Weights to share by; all the same where there are none. */
function shareable(weights: readonly number[]): readonly number[] {
  return sum(weights) > 0 ? weights : weights.map(() => 1)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
