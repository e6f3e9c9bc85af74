import type { Json, JsonObject } from '../../core/json.ts'
import { checkChat } from './chat-check.ts'
import { chatEvents } from './chat-stream.ts'
import { listOf, objectOf, textOf, textOfContent } from './checks.ts'
import type { CompletedCall, Completion, Endpoint, Tool, Wishes } from './endpoint.ts'
import { logprobsOf } from './logprobs.ts'
import type { Making } from './making.ts'
import { datedModel } from './models.ts'
import { cachedOf, tokensOfCompletions } from './prompt-cache.ts'
import { hashOf } from './seeded.ts'
import { piecesOf, promptTokens } from './tokens.ts'

/** POST /v1/chat/completions. */
export const chat: Endpoint = {
  name: 'chat',

  check: checkChat,

  wishes(body): Wishes {
    const messages = listOf(body['messages']).map(objectOf)
    const choice = body['tool_choice']
    const named = objectOf(objectOf(choice)['function'])['name'] ?? objectOf(objectOf(choice)['custom'])['name']
    const maxTokens = body['max_completion_tokens'] ?? body['max_tokens']
    const effort = body['reasoning_effort']
    const stop = body['stop']
    return {
      lastUserText: textOfContent(messages.findLast((message) => message['role'] === 'user')?.['content']),
      tools: listOf(body['tools']).map(toolOf),
      toolChoice: choice === 'none' || choice === 'required' ? choice : 'auto',
      ...(typeof named === 'string' ? { toolNamed: named } : {}),
      parallelTools: body['parallel_tool_calls'] !== false,
      answersTool: messages.at(-1)?.['role'] === 'tool',
      format: formatOf(objectOf(body['response_format'])),
      reasoning: effort != null && effort !== 'none',
      ...(typeof maxTokens === 'number' ? { maxTokens } : {}),
      stops: typeof stop === 'string' ? [stop] : listOf(stop).map(textOf),
      choices: typeof body['n'] === 'number' ? body['n'] : 1
    }
  },

  speak(body, completions, making) {
    const answer: JsonObject = {
      id: making.id('chatcmpl-', 29),
      object: 'chat.completion',
      created: making.createdS,
      model: datedModel(textOf(body['model'])),
      choices: completions.map((completion, index) => ({
        index,
        message: messageOf(completion, making),
        logprobs: logprobs(body, completion, `${making.question} ${index}`),
        finish_reason: completion.finish
      })),
      usage: usageOf(body, completions),
      service_tier: tierOf(body),
      system_fingerprint: fingerprintOf(textOf(body['model']))
    }
    return {
      body: answer,
      outputTokens: tokensOfCompletions(completions),
      events: () => chatEvents(answer, body, making),
      failure: () => [
        {
          data: JSON.stringify({
            error: {
              message: 'The server had an error while processing your request. Sorry about that!',
              type: 'server_error',
              param: null,
              code: null
            }
          }),
          tokens: 0
        }
      ]
    }
  }
}

function toolOf(value: Json): Tool {
  const tool = objectOf(value)
  const described = objectOf(tool['type'] === 'custom' ? tool['custom'] : tool['function'])
  const schema = tool['type'] === 'custom' ? undefined : (described['parameters'] ?? { type: 'object' })
  return { name: textOf(described['name']), schema }
}

function formatOf(format: JsonObject): Wishes['format'] {
  if (format['type'] === 'json_schema') return objectOf(objectOf(format['json_schema'])['schema'])
  return format['type'] === 'json_object' ? 'json' : 'text'
}

function messageOf(completion: Completion, making: Making): JsonObject {
  const silent = completion.toolCalls.length > 0 || completion.refusal !== undefined
  const calls = completion.toolCalls.map((call) => callOf(call, making))
  return {
    role: 'assistant',
    content: completion.text === '' && silent ? null : completion.text,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    refusal: completion.refusal ?? null,
    annotations: []
  }
}

function callOf(call: CompletedCall, making: Making): JsonObject {
  const id = making.id('call_', 24)
  if (call.free) return { id, type: 'custom', custom: { name: call.name, input: call.arguments } }
  return { id, type: 'function', function: { name: call.name, arguments: call.arguments } }
}

function logprobs(body: JsonObject, completion: Completion, seed: string): JsonObject | null {
  if (body['logprobs'] !== true) return null
  const alternatives = typeof body['top_logprobs'] === 'number' ? body['top_logprobs'] : 0
  const list = (text: string) => (text === '' ? null : logprobsOf(piecesOf(text), alternatives, seed))
  return { content: list(completion.text), refusal: list(completion.refusal ?? '') }
}

function usageOf(body: JsonObject, completions: readonly Completion[]): JsonObject {
  const tools = promptTokens(body['tools'], body['response_format'])
  const counted = 3 + tools + promptTokens(body['messages'])
  const first = listOf(body['messages']).map(objectOf)[0]
  const shared = tools + (first?.['role'] === 'user' ? 0 : promptTokens(first))
  const input = completions[0]?.inputTokens ?? counted
  const output = tokensOfCompletions(completions)
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: Math.min(input, cachedOf(counted, shared)), audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: completions.reduce((sum, completion) => sum + completion.reasoningTokens, 0),
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0
    }
  }
}

function tierOf(body: JsonObject): string {
  const tier = body['service_tier']
  return typeof tier === 'string' && tier !== 'auto' ? tier : 'default'
}

/** The same model, the same fingerprint. */
function fingerprintOf(model: string): string {
  return `fp_${hashOf(model).slice(0, 10)}`
}
