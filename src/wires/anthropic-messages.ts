import { isObject, type Json, type JsonObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'
import { anthropicMessagesBatching } from './anthropic-messages-batching.ts'
import { foldMessage } from './anthropic-messages-fold.ts'
import { unfoldMessage } from './anthropic-messages-unfold.ts'
import { type Expectation, hasMessages, inWords, mayStream, namesModel, problemIn } from './check.ts'
import { anthropicDialect } from './dialect.ts'
import { isList, without } from './fields.ts'
import { asksFor, lastWording } from './likeness.ts'
import { usesTool } from './server-tools.ts'
import { said, saidOfEach } from './substance.ts'
import { tokens, usageOf } from './usage.ts'
import type { Wire, WireLikeness } from './wire.ts'

/** Anthropic's Messages, its beta included. */
export const anthropicMessages: Wire = {
  name: 'anthropic-messages',
  dialect: anthropicDialect,
  path: '/messages',
  echoes: [],
  check: (request) => problemIn(request, [namesModel, hasMessages, hasMaxTokens, mayStream]),
  identity,
  likeness,
  batching: anthropicMessagesBatching,
  bypass,
  prepare: () => undefined,
  fold: foldMessage,
  unfold: unfoldMessage,
  isEnd: ({ event, data, comment }) =>
    comment === undefined && (event === undefined ? ending.test(data) : ends.has(event)),
  unfit,
  usage,
  substance
}

const hasMaxTokens: Expectation = {
  field: 'max_tokens',
  expected: 'a number',
  got: (value) => (typeof value === 'number' ? undefined : inWords(value))
}

const unseenByModel: ReadonlySet<string> = new Set([
  // How the answer is delivered: whole or in events.
  'stream',
  // Who asks (`user_id`): for the provider's watch over misuse.
  'metadata'
])

function identity(request: JsonObject): JsonObject {
  return without(request, unseenByModel)
}

/** The answer may act. All other parameters are the same in what is compared. */
const acting: readonly string[] = ['tools', 'tool_choice', 'mcp_servers']

function likeness(request: JsonObject): WireLikeness | undefined {
  if (bypass(request) !== undefined || asksFor(request, acting)) return undefined
  return lastWording(identity(request), 'messages', 'text')
}

function bypass(request: JsonObject): string | undefined {
  const { container, thread, mcp_servers: servers } = request
  // What earlier calls have left in it.
  if ((container ?? null) !== null) return 'container'
  // What has been said in it so far is known to the provider alone, and each answer adds to it.
  if ((thread ?? null) !== null) return 'thread'
  // Servers that may also act on what they are told.
  if ((isList(servers) && servers.length > 0) || usesTool(request, 'mcp')) return 'mcp'
  // The web of today.
  if (usesTool(request, 'web_search') || usesTool(request, 'web_fetch')) return 'web-search'
  return undefined
}

const ends: ReadonlySet<string> = new Set(['message_stop', 'error'])

/** For events that have lost their names on the way. */
const ending = /^\s*\{\s*"type"\s*:\s*"(message_stop|error)"/

const unfitReasons: ReadonlyMap<Json | undefined, string> = new Map([
  ['max_tokens', 'truncated'],
  ['model_context_window_exceeded', 'truncated'],
  ['refusal', 'filtered'],
  // The caller is to send it back, and to be told the rest.
  ['pause_turn', 'incomplete'],
  [null, 'incomplete'],
  [undefined, 'incomplete']
])

function unfit({ type, content, stop_reason: reason }: JsonObject): string | undefined {
  if (type !== 'message' || !isList(content)) return 'malformed'
  return unfitReasons.get(reason) ?? (content.some(saysSomething) ? undefined : 'empty')
}

function saysSomething(block: Json): boolean {
  return isObject(block) && !(block['type'] === 'text' && block['text'] === '')
}

/** Anthropic does not count tokens of its prompt cache among the input tokens. */
function usage({ usage: said }: JsonObject): Usage | undefined {
  const input = tokens(said, 'input_tokens')
  const output = tokens(said, 'output_tokens')
  if (input === undefined || output === undefined) return undefined
  const read = tokens(said, 'cache_read_input_tokens')
  const written = tokens(said, 'cache_creation_input_tokens')
  const reasoning = tokens((said as JsonObject)['output_tokens_details'], 'thinking_tokens')
  return usageOf(input + (read ?? 0) + (written ?? 0), output, {
    cachedInputTokens: read,
    cacheWriteTokens: written,
    reasoningTokens: reasoning
  })
}

const newEachTime: ReadonlySet<string> = new Set(['id', 'usage', 'container'])

/** In blocks of content: identifiers of tool calls, and how thoughts are signed and encrypted. */
const newInBlocks: ReadonlySet<string> = new Set(['id', 'tool_use_id', 'signature'])
const newInHidden: ReadonlySet<string> = new Set(['data'])

function substance({ content, ...answer }: JsonObject): JsonObject {
  const ofBlock = (block: JsonObject): JsonObject =>
    said(block, block['type'] === 'redacted_thinking' ? newInHidden : newInBlocks)
  return { ...said(answer, newEachTime), content: saidOfEach(content, ofBlock) }
}
