import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Answer, Origin } from './core/answer.ts'
import type { Together } from './core/batching.ts'
import type { CallOptions } from './core/context.ts'
import { RepriseError } from './core/errors.ts'
import type { Context, Delta, Handler, PeekingHandler } from './core/handler.ts'
import type { JsonObject } from './core/json.ts'
import type { Kind } from './core/kind.ts'
import { defaultMode } from './core/mode.ts'
import { type Controls, readControls, withBodyControls } from './doors/controls.ts'
import { sinkFor } from './doors/other-outcomes.ts'
import { providerHeaders, versionHeaders } from './doors/request-headers.ts'
import { respond, type Sink, writeError } from './doors/respond.ts'
import { tenantByCredential } from './doors/tenant.ts'
import { checkNumber, checkObject } from './router/check.ts'
import type { Router } from './router/router.ts'
import { togetherBy } from './router/together.ts'
import { anthropicMessages } from './wires/anthropic-messages.ts'
import { Body, textOf } from './wires/body.ts'
import type { Dialect } from './wires/dialect.ts'
import { echoed, echoedEvent } from './wires/echo.ts'
import { type LlmKindOptions, llmKind } from './wires/llm-kind.ts'
import { wires } from './wires/open.ts'
import { openaiChat } from './wires/openai-chat.ts'
import { openaiResponses } from './wires/openai-responses.ts'
import type { Wire } from './wires/wire.ts'
import { WireContent, type WireRequest } from './wires/wire-request.ts'

/** A cached router: asks for completions, in three dialects and through their official SDKs. */
export interface Completions {
  /**
   * A chat completion. `body` is what OpenAI's SDK takes.
   * @throws RepriseError, AllProvidersFailedError, OverBudgetError, ProviderError where there is one target only
   */
  chat(body: object, options?: CompletionOptions): Promise<Completion>
  /** A message. `body` is what Anthropic's SDK takes. */
  messages(body: object, options?: CompletionOptions): Promise<Completion>
  /** A response. `body` is what OpenAI's SDK takes. */
  responses(body: object, options?: CompletionOptions): Promise<Completion>
  /**
   * For an official SDK: `new OpenAI({ fetch: completions.fetch })`. Answers chat completions, responses and messages
   * without a network, and takes the gateway's headers. SDKs with different keys share no answers; a key is sent to a
   * provider with `passCredential` alone.
   */
  readonly fetch: typeof globalThis.fetch
}

export interface CompletionOptions extends CallOptions {
  /** Told each event of the answer while it is made, when the body asks for a stream; a hit has none. */
  readonly onDelta?: (delta: Delta) => void
}

export interface Completion {
  /** The whole answer, streamed or not, as the SDK of the dialect has it. The caller's own: nobody else has this object. */
  readonly body: JsonObject
  /** True when nobody was paid for it. */
  readonly cacheHit: boolean
  readonly origin: Origin
}

/** What of a cache is needed. */
export interface CompletionTools {
  wrap<Request extends object, Result>(
    kind: Kind<Request, Result>,
    last: Handler<Request, Result>,
    together?: Together<Request, Result>
  ): PeekingHandler<Request, Result>
  contextOf(options?: CallOptions): Context
}

/** Puts a cache before a router. @throws RepriseError `invalid-option` */
export function completions(cache: CompletionTools, router: Router, options: LlmKindOptions = {}): Completions {
  checkObject(options, 'options of completions', ['maxTemperature'] satisfies (keyof LlmKindOptions)[])
  if (options.maxTemperature !== undefined) checkNumber(options.maxTemperature, 'maxTemperature', 0)
  const handlers = new Map(
    wires.map((wire) => [wire, cache.wrap(llmKind(wire, options), router.ask, togetherBy(router, wire))])
  )
  // Nothing of it leaves the process but the hash; a key need not be hidden from the process that holds it.
  const tenantOf = tenantByCredential('completions')

  function contextFor(content: WireContent, own: CallOptions): Context {
    const context = cache.contextOf(own)
    return { ...context, scope: [router.addressOf(content, context), ...context.scope] }
  }

  /** What the body asks of the cache goes together with what the call does. */
  function contextOfCall(content: WireContent, own: CallOptions): Context {
    if (content.cache === undefined) return contextFor(content, own)
    const { ttlMs: ownTtlMs, scope: ownScope = [] } = own
    const asUsual: Controls = { mode: defaultMode, tags: [], ...(ownTtlMs === undefined ? {} : { ttlMs: ownTtlMs }) }
    const { mode, scope, ttlMs } = withBodyControls(asUsual, content.cache)
    const context = contextFor(content, {
      ...own,
      ...(ttlMs === undefined ? {} : { ttlMs }),
      ...(scope === undefined ? {} : { scope: [...ownScope, scope] })
    })
    return { ...context, mode }
  }

  function handlerOf(wire: Wire): PeekingHandler<WireRequest, Body> {
    const handler = handlers.get(wire)
    if (handler === undefined) throw new RepriseError('internal', `no handler for ${wire.name}`)
    return handler
  }

  function asking(wire: Wire): Completions['chat'] {
    return async function ask(body, { onDelta, ...own } = {}) {
      const content = new WireContent(wire, Buffer.from(JSON.stringify(body) ?? ''))
      const context = contextOfCall(content, own)
      const request: WireRequest = { content, headers: {} }
      const handler = handlerOf(wire)
      const streamed = content.stream && onDelta !== undefined ? streaming(context, content, onDelta) : context
      const answer = handler.peek(request, context) ?? (await handler(request, streamed))
      const { origin } = answer
      const cacheHit = origin.layer !== 'provider' || origin.joined === true
      return { body: ownBody(answer, content), cacheHit, origin }
    }
  }

  /** The response is there as soon as it begins, and not when it has ended. */
  async function fetchCompletion(...given: Parameters<typeof globalThis.fetch>): Promise<Response> {
    const request = new Request(...given)
    const { signal } = request
    signal.throwIfAborted()
    const caller = new AbortController()
    const sink = new ResponseSink(() => caller.abort())
    // Whoever reads the response is told at once, and by the reason that was given.
    const leave = (): void => {
      caller.abort(signal.reason)
      sink.fail(signal.reason)
    }
    signal.addEventListener('abort', leave, { once: true })
    answer(request, caller.signal, sink)
      .catch((error: unknown) => {
        if (sink.begun) throw error
        writeError(sink, error, dialectOf(request))
      })
      .catch((error: unknown) => sink.fail(error))
      .finally(() => signal.removeEventListener('abort', leave))
    return sink.response
  }

  async function answer(request: Request, signal: AbortSignal, sink: Sink): Promise<void> {
    const { pathname, search } = new URL(request.url)
    const wire = wireAt(pathname)
    if (wire === undefined || request.method !== 'POST') {
      const known = wires.map((one) => `POST ${pathOf(one)}`).join(', ')
      throw new RepriseError('not-found', `no such call here: ${request.method} ${pathname}; known are ${known}`)
    }
    const headers: IncomingHttpHeaders = Object.fromEntries(request.headers)
    const said = readControls(headers)
    const content = new WireContent(wire, Buffer.from(await request.arrayBuffer()), search, versionHeaders(headers))
    const controls = withBodyControls(said, content.cache)
    const { mode, scope, tells: _told, ...own } = controls
    const context = contextFor(content, {
      ...own,
      tenant: tenantOf(headers),
      signal,
      ...(scope === undefined ? {} : { scope: [scope] })
    })
    const asked = { content, headers: providerHeaders(headers) }
    await respond(asked, { ...context, mode }, handlerOf(wire), sinkFor(sink, controls))
  }

  return {
    chat: asking(openaiChat),
    messages: asking(anthropicMessages),
    responses: asking(openaiResponses),
    fetch: fetchCompletion
  }
}

