import { isObject } from '../core/json.ts'
import { type Draft, type DraftObject, only, own, without } from './fields.ts'
import { accumulate } from './merge.ts'

/** Puts the tool calls of one choice together. */
export class ToolCalls {
  readonly #calls: { readonly index: number | undefined; readonly call: DraftObject }[] = []
  /** The field's last value, once it was there at all. */
  mentioned: { readonly value: Draft } | undefined

  /** Takes a delta's `tool_calls`. Gives back why the stream cannot be kept, when these are why. */
  add(parts: Draft): string | undefined {
    if (parts !== null && !Array.isArray(parts)) return 'malformed'
    if (parts !== null || this.mentioned === undefined) this.mentioned = { value: parts }
    for (const part of parts ?? []) {
      const unfit = isObject(part) ? this.#addPart(part) : 'malformed'
      if (unfit !== undefined) return unfit
    }
    return undefined
  }

  #addPart({ index = null, ...part }: DraftObject): string | undefined {
    if (index !== null && typeof index !== 'number') return 'malformed'
    const known = index === null ? this.#belonging(part) : this.#calls.find((call) => call.index === index)?.call
    if (known === undefined) {
      this.#calls.push({ index: index ?? undefined, call: part })
      return undefined
    }
    // Some gateways give parallel calls the same index: their arguments must not run into each other.
    const [before, now] = [idOf(known), idOf(part)]
    if (before !== undefined && now !== undefined && before !== now) return 'unknown'
    accumulate(known, part)
    return undefined
  }

  /** The call that a part without an index goes on with: the one with its id, or the last. */
  #belonging(part: DraftObject): DraftObject | undefined {
    const id = idOf(part)
    return id === undefined ? this.#calls.at(-1)?.call : this.#calls.find(({ call }) => idOf(call) === id)?.call
  }

  /** The calls as a plain answer has them. */
  whole(): DraftObject[] {
    return this.#calls.toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0)).map(({ call }) => wholeCall(call))
  }
}

function idOf(call: DraftObject): string | undefined {
  const id = own(call, 'id')
  return typeof id === 'string' && id !== '' ? id : undefined
}

/** Streams may leave out what a plain answer always says: that it is a function, and that it has no arguments. */
function wholeCall(call: DraftObject): DraftObject {
  const called = own(call, 'function')
  if (!isObject(called)) return call
  const { name = null, arguments: given = '', ...rest } = called
  return {
    ...only(call, ['id']),
    type: own(call, 'type') || 'function',
    function: { name, arguments: given, ...rest },
    ...without(call, ordered)
  }
}

const ordered: ReadonlySet<string> = new Set(['id', 'type', 'function'])
