import type { Json, JsonObject } from '../../core/json.ts'
import { listOf, objectOf, textOf, textOfContent } from './checks.ts'
import type { CompletedCall, Completion, Endpoint, Tool, Wishes } from './endpoint.ts'
import { logprobsOf } from './logprobs.ts'
import type { Making } from './making.ts'
import { datedModel } from './models.ts'
import { cachedOf } from './prompt-cache.ts'
import { checkResponses, includes } from './responses-check.ts'
import { failedEvents, responseEvents } from './responses-stream.ts'
import { piecesOf, promptTokens } from './tokens.ts'

/** POST /v1/responses. */
export const responses: Endpoint = {
  name: 'responses',

  check: checkResponses,

  wishes(body): Wishes {
    const { input, tool_choice: choice, max_output_tokens: maxTokens } = body
    const items = listOf(input).map(objectOf)
    const named = objectOf(choice)['name']
    const effort = objectOf(body['reasoning'])['effort']
    return {
      lastUserText:
        typeof input === 'string'
          ? input
          : textOfContent(items.findLast((item) => item['role'] === 'user')?.['content']),
      tools: listOf(body['tools'])
        .map(objectOf)
        .filter((tool) => tool['type'] === 'function' || tool['type'] === 'custom')
        .map(toolOf),
      toolChoice: choice === 'none' || choice === 'required' ? choice : 'auto',
      ...(typeof named === 'string' ? { toolNamed: named } : {}),
      parallelTools: body['parallel_tool_calls'] !== false,
      answersTool: textOf(items.at(-1)?.['type']).endsWith('_call_output'),
      format: formatOf(objectOf(objectOf(body['text'])['format'])),
      reasoning: body['reasoning'] != null && effort !== 'none',
      ...(typeof maxTokens === 'number' ? { maxTokens } : {}),
      stops: [],
      choices: 1
    }
  },

  speak(body, completions, making) {
    const completion = completions[0]
    if (completion === undefined) throw new RangeError('expected a completion')
    const started = begun(body, making)
    const answer =
      body['background'] === true && body['stream'] !== true ? started : finished(started, body, completion, making)
    const failed = failedOf(started)
    return {
      body: answer,
      outputTokens: completion.outputTokens,
      events: () => responseEvents(started, answer, body, making),
      failed,
      failure: (sent) => failedEvents(failed, sent)
    }
  }
}

/** The response that says that there will be no answer. */
function failedOf(answer: JsonObject): JsonObject {
  const error = { code: 'server_error', message: 'The model failed to generate a response. Please try again.' }
  return { ...answer, status: 'failed', error, output: [], usage: null, completed_at: null, incomplete_details: null }
}

function toolOf(tool: JsonObject): Tool {
  return {
    name: textOf(tool['name']),
    schema: tool['type'] === 'custom' ? undefined : (tool['parameters'] ?? { type: 'object' })
  }
}

function formatOf(format: JsonObject): Wishes['format'] {
  if (format['type'] === 'json_schema') return objectOf(format['schema'])
  return format['type'] === 'json_object' ? 'json' : 'text'
}

/** The response before the model has said anything: what the request asked for, and what it left to the default. */
function begun(body: JsonObject, making: Making): JsonObject {
  const reasoning = objectOf(body['reasoning'])
  const text = objectOf(body['text'])
  return {
    id: making.hexId('resp_'),
    object: 'response',
    created_at: making.createdS,
    status: body['background'] === true ? 'queued' : 'in_progress',
    background: body['background'] ?? false,
    billing: { payer: 'developer' },
    completed_at: null,
    error: null,
    frequency_penalty: 0,
    incomplete_details: null,
    instructions: body['instructions'] ?? null,
    max_output_tokens: body['max_output_tokens'] ?? null,
    max_tool_calls: body['max_tool_calls'] ?? null,
    model: datedModel(textOf(body['model'])),
    output: [],
    parallel_tool_calls: body['parallel_tool_calls'] ?? true,
    presence_penalty: 0,
    previous_response_id: body['previous_response_id'] ?? null,
    prompt_cache_key: body['prompt_cache_key'] ?? null,
    prompt_cache_retention: body['prompt_cache_retention'] ?? null,
    reasoning: { effort: reasoning['effort'] ?? null, summary: reasoning['summary'] ?? null },
    safety_identifier: body['safety_identifier'] ?? null,
    service_tier: body['service_tier'] ?? 'auto',
    store: body['store'] ?? true,
    temperature: body['temperature'] ?? 1,
    text: { format: text['format'] ?? { type: 'text' }, verbosity: text['verbosity'] ?? 'medium' },
    tool_choice: body['tool_choice'] ?? 'auto',
    tools: listOf(body['tools']).map(toolAsKept),
    top_logprobs: body['top_logprobs'] ?? 0,
    top_p: body['top_p'] ?? 1,
    truncation: body['truncation'] ?? 'disabled',
    usage: null,
    user: body['user'] ?? null,
    metadata: body['metadata'] ?? {}
  }
}

