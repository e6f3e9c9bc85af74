import { RepriseError } from '../core/errors.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { anthropicMessages } from './anthropic-messages.ts'
import { isList, only } from './fields.ts'
import { tokens } from './usage.ts'

/**
 * A message as the chat completion that says the same. What a chat has no place for (thinking, its signatures,
 * citations, what tools of the provider's own have done) is left out: OpenAI shows no thinking either, and a caller
 * sends an answer back as it got it, where a field of ours would be one too many.
 * @throws RepriseError `provider-malformed`
 */
export function chatAnswer(message: JsonObject): JsonObject {
  const { type, content, stop_reason: reason = null } = message
  if (type !== 'message') throw malformed(`expected a message, got ${JSON.stringify(type)}`)
  if (!isList(content)) throw malformed('expected a list of content blocks')
  let text = ''
  const calls: JsonObject[] = []
  for (const [index, block] of content.entries()) {
    if (!isObject(block)) throw malformed(`content[${index}]: expected an object`)
    if (block['type'] === 'text') text += textOf(block['text'], `content[${index}].text`)
    if (block['type'] === 'tool_use') calls.push(callOf(block, `content[${index}]`))
  }
  const refusal = refusalOf(message)
  const silent = text === '' && (calls.length > 0 || refusal !== null)
  const usage = chatUsage(message)
  return {
    ...only(message, ['id']),
    object: 'chat.completion',
    created: nowInSeconds(),
    ...only(message, ['model']),
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: silent ? null : text,
          refusal,
          ...(calls.length > 0 ? { tool_calls: calls } : {})
        },
        logprobs: null,
        finish_reason: finishReason(reason)
      }
    ],
    ...(usage === undefined ? {} : { usage })
  }
}

/** What OpenAI's say in place of a message's `stop_reason`; a reason that nobody here has heard of is a good one. */
export function finishReason(reason: Json): string | null {
  if (reason === null) return null
  return (typeof reason === 'string' ? finishReasons.get(reason) : undefined) ?? 'stop'
}

const finishReasons: ReadonlyMap<string, string> = new Map([
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['tool_use', 'tool_calls'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  // There would be more, as when a limit was reached, but for tools of Anthropic's own that no chat asks for.
  ['pause_turn', 'length'],
  ['refusal', 'content_filter']
])

/** Why the model refused, where it did and Anthropic says why. */
export function refusalOf({ stop_reason: reason, stop_details: details }: JsonObject): string | null {
  const explanation = reason === 'refusal' && isObject(details) ? details['explanation'] : undefined
  return typeof explanation === 'string' && explanation !== '' ? explanation : null
}

/** The tokens as OpenAI counts them: those of the prompt cache are tokens of the prompt. */
export function chatUsage(message: JsonObject): JsonObject | undefined {
  const used = anthropicMessages.usage(message)
  if (used === undefined) return undefined
  const { inputTokens, outputTokens, cachedInputTokens: cached, cacheWriteTokens: written } = used
  const usage = message['usage'] as JsonObject
  const thinking = tokens(usage['output_tokens_details'], 'thinking_tokens')
  const prompt = {
    ...(cached === undefined ? {} : { cached_tokens: cached }),
    ...(written === undefined ? {} : { cache_write_tokens: written })
  }
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    ...(Object.keys(prompt).length > 0 ? { prompt_tokens_details: prompt } : {}),
    ...(thinking === undefined ? {} : { completion_tokens_details: { reasoning_tokens: thinking } })
  }
}

export function nowInSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

function textOf(value: Json | undefined, place: string): string {
  if (typeof value === 'string') return value
  throw malformed(`${place}: expected a text`)
}

function callOf({ id, name, input = {} }: JsonObject, place: string): JsonObject {
  return {
    id: textOf(id, `${place}.id`),
    type: 'function',
    function: { name: textOf(name, `${place}.name`), arguments: JSON.stringify(input) }
  }
}

function malformed(what: string): RepriseError {
  return new RepriseError('provider-malformed', `the provider's answer is no message: ${what}`)
}
