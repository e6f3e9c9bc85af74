import type { JsonObject } from '../core/json.ts'
import type { Kind } from '../core/kind.ts'
import { Body, textOf } from './body.ts'
import { parse } from './parse.ts'
import type { Wire } from './wire.ts'
import type { WireRequest } from './wire-request.ts'

/** What the layers must know of a request to a language model, read through its wire. */
export function llmKind(wire: Wire): Kind<WireRequest, Body> {
  return {
    name: 'llm',
    subject: ({ content }) => content,
    identity({ content: { json, query, versions, numbers } }) {
      return [wire.name, query, versions, numbers, wire.identity(json)]
    },
    likeness({ content: { json, query, versions, numbers } }) {
      const alike = wire.likeness(json)
      // The numbers too: two requests that differ in one that a double cannot hold are not alike.
      return alike && { text: alike.text, within: [wire.name, query, versions, numbers, alike.within] }
    },
    bypass: ({ content }) => content.bypass,
    model({ content }) {
      const { model } = content.json
      return typeof model === 'string' ? model : undefined
    },
    storable(answer) {
      try {
        // Read as one who will write it again: a stream is told from what was parsed.
        return wire.unfit(parse(textOf(answer.bytes)) as JsonObject) === undefined
      } catch {
        return false
      }
    },
    usage(answer) {
      try {
        return wire.usage(answer.json)
      } catch {
        return undefined
      }
    },
    encode: (answer) => answer.bytes,
    decode: (bytes) => Body.fromBytes(bytes)
  }
}
