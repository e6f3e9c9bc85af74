import type { Delta } from '../../src/core/handler.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { writeEvent } from '../../src/wires/sse.ts'

/** A `fetch` for a provider's SDK: every request is answered plainly, or with a stream when it asks for one. */
export function answering(plain: JsonObject, unfold: (request: JsonObject) => Iterable<Delta>): typeof fetch {
  return async (_input, init) => {
    const request: JsonObject = JSON.parse(String(init?.body))
    if (request['stream'] !== true) return Response.json(plain)
    const text = Array.from(unfold(request), writeEvent).join('')
    return new Response(text, { headers: { 'content-type': 'text/event-stream' } })
  }
}
