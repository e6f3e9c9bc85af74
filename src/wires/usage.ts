import { isObject, type Json, type JsonObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'

/** The number of tokens that a field holds; undefined when it holds none. */
export function tokens(object: Json | undefined, field: string): number | undefined {
  const count = isObject(object) ? object[field] : undefined
  return typeof count === 'number' && Number.isFinite(count) && count >= 0 ? count : undefined
}

/** The usage, as both endpoints of OpenAI report it; undefined when it does not say how many tokens there were. */
export function openaiUsage(usage: Json | undefined, input: 'prompt_tokens' | 'input_tokens'): Usage | undefined {
  const inputTokens = tokens(usage, input)
  const outputTokens = tokens(usage, input === 'prompt_tokens' ? 'completion_tokens' : 'output_tokens')
  if (inputTokens === undefined || outputTokens === undefined) return undefined
  const details = (usage as JsonObject)[`${input}_details`]
  return usageOf(inputTokens, outputTokens, tokens(details, 'cached_tokens'), tokens(details, 'cache_write_tokens'))
}

/** A usage without the parts that are not known. */
export function usageOf(inputTokens: number, outputTokens: number, cached?: number, written?: number): Usage {
  return {
    inputTokens,
    outputTokens,
    ...(cached === undefined ? {} : { cachedInputTokens: cached }),
    ...(written === undefined ? {} : { cacheWriteTokens: written })
  }
}