/** As the caller would have been told over HTTP: nothing that was added to the request, nothing of somebody else's. */
function streaming(context: Context, { wire, json }: WireContent, onDelta: (delta: Delta) => void): Context {
  const view = wire.prepare(json)?.view
  let joined = false
  return {
    ...context,
    onDelta(delta) {
      const seen = view === undefined ? delta : view(delta)
      if (seen !== undefined) onDelta(joined ? echoedEvent(wire.echoes, seen, json) : seen)
    },
    observe(event) {
      if (event.type === 'joined') joined = true
      context.observe(event)
    }
  }
}

/** What a provider has just said may be the answer of several callers, and is read anew for each. */
function ownBody({ value, origin }: Answer<Body>, { wire, json }: WireContent): JsonObject {
  const isShared = origin.layer === 'provider' || origin.joined === true
  const own = isShared ? Body.fromBytes(value.bytes) : value
  try {
    return echoed(wire.echoes, own, json).json
  } catch (error) {
    const said = textOf(value.bytes.subarray(0, 200))
    const message = `${origin.provider ?? 'the provider'} answered with something that is no answer: ${said}`
    throw new RepriseError('provider-malformed', message, { cause: error })
  }
}

/** A path such as OpenAI's /v1/threads/ID/messages is none of Anthropic's, whose base URL is without the version. */
function pathOf(wire: Wire): string {
  return wire === anthropicMessages ? `/v1${wire.path}` : wire.path
}

function wireAt(pathname: string): Wire | undefined {
  return wires.find((wire) => pathname.endsWith(pathOf(wire)))
}

function dialectOf({ url, headers }: Request): Dialect {
  const isAnthropic = headers.has('anthropic-version') || wireAt(new URL(url).pathname) === anthropicMessages
  return isAnthropic ? anthropicMessages.dialect : openaiChat.dialect
}

/** Writes into a `Response`. */
class ResponseSink implements Sink {
  begun = false
  readonly response: Promise<Response>
  readonly #leave: () => void
  #begin: (response: Response) => void = () => {}
  #refuse: (reason: unknown) => void = () => {}
  #body: ReadableStreamDefaultController<Uint8Array> | undefined

  /** @param leave called when nobody reads on */
  constructor(leave: () => void) {
    this.#leave = leave
    this.response = new Promise((resolve, reject) => {
      this.#begin = resolve
      this.#refuse = reject
    })
  }

  writeHead(status: number, headers: OutgoingHttpHeaders): void {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#body = controller
      },
      cancel: () => {
        this.#body = undefined
        this.#leave()
      }
    })
    const list = Object.entries(headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((one): [string, string] => [name, String(one)])
    )
    this.#begin(new Response(body, { status, headers: list }))
    this.begun = true
  }

  write(text: string): void {
    this.#body?.enqueue(Buffer.from(text))
  }

  end(data?: string | Uint8Array): void {
    // A copy: what is written here may be the stored bytes themselves, and whoever reads a response may change them.
    if (data !== undefined && data.length > 0) this.#body?.enqueue(copied(data))
    this.#body?.close()
    this.#body = undefined
  }

  destroy(): void {
    this.fail(new TypeError('terminated'))
  }

  /** Rejects the response, or breaks it off where it has begun. */
  fail(reason: unknown): void {
    this.#refuse(reason)
    this.#body?.error(reason)
    this.#body = undefined
  }
}

function copied(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : new Uint8Array(data)
}
