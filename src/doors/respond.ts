import type { OutgoingHttpHeaders } from 'node:http'
import type { Answer, Origin } from '../core/answer.ts'
import { ProviderError, RepriseError } from '../core/errors.ts'
import type { Context, Delta, Handler, PeekingHandler } from '../core/handler.ts'
import type { JsonObject } from '../core/json.ts'
import { OverBudgetError } from '../core/over-budget-error.ts'
import type { Body } from '../wires/body.ts'
import type { Dialect } from '../wires/dialect.ts'
import { echoed, echoedEvent } from '../wires/echo.ts'
import { writeEvent } from '../wires/sse.ts'
import type { Wire } from '../wires/wire.ts'
import type { WireContent, WireRequest } from '../wires/wire-request.ts'
import { answerHeaders, responseHeaders } from './outcome.ts'

/** Where a response is written to: an HTTP response, or what stands for one. */
export interface Sink {
  writeHead(status: number, headers: OutgoingHttpHeaders): unknown
  write(text: string): unknown
  end(data?: string | Uint8Array): unknown
  /** Breaks the response off. */
  destroy(): unknown
}

/**
 * Answers a request, plainly or as a stream from the one answer: at once where nothing has to be waited for, and then
 * there is no promise. What it throws before it has written anything is to become the dialect's error.
 */
export function respond(
  request: WireRequest,
  context: Context,
  handler: PeekingHandler<WireRequest, Body>,
  sink: Sink
): Promise<void> | undefined {
  const { content } = request
  const known = handler.peek(request, context)
  if (known !== undefined) {
    if (content.stream) tell(sink, known, content)
    else writePlain(sink, known, content)
    return undefined
  }
  return content.stream
    ? stream(request, context, handler, sink)
    : handler(request, context).then((answer) => writePlain(sink, answer, content))
}

function writePlain(response: Sink, { value, origin }: Answer<Body>, { wire, json }: WireContent): void {
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
  response: Sink
): Promise<void> {
  const { content } = request
  const live = new LiveStream(response, content)
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
  readonly #response: Sink
  readonly #wire: Wire
  readonly #asked: JsonObject
  readonly #view: (delta: Delta) => Delta | undefined
  #held = ''

  constructor(response: Sink, { wire, json }: WireContent) {
    this.#response = response
    this.#wire = wire
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

  #begin({ headers, provider, fallback, bypass }: Delta): void {
    this.begun = true
    const { joined } = this
    const origin: Origin = {
      layer: 'provider',
      ...(headers === undefined ? {} : { headers }),
      ...(provider === undefined ? {} : { provider }),
      ...(fallback === undefined ? {} : { fallback }),
      ...(joined ? { joined } : {}),
      ...(bypass === undefined ? {} : { bypass })
    }
    this.#response.writeHead(200, streamHeaders(origin))
  }
}

function tell(response: Sink, { value, origin }: Answer<Body>, { wire, json }: WireContent): void {
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
export function writeError(response: Sink, error: unknown, dialect: Dialect): void {
  if (error instanceof ProviderError) {
    const headers = {
      ...answerHeaders(error.headers),
      'cache-status': 'reprise; fwd=miss',
      'x-reprise-layer': 'provider',
      'x-reprise-provider': error.provider
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
    ...(known.retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(known.retryAfterMs / 1000)) }),
    ...(known instanceof OverBudgetError ? budgetHeaders(known) : {}),
    'cache-status': `reprise; detail=${known.code}`,
    'content-length': body.length
  })
  response.end(body)
}

/** What the message says, for programs. */
function budgetHeaders({ details: { budget, limitUsd, spentUsd, resetsAtMs } }: OverBudgetError): OutgoingHttpHeaders {
  return {
    // A name is the operator's to choose, a header's text is not.
    'x-reprise-budget': encodeURIComponent(budget),
    'x-reprise-budget-limit-usd': limitUsd.toFixed(8),
    'x-reprise-budget-spent-usd': spentUsd.toFixed(8),
    ...(resetsAtMs === undefined ? {} : { 'x-reprise-budget-resets': new Date(resetsAtMs).toISOString() })
  }
}
