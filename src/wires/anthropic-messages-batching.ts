import { isObject, type Json, type JsonObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'
import {
  always,
  combinedLimit,
  countable,
  type Fits,
  off,
  partId,
  saidOfPart,
  sharedCounters,
  whyAlone,
  withLastWording
} from './asked-alone.ts'
import { isList } from './fields.ts'
import type { WireBatching } from './wire.ts'

/** How several messages are asked in one. */
export const anthropicMessagesBatching: WireBatching = {
  unfit: (request) => whyAlone(request, listed, { field: 'messages', textType: 'text' }),

  // Third generation and later: these can be made to call a tool.
  takesSchema: ({ model }) => typeof model === 'string' && /^claude-(?:[3-9]|(?!instant)[a-z]+-\d)/.test(model),

  combined(request, { text, parts, schema }) {
    const { messages, max_tokens: limit, model } = request
    const most = typeof model === 'string' ? known.find(([family]) => family.test(model))?.[1] : undefined
    return {
      ...request,
      messages: isList(messages) ? withLastWording(messages, text) : [],
      ...(typeof limit === 'number' ? { max_tokens: combinedLimit(limit, parts, most) } : {}),
      ...(schema === undefined
        ? {}
        : {
            tools: [{ name: toolName, description: 'Takes the answer to each part.', input_schema: schema }],
            tool_choice: { type: 'tool', name: toolName, disable_parallel_tool_use: true }
          })
    }
  },

  said({ content, stop_reason: reason }) {
    const [block, ...others] = isList(content) ? content : []
    if (!isObject(block) || others.length > 0) return undefined
    const { type, text, name, input } = block
    if (type === 'text') return reason === 'end_turn' && typeof text === 'string' ? text : undefined
    const isCall = type === 'tool_use' && name === toolName && isObject(input)
    return isCall && (reason === 'tool_use' || reason === 'end_turn') ? JSON.stringify(input) : undefined
  },

  part: (answer, { text, usage, id }) => ({
    ...saidOfPart(answer, inAnswer),
    ...partId(answer['id'], id),
    content: [{ type: 'text', text }],
    stop_reason: 'end_turn',
    ...usageOfPart(answer, usage)
  })
}

const toolName = 'answers'

/** The most tokens that models of Anthropic's give. Source: Anthropic's overview of its models, "max output". */
const known: readonly (readonly [RegExp, number])[] = [
  [/^claude-(?:2|instant|3-(?:opus|sonnet|haiku))/, 4096],
  [/^claude-3-5-/, 8192],
  [/^claude-opus-4(?:-[01])?(?:-2\d{7}|@|$)/, 32_000],
  [/^claude-(?:3-7|[a-z]+-\d)/, 64_000]
]

/** What is known not to make of several answers something else than of one. */
const listed: ReadonlyMap<string, readonly [reason: string, fits: Fits]> = new Map([
  ['model', ['model', always]],
  ['messages', ['turn', always]],
  ['system', ['turn', always]],
  ['max_tokens', ['limit', countable]],
  ['temperature', ['sampling', always]],
  ['top_p', ['sampling', always]],
  ['top_k', ['sampling', always]],
  ['metadata', ['user', always]],
  ['service_tier', ['tier', always]],
  ['inference_geo', ['place', always]],
  ['stream', ['stream', off]],
  ['stop_sequences', ['stop', off]],
  // A model that thinks cannot be made to call a tool, and what it thinks is about all of them.
  ['thinking', ['reasoning', (value) => isObject(value) && value['type'] === 'disabled']],
  ['output_config', ['format', off]],
  ['output_format', ['format', off]],
  ['tools', ['tools', off]],
  ['tool_choice', ['tools', off]],
  ['mcp_servers', ['tools', off]],
  ['container', ['container', off]]
])

const inAnswer: ReadonlySet<string> = new Set([
  ...['id', 'type', 'role', 'model', 'content', 'stop_reason', 'stop_sequence', 'usage']
])

/** Tokens of the prompt cache are counted beside the input, and by how long they are kept. */
function usageOfPart({ usage: said }: JsonObject, usage: Usage | undefined): JsonObject {
  if (said === undefined) return {}
  if (!isObject(said) || usage === undefined) return { usage: null }
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = usage
  const { cache_creation: written, output_tokens_details: details } = said
  const uncached = inputTokens - (cachedInputTokens ?? 0) - (cacheWriteTokens ?? 0)
  const thinking = new Map([['thinking_tokens', reasoningTokens]])
  return {
    usage: sharedCounters(
      said,
      new Map<string, Json | undefined>([
        ['input_tokens', uncached],
        ['output_tokens', outputTokens],
        ['cache_read_input_tokens', cachedInputTokens],
        ['cache_creation_input_tokens', cacheWriteTokens],
        ['cache_creation', isObject(written) ? writtenOfPart(written, cacheWriteTokens ?? 0) : written],
        ['output_tokens_details', isObject(details) ? sharedCounters(details, thinking) : details]
      ])
    )
  }
}

/** By how long it is kept; nothing where that is not the same for all of it, for then nobody knows whose is which. */
function writtenOfPart(written: JsonObject, share: number): JsonObject | undefined {
  const used = Object.keys(written).filter((field) => written[field] !== 0)
  return used.length > 1 ? undefined : { ...written, ...Object.fromEntries(used.map((field) => [field, share])) }
}
