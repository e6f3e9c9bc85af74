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
import { formatName, mostOpenaiTokens, openaiListed, openaiPartUsage, takesOpenaiSchema } from './openai-batching.ts'
import type { WireBatching } from './wire.ts'

/** How several responses are asked in one. */
export const openaiResponsesBatching: WireBatching = {
  // Without a word its provider keeps the answer, and a later request may lean on it by an id that a part has not.
  unfit: (request) =>
    whyAlone(request, listed, { field: 'input', textType: 'input_text' }) ??
    (request['store'] === false ? undefined : 'store'),
  takesSchema: ({ model }) => takesOpenaiSchema(model),

  combined(request, { text, parts, schema }) {
    const { input, model, max_output_tokens: limit, text: form } = request
    const format = schema && { type: 'json_schema', name: formatName, strict: true, schema }
    return {
      ...request,
      input: isList(input) ? withLastWording(input, text) : text,
      ...(typeof limit === 'number' ? { max_output_tokens: combinedLimit(limit, parts, mostOpenaiTokens(model)) } : {}),
      ...(format === undefined ? {} : { text: { ...(isObject(form) ? form : {}), format } })
    }
  },

  said(answer) {
    const { status, error } = answer
    const { text } = onlyText(answer)
    return status === 'completed' && (error ?? null) === null && typeof text === 'string' ? text : undefined
  },

  part(answer, { text, usage, id, request }) {
    const { message, content } = onlyText(answer)
    const { max_output_tokens: limit, text: form } = request
    const said = {
      ...saidOfPart(content, inContent),
      ...(isList(content['annotations']) ? { annotations: [] } : {}),
      ...(isList(content['logprobs']) ? { logprobs: [] } : {}),
      text
    }
    const item = { ...saidOfPart(message, inMessage), ...partId(message['id'], id), content: [said] }
    return {
      ...saidOfPart(answer, inAnswer),
      ...partId(answer['id'], id),
      // What it was asked in is the combined request's.
      ...(answer['max_output_tokens'] === undefined ? {} : { max_output_tokens: limit ?? null }),
      ...(isObject(answer['text'])
        ? { text: { ...answer['text'], ...(isObject(form) ? form : {}), format: { type: 'text' } } }
        : {}),
      output: [item],
      ...openaiPartUsage(answer, usage, 'input_tokens')
    }
  }
}

/** What is known not to make of several answers something else than of one. */
const listed: ReadonlyMap<string, readonly [reason: string, fits: Fits]> = new Map([
  ...openaiListed,
  ['input', ['turn', isOfMessages]],
  ['instructions', ['turn', always]],
  ['max_output_tokens', ['limit', countable]],
  // A summary of what was thought would be of what was thought about all of them.
  ['reasoning', ['reasoning', (value) => hasOnly(value, ['effort'])]],
  ['text', ['format', (value) => hasOnly(value, ['verbosity'])]],
  ['store', ['store', always]],
  ['background', ['background', off]],
  ['truncation', ['truncation', (value) => value === 'disabled']],
  ['include', ['include', off]],
  ['max_tool_calls', ['tools', off]],
  ['previous_response_id', ['conversation', off]],
  ['conversation', ['conversation', off]],
  ['prompt', ['prompt', off]]
])

/** What has been thought, called and found before stays out of it: it may be of one request alone. */
function isOfMessages(input: Json): boolean {
  if (!isList(input)) return typeof input === 'string'
  return input.every((item) => isObject(item) && (item['type'] ?? 'message') === 'message')
}

function hasOnly(value: Json, fields: readonly string[]): boolean {
  return isObject(value) && Object.keys(value).every((field) => fields.includes(field) || value[field] === null)
}

/** Said of the request, and the same for all of them, or of how the call was made. */
const inAnswer: ReadonlySet<string> = new Set([
  ...['id', 'object', 'status', 'billing', 'instructions', 'metadata', 'model', 'output', 'prompt_cache_key'],
  ...['prompt_cache_retention', 'reasoning', 'safety_identifier', 'service_tier', 'text', 'tool_choice', 'tools'],
  ...['truncation', 'usage', 'user']
])
const inMessage: ReadonlySet<string> = new Set(['id', 'type', 'status', 'role', 'content'])
const inContent: ReadonlySet<string> = new Set(['type', 'text', 'annotations', 'logprobs'])

/** The answer's one message that is one text, beside what was thought; empty ones for another answer. */
function onlyText({ output }: JsonObject): {
  readonly message: JsonObject
  readonly content: JsonObject
  readonly text: Json | undefined
} {
  const items = isList(output) ? output.filter((item) => !isObject(item) || item['type'] !== 'reasoning') : []
  const [message, ...others] = items
  const parts = isObject(message) && message['type'] === 'message' ? message['content'] : undefined
  const [content, ...more] = isList(parts) ? parts : []
  if (!isObject(message) || !isObject(content) || others.length > 0 || more.length > 0) {
    return { message: {}, content: {}, text: undefined }
  }
  return { message, content, text: content['type'] === 'output_text' ? content['text'] : undefined }
}
