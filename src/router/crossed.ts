import type { Answer } from '../core/answer.ts'
import { ProviderError } from '../core/errors.ts'
import type { Delta } from '../core/handler.ts'
import type { Headers } from '../core/headers.ts'
import { isObject } from '../core/json.ts'
import { Body } from '../wires/body.ts'
import type { Crossing } from '../wires/crossing.ts'
import type { WireContent } from '../wires/wire-request.ts'
import { errorIn, messageIn } from './failure.ts'

/** A provider's answer in the dialect of the caller who asked `asked`. */
export function crossedAnswer(
  { value, origin }: Answer<Body>,
  crossing: Crossing,
  { json }: WireContent
): Answer<Body> {
  const headers = { ...neutral(origin.headers), 'content-type': 'application/json' }
  return { value: Body.fromJson(crossing.answer(value.json, json)), origin: { ...origin, headers } }
}

/** Carries one stream over, as it comes. */
export function crossedStream(
  crossing: Crossing,
  { json }: WireContent,
  onDelta: (delta: Delta) => void
): { add(delta: Delta): void; end(): void } {
  const stream = crossing.stream(json)
  let said: Headers | undefined
  function tell(carried: readonly Delta[]): void {
    for (const { headers: _headers, ...told } of carried) {
      onDelta(said === undefined ? told : { ...told, headers: streamHeaders(said) })
      said = undefined
    }
  }
  return {
    add(delta) {
      said ??= delta.headers
      // A comment is no part of any dialect.
      tell(delta.comment ? [delta] : stream.add(delta))
    },
    end: () => tell(stream.end())
  }
}

/** A provider's refusal as the caller's SDK reads it: its status, its words, and the caller's form. */
export function crossedError(error: ProviderError, { wire }: WireContent): ProviderError {
  const { provider, status } = error
  const said = errorIn(error.body)
  const code = isObject(said) ? (said['code'] ?? said['type']) : undefined
  const body = wire.dialect.error(
    status,
    `${provider}: ${messageIn(error.body) ?? `answered ${status}`}`,
    typeof code === 'string' ? code : 'provider-error'
  )
  const headers = { ...neutral(error.headers), 'content-type': 'application/json' }
  return new ProviderError(provider, status, headers, Buffer.from(JSON.stringify(body)))
}

function streamHeaders(headers: Headers): Headers {
  return { ...neutral(headers), 'content-type': 'text/event-stream; charset=utf-8' }
}

/** What headers of a response mean the same in every dialect: which call it was, and when to ask again. */
const neutralNames = ['x-request-id', 'request-id', 'retry-after', 'retry-after-ms'] as const

function neutral(headers: Headers = {}): Headers {
  const kept = Object.fromEntries(
    neutralNames.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]))
  )
  const id = headers['x-request-id'] ?? headers['request-id']
  // Each dialect has its own name for it.
  return id === undefined ? kept : { ...kept, 'x-request-id': id, 'request-id': id }
}
