import { randomBytes } from 'node:crypto'
import { RepriseError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'
import type { Wire } from '../wires/wire.ts'

/**
 * The body of an answer that somebody brings along. One that is an object is taken as it is; of a text the answer is
 * made that the request's model would have given with these words, in the dialect of the wire, with a new identifier and
 * with `usage` where that is known.
 * @throws RepriseError `invalid-body` for what a provider's answer would not be stored for either (truncated, filtered,
 * empty, ...), and for a text where a text is not enough
 */
export function answerBody(
  wire: Wire,
  request: JsonObject,
  response: JsonObject | string,
  usage?: Usage,
  nowMs: number = Date.now()
): JsonObject {
  const body = typeof response === 'string' ? written(wire, request, response, usage, nowMs) : response
  const unfit = wire.unfit(body)
  if (unfit === undefined) return body
  const form = forms[wire.name] ?? 'an answer'
  throw invalid(`response: expected ${form} that is complete, got one that is not fit to be stored: ${unfit}`)
}

const forms: Readonly<Record<string, string>> = {
  'openai-chat': 'a chat completion ({"object": "chat.completion", "choices": [...]})',
  'openai-responses': 'a response ({"object": "response", "status": "completed", "output": [...]})',
  'anthropic-messages': 'a message ({"type": "message", "content": [...], "stop_reason": ...})',
  'openai-embeddings': 'a list of embeddings ({"object": "list", "data": [...]})'
}

interface Written {
  readonly request: JsonObject
  readonly text: string
  readonly usage: Usage | undefined
  /** Seconds since 1970. */
  readonly createdS: number
}

function written(wire: Wire, request: JsonObject, text: string, usage: Usage | undefined, nowMs: number): JsonObject {
  const write = writers[wire.name]
  if (write === undefined) throw invalid(`response: expected ${forms[wire.name] ?? 'an object'}, got a text`)
  const lacking = wants.find(({ isWanted }) => isWanted(request))
  if (lacking !== undefined) {
    throw invalid(`response: expected ${forms[wire.name]}, because the request asks for ${lacking.what}, got a text`)
  }
  return write({ request, text, usage, createdS: Math.floor(nowMs / 1000) })
}

/** What a request can ask for that is not in a text. */
const wants: readonly { readonly what: string; isWanted(request: JsonObject): boolean }[] = [
  { what: 'several choices (n)', isWanted: ({ n }) => typeof n === 'number' && n > 1 },
  { what: 'log probabilities', isWanted: ({ logprobs }) => logprobs === true },
  {
    what: 'more than text (modalities)',
    isWanted: ({ modalities }) => Array.isArray(modalities) && modalities.some((modality) => modality !== 'text')
  }
]

const writers: Readonly<Record<string, (written: Written) => JsonObject>> = {
  'openai-chat': chatCompletion,
  'openai-responses': responseObject,
  'anthropic-messages': message
}

function chatCompletion({ request, text, usage, createdS }: Written): JsonObject {
  return {
    id: `chatcmpl-${digits(29)}`,
    object: 'chat.completion',
    created: createdS,
    model: request['model'],
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: text, refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: 'stop'
      }
    ],
    ...(usage === undefined ? {} : { usage: openaiUsage(usage, 'prompt', 'completion') })
  }
}

/** A response repeats what its request asked for, and what that left to the default. */
function responseObject({ request, text, usage, createdS }: Written): JsonObject {
  return {
    id: `resp_${digits(48)}`,
    object: 'response',
    created_at: createdS,
    status: 'completed',
    background: false,
    completed_at: createdS,
    error: null,
    incomplete_details: null,
    instructions: request['instructions'] ?? null,
    max_output_tokens: request['max_output_tokens'] ?? null,
    max_tool_calls: request['max_tool_calls'] ?? null,
    model: request['model'],
    output: [
      {
        id: `msg_${digits(48)}`,
        type: 'message',
        status: 'completed',
        content: [{ type: 'output_text', annotations: [], logprobs: [], text }],
        role: 'assistant'
      }
    ],
    parallel_tool_calls: request['parallel_tool_calls'] ?? true,
    previous_response_id: request['previous_response_id'] ?? null,
    reasoning: request['reasoning'] ?? { effort: null, summary: null },
    store: request['store'] ?? true,
    temperature: request['temperature'] ?? 1,
    text: request['text'] ?? { format: { type: 'text' } },
    tool_choice: request['tool_choice'] ?? 'auto',
    tools: request['tools'] ?? [],
    top_p: request['top_p'] ?? 1,
    truncation: request['truncation'] ?? 'disabled',
    usage: usage === undefined ? null : openaiUsage(usage, 'input', 'output'),
    metadata: {}
  }
}

function message({ request, text, usage }: Written): JsonObject {
  return {
    id: `msg_01${digits(22)}`,
    type: 'message',
    role: 'assistant',
    model: request['model'],
    content: [{ type: 'text', text }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    // Always there with the provider, and read without asking; unknown counts are missing in it, because 0 would be a lie.
    usage: anthropicUsage(usage)
  }
}

function openaiUsage(usage: Usage, input: string, output: string): JsonObject {
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = usage
  return {
    [`${input}_tokens`]: inputTokens,
    [`${output}_tokens`]: outputTokens,
    total_tokens: inputTokens + outputTokens,
    [`${input}_tokens_details`]: {
      cached_tokens: cachedInputTokens ?? 0,
      ...(cacheWriteTokens === undefined ? {} : { cache_write_tokens: cacheWriteTokens })
    },
    [`${output}_tokens_details`]: { reasoning_tokens: reasoningTokens ?? 0 }
  }
}

/** Anthropic does not count tokens of its prompt cache among the input tokens. Where nothing is known nothing is said. */
function anthropicUsage(usage: Usage | undefined): JsonObject {
  if (usage === undefined) return {}
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteTokens = 0, reasoningTokens } = usage
  return {
    input_tokens: inputTokens - cachedInputTokens - cacheWriteTokens,
    cache_creation_input_tokens: cacheWriteTokens,
    cache_read_input_tokens: cachedInputTokens,
    output_tokens: outputTokens,
    ...(reasoningTokens === undefined ? {} : { output_tokens_details: { thinking_tokens: reasoningTokens } })
  }
}

function digits(length: number): string {
  return randomBytes(length).toString('hex').slice(0, length)
}

function invalid(message: string): RepriseError {
  return new RepriseError('invalid-body', message, { field: 'response' })
}
