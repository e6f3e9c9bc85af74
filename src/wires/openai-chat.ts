import type { Delta } from '../core/handler.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { hasMessages, inWords, mayStream, namesModel, problemIn } from './check.ts'
import { openaiDialect } from './dialect.ts'
import { isList, without } from './fields.ts'
import { foldChat } from './openai-chat-fold.ts'
import { unfoldChat, wantsUsage } from './openai-chat-unfold.ts'
import { parse } from './parse.ts'
import { openaiUsage } from './usage.ts'
import type { Preparation, Wire } from './wire.ts'

/** OpenAI's Chat Completions, and all who speak it. */
export const openaiChat: Wire = {
  name: 'openai-chat',
  dialect: openaiDialect,
  path: '/chat/completions',
  echoes: [],
  check: (request) => problemIn(request, [namesModel, hasMessages, mayStream, choices]),
  identity: (request) => without(request, unseenByModel),
  bypass: (request) => ((request['web_search_options'] ?? null) === null ? undefined : 'web-search'),
  prepare,
  fold: foldChat,
  unfold: unfoldChat,
  isEnd: ({ data, comment }) => comment === undefined && data.startsWith('[DONE]'),
  unfit,
  usage: ({ usage }) => openaiUsage(usage, 'prompt_tokens')
}

const choices = {
  field: 'n',
  expected: 'a whole number of at least 1',
  got: (value: Json | undefined) =>
    value === undefined || value === null || (Number.isInteger(value) && Number(value) >= 1)
      ? undefined
      : inWords(value)
}

const unseenByModel: ReadonlySet<string> = new Set([
  // How the answer is delivered: whole or in events, and with which events beside it.
  'stream',
  'stream_options',
  // Who asks: for the provider's watch over misuse.
  'user',
  'safety_identifier',
  // Labels of the stored completion, for whoever looks through the provider's log.
  'metadata',
  // Whether the provider's log keeps the completion. Nothing in this dialect leans on a kept one.
  'store',
  // Which machine's prompt cache is tried, and how long it lasts: cost and speed.
  'prompt_cache_key',
  'prompt_cache_retention'
])

/** Without the usage, a kept stream would be an answer whose cost nobody knows. */
function prepare(request: JsonObject): Preparation | undefined {
  const options = request['stream_options'] ?? {}
  if (request['stream'] !== true || !isObject(options) || wantsUsage(request)) return undefined
  return { fields: { stream_options: { ...options, include_usage: true } }, view: withoutUsage }
}

/** The event as one who has not asked for usage sees it. */
function withoutUsage(delta: Delta): Delta | undefined {
  if (delta.comment || !delta.data.includes('"usage"')) return delta
  try {
    const chunk = parse(delta.data)
    if (!isObject(chunk) || !Object.hasOwn(chunk, 'usage')) return delta
    const { usage, ...rest } = chunk
    // Some providers say it in the last chunk of a choice; OpenAI in one of its own, which is there for nothing else.
    if (usage !== null && isList(rest['choices']) && rest['choices'].length === 0) return undefined
    return { ...delta, data: JSON.stringify(rest) }
  } catch {
    return delta
  }
}

/** What is to be thought of the reasons for which a choice may end; one that is not listed is a good one. */
const unfitReasons: ReadonlyMap<Json | undefined, string> = new Map([
  ['length', 'truncated'],
  ['content_filter', 'filtered'],
  [null, 'incomplete'],
  [undefined, 'incomplete'],
  // Not OpenAI's own: Mistral, OpenRouter, vLLM, DeepSeek.
  ['model_length', 'truncated'],
  ['error', 'failed'],
  ['abort', 'incomplete'],
  ['insufficient_system_resource', 'incomplete']
])

function unfit(answer: JsonObject): string | undefined {
  // Some providers report an error with status 200, in the body or in a choice.
  if ((answer['error'] ?? null) !== null) return 'failed'
  const choices = answer['choices']
  if (!isList(choices) || choices.length === 0) return 'malformed'
  for (const choice of choices) {
    if (!isObject(choice) || !isObject(choice['message'])) return 'malformed'
    if ((choice['error'] ?? null) !== null) return 'failed'
    const reason = unfitReasons.get(choice['finish_reason'])
    if (reason !== undefined) return reason
    if (!saysSomething(choice['message'])) return 'empty'
  }
  return undefined
}

function saysSomething({ content, refusal, tool_calls: calls, function_call: call, audio }: JsonObject): boolean {
  return (
    [content, refusal, calls].some((part) => (typeof part === 'string' || isList(part)) && part.length > 0) ||
    isObject(call) ||
    isObject(audio)
  )
}
