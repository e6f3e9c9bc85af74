import type { GuardLevel, Refutation } from '../guards/guard.ts'
import { type Guards, openGuards } from '../guards/open.ts'
import type { Pair } from './pairs.ts'

/** A pair with all that decides whether it is a hit, at any threshold and any guard level. */
export interface JudgedPair {
  readonly pair: Pair
  readonly similarity: number
  /** Who said no at which level; nobody was asked about pairs below the floor. */
  readonly refutations: { readonly [Level in GuardLevel]?: Refutation }
}

export interface JudgeOptions {
  /** Guards are asked about pairs from this similarity on. Default: 0.5. */
  readonly floor?: number
  /** For tests: other guards. */
  readonly open?: (level: GuardLevel) => Guards
}

/** The levels that are compared, from the most trusting on. */
export const guardLevels: readonly GuardLevel[] = ['off', 'standard', 'strict']

/** Asks the guards of all levels about each pair that may be a hit, once. */
export function judge(
  pairs: readonly Pair[],
  similarities: Float64Array,
  { floor = 0.5, open = openGuards }: JudgeOptions = {}
): readonly JudgedPair[] {
  const asked = guardLevels.filter((level) => level !== 'off').map((level) => [level, open(level)] as const)
  return pairs.map((pair, index) => {
    const similarity = similarities[index] ?? -1
    const refutations: { [Level in GuardLevel]?: Refutation } = {}
    if (similarity >= floor)
      for (const [level, guards] of asked) {
        const refutation = guards(pair.a, pair.b)
        if (refutation !== undefined) refutations[level] = refutation
      }
    return { pair, similarity, refutations }
  })
}

/** True when the pair would be answered with the other's answer. */
export function isHit({ similarity, refutations }: JudgedPair, level: GuardLevel, minSimilarity: number): boolean {
  return similarity >= minSimilarity && refutations[level] === undefined
}