/** A tool as the response repeats it, with its defaults. */
function toolAsKept(value: Json): JsonObject {
  const tool = objectOf(value)
  if (tool['type'] !== 'function') return tool
  return {
    type: 'function',
    description: tool['description'] ?? null,
    name: tool['name'],
    parameters: tool['parameters'] ?? null,
    strict: tool['strict'] ?? true
  }
}

function finished(started: JsonObject, body: JsonObject, completion: Completion, making: Making): JsonObject {
  const reason =
    completion.finish === 'length'
      ? 'max_output_tokens'
      : completion.finish === 'content_filter'
        ? 'content_filter'
        : undefined
  return {
    ...started,
    status: reason === undefined ? 'completed' : 'incomplete',
    completed_at: reason === undefined ? making.createdS + 1 : null,
    incomplete_details: reason === undefined ? null : { reason },
    output: outputOf(body, completion, making),
    service_tier: started['service_tier'] === 'auto' ? 'default' : (started['service_tier'] ?? 'default'),
    usage: usageOf(body, completion)
  }
}

function outputOf(body: JsonObject, completion: Completion, making: Making): JsonObject[] {
  const output: JsonObject[] = []
  if (completion.reasoning !== '') output.push(reasoningItem(body, completion, making))
  const status = completion.finish === 'length' || completion.finish === 'content_filter' ? 'incomplete' : 'completed'
  const part = partOf(body, completion, making)
  const messageStatus = completion.toolCalls.length > 0 ? 'completed' : status
  if (part !== undefined) {
    output.push({
      id: making.hexId('msg_'),
      type: 'message',
      status: messageStatus,
      content: [part],
      role: 'assistant'
    })
  }
  for (const [index, call] of completion.toolCalls.entries()) {
    output.push(callItem(call, index === completion.toolCalls.length - 1 ? status : 'completed', making))
  }
  return output
}

function partOf(body: JsonObject, completion: Completion, making: Making): JsonObject | undefined {
  if (completion.refusal !== undefined) return { type: 'refusal', refusal: completion.refusal }
  if (completion.text === '') return undefined
  const alternatives = typeof body['top_logprobs'] === 'number' ? body['top_logprobs'] : 0
  const asked = includes(body, 'message.output_text.logprobs')
  const logprobs = asked ? logprobsOf(piecesOf(completion.text), alternatives, making.question) : []
  return { type: 'output_text', annotations: [], logprobs, text: completion.text }
}

function reasoningItem(body: JsonObject, completion: Completion, making: Making): JsonObject {
  // What was thought is not shown; a summary of it is, in parts, when it was asked for.
  const summarised = objectOf(body['reasoning'])['summary'] ?? objectOf(body['reasoning'])['generate_summary']
  const parts = summarised == null ? [] : completion.reasoning.split(/\n\n(?=\*\*)/)
  return {
    id: making.hexId('rs_'),
    type: 'reasoning',
    ...(includes(body, 'reasoning.encrypted_content') ? { encrypted_content: making.sealed('final', 240) } : {}),
    summary: parts.map((text) => ({ type: 'summary_text', text }))
  }
}

function callItem(call: CompletedCall, status: string, making: Making): JsonObject {
  const call_id = making.id('call_', 24)
  if (call.free) {
    return {
      id: making.hexId('ctc_'),
      type: 'custom_tool_call',
      status,
      call_id,
      input: call.arguments,
      name: call.name
    }
  }
  return { id: making.hexId('fc_'), type: 'function_call', status, arguments: call.arguments, call_id, name: call.name }
}

function usageOf(body: JsonObject, completion: Completion): JsonObject {
  const shared = promptTokens(body['tools'], body['instructions'], objectOf(body['text'])['format'])
  const counted = 3 + shared + promptTokens(body['input'])
  const input = completion.inputTokens ?? counted
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: Math.min(input, cachedOf(counted, shared)), cache_write_tokens: 0 },
    output_tokens: completion.outputTokens,
    output_tokens_details: { reasoning_tokens: completion.reasoningTokens },
    total_tokens: input + completion.outputTokens
  }
}
