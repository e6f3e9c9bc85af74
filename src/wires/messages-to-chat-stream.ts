import { messageOf } from '../core/errors.ts'
import type { Delta } from '../core/handler.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { inWords } from './check.ts'
import type { StreamCrossing } from './crossing.ts'
import { anthropicDialect } from './dialect.ts'
import { isList } from './fields.ts'
import {
  callsIn,
  endingOf,
  errorIn,
  headOf,
  malformed,
  messageUsage,
  saidIn,
  stopOf,
  unknownUsage,
  wordsOf
} from './messages-to-chat-answer.ts'
import { type BlockEvent, BlocksInTurn } from './messages-to-chat-blocks.ts'

/**
 * The chunks of a chat completion as the events of a message. A chunk that cannot be understood ends it with an
 * `error` event, as an error of the provider's does: an answer with a hole in it must not look whole.
 */
export function messageStream(): StreamCrossing {
  return new MessageStream()
}

class MessageStream implements StreamCrossing {
  readonly #blocks = new BlocksInTurn()
  /** The first chunk that says something: it has what the answer says of itself. */
  #first: JsonObject | undefined
  #reason: string | undefined
  #usage: Json = null
  #headers: Delta['headers']
  #over = false

  add(delta: Delta): readonly Delta[] {
    if (delta.comment) return [delta]
    if (this.#over) return []
    this.#headers = delta.headers ?? this.#headers
    const said = Array.from(this.#read(delta), (event): Delta => ({ event: event.type, data: JSON.stringify(event) }))
    const [opening, ...more] = said
    if (opening === undefined || this.#headers === undefined) return said
    const headers = this.#headers
    this.#headers = undefined
    return [{ ...opening, headers }, ...more]
  }

  /** Some say why they stop, and then neither what it has cost nor `[DONE]`. */
  end(): readonly Delta[] {
    return this.#over || this.#reason === undefined ? [] : this.add({ data: '[DONE]' })
  }

  /** What has been said before it turned out that something is wrong stays said. */
  *#read(delta: Delta): Generator<BlockEvent> {
    try {
      if (delta.data.startsWith('[DONE]')) return yield* this.#end()
      const chunk: unknown = JSON.parse(delta.data)
      if (!isObject(chunk)) throw malformed('an event is no JSON object')
      yield* this.#readChunk(chunk, delta.event)
    } catch (error) {
      this.#over = true
      yield errorEvent(error instanceof SyntaxError ? malformed('an event is no JSON') : error)
    }
  }

  *#readChunk(chunk: JsonObject, event: string | undefined): Generator<BlockEvent> {
    const failure = errorIn(chunk) ?? (event === 'error' ? chunk : null)
    if (failure !== null) return yield this.#fail(failure)
    const choices = chunk['choices'] ?? []
    if (!isList(choices)) throw malformed(`expected a list of choices, got ${inWords(choices)}`)
    for (const choice of choices) {
      if (!isObject(choice) || (choice['index'] ?? 0) !== 0) throw malformed('a chunk is not of the one choice')
      if (errorIn(choice) !== null) return yield this.#fail(errorIn(choice))
      this.#readChoice(choice)
      yield* this.#start(chunk)
    }
    if (this.#first !== undefined) yield* this.#blocks.flow(this.#where(this.#first))
    this.#usage = chunk['usage'] ?? this.#usage
    // It is the last thing that is said. Where it was said before the answer's end, `[DONE]` is.
    if (this.#reason !== undefined && isObject(chunk['usage'])) yield* this.#end()
  }

  #readChoice({ delta, finish_reason: reason }: JsonObject): void {
    if (isObject(delta)) {
      this.#blocks.addText('content', saidIn(delta, 'content'))
      this.#blocks.addText('refusal', saidIn(delta, 'refusal'))
      for (const call of callsIn(delta)) this.#blocks.addCall(call)
    } else if ((delta ?? null) !== null) {
      throw malformed(`expected a delta to be an object, got ${inWords(delta)}`)
    }
    if (typeof reason === 'string' && reason !== '') this.#reason = reason
  }

  /** Some begin with a chunk that has neither choices nor an id. */
  *#start(chunk: JsonObject): Generator<BlockEvent> {
    if (this.#first !== undefined) return
    this.#first = chunk
    const unsaid = { stop_reason: null, stop_sequence: null, stop_details: null }
    yield { type: 'message_start', message: { ...headOf(chunk), content: [], ...unsaid, usage: unknownUsage } }
  }

  *#end(): Generator<BlockEvent> {
    if (this.#reason === undefined || this.#first === undefined) throw malformed('it ended before it was complete')
    const ending = endingOf(this.#reason)
    yield* this.#blocks.rest(this.#where(this.#first), ending)
    this.#over = true
    const said = { calls: this.#blocks.callsTools, refusal: this.#blocks.refuses }
    yield { type: 'message_delta', delta: stopOf(ending, said), usage: messageUsage({ usage: this.#usage }) }
    yield { type: 'message_stop' }
  }

  #where({ id, created }: JsonObject): readonly JsonObject[string][] {
    return [id, created]
  }

  #fail(failure: Json): BlockEvent {
    this.#over = true
    return providerError(failure)
  }
}

/** An error that the provider has told of in mid-stream: its words, and its status where it gives one. */
function providerError(failure: Json): BlockEvent {
  const { code = null, status = null, type = null } = isObject(failure) ? failure : {}
  const known = [code, status].find((value) => typeof value === 'number' && value >= 400 && value < 600)
  const limited = [code, type].some((value) => typeof value === 'string' && value.includes('rate_limit'))
  const name = [code, type].find((value) => typeof value === 'string') ?? 'provider-error'
  return eventOf(anthropicDialect.error(Number(known ?? (limited ? 429 : 500)), wordsOf(failure), String(name)))
}

function errorEvent(error: unknown): BlockEvent {
  return eventOf(anthropicDialect.error(502, messageOf(error), 'provider-malformed'))
}

function eventOf(body: JsonObject): BlockEvent {
  return { type: 'error', ...body }
}
