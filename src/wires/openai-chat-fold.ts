import type { Delta } from '../core/handler.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { type Draft, type DraftObject, only, own, put, without } from './fields.ts'
import { accumulate, overlay } from './merge.ts'
import { parse, whyNot } from './parse.ts'
import { ToolCalls } from './tool-calls.ts'
import type { Fold, Folded } from './wire.ts'

/** Gathers the chunks of a streamed chat completion. */
export function foldChat({ n }: JsonObject): Fold {
  return new ChatFold(typeof n === 'number' ? n : 1)
}

class ChatFold implements Fold {
  readonly #whole: DraftObject = {}
  readonly #choices = new Map<number, Choice>()
  #unfit: string | undefined
  #done = false
  readonly #asked: number

  /** @param asked how many choices there must be */
  constructor(asked: number) {
    this.#asked = asked
  }

  add({ event, data, comment }: Delta): void {
    if (comment || this.#done || this.#unfit !== undefined) return
    if (data.startsWith('[DONE]')) {
      this.#done = true
      return
    }
    try {
      this.#unfit = this.#read(parse(data), event)
    } catch (error) {
      this.#unfit = whyNot(error)
    }
  }

  /** Why the stream cannot be kept, when this chunk is why. */
  #read(chunk: Draft, event: string | undefined): string | undefined {
    if (!isObject(chunk)) return 'malformed'
    if (event === 'error' || (own(chunk, 'error') ?? null) !== null) return 'failed'
    for (const [field, value = null] of Object.entries(chunk)) {
      if (field === 'choices') {
        const unfit = this.#readChoices(value)
        if (unfit !== undefined) return unfit
      } else if (field === 'usage') {
        // The last one counts: some providers count anew with each chunk, and OpenAI says null until the end.
        if (value !== null) this.#whole['usage'] = value
      } else if (!ofTheStream.has(field)) {
        put(this.#whole, field, overlay(own(this.#whole, field), value))
      }
    }
    return undefined
  }

  #readChoices(choices: Draft): string | undefined {
    if (choices === null) return undefined
    if (!Array.isArray(choices)) return 'malformed'
    for (const part of choices) {
      if (!isObject(part)) return 'malformed'
      const index = own(part, 'index') ?? 0
      if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) return 'malformed'
      const choice = this.#choices.get(index) ?? new Choice()
      this.#choices.set(index, choice)
      const unfit = choice.add(part)
      if (unfit !== undefined) return unfit
    }
    return undefined
  }

  end(): Folded {
    if (this.#unfit !== undefined) return { unfit: this.#unfit }
    const choices = Array.from(this.#choices).sort(([a], [b]) => a - b)
    if (choices.length < this.#asked || choices.some(([, choice]) => !choice.finished)) return { unfit: 'truncated' }
    return {
      answer: {
        ...only(this.#whole, ['id']),
        object: 'chat.completion',
        ...only(this.#whole, ['created', 'model']),
        choices: choices.map(([index, choice]) => choice.whole(index)),
        ...only(this.#whole, ['usage']),
        ...without(this.#whole, ordered)
      }
    }
  }
}

/** Fields of a chunk that say nothing of the answer: `obfuscation` is padding that hides the length of the text. */
const ofTheStream: ReadonlySet<string> = new Set(['object', 'obfuscation'])

const ordered: ReadonlySet<string> = new Set(['id', 'created', 'model', 'usage'])

/** One choice of a streamed chat completion. */
class Choice {
  readonly #message: DraftObject = {}
  readonly #calls = new ToolCalls()
  /** What stands beside the delta: `logprobs`, `finish_reason`, and whatever else there is. */
  readonly #beside: DraftObject = {}

  get finished(): boolean {
    return typeof own(this.#beside, 'finish_reason') === 'string'
  }

  add(part: DraftObject): string | undefined {
    for (const [field, value = null] of Object.entries(part)) {
      if (field === 'delta') {
        const unfit = this.#addDelta(value)
        if (unfit !== undefined) return unfit
      } else if (!notBeside.has(field)) {
        put(this.#beside, field, besides(field, own(this.#beside, field), value))
      }
    }
    return undefined
  }

  #addDelta(delta: Draft): string | undefined {
    if (delta === null) return undefined
    if (!isObject(delta)) return 'malformed'
    for (const [field, value = null] of Object.entries(delta)) {
      if (field === 'tool_calls') {
        const unfit = this.#calls.add(value)
        if (unfit !== undefined) return unfit
      } else {
        // Content that is not a text comes in parts of a shape that only its provider can put together.
        if (texts.has(field) && value !== null && typeof value !== 'string') return 'unknown'
        put(this.#message, field, accumulate(own(this.#message, field), value, field))
      }
    }
    return undefined
  }

  whole(index: number): DraftObject {
    const calls = this.#calls.whole()
    const { role = 'assistant', content = null, ...rest } = this.#message
    // A stream begins with an empty text even when none is to come; a plain answer then says null.
    const silent =
      content === '' && (calls.length > 0 || Boolean(rest['refusal'] || rest['function_call'] || rest['audio']))
    const message: DraftObject = { role, content: silent ? null : content, ...rest }
    if (this.#calls.mentioned) message['tool_calls'] = calls.length === 0 ? this.#calls.mentioned.value : calls
    const { finish_reason = null, ...beside } = this.#beside
    return { index, message, ...beside, finish_reason }
  }
}

const texts: ReadonlySet<string> = new Set(['content', 'refusal'])

/** `message`: one provider repeats the whole message so far in each chunk, beside the delta. */
const notBeside: ReadonlySet<string> = new Set(['index', 'message'])

function besides(field: string, before: Draft | undefined, more: Draft): Draft {
  if (field === 'logprobs') return accumulate(before, more)
  // Tokens' ids and the like come part by part, as the tokens do.
  return Array.isArray(before) && Array.isArray(more) ? before.concat(more) : overlay(before, more)
}
