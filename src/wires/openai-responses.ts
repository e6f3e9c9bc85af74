import type { Delta } from '../core/handler.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { type Expectation, inWords, mayStream, namesModel, problemIn } from './check.ts'
import { openaiDialect } from './dialect.ts'
import { isList, without } from './fields.ts'
import { asksFor, isBlank, lastWording } from './likeness.ts'
import { openaiResponsesBatching } from './openai-responses-batching.ts'
import { unfoldResponse } from './openai-responses-unfold.ts'
import { parse, whyNot } from './parse.ts'
import { toolsOf, usesTool } from './server-tools.ts'
import { said, saidOfEach } from './substance.ts'
import { openaiUsage } from './usage.ts'
import type { Fold, Folded, Wire, WireLikeness } from './wire.ts'

const echoes = ['metadata', 'user', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention']

/** OpenAI's Responses. */
export const openaiResponses: Wire = {
  name: 'openai-responses',
  dialect: openaiDialect,
  path: '/responses',
  echoes,
  check(request) {
    // A prompt template may name the model.
    const expectations = isObject(request['prompt']) && request['model'] === undefined ? [] : [namesModel]
    return problemIn(request, [...expectations, hasInput, mayStream])
  },
  identity,
  likeness,
  batching: openaiResponsesBatching,
  bypass,
  prepare: () => undefined,
  fold: () => new ResponseFold(),
  unfold: unfoldResponse,
  isEnd: (delta) => ends.has(eventType(delta)),
  unfit,
  usage: ({ usage }) => openaiUsage(usage, 'input_tokens'),
  substance: ({ output, ...answer }) => ({
    ...said(answer, newEachTime),
    output: saidOfEach(output, (item) => said(item, newInItems))
  })
}

const hasInput: Expectation = {
  field: 'input',
  expected: 'a string or a list',
  got: (value) => (value === undefined || typeof value === 'string' || isList(value) ? undefined : inWords(value))
}

/** All but the first two are repeated in the answer: see `echoes`. */
const unseenByModel: ReadonlySet<string> = new Set([
  // How the answer is delivered: whole or in events, and with how much padding.
  'stream',
  'stream_options',
  // Who asks: for the provider's watch over misuse.
  'user',
  'safety_identifier',
  // Labels of the stored response, for whoever looks through the provider's log.
  'metadata',
  // Which machine's prompt cache is tried, and how long it lasts: cost and speed.
  'prompt_cache_key',
  'prompt_cache_retention'
  // Not `store`: a later `previous_response_id` can lean on an answer only when its own request had it kept.
])

function identity(request: JsonObject): JsonObject {
  return without(request, unseenByModel)
}

/** What makes the answer depend on more than what the text means; all other parameters are the same in what is compared. */
const beyondMeaning: readonly string[] = [
  // The answer may act, or look something up.
  'tools',
  'tool_choice',
  // The rest of the request lies with the provider: nobody here can compare it.
  'previous_response_id',
  'conversation',
  'prompt',
  // What is measured or judged are these very words.
  'top_logprobs',
  'moderation',
  // Whoever says so means to come back to it: by its identifier the provider would tell of another's wording. When
  // nothing is said OpenAI keeps the response too, but then hardly anybody asks for it.
  'store'
]

function likeness(request: JsonObject): WireLikeness | undefined {
  const { input, include } = request
  if (isList(include) && include.includes('message.output_text.logprobs')) return undefined
  if (bypass(request) !== undefined || asksFor(request, beyondMeaning)) return undefined
  if (typeof input === 'string') {
    return isBlank(input) ? undefined : { text: input, within: { ...identity(request), input: null } }
  }
  const last = isList(input) ? input.at(-1) : undefined
  if (!isObject(last) || (last['type'] ?? 'message') !== 'message') return undefined
  return lastWording(identity(request), 'input', 'input_text')
}

function bypass(request: JsonObject): string | undefined {
  const { background, conversation, prompt } = request
  // The answer is not there yet: it is to be polled for.
  if (background === true) return 'background'
  // What has been said in it so far is known to the provider alone, and each answer adds to it.
  if ((conversation ?? null) !== null) return 'conversation'
  // The template's current version is meant, whichever that is by now.
  if (isObject(prompt) && (prompt['version'] ?? null) === null) return 'prompt-version'
  // The web of today, documents that come and go, and servers that may also act on what they are told.
  if (usesTool(request, 'web_search')) return 'web-search'
  if (usesTool(request, 'file_search')) return 'file-search'
  if (usesTool(request, 'mcp')) return 'mcp'
  // What earlier calls have left in it.
  if (toolsOf(request).some(namesContainer)) return 'container'
  return undefined
}

/** A container with an identifier: of the code interpreter, or of the shell. A container made for the call has none. */
function namesContainer({ container, environment }: JsonObject): boolean {
  return typeof container === 'string' || (isObject(environment) && typeof environment['container_id'] === 'string')
}

function unfit(answer: JsonObject): string | undefined {
  const { status, error, output, incomplete_details: details } = answer
  if (status === 'failed' || (error ?? null) !== null) return 'failed'
  if (status === 'incomplete')
    return isObject(details) && details['reason'] === 'content_filter' ? 'filtered' : 'truncated'
  if (status !== 'completed') return 'incomplete'
  if (!isList(output)) return 'malformed'
  return output.some(saysSomething) ? undefined : 'empty'
}

/** Everything does but reasoning that has led to nothing, and a message without a word. */
function saysSomething(item: Json): boolean {
  if (!isObject(item) || item['type'] === 'reasoning') return false
  const { type, content } = item
  return (
    type !== 'message' ||
    (isList(content) && content.some((part) => isObject(part) && part['text'] !== '' && part['refusal'] !== ''))
  )
}

class ResponseFold implements Fold {
  #folded: Folded | undefined

  add({ event, data, comment }: Delta): void {
    if (comment || this.#folded !== undefined || data.startsWith('[DONE]')) return
    try {
      this.#folded = read(parse(data), event)
    } catch (error) {
      this.#folded = { unfit: whyNot(error) }
    }
  }

  end(): Folded {
    return this.#folded ?? { unfit: 'truncated' }
  }
}

/** What the stream comes to, when this event decides it: the last event carries the whole response. */
function read(event: Json, name: string | undefined): Folded | undefined {
  if (!isObject(event)) return { unfit: 'malformed' }
  const { type = name, response, error } = event
  if (type === 'error' || type === 'response.failed' || (error ?? null) !== null) return { unfit: 'failed' }
  if (type !== 'response.completed' && type !== 'response.incomplete') return undefined
  return isObject(response) ? { answer: response } : { unfit: 'malformed' }
}

const ends: ReadonlySet<Json | undefined> = new Set([
  'response.completed',
  'response.incomplete',
  'response.failed',
  'error'
])

function eventType({ event, data, comment }: Delta): Json | undefined {
  if (comment || event !== undefined) return event
  try {
    const value = parse(data)
    return isObject(value) ? value['type'] : undefined
  } catch {
    return undefined
  }
}

const newEachTime: ReadonlySet<string> = new Set([
  'id',
  'created_at',
  'completed_at',
  'usage',
  // How fast it was to be, and who pays.
  'service_tier',
  'billing',
  // Of the request, and of no consequence to the answer.
  ...echoes
])

/** Identifiers, and how thoughts are encrypted. */
const newInItems: ReadonlySet<string> = new Set(['id', 'call_id', 'container_id', 'encrypted_content'])
