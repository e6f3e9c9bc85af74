import { isObject, type Json, type JsonObject } from '../core/json.ts'
import {
  always,
  combinedLimit,
  countable,
  type Fits,
  off,
  partId,
  saidOfPart,
  whyAlone,
  withLastWording
} from './asked-alone.ts'
import { isList } from './fields.ts'
import { asksFor } from './likeness.ts'
import { formatName, mostOpenaiTokens, openaiListed, openaiPartUsage, takesOpenaiSchema } from './openai-batching.ts'
import type { WireBatching } from './wire.ts'

/** How several chat completions are asked in one. */
export const openaiChatBatching: WireBatching = {
  unfit: (request) => whyAlone(request, listed, { field: 'messages', textType: 'text' }),
  takesSchema: ({ model }) => takesOpenaiSchema(model),

  combined(request, { text, parts, schema }) {
    const { messages, model } = request
    const limits = Object.entries(request).flatMap(([field, limit]) =>
      limiting.has(field) && typeof limit === 'number'
        ? [[field, combinedLimit(limit, parts, mostOpenaiTokens(model))] as const]
        : []
    )
    const format = schema && { type: 'json_schema', json_schema: { name: formatName, strict: true, schema } }
    return {
      ...request,
      messages: isList(messages) ? withLastWording(messages, text) : [],
      ...Object.fromEntries(limits),
      ...(format === undefined ? {} : { response_format: format })
    }
  },

  said(answer) {
    const { choice, message } = onlyChoice(answer)
    const { content } = message
    // Whatever else it says beside its text, a refusal or a call, says that this is not what was asked for.
    const saysMore = asksFor(message, ['refusal', 'tool_calls', 'function_call', 'audio'])
    return choice['finish_reason'] === 'stop' && typeof content === 'string' && !saysMore ? content : undefined
  },

  part(answer, { text, usage, id }) {
    const { choice, message } = onlyChoice(answer)
    const said = {
      ...saidOfPart(message, inMessage),
      content: text,
      ...(isList(message['annotations']) ? { annotations: [] } : {})
    }
    return {
      ...saidOfPart(answer, inAnswer),
      ...partId(answer['id'], id),
      choices: [{ ...saidOfPart(choice, inChoice), message: said }],
      ...openaiPartUsage(answer, usage, 'prompt_tokens')
    }
  }
}

/** What is known not to make of several answers something else than of one. */
const listed: ReadonlyMap<string, readonly [reason: string, fits: Fits]> = new Map([
  ...openaiListed,
  ['messages', ['turn', always]],
  ['max_tokens', ['limit', countable]],
  ['max_completion_tokens', ['limit', countable]],
  ['reasoning_effort', ['reasoning', always]],
  ['verbosity', ['verbosity', always]],
  ['n', ['choices', (value) => value === 1]],
  // The provider's log would show what several have asked as one.
  ['store', ['store', off]],
  // What is counted for them are the words of all answers, and the ids.
  ['frequency_penalty', ['sampling', off]],
  ['presence_penalty', ['sampling', off]],
  ['logit_bias', ['sampling', off]],
  // Whoever gives one wants to be told the same each time.
  ['seed', ['seed', off]],
  ['stop', ['stop', off]],
  ['response_format', ['format', off]],
  ['functions', ['tools', off]],
  ['function_call', ['tools', off]],
  ['logprobs', ['logprobs', off]],
  ['audio', ['media', off]],
  ['modalities', ['media', onlyText]],
  ['prediction', ['prediction', off]],
  ['web_search_options', ['tools', off]]
])

function onlyText(value: Json): boolean {
  return isList(value) && value.every((modality) => modality === 'text')
}

const limiting: ReadonlySet<string> = new Set(['max_tokens', 'max_completion_tokens'])

const inAnswer: ReadonlySet<string> = new Set([
  ...['id', 'object', 'created', 'model', 'choices', 'usage', 'service_tier', 'system_fingerprint', 'provider']
])
const inChoice: ReadonlySet<string> = new Set(['index', 'message', 'finish_reason'])
const inMessage: ReadonlySet<string> = new Set(['role', 'content', 'annotations'])

/** The answer's one choice, and what it says; empty ones for another answer. */
function onlyChoice({ choices }: JsonObject): { readonly choice: JsonObject; readonly message: JsonObject } {
  const [choice, ...others] = isList(choices) ? choices : []
  if (!isObject(choice) || others.length > 0) return { choice: {}, message: {} }
  return { choice, message: isObject(choice['message']) ? choice['message'] : {} }
}
