import { RepriseError } from '../core/errors.ts'
import type { GuardLevel } from '../guards/guard.ts'
import { guardLevels, isHit, type JudgedPair } from './judge.ts'
import { type Share, shareOf } from './share.ts'

/** What happens at one threshold. */
export interface Point {
  readonly minSimilarity: number
  /** Pairs of the same meaning that would be answered, and pairs of another meaning that would. */
  readonly rightHits: number
  readonly wrongHits: number
  /** Of the pairs that mean the same, how many would be answered. */
  readonly recall: Share
  /** Of the pairs that mean different things, how many would get the other's answer. */
  readonly wrongShare: Share
  /** Of the hits, how many are right. It depends on how many pairs of either kind there are. */
  readonly precision: Share
}

export interface LevelSweep {
  readonly level: GuardLevel
  /** One per threshold of the grid, ascending. */
  readonly points: readonly Point[]
  /** The lowest threshold from which on the wrong share is never above the allowed one; undefined: there is none. */
  readonly proposed: Point | undefined
  /** The same for the upper confidence limit of the wrong share: so low also when chance was kind. */
  readonly sure: Point | undefined
}

export interface Sweep {
  /** How many pairs mean the same, and how many do not. */
  readonly same: number
  readonly different: number
  readonly maxWrong: number
  readonly levels: readonly LevelSweep[]
}

/** 0.500 to 1.000 in steps of 0.005. */
export const grid: readonly number[] = Array.from({ length: 101 }, (_, index) => (500 + 5 * index) / 1000)

/**
 * Right and wrong hits at each threshold of the grid and each guard level, and the thresholds that follow from
 * `maxWrong`, the wrong share allowed.
 * @throws RepriseError `invalid-option` without any pair of one of the two kinds: nothing could be said.
 */
export function sweep(judged: readonly JudgedPair[], maxWrong: number): Sweep {
  const same = judged.filter(({ pair }) => pair.same).length
  const different = judged.length - same
  if (same === 0 || different === 0)
    throw new RepriseError(
      'invalid-option',
      `expected pairs labelled 1 (the same meaning) and pairs labelled 0 (another meaning), got ${same} and ${different}`
    )
  const levels = guardLevels.map((level) => {
    const points = grid.map((minSimilarity) => pointAt(judged, level, minSimilarity))
    return {
      level,
      points,
      proposed: lowest(points, ({ wrongShare }) => wrongShare.value <= maxWrong),
      sure: lowest(points, ({ wrongShare }) => wrongShare.high <= maxWrong)
    }
  })
  return { same, different, maxWrong, levels }
}

/** What happens at one threshold and level; for pairs of one kind only, too. */
export function pointAt(judged: readonly JudgedPair[], level: GuardLevel, minSimilarity: number): Point {
  let same = 0
  let rightHits = 0
  let wrongHits = 0
  for (const each of judged) {
    if (each.pair.same) same += 1
    if (!isHit(each, level, minSimilarity)) continue
    if (each.pair.same) rightHits += 1
    else wrongHits += 1
  }
  return {
    minSimilarity,
    rightHits,
    wrongHits,
    recall: shareOf(rightHits, same),
    wrongShare: shareOf(wrongHits, judged.length - same),
    precision: shareOf(rightHits, rightHits + wrongHits)
  }
}

/** The lowest point that is good, and all above it. */
function lowest(points: readonly Point[], isGood: (point: Point) => boolean): Point | undefined {
  const lastBad = points.findLastIndex((point) => !isGood(point))
  return points[lastBad + 1]
}
