import type { JsonObject } from '../../core/json.ts'
import { listOf, objectOf, textOf, textOfContent } from './checks.ts'
import type { CompletedCall, Completion, Endpoint, Wishes } from './endpoint.ts'
import type { Making } from './making.ts'
import { checkMessages } from './messages-check.ts'
import { messageEvents } from './messages-stream.ts'
import { datedModel } from './models.ts'
import { promptTokens } from './tokens.ts'

/** POST /v1/messages. */
export const messages: Endpoint = {
  name: 'messages',

  check: checkMessages,

  wishes(body): Wishes {
    const turns = listOf(body['messages']).map(objectOf)
    const last = turns.findLast((turn) => turn['role'] === 'user')?.['content']
    const choice = objectOf(body['tool_choice'])
    const { type: thinking } = objectOf(body['thinking'])
    const format = objectOf(objectOf(body['output_config'])['format'])
    return {
      lastUserText: textOfContent(last),
      tools: listOf(body['tools'])
        .map(objectOf)
        .filter((tool) => tool['input_schema'] !== undefined)
        .map((tool) => ({ name: textOf(tool['name']), schema: tool['input_schema'] })),
      toolChoice: choice['type'] === 'none' ? 'none' : choice['type'] === 'any' ? 'required' : 'auto',
      ...(choice['type'] === 'tool' ? { toolNamed: textOf(choice['name']) } : {}),
      parallelTools: choice['disable_parallel_tool_use'] !== true,
      answersTool: listOf(last).some((block) => objectOf(block)['type'] === 'tool_result'),
      format: format['type'] === 'json_schema' ? objectOf(format['schema']) : 'text',
      reasoning: thinking === 'enabled' || thinking === 'adaptive',
      ...(typeof body['max_tokens'] === 'number' ? { maxTokens: body['max_tokens'] } : {}),
      stops: listOf(body['stop_sequences']).map(textOf),
      choices: 1
    }
  },

  speak(body, completions, making) {
    const completion = completions[0]
    if (completion === undefined) throw new RangeError('expected a completion')
    const answer: JsonObject = {
      id: making.base58Id('msg_01'),
      type: 'message',
      role: 'assistant',
      model: datedModel(textOf(body['model'])),
      content: contentOf(body, completion, making),
      container: null,
      diagnostics: null,
      stop_reason: stopReasonOf(completion),
      stop_sequence: completion.stopSequence ?? null,
      stop_details: stopDetailsOf(completion),
      usage: usageOf(body, completion)
    }
    return {
      body: answer,
      outputTokens: completion.outputTokens,
      events: () => messageEvents(answer, completion.toolCalls, making),
      failure: () => [
        {
          event: 'error',
          data: '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
          tokens: 0
        }
      ]
    }
  }
}

/** POST /v1/messages/count_tokens. */
export function countPrompt(body: JsonObject): JsonObject {
  return { input_tokens: inputTokensOf(body) }
}

function inputTokensOf(body: JsonObject): number {
  return 4 + promptTokens(body['system'], body['tools'], body['messages'], objectOf(body['output_config'])['format'])
}

function contentOf(body: JsonObject, completion: Completion, making: Making): JsonObject[] {
  const blocks: JsonObject[] = []
  if (completion.reasoning !== '') {
    const omitted = objectOf(body['thinking'])['display'] === 'omitted'
    const thinking = omitted ? '' : completion.reasoning
    blocks.push({ type: 'thinking', thinking, signature: `Eq${making.sealed('thinking', 200)}` })
  }
  if (completion.text !== '') blocks.push({ type: 'text', text: completion.text })
  for (const call of completion.toolCalls) {
    const input = inputOf(call)
    blocks.push({
      type: 'tool_use',
      id: making.base58Id('toolu_01'),
      name: call.name,
      input,
      caller: { type: 'direct' }
    })
  }
  return blocks
}

/** What a call's arguments say; nothing when they were broken off. */
function inputOf(call: CompletedCall): JsonObject {
  try {
    return objectOf(JSON.parse(call.arguments))
  } catch {
    return {}
  }
}

function stopReasonOf(completion: Completion): string {
  if (completion.refusal !== undefined) return 'refusal'
  if (completion.stopSequence !== undefined) return 'stop_sequence'
  const reasons = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use', content_filter: 'refusal' }
  return reasons[completion.finish]
}

function stopDetailsOf(completion: Completion): JsonObject | null {
  if (completion.refusal === undefined && completion.finish !== 'content_filter') return null
  return { type: 'refusal', category: null, explanation: completion.refusal ?? null }
}

/**
 * Tokens as Anthropic reports them: those up to the last mark in tools and system count as read from its prompt cache
 * (every request of an application has them), those up to the last mark in the turns as written to it.
 */
function usageOf(body: JsonObject, completion: Completion): JsonObject {
  const total = inputTokensOf(body)
  const read =
    completion.inputTokens === undefined ? tokensToMark([...listOf(body['tools']), ...blocksOf(body['system'])]) : 0
  const turns = listOf(body['messages']).flatMap((turn) => blocksOf(objectOf(turn)['content']))
  const written = completion.inputTokens === undefined ? tokensToMark(turns) : 0
  const hour = turns.some((block) => objectOf(objectOf(block)['cache_control'])['ttl'] === '1h')
  return {
    input_tokens: completion.inputTokens ?? total - read - written,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: read,
    cache_creation: { ephemeral_5m_input_tokens: hour ? 0 : written, ephemeral_1h_input_tokens: hour ? written : 0 },
    output_tokens: completion.outputTokens,
    output_tokens_details: { thinking_tokens: completion.reasoningTokens },
    server_tool_use: null,
    service_tier: 'standard',
    inference_geo: 'not_available',
    speed: 'standard'
  }
}

function blocksOf(content: JsonObject['content']): readonly JsonObject[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : listOf(content).map(objectOf)
}

function tokensToMark(blocks: readonly JsonObject['content'][]): number {
  const last = blocks.findLastIndex((block) => objectOf(block)['cache_control'] != null)
  return promptTokens(...blocks.slice(0, last + 1))
}
