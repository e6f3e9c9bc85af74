import type { Delta } from '../core/handler.ts'
import { isObject } from '../core/json.ts'
import { type Draft, type DraftObject, own, put } from './fields.ts'
import { parse, whyNot } from './parse.ts'
import type { Fold, Folded } from './wire.ts'

/** Gathers the events of a streamed message. */
export function foldMessage(): Fold {
  return new MessageFold()
}

class MessageFold implements Fold {
  #message: DraftObject | undefined
  readonly #blocks = new Map<number, Block>()
  #unfit: string | undefined
  #stopped = false

  add({ event, data, comment }: Delta): void {
    if (comment || event === 'ping' || this.#stopped || this.#unfit !== undefined) return
    try {
      this.#unfit = event === 'error' ? 'failed' : this.#read(parse(data))
    } catch (error) {
      this.#unfit = whyNot(error)
    }
  }

  /** Why the stream cannot be kept, when this event is why. */
  #read(event: Draft): string | undefined {
    if (!isObject(event)) return 'malformed'
    const type = own(event, 'type')
    if (type === 'ping') return undefined
    if (type === 'error') return 'failed'
    if (type === 'message_start') return this.#start(event)
    if (this.#message === undefined) return 'malformed'
    if (type === 'content_block_start') return this.#startBlock(event, this.#message)
    if (type === 'content_block_delta' || type === 'content_block_stop') return this.#toBlock(event)
    if (type === 'message_delta') return change(this.#message, event)
    if (type !== 'message_stop') return 'unknown'
    this.#stopped = true
    for (const block of this.#blocks.values()) block.close()
    return undefined
  }

  #start({ message }: DraftObject): string | undefined {
    if (this.#message !== undefined || !isObject(message)) return 'malformed'
    const content = own(message, 'content') ?? []
    if (!Array.isArray(content) || content.length > 0) return 'unknown'
    this.#message = message
    return undefined
  }

  #startBlock({ index, content_block: block }: DraftObject, message: DraftObject): string | undefined {
    if (typeof index !== 'number' || !isObject(block) || this.#blocks.has(index)) return 'malformed'
    this.#blocks.set(index, new Block(block))
    // A fallback model goes on from here, and a plain answer names the one that has spoken last.
    const { type, to } = block
    const successor = type === 'fallback' && isObject(to) ? own(to, 'model') : undefined
    if (successor !== undefined) put(message, 'model', successor)
    return undefined
  }

  #toBlock({ type, index, delta }: DraftObject): string | undefined {
    const block = typeof index === 'number' ? this.#blocks.get(index) : undefined
    if (block === undefined) return 'malformed'
    return type === 'content_block_delta' ? block.add(delta) : undefined
  }

  end(): Folded {
    if (this.#unfit !== undefined) return { unfit: this.#unfit }
    if (this.#message === undefined || !this.#stopped) return { unfit: 'truncated' }
    const blocks = Array.from(this.#blocks).sort(([a], [b]) => a - b)
    put(
      this.#message,
      'content',
      blocks.map(([, { block }]) => block)
    )
    return { answer: this.#message }
  }
}

/** Takes over what a `message_delta` says of the whole message. Its counts are totals, so they replace; null says nothing. */
function change(message: DraftObject, { type: _type, delta, usage, ...more }: DraftObject): string | undefined {
  if (!isObject(delta) || (usage !== undefined && usage !== null && !isObject(usage))) return 'malformed'
  assign(message, delta)
  assign(message, more)
  if (!isObject(usage)) return undefined
  const counted = own(message, 'usage')
  if (isObject(counted)) assign(counted, usage)
  else put(message, 'usage', usage)
  return undefined
}

function assign(object: DraftObject, values: DraftObject): void {
  for (const [field, value = null] of Object.entries(values)) {
    if (value !== null || !Object.hasOwn(object, field)) put(object, field, value)
  }
}

/** One content block that is coming in. */
class Block {
  readonly block: DraftObject
  /** The JSON text of a tool's input, as far as it has come. */
  #input = ''

  constructor(block: DraftObject) {
    this.block = block
  }

  /** Why the stream cannot be kept, when this delta is why. */
  add(delta: Draft | undefined): string | undefined {
    if (!isObject(delta)) return 'malformed'
    const { type, ...fields } = delta
    switch (type) {
      case 'text_delta':
        return this.#append('text', fields['text'])
      case 'thinking_delta':
        return this.#append('thinking', fields['thinking'])
      case 'input_json_delta':
        if (typeof fields['partial_json'] !== 'string') return 'malformed'
        this.#input += fields['partial_json']
        return undefined
      case 'citations_delta':
        return this.#cite(fields['citation'])
      // These carry the fields' final values.
      case 'signature_delta':
      case 'compaction_delta':
        for (const [field, value = null] of Object.entries(fields)) put(this.block, field, value)
        return undefined
      default:
        return 'unknown'
    }
  }

  #append(field: string, more: Draft | undefined): string | undefined {
    const before = own(this.block, field) ?? ''
    if (typeof before !== 'string' || typeof more !== 'string') return 'malformed'
    put(this.block, field, before + more)
    return undefined
  }

  #cite(citation: Draft | undefined): string | undefined {
    const citations = own(this.block, 'citations') ?? []
    if (!Array.isArray(citations) || citation === undefined) return 'malformed'
    citations.push(citation)
    put(this.block, 'citations', citations)
    return undefined
  }

  /** Nothing more will come. Throws, as `parse` does, when a tool's input is no JSON. */
  close(): void {
    if (this.#input.trim() !== '') put(this.block, 'input', parse(this.#input))
  }
}
