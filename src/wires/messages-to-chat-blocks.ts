import { isObject, type JsonObject } from '../core/json.ts'
import { isBlank } from './likeness.ts'
import { type Ending, functionOf, inputOf, malformed, textBlock, toolUseBlock } from './messages-to-chat-answer.ts'
import { toolUseIdOf } from './messages-to-chat-ids.ts'

/** An event of a streamed message. */
export interface BlockEvent extends JsonObject {
  readonly type: string
}

/**
 * Brings the pieces of a streamed chat into the order of a message: one block after the other, the texts first, then
 * the calls by their index. A piece goes out as it comes when its block's turn has come, and waits until then. A text
 * is complete when something else has begun; so is a call, if its arguments are a whole object. A text of nothing but
 * white space is said only where nothing else is.
 */
export class BlocksInTurn {
  readonly #texts: TextPart[] = []
  readonly #calls: CallPart[] = []
  /** The part whose block has begun. */
  #current: TextPart | CallPart | undefined
  #blocks = 0

  get callsTools(): boolean {
    return this.#calls.length > 0
  }

  get refuses(): boolean {
    return this.#texts.some(({ field }) => field === 'refusal')
  }

  addText(field: TextPart['field'], piece: string): void {
    if (piece === '') return
    const part = this.#texts.find((text) => text.field === field && !text.closed)
    if (part === undefined) this.#texts.push(new TextPart(field, piece))
    else part.unsent += piece
  }

  /** Takes a piece of a call: of the one with its index; without an index, of the one with its id, or of the last. */
  addCall(piece: JsonObject): void {
    const { name, text } = functionOf(piece)
    const { index = null } = piece
    if (index !== null && typeof index !== 'number') throw malformed('a tool call has an index that is no number')
    const id = typeof piece['id'] === 'string' ? piece['id'] : ''
    const call = this.#callOf(index, id) ?? this.#begin(index ?? undefined)
    // Some gateways give parallel calls the same index: their arguments must not run into each other.
    if (id !== '' && call.id !== '' && id !== call.id) throw malformed('two tool calls have the same index')
    if (call.closed && !isBlank(text)) throw malformed(`the arguments of ${call.name} go on after their end`)
    call.id ||= id
    call.name ||= name
    call.whole += text
    call.unsent += text
  }

  #callOf(index: number | null, id: string): CallPart | undefined {
    if (index !== null) return this.#calls.find((call) => call.index === index)
    return id === '' ? this.#calls.at(-1) : this.#calls.find((call) => call.id === id)
  }

  #begin(index: number | undefined): CallPart {
    const call = new CallPart(index)
    const later = this.#calls.findIndex((other) => !other.begun && (other.index ?? 0) > (index ?? 0))
    this.#calls.splice(later === -1 ? this.#calls.length : later, 0, call)
    return call
  }

  /** What can be said by now. `where` tells the answer from others, for calls that have no identifier. */
  *flow(where: readonly JsonObject[string][]): Generator<BlockEvent> {
    for (let part = this.#next(); part !== undefined; part = this.#next()) {
      yield* this.#say(part, where)
      if (!this.#isComplete(part)) return
      yield this.#close(part)
    }
  }

  /** All the rest. @throws RepriseError `provider-malformed` for a call that cannot be made, unless the answer broke off */
  *rest(where: readonly JsonObject[string][], ending: Ending): Generator<BlockEvent> {
    const saysMore = this.#blocks > 0 || this.callsTools || this.#texts.some(({ unsent }) => !isBlank(unsent))
    const begun = this.#current === undefined ? [] : [this.#current]
    for (const part of [...begun, ...this.#texts, ...this.#calls]) {
      if (part.closed || (saysMore && !part.begun && part instanceof TextPart && isBlank(part.unsent))) continue
      if (part instanceof CallPart) inputOf(part.name, part.whole, ending)
      yield* this.#say(part, where)
      yield this.#close(part)
    }
  }

  /** The part whose turn it is. */
  #next(): TextPart | CallPart | undefined {
    const text = this.#texts.find(({ closed, unsent }) => !closed && !isBlank(unsent))
    const made = this.#calls.filter(({ closed }) => closed).length
    const call = this.#calls.find(({ closed }) => !closed)
    return (
      this.#current ?? text ?? (call !== undefined && call.name !== '' && (call.index ?? 0) <= made ? call : undefined)
    )
  }

  #isComplete(part: TextPart | CallPart): boolean {
    const said = this.#texts.filter(({ unsent }) => !isBlank(unsent))
    const waits = [...said, ...this.#calls].some((other) => other !== part && !other.closed)
    return waits && (part instanceof TextPart || part.isWhole)
  }

  *#say(part: TextPart | CallPart, where: readonly JsonObject[string][]): Generator<BlockEvent> {
    const index = part.begun ? this.#blocks - 1 : this.#blocks
    if (!part.begun) {
      const position = part instanceof CallPart ? this.#calls.indexOf(part) : 0
      part.begun = true
      this.#current = part
      this.#blocks += 1
      yield { type: 'content_block_start', index, content_block: part.block([...where, position]) }
    }
    const delta = part.take()
    if (delta !== undefined) yield { type: 'content_block_delta', index, delta }
  }

  #close(part: TextPart | CallPart): BlockEvent {
    part.closed = true
    this.#current = undefined
    return { type: 'content_block_stop', index: this.#blocks - 1 }
  }
}

/** A text that comes in. */
class TextPart {
  readonly field: 'content' | 'refusal'
  unsent: string
  begun = false
  closed = false

  constructor(field: 'content' | 'refusal', unsent: string) {
    this.field = field
    this.unsent = unsent
  }

  block(): JsonObject {
    return textBlock('')
  }

  /** What has come since the last time. */
  take(): JsonObject | undefined {
    const text = this.unsent
    this.unsent = ''
    return text === '' ? undefined : { type: 'text_delta', text }
  }
}

/** A call that comes in. */
class CallPart {
  readonly index: number | undefined
  id = ''
  name = ''
  /** Its arguments as far as they have come. */
  whole = ''
  unsent = ''
  begun = false
  closed = false

  constructor(index: number | undefined) {
    this.index = index
  }

  get isWhole(): boolean {
    if (!this.whole.trimEnd().endsWith('}')) return false
    try {
      return isObject(JSON.parse(this.whole))
    } catch {
      return false
    }
  }

  block(where: readonly JsonObject[string][]): JsonObject {
    return toolUseBlock(toolUseIdOf(this.id, ...where), this.name, {})
  }

  /** What has come since the last time; nothing as long as it is nothing but white space, which is no JSON. */
  take(): JsonObject | undefined {
    if (this.unsent === '' || isBlank(this.whole)) return undefined
    const json = this.unsent
    this.unsent = ''
    return { type: 'input_json_delta', partial_json: json }
  }
}
