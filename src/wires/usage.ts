import { isObject, type Json, type JsonObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'

/** The number of tokens that a field holds; undefined when it holds none. */
export function tokens(object: Json | undefined, field: string): number | undefined {
  const count = isObject(object) ? object[field] : undefined
  return typeof count === 'number' && Number.isFinite(count) && count >= 0 ? count : undefined
}

/** The usage, as both endpoints of OpenAI report it; undefined when it does not say how many tokens there were. */
export function openaiUsage(usage: Json | undefined, input: 'prompt_tokens' | 'input_tokens'): Usage | undefined {
  const output = input === 'prompt_tokens' ? 'completion_tokens' : 'output_tokens'
  const inputTokens = tokens(usage, input)
  const said = tokens(usage, output)
  if (inputTokens === undefined || said === undefined) return undefined
  const read = (usage as JsonObject)[`${input}_details`]
  const reasoning = tokens((usage as JsonObject)[`${output}_details`], 'reasoning_tokens')
  const outputTokens = withReasoning(inputTokens, said, reasoning ?? 0, tokens(usage, 'total_tokens'))
  return usageOf(inputTokens, outputTokens, {
    cachedInputTokens: tokens(read, 'cached_tokens'),
    cacheWriteTokens: tokens(read, 'cache_write_tokens'),
    reasoningTokens: reasoning
  })
}

/**
 * All tokens that were generated. OpenAI counts those spent on thinking among the output tokens; xAI, and some that
 * carry Gemini over, count them beside these. The total tells, and so does a part that is greater than its whole.
 */
function withReasoning(input: number, output: number, reasoning: number, total: number | undefined): number {
  const isBeside = reasoning > output || total === input + output + reasoning
  return isBeside ? output + reasoning : output
}

type Parts = { readonly [Part in Exclude<keyof Usage, 'inputTokens' | 'outputTokens'>]: number | undefined }

/** A usage without the parts that are not known. */
export function usageOf(inputTokens: number, outputTokens: number, parts: Partial<Parts> = {}): Usage {
  const known = Object.entries(parts).filter(([, count]) => count !== undefined)
  return { inputTokens, outputTokens, ...Object.fromEntries(known) }
}
