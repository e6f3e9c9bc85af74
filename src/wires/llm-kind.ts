import type { JsonObject } from '../core/json.ts'
import type { Kind } from '../core/kind.ts'
import { Body, textOf } from './body.ts'
import { parse } from './parse.ts'
import type { Wire } from './wire.ts'
import type { WireRequest } from './wire-request.ts'

export interface LlmKindOptions {
  /**
   * Requests above it are neither looked up nor stored. One that names no temperature counts as 1, which is what the
   * providers take then. Default: no limit.
   */
  readonly maxTemperature?: number
}

/** What the providers take where a request names none. */
const usualTemperature = 1

/** What the layers must know of a request to a language model, read through its wire. */
export function llmKind(wire: Wire, { maxTemperature }: LlmKindOptions = {}): Kind<WireRequest, Body> {
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
    bypass({ content }) {
      if (content.bypass !== undefined || maxTemperature === undefined) return content.bypass
      const temperature = content.json['temperature'] ?? usualTemperature
      return typeof temperature === 'number' && temperature <= maxTemperature ? undefined : 'temperature'
    },
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
    substance: (answer) => wire.substance(answer.json),
    usage(answer) {
      try {
        return wire.usage(answer.json)
      } catch {
        return undefined
      }
    },
    // The text as it came: numbers that parsing would change are part of what was asked.
    record: ({ content: { raw, query, versions } }) => ({ wire: wire.name, body: raw.toString(), query, versions }),
    encode: (answer) => answer.bytes,
    decode: (bytes) => Body.fromBytes(bytes)
  }
}
