import { isObject, type Json, type JsonObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'
import { always, type Fits, off, sharedCounters } from './asked-alone.ts'

/** What a format is called that parts are answered in. */
export const formatName = 'answers'

/** Of the fields that are known not to make of several answers something else than of one, those of both endpoints. */
export const openaiListed: readonly (readonly [field: string, readonly [reason: string, fits: Fits]])[] = [
  ['model', ['model', always]],
  ['temperature', ['sampling', always]],
  ['top_p', ['sampling', always]],
  ['service_tier', ['tier', always]],
  ['user', ['user', always]],
  ['safety_identifier', ['user', always]],
  ['metadata', ['metadata', always]],
  ['prompt_cache_key', ['cache', always]],
  ['prompt_cache_retention', ['cache', always]],
  ['stream', ['stream', off]],
  ['stream_options', ['stream', off]],
  ['tools', ['tools', off]],
  ['tool_choice', ['tools', off]],
  ['parallel_tool_calls', ['tools', always]],
  ['top_logprobs', ['logprobs', off]]
]

/**
 * Models of OpenAI's that answer by a JSON schema. Not those that speak, search, draw or chat only, and not the first
 * ones of two families.
 * Source: OpenAI's guide to structured outputs, "Supported models".
 */
export function takesOpenaiSchema(model: Json | undefined): boolean {
  if (typeof model !== 'string') return false
  const name = model.replace(/^ft:/, '')
  return families.test(name) && !exceptions.test(name)
}

const families = /^(gpt-4o|gpt-4\.[1-9]|gpt-(?:[5-9]|\d\d)|o[1-9])(?![a-z0-9])/
const exceptions =
  /gpt-4o-2024-05-13|o1-(?:mini|preview)|audio|realtime|search|transcribe|diarize|tts|image|-chat|deep-research/

/**
 * The most tokens that models of OpenAI's give, where that is known; undefined: nobody knows.
 * Source: OpenAI's pages of the models, "max output tokens".
 */
export function mostOpenaiTokens(model: Json | undefined): number | undefined {
  const name = typeof model === 'string' ? model.replace(/^ft:/, '') : ''
  return known.find(([family]) => family.test(name))?.[1]
}

const known: readonly (readonly [RegExp, number])[] = [
  [/^gpt-(?:3\.5|4(?:-|$))/, 4096],
  [/^gpt-4o-2024-05-13/, 4096],
  [/^gpt-4(?:o|\.5)/, 16_384],
  [/^gpt-4\.1/, 32_768],
  [/^o[1-9]/, 65_536],
  [/^gpt-[5-9]/, 128_000]
]

/** The field `usage` of a part's answer, in the form in which the call's was reported; null when nobody knows it. */
export function openaiPartUsage(
  answer: JsonObject,
  usage: Usage | undefined,
  input: 'prompt_tokens' | 'input_tokens'
): JsonObject {
  const { usage: said } = answer
  if (said === undefined) return {}
  if (!isObject(said) || usage === undefined) return { usage: null }
  const output = input === 'prompt_tokens' ? 'completion_tokens' : 'output_tokens'
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = usage
  const details = (field: string, shares: readonly (readonly [string, Json | undefined])[]): Json | undefined => {
    const counters = said[field]
    return isObject(counters) ? sharedCounters(counters, new Map(shares)) : counters
  }
  const counters = new Map<string, Json | undefined>([
    [input, inputTokens],
    [output, outputTokens],
    ['total_tokens', inputTokens + outputTokens],
    [
      `${input}_details`,
      details(`${input}_details`, [
        ['cached_tokens', cachedInputTokens],
        ['cache_write_tokens', cacheWriteTokens]
      ])
    ],
    [`${output}_details`, details(`${output}_details`, [['reasoning_tokens', reasoningTokens]])]
  ])
  return { usage: sharedCounters(said, counters) }
}
