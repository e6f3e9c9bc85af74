import type { Delta } from '../core/handler.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { hasMessages, inWords, mayStream, namesModel, problemIn } from './check.ts'
import { openaiDialect } from './dialect.ts'
import { isList, without } from './fields.ts'
import { asksFor, lastWording } from './likeness.ts'
import { openaiChatBatching } from './openai-chat-batching.ts'
import { foldChat } from './openai-chat-fold.ts'
import { unfoldChat, wantsUsage } from './openai-chat-unfold.ts'
import { parse } from './parse.ts'
import { said, saidOfEach } from './substance.ts'
import { openaiUsage } from './usage.ts'
import type { Preparation, Wire, WireLikeness } from './wire.ts'

/** OpenAI's Chat Completions, and all who speak it. */
export const openaiChat: Wire = {
  name: 'openai-chat',
  dialect: openaiDialect,
  path: '/chat/completions',
  echoes: [],
  check: (request) => problemIn(request, [namesModel, hasMessages, mayStream, choices]),
  identity,
  likeness,
  batching: openaiChatBatching,
  bypass,
  prepare,
  fold: foldChat,
  unfold: unfoldChat,
  isEnd: ({ data, comment }) => comment === undefined && data.startsWith('[DONE]'),
  unfit,
  usage: ({ usage }) => openaiUsage(usage, 'prompt_tokens'),
  substance
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

function identity(request: JsonObject): JsonObject {
  return without(request, unseenByModel)
}

function bypass({ web_search_options: search }: JsonObject): string | undefined {
  return (search ?? null) === null ? undefined : 'web-search'
}

/**
 * What makes the answer depend on more than what the text means. Several choices (`n`), a format, a seed and all the
 * other parameters do not: they are the same in whatever is compared.
 */
const beyondMeaning: readonly string[] = [
  // The answer may act, or look something up.
  'tools',
  'tool_choice',
  'functions',
  'function_call',
  // The guess at the answer was made from the text.
  'prediction',
  // What is measured or judged are these very words.
  'logprobs',
  'top_logprobs',
  'moderation',
  // A spoken answer has an identifier that expires, and that later turns lean on.
  'audio',
  // Not OpenAI's own. OpenRouter and xAI: the web of today.
  'plugins',
  'search_parameters',
  // vLLM: the answer begins with the text, goes on from it, or measures it.
  'echo',
  'continue_final_message',
  'prompt_logprobs',
  'return_token_ids'
]

function likeness(request: JsonObject): WireLikeness | undefined {
  const { modalities } = request
  if (isList(modalities) && modalities.some((modality) => modality !== 'text')) return undefined
  if (bypass(request) !== undefined || asksFor(request, beyondMeaning)) return undefined
  return lastWording(identity(request), 'messages', 'text')
}

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

const newEachTime: ReadonlySet<string> = new Set([
  'id',
  'created',
  'usage',
  // Which machines have answered, and how fast they were to be.
  'system_fingerprint',
  'service_tier',
  // Not OpenAI's own. OpenRouter: who has answered; Groq and llama.cpp: how long it took.
  'provider',
  'x_groq',
  'timings'
])
const newInCalls: ReadonlySet<string> = new Set(['id'])
const newInAudio: ReadonlySet<string> = new Set(['id', 'expires_at'])
const nothingNew: ReadonlySet<string> = new Set()

function substance({ choices, ...answer }: JsonObject): JsonObject {
  return { ...said(answer, newEachTime), choices: saidOfEach(choices, substanceOfChoice) }
}

function substanceOfChoice({ message, ...choice }: JsonObject): JsonObject {
  if (!isObject(message)) return said({ message: message ?? null, ...choice }, nothingNew)
  const { tool_calls: calls, audio, ...rest } = message
  return {
    ...said(choice, nothingNew),
    message: {
      ...said(rest, nothingNew),
      tool_calls: saidOfEach(calls ?? [], (call) => said(call, newInCalls)),
      audio: isObject(audio) ? said(audio, newInAudio) : null
    }
  }
}
