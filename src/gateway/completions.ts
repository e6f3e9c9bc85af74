import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Answer, Origin } from '../core/answer.ts'
import { ProviderError, RepriseError } from '../core/errors.ts'
import type { Context, Delta, Handler, PeekingHandler } from '../core/handler.ts'
import type { JsonObject } from '../core/json.ts'
import type { Body } from '../wires/body.ts'
import { echoed, echoedEvent } from '../wires/echo.ts'
import { writeEvent } from '../wires/sse.ts'
import type { Wire } from '../wires/wire.ts'
import type { WireContent, WireRequest } from '../wires/wire-request.ts'
import { contextOf, type Endpoint, type EndpointTools, type Exchange } from './endpoint.ts'
import { answerHeaders, responseHeaders } from './outcome.ts'
import { providerHeaders, versionHeaders } from './request-headers.ts'

/** The endpoint of a wire: asks the handler, and answers plainly or as a stream from the one answer. */
export function completions(
  wire: Wire,
  baseUrl: string,
  handler: PeekingHandler<WireRequest, Body>,
  tools: EndpointTools
): Endpoint {
  return {
    path: wire.path,
    dialect: wire.dialect,
    answer(exchange) {
      const { request, response, raw, query } = exchange
      const content = tools.recall(wire, raw, query, versionHeaders(request.headers))
      const wireRequest = new IncomingRequest(content, request.headers)
      const context = contextOf(exchange, tools, baseUrl)
      const known = handler.peek(wireRequest, context)
      if (known !== undefined) {
        if (content.stream) tell(response, known, content)
        else writePlain(response, known, content)
        return undefined
      }
      return content.stream
        ? stream(wireRequest, context, handler, exchange)
        : handler(wireRequest, context).then((answer) => writePlain(response, answer, content))
    }
  }
}

/** A request as it came in. Only a provider reads its headers, so that a hit need not go through them. */
class IncomingRequest implements WireRequest {
  readonly content: WireContent
  readonly #headers: IncomingHttpHeaders

  constructor(content: WireContent, headers: IncomingHttpHeaders) {
    this.content = content
    this.#headers = headers
  }

  get headers(): Readonly<Record<string, string>> {
    return providerHeaders(this.#headers)
  }
}

function writePlain(response: ServerResponse, { value, origin }: Answer<Body>, { wire, json }: WireContent): void {
  const bytes = wire.echoes.length === 0 ? value.bytes : echoed(wire.echoes, value, json).bytes
  // What was streamed to the one whose call this caller shared is told plainly here.
  const said = origin.headers === undefined ? plainJson : String(origin.headers['content-type'] ?? plainJson)
  const type = said.startsWith(eventStream) ? plainJson : said
  response.writeHead(200, responseHeaders(origin, { type, length: bytes.length }))
  response.end(bytes)
}

const plainJson = 'application/json'
const eventStream = 'text/event-stream'

/**
 * Streams an answer. A provider's events go to the caller as they come, but for the last, which waits until the
 * answer is stored: whoever has seen the end of an answer finds it again. An answer that was not streamed to us
 * (a hit, say) is told as the provider would have told it.
 */
async function stream(
  request: WireRequest,
  context: Context,
  handler: Handler<WireRequest, Body>,
  { response }: Exchange
): Promise<void> {
  const { content } = request
  const live = new LiveStream(response, content, context.mode.noStore ? 'no-store' : content.bypass)
  let answer: Answer<Body>
  try {
    answer = await handler(request, {
      ...context,
      onDelta: (delta) => live.write(delta),
      observe(event) {
        if (event.type === 'joined') live.joined = true
        context.observe(event)
      }
    })
  } catch (error) {
    if (!live.begun) throw error
    // A stream that ended of itself has told the caller what there was to tell; one that broke off must break off here too.
    if (error instanceof RepriseError && error.code === 'provider-malformed') live.end()
    else response.destroy()
    return
  }
  if (live.begun) live.end()
  else tell(response, answer, content)
}

class LiveStream {
  joined = false
  begun = false
  readonly #response: ServerResponse
  readonly #wire: Wire
  readonly #asked: JsonObject
  readonly #view: (delta: Delta) => Delta | undefined
  readonly #bypass: string | undefined
  #held = ''

  constructor(response: ServerResponse, { wire, json }: WireContent, bypass: string | undefined) {
    this.#response = response
    this.#wire = wire
    this.#bypass = bypass
    this.#asked = json
    this.#view = wire.prepare(json)?.view ?? ((delta) => delta)
  }

  write(delta: Delta): void {
    if (!this.begun) this.#begin(delta)
    const seen = this.#view(delta)
    if (seen === undefined) return
    const text = writeEvent(this.joined ? echoedEvent(this.#wire.echoes, seen, this.#asked) : seen)
    if (this.#held !== '' || this.#wire.isEnd(delta)) this.#held += text
    else this.#response.write(text)
  }

  end(): void {
    this.#response.end(this.#held)
  }

  #begin({ headers }: Delta): void {
    this.begun = true
    const { joined } = this
    const origin: Origin = {
      layer: 'provider',
      ...(headers === undefined ? {} : { headers }),
      ...(joined ? { joined } : {}),
      ...(this.#bypass === undefined ? {} : { bypass: this.#bypass })
    }
    this.#response.writeHead(200, streamHeaders(origin))
  }
}

function tell(response: ServerResponse, { value, origin }: Answer<Body>, { wire, json }: WireContent): void {
  let text: string
  try {
    text = Array.from(wire.unfold(echoed(wire.echoes, value, json).json, json), writeEvent).join('')
  } catch {
    // The provider answered a stream's request with something that is no answer: the caller gets what it said.
    const type = String(origin.headers?.['content-type'] ?? plainJson)
    response.writeHead(200, responseHeaders(origin, { type, length: value.bytes.length }))
    response.end(value.bytes)
    return
  }
  response.writeHead(200, streamHeaders(origin, Buffer.byteLength(text)))
  response.end(text)
}

function streamHeaders(origin: Origin, length?: number): OutgoingHttpHeaders {
  const type = `${eventStream}; charset=utf-8`
  const headers = responseHeaders(origin, length === undefined ? { type } : { type, length })
  headers['cache-control'] = 'no-cache'
  return headers
}

/** Writes an error as the caller's SDK expects it: a provider's own as it came, ours in the dialect. */
export function writeError(response: ServerResponse, error: unknown, { dialect }: Pick<Endpoint, 'dialect'>): void {
  if (error instanceof ProviderError) {
    const headers = {
      ...answerHeaders(error.headers),
      'cache-status': 'reprise; fwd=miss',
      'x-reprise-layer': 'provider'
    }
    response.writeHead(error.status, { ...headers, 'content-length': error.body.length })
    response.end(error.body)
    return
  }
  const known =
    error instanceof RepriseError
      ? error
      : new RepriseError('internal', 'an error of the gateway itself', { cause: error })
  const body = Buffer.from(JSON.stringify(dialect.error(known.status, known.message, known.code, known.field)))
  response.writeHead(known.status, {
    'content-type': 'application/json',
    // Both official SDKs obey it; by the status alone they would ask again for what can never come.
    'x-should-retry': String(known.retryable),
    'cache-status': `reprise; detail=${known.code}`,
    'content-length': body.length
  })
  response.end(body)
}
