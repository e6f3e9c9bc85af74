import type { Completion } from './endpoint.ts'

const fewestCached = 1024
const cachedStep = 128

/**
 * How many tokens of a prompt OpenAI reports as read from its own cache: those at the front that every request
 * of an application shares (tools and system prompt), when they are 1,024 or more, in steps of 128.
 */
export function cachedOf(promptTokens: number, sharedTokens: number): number {
  const cached = Math.floor(Math.min(promptTokens, sharedTokens) / cachedStep) * cachedStep
  return cached < fewestCached ? 0 : cached
}

/** The tokens of all choices. */
export function tokensOfCompletions(completions: readonly Completion[]): number {
  return completions.reduce((sum, completion) => sum + completion.outputTokens, 0)
}
