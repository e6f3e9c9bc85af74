import type { CompletedCall, Completion, Reply, Wishes } from './endpoint.ts'
import { countTokens, firstTokens, piecesOf } from './tokens.ts'

/** How an answer is spoilt: broken off, without content, or stopped by a filter. */
export type Spoiling = 'truncate' | 'empty' | 'filter'

/** What calling a tool costs beside its name and its arguments. */
const callTokens = 4

/** Brings a reply within the limits of the request. */
export function complete(reply: Reply, wishes: Wishes, spoiling?: Spoiling): Completion {
  const limits = { maxTokens: wishes.maxTokens ?? Number.POSITIVE_INFINITY, stops: wishes.stops }
  const whole = spoil(within(draft(reply, wishes), limits), spoiling)
  const reasoningTokens = countTokens(whole.reasoning)
  const counted =
    reasoningTokens + countTokens(whole.text) + countTokens(whole.refusal ?? '') + tokensOfCalls(whole.toolCalls)
  return {
    ...whole,
    reasoningTokens,
    outputTokens: reply.usage?.output ?? counted,
    inputTokens: reply.usage?.input
  }
}

type Draft = Omit<Completion, 'reasoningTokens' | 'outputTokens' | 'inputTokens'>

function draft(reply: Reply, wishes: Wishes): Draft {
  const toolCalls = (reply.toolCalls ?? []).map((call) => {
    const free = wishes.tools.some((tool) => tool.name === call.name && tool.schema === undefined)
    const asText = free && typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments)
    return { name: call.name, arguments: asText, free }
  })
  return {
    text: reply.text ?? '',
    refusal: reply.refusal,
    toolCalls,
    reasoning: reply.reasoning ?? '',
    finish: reply.finish ?? (toolCalls.length > 0 ? 'tool_calls' : 'stop'),
    stopSequence: undefined
  }
}

function within(given: Draft, limits: { maxTokens: number; stops: readonly string[] }): Draft {
  const stopped = stopAt(given, limits.stops)
  let left = limits.maxTokens
  const take = (text: string) => {
    const kept = countTokens(text) > left ? firstTokens(text, left) : text
    left -= countTokens(kept)
    return kept
  }
  const reasoning = take(stopped.reasoning)
  const text = take(stopped.text)
  let cut = reasoning !== stopped.reasoning || text !== stopped.text
  const toolCalls: CompletedCall[] = []
  for (const call of stopped.toolCalls) {
    const overhead = callTokens + countTokens(call.name)
    if (cut || left <= overhead) {
      cut = true
      break
    }
    left -= overhead
    const kept = take(call.arguments)
    cut = kept !== call.arguments
    toolCalls.push({ ...call, arguments: kept })
  }
  return cut ? { ...stopped, reasoning, text, toolCalls, finish: 'length', stopSequence: undefined } : stopped
}

function stopAt(given: Draft, stops: readonly string[]): Draft {
  const found = stops
    .map((stop) => ({ stop, at: stop === '' ? -1 : given.text.indexOf(stop) }))
    .filter(({ at }) => at >= 0)
    .sort((left, right) => left.at - right.at)[0]
  if (found === undefined) return given
  return { ...given, text: given.text.slice(0, found.at), toolCalls: [], finish: 'stop', stopSequence: found.stop }
}

function spoil(given: Draft, spoiling: Spoiling | undefined): Draft {
  if (spoiling === undefined) return given
  if (spoiling === 'empty') {
    return { text: '', refusal: undefined, toolCalls: [], reasoning: '', finish: 'stop', stopSequence: undefined }
  }
  const finish = spoiling === 'truncate' ? 'length' : 'content_filter'
  const text = half(given.text)
  const last = given.toolCalls.at(-1)
  const toolCalls =
    last === undefined ? [] : [...given.toolCalls.slice(0, -1), { ...last, arguments: half(last.arguments) }]
  return { ...given, text, toolCalls: spoiling === 'truncate' ? toolCalls : [], finish, stopSequence: undefined }
}

function half(text: string): string {
  return firstTokens(text, Math.ceil(piecesOf(text).length / 2))
}

function tokensOfCalls(calls: readonly CompletedCall[]): number {
  return calls.reduce((sum, call) => sum + callTokens + countTokens(call.name) + countTokens(call.arguments), 0)
}
