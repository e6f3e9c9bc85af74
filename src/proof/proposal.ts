import type { GuardLevel } from '../guards/guard.ts'
import { casesToRuleOut, type Share } from './share.ts'
import type { Point, Sweep } from './sweep.ts'

/**
 * What follows from a sweep for one guard level, in sentences: the threshold proposed, how sure that is, and, where
 * nothing can be proposed, why.
 */
export function proposal(sweep: Sweep, level: GuardLevel): string {
  const found = sweep.levels.find((each) => each.level === level)
  const top = found?.points.at(-1)
  if (found === undefined || top === undefined) return `Nothing is known of the guards ${level}.`
  const { proposed, sure, points } = found
  const allowed = plainPercent(sweep.maxWrong)
  if (proposed === undefined)
    return `Nothing to propose (guards ${level}): no threshold keeps the wrong share at or below ${allowed}; even at ${top.minSimilarity.toFixed(3)} it is ${inWords(top.wrongShare)}. Stricter guards, another embedder, or a higher --max-wrong may help.`
  const sentences = [
    `Proposed: --min-similarity ${proposed.minSimilarity.toFixed(3)} (guards ${level}): ${figures(proposed)}.`
  ]
  if (proposed.rightHits === 0)
    sentences.push(
      'But nothing of the same meaning is that similar: with these pairs, matching by meaning is of no use.'
    )
  if (proposed === points[0])
    sentences.push(
      'It is the lowest threshold looked at: these pairs are far apart, so add some that are harder to tell.'
    )
  if (sure === proposed) sentences.push(`The upper confidence limit of the wrong share is at most ${allowed} as well.`)
  else if (sure !== undefined)
    sentences.push(
      `To be sure of ${allowed} at the upper confidence limit too: ${sure.minSimilarity.toFixed(3)}, ${figures(sure)}.`
    )
  else sentences.push(unsure(sweep, top))
  return sentences.join('\n')
}

/** `11.6 %`, as something measured; more places for what is small. */
export function percent(value: number): string {
  return `${(value * 100).toFixed(value > 0 && value < 0.001 ? 3 : value < 0.1 ? 2 : 1)} %`
}

/** `1 %`, as something chosen: as many places as it has. */
export function plainPercent(value: number): string {
  return `${Number((value * 100).toPrecision(6))} %`
}

/** `11.6 % [10.7 to 12.5 %]`: the share and its 95 % confidence interval. */
export function inWords({ value, low, high, of }: Share): string {
  if (of === 0) return 'of none'
  return `${percent(value)} [${percent(low).replace(' %', '')} to ${percent(high)}]`
}

function figures({ recall, wrongShare, precision }: Point): string {
  const right = precision.of === 0 ? '' : `, of the hits ${inWords(precision)} right`
  return `recall ${inWords(recall)}, wrong share ${inWords(wrongShare)}${right}`
}

function unsure({ different, maxWrong }: Sweep, { minSimilarity, wrongShare }: Point): string {
  const needed = casesToRuleOut(maxWrong)
  const pairs = `${different.toLocaleString('en')} pairs labelled 0`
  if (needed === Number.POSITIVE_INFINITY) return 'No number of pairs can make sure of a wrong share of 0 %.'
  const few =
    different < needed
      ? `${pairs} are too few to be sure of ${plainPercent(maxWrong)}: it takes ${needed.toLocaleString('en')} without one wrong hit`
      : `${pairs} are too few to be sure of ${plainPercent(maxWrong)} with so many wrong hits among them`
  return `${few}; even at ${minSimilarity.toFixed(3)} the wrong share may be as high as ${percent(wrongShare.high)}.`
}
