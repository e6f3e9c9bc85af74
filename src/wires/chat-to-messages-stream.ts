import type { Delta } from '../core/handler.ts'
import type { Headers } from '../core/headers.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { chatUsage, finishReason, nowInSeconds, refusalOf } from './chat-to-messages-answer.ts'
import type { StreamCrossing } from './crossing.ts'
import { openaiDialect } from './dialect.ts'
import { type Draft, type DraftObject, isList, only, own } from './fields.ts'
import { parse } from './parse.ts'

/**
 * A message's events as the chunks of a chat completion. What does not concern a chat is left out: pings, thinking,
 * events that nobody here has heard of. An event without which the answer would be another one ends the stream with
 * an error.
 */
export class ChatChunks implements StreamCrossing {
  /** What every chunk says; undefined until the message has begun. */
  #head: JsonObject | undefined
  /** What is known of the message beside its content. */
  #message: JsonObject = {}
  readonly #blocks = new Map<number, Block>()
  #calls = 0
  #isOver = false
  #headers: Headers | undefined

  add(delta: Delta): readonly Delta[] {
    this.#headers ??= delta.headers
    const [first, ...others] = this.#cross(delta)
    if (first === undefined || this.#headers === undefined) return first === undefined ? [] : [first, ...others]
    const headers = this.#headers
    this.#headers = undefined
    return [{ ...first, headers }, ...others]
  }

  /** A message says itself when it stops; one that has not has broken off, and no chat would tell by itself. */
  end(): readonly Delta[] {
    if (this.#isOver || this.#head === undefined) return []
    return this.#fail('server_error', "the provider's stream broke off", 'provider-malformed')
  }

  #cross(delta: Delta): readonly Delta[] {
    if (this.#isOver || delta.event === 'ping') return []
    if (delta.comment) return [{ data: delta.data, comment: true }]
    let event: Draft
    try {
      event = parse(delta.data)
    } catch {
      event = null
    }
    if (delta.event === 'error' || (isObject(event) && own(event, 'type') === 'error')) return this.#error(event)
    const chunks = isObject(event) ? this.#read(event) : undefined
    return chunks ?? this.#fail('server_error', 'the provider sent an event that cannot be read', 'provider-malformed')
  }

  /** The chunks for an event; undefined when it leaves a hole in the answer. */
  #read(event: DraftObject): readonly Delta[] | undefined {
    const type = own(event, 'type')
    if (type === 'message_start') return this.#start(event)
    if (typeof type !== 'string' || !ofTheMessage.has(type)) return []
    if (this.#head === undefined) return undefined
    if (type === 'content_block_start') return this.#startBlock(event)
    if (type === 'message_delta') return this.#change(event)
    if (type === 'message_stop') return this.#stop()
    const block = typeof event['index'] === 'number' ? this.#blocks.get(event['index']) : undefined
    if (block === undefined) return undefined
    return type === 'content_block_stop' ? this.#endBlock(block) : this.#toBlock(block, event['delta'])
  }

  #start({ message }: DraftObject): readonly Delta[] | undefined {
    const begun = isObject(message) ? (own(message, 'content') ?? []) : undefined
    if (this.#head !== undefined || !isObject(message) || !isList(begun) || begun.length > 0) return undefined
    this.#message = message
    this.#head = {
      ...only(this.#message, ['id']),
      object: 'chat.completion.chunk',
      created: nowInSeconds(),
      ...only(this.#message, ['model'])
    }
    return [this.#chunk({ role: 'assistant', content: '', refusal: null })]
  }

  #startBlock({ index, content_block: block }: DraftObject): readonly Delta[] | undefined {
    if (typeof index !== 'number' || !isObject(block) || this.#blocks.has(index)) return undefined
    const { type, text, to, id, name, input = {} } = block
    if (type === 'tool_use') {
      if (typeof id !== 'string' || typeof name !== 'string') return undefined
      const call: Call = { type, index: this.#calls++, input, isSaid: false }
      this.#blocks.set(index, call)
      const opening = { index: call.index, id, type: 'function', function: { name, arguments: '' } }
      return [this.#chunk({ tool_calls: [opening] })]
    }
    this.#blocks.set(index, type === 'text' ? { type } : { type: 'unseen' })
    // Another model goes on from here, and a plain answer names the one that has spoken last.
    const successor = type === 'fallback' && isObject(to) ? own(to, 'model') : undefined
    if (successor !== undefined) this.#head = { ...this.#head, model: successor }
    return type === 'text' && text !== undefined ? this.#text(text) : []
  }

  #toBlock(block: Block, delta: Draft | undefined): readonly Delta[] | undefined {
    if (block.type === 'unseen') return []
    if (!isObject(delta)) return undefined
    const { type, text, partial_json: piece } = delta
    if (block.type === 'text')
      return type === 'text_delta' ? this.#text(text) : type === 'citations_delta' ? [] : undefined
    if (type !== 'input_json_delta' || typeof piece !== 'string') return undefined
    // Nothing but white space means no arguments, and is not known for that before the end.
    if (piece === '' || (!block.isSaid && piece.trim() === '')) return []
    block.isSaid = true
    return [this.#arguments(block, piece)]
  }

  #text(text: Draft | undefined): readonly Delta[] | undefined {
    if (typeof text !== 'string') return undefined
    return text === '' ? [] : [this.#chunk({ content: text })]
  }

  #endBlock(block: Block): readonly Delta[] {
    if (block.type !== 'tool_use' || block.isSaid) return []
    block.isSaid = true
    return [this.#arguments(block, JSON.stringify(block.input))]
  }

  #arguments({ index }: Call, piece: string): Delta {
    return this.#chunk({ tool_calls: [{ index, function: { arguments: piece } }] })
  }

  /** Takes over what is said of the whole message. Its counts are totals, so they replace; null says nothing. */
  #change({ delta, usage }: DraftObject): readonly Delta[] | undefined {
    if (!isObject(delta)) return undefined
    const counted = isObject(this.#message['usage']) ? this.#message['usage'] : {}
    this.#message = {
      ...this.#message,
      ...known(delta),
      ...(isObject(usage) ? { usage: { ...counted, ...known(usage) } } : {})
    }
    return []
  }

  #stop(): readonly Delta[] {
    const chunks = Array.from(this.#blocks.values(), (block) => this.#endBlock(block)).flat()
    this.#isOver = true
    const refusal = refusalOf(this.#message)
    if (refusal !== null) chunks.push(this.#chunk({ refusal }))
    chunks.push(this.#chunk({}, finishReason(this.#message['stop_reason'] ?? null)))
    const usage = chatUsage(this.#message)
    if (usage !== undefined) chunks.push({ data: JSON.stringify({ ...this.#head, choices: [], usage }) })
    chunks.push({ data: '[DONE]' })
    return chunks
  }

  #chunk(delta: JsonObject, reason: string | null = null): Delta {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: reason }]
    return { data: JSON.stringify({ ...this.#head, choices }) }
  }

  #error(event: Draft): readonly Delta[] {
    const error = isObject(event) ? own(event, 'error') : undefined
    const { type, message } = isObject(error) ? error : {}
    const said = typeof message === 'string' ? message : 'the provider reported an error'
    return this.#fail(typeof type === 'string' ? type : 'api_error', said)
  }

  /** The last that is said: OpenAI's SDK takes it for the error that it is. */
  #fail(type: string, message: string, code = type): readonly Delta[] {
    this.#isOver = true
    const status = type === 'rate_limit_error' ? 429 : type === 'invalid_request_error' ? 400 : 500
    return [{ data: JSON.stringify(openaiDialect.error(status, message, code)) }]
  }
}

type Block = Call | { readonly type: 'text' } | { readonly type: 'unseen' }

/** A tool call that is coming in. */
interface Call {
  readonly type: 'tool_use'
  /** Its place among the calls. */
  readonly index: number
  /** The arguments, unless they come bit by bit. */
  readonly input: Json
  /** Some of its arguments have been said. */
  isSaid: boolean
}

const ofTheMessage: ReadonlySet<string> = new Set([
  'content_block_start',
  'content_block_delta',
  'content_block_stop',
  'message_delta',
  'message_stop'
])

/** The fields that say something. */
function known(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}
