import { LRUCache } from 'lru-cache'
import type { JsonObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'
import { checkWhole } from './check.ts'
import { requestText } from './request-text.ts'
import { countTokens } from './token-count.ts'

/** Expects what a call will use, from what calls before it have used. */
export interface Estimator {
  /**
   * What a request to `target` is expected to use: rather too much than too little. `answers`: how many it asks for in
   * one text, where it stands for several requests. Default: 1.
   */
  expect(target: string, request: JsonObject, answers?: number): Usage
  /**
   * What a modest answer would use, where no call to the target has been answered yet: what is expected is a guess then,
   * and more than most need. Undefined: it is more than a guess.
   */
  modestly(target: string, request: JsonObject, answers?: number): Usage | undefined
  /** Learns what it has used. */
  learn(target: string, request: JsonObject, used: Usage, answers?: number): void
}

export interface EstimatorOptions {
  /** How many targets' histories are kept; the one that was used least recently goes first. Default: 1,000. */
  readonly maxTargets?: number
}

/** What calls to one target have used. */
interface History {
  /** Input tokens as they were counted here, and as the provider counted them, by weight. */
  readonly counted: number
  readonly used: number
  /** Of the output tokens of one choice. */
  readonly mean: number
  readonly variance: number
  /** How many calls there have been. */
  readonly calls: number
}

const none: History = { counted: 0, used: 0, mean: 0, variance: 0, calls: 0 }

/** How much the latest call weighs, once there have been as many as that takes: until then all weigh the same. */
const weightOfLatest = 0.1
/** How far a provider's count may be from ours to be believed. */
const leastRatio = 0.1
const greatestRatio = 10
/**
 * Expected of a call to a target that has no history: more than most answers have, since many calls may begin before the
 * first has taught anything, and they would all be wrong by as much. Not what a model could write at most, often 16,000
 * tokens and more.
 */
const outputWithoutHistory = 4096
/** What must at least be left for a call of which nothing is known. */
const modestOutput = 1000
/** What dialects put around a conversation. */
const tokensAround = 4
/** More choices than any provider gives. */
const mostChoices = 1000

/**
 * Expects of a request's input as many tokens as its text has (see `countTokens`), times the ratio at which the
 * provider of that target has counted so far, from 0.1 to 10; of its output the mean of what the target has written,
 * plus two standard deviations, both weighted by 0.9 for each call since (D. H. D. West's recurrence); without a history
 * 4,096. Never more output than the request allows, and that for each of its `n` choices.
 * @throws RepriseError `invalid-option`
 */
export function estimator({ maxTargets = 1000 }: EstimatorOptions = {}): Estimator {
  checkWhole(maxTargets, 'maxTargets', 1)
  const histories = new LRUCache<string, History>({ max: maxTargets })
  /** A request is asked about again when it has failed, and when it has been answered. */
  const counts = new WeakMap<JsonObject, number>()

  function countOf(request: JsonObject): number {
    const known = counts.get(request)
    if (known !== undefined) return known
    const { text, otherTokens } = requestText(request)
    const count = countTokens(text) + otherTokens + tokensAround
    counts.set(request, count)
    return count
  }

  return {
    modestly(target, request, answers = 1) {
      if (histories.peek(target) !== undefined) return undefined
      const outputTokens = Math.min(modestOutput * answers, mostOutput(request)) * choicesOf(request)
      return { inputTokens: countOf(request), outputTokens }
    },
    expect(target, request, answers = 1) {
      const { counted, used, mean, variance, calls } = histories.get(target) ?? none
      const ratio = counted > 0 ? Math.min(greatestRatio, Math.max(leastRatio, used / counted)) : 1
      const usual = calls > 0 ? mean + 2 * Math.sqrt(variance) : outputWithoutHistory
      return {
        inputTokens: Math.ceil(countOf(request) * ratio),
        outputTokens: Math.ceil(Math.min(usual * answers, mostOutput(request))) * choicesOf(request)
      }
    },
    learn(target, request, { inputTokens, outputTokens }, answers = 1) {
      if (!isCount(inputTokens) || !isCount(outputTokens)) return
      const before = histories.get(target) ?? none
      const { counted, used } = before
      const weight = Math.max(weightOfLatest, 1 / (before.calls + 1))
      const output = outputTokens / choicesOf(request) / answers
      const difference = output - before.mean
      // A provider that says that there was no input has not counted it.
      const input = inputTokens > 0 ? { counted: countOf(request), used: inputTokens } : { counted, used }
      histories.set(target, {
        counted: counted + weight * (input.counted - counted),
        used: used + weight * (input.used - used),
        mean: before.mean + weight * difference,
        // One call says nothing of how others differ: until there are some, as much as it used itself.
        variance: before.calls === 0 ? output ** 2 : (1 - weight) * (before.variance + weight * difference ** 2),
        calls: before.calls + 1
      })
    }
  }
}

/** The most output tokens that a request allows for one choice. */
function mostOutput(request: JsonObject): number {
  const limits = ['max_tokens', 'max_completion_tokens', 'max_output_tokens'].map((field) => request[field])
  return Math.min(...limits.filter(isCount), Number.MAX_SAFE_INTEGER)
}

function choicesOf({ n }: JsonObject): number {
  return isCount(n) && n >= 1 ? Math.min(Math.floor(n), mostChoices) : 1
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER
}
