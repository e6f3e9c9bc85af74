import type { GuardLevel } from '../guards/guard.ts'
import { isHit, type JudgedPair } from './judge.ts'

/** What one guard did: it is counted when it was the first of its level to say no. */
export interface GuardCount {
  readonly by: string
  /** Wrong hits that it stopped. */
  readonly wrongStopped: number
  /** Right hits that it cost. */
  readonly rightLost: number
}

/** What each guard of a level did to the pairs that are similar enough; the busiest first. */
export function guardCounts(
  judged: readonly JudgedPair[],
  level: GuardLevel,
  minSimilarity: number
): readonly GuardCount[] {
  const counts = new Map<string, { wrongStopped: number; rightLost: number }>()
  for (const { pair, similarity, refutations } of judged) {
    const by = refutations[level]?.by
    if (by === undefined || similarity < minSimilarity) continue
    const count = counts.get(by) ?? { wrongStopped: 0, rightLost: 0 }
    if (pair.same) count.rightLost += 1
    else count.wrongStopped += 1
    counts.set(by, count)
  }
  return [...counts]
    .map(([by, count]) => ({ by, ...count }))
    .sort((left, right) => right.wrongStopped + right.rightLost - left.wrongStopped - left.rightLost)
}

/** The wrong hits that remain, the most similar first: what to read before trusting a threshold. */
export function remainingWrongHits(
  judged: readonly JudgedPair[],
  level: GuardLevel,
  minSimilarity: number,
  count: number
): readonly JudgedPair[] {
  return mostSimilar(
    judged.filter((each) => !each.pair.same && isHit(each, level, minSimilarity)),
    count
  )
}

/** The right hits that a guard's objection cost, the most similar first. */
export function lostRightHits(
  judged: readonly JudgedPair[],
  level: GuardLevel,
  minSimilarity: number,
  count: number
): readonly JudgedPair[] {
  return mostSimilar(
    judged.filter(
      ({ pair, similarity, refutations }) =>
        pair.same && similarity >= minSimilarity && refutations[level] !== undefined
    ),
    count
  )
}

function mostSimilar(judged: readonly JudgedPair[], count: number): readonly JudgedPair[] {
  return judged.toSorted((left, right) => right.similarity - left.similarity).slice(0, count)
}
