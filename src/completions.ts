import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Origin } from './core/answer.ts'
import type { CallOptions } from './core/context.ts'
import { RepriseError } from './core/errors.ts'
import type { Context, Delta, Handler, PeekingHandler } from './core/handler.ts'
import type { JsonObject } from './core/json.ts'
import type { Kind } from './core/kind.ts'
import { readControls } from './doors/controls.ts'
import { providerHeaders, versionHeaders } from './doors/request-headers.ts'
import { respond, type Sink, writeError } from './doors/respond.ts'
import { tenantByCredential } from './doors/tenant.ts'
import type { Router } from './router/router.ts'
import { anthropicMessages } from './wires/anthropic-messages.ts'
import type { Body } from './wires/body.ts'
import type { Dialect } from './wires/dialect.ts'
import { type LlmKindOptions, llmKind } from './wires/llm-kind.ts'
import { wires } from './wires/open.ts'
import { openaiChat } from './wires/openai-chat.ts'
import { openaiResponses } from './wires/openai-responses.ts'
import type { Wire } from './wires/wire.ts'
import { WireContent, type WireRequest } from './wires/wire-request.ts'

/** A cached router: asks for completions, in three dialects and through their official SDKs. */
export interface Completions {
  /** A chat completion. `body` is what OpenAI's SDK takes, and `stream` in it needs `onDelta`. */
  chat(body: object, options?: CompletionOptions): Promise<Completion>
  /** A message. `body` is what Anthropic's SDK takes. */
  messages(body: object, options?: CompletionOptions): Promise<Completion>
  /** A response. `body` is what OpenAI's SDK takes. */
  responses(body: object, options?: CompletionOptions): Promise<Completion>
  /**
   * For an official SDK: `new OpenAI({ fetch: completions.fetch })`. Answers chat completions, responses and messages
   * without a network, and takes the gateway's headers.
   */
  readonly fetch: typeof globalThis.fetch
}

export interface CompletionOptions extends CallOptions {
  /** Told each event of the answer while it is made, when the body asks for a stream; a hit has none. */
  readonly onDelta?: (delta: Delta) => void
}

export interface Completion {
  /** The answer, as the SDK of the dialect has it. */
  readonly body: JsonObject
  /** True when nobody was paid for it. */
  readonly cacheHit: boolean
  readonly origin: Origin
}

/** What of a cache is needed. */
export interface CompletionTools {
  wrap<Request extends object, Result>(
    kind: Kind<Request, Result>,
    last: Handler<Request, Result>
  ): PeekingHandler<Request, Result>
  contextOf(options?: CallOptions): Context
}

/** Puts a cache before a router. */
export function completions(cache: CompletionTools, router: Router, options: LlmKindOptions = {}): Completions {
  const handlers = new Map(wires.map((wire) => [wire, cache.wrap(llmKind(wire, options), router.ask)]))
  // Nothing of it leaves the process but the hash; a key need not be hidden from the process that holds it.
  const tenantOf = tenantByCredential('completions')

  function contextFor(content: WireContent, own: CallOptions): Context {
    const context = cache.contextOf(own)
    return { ...context, scope: [router.addressOf(content, context), ...context.scope] }
  }

  function handlerOf(wire: Wire): PeekingHandler<WireRequest, Body> {
    const handler = handlers.get(wire)
    if (handler === undefined) throw new RepriseError('internal', `no handler for ${wire.name}`)
    return handler
  }

  function asking(wire: Wire): Completions['chat'] {
    return async function ask(body, { onDelta, ...own } = {}) {
      const content = new WireContent(wire, Buffer.from(JSON.stringify(body)))
      const context = contextFor(content, own)
      const request: WireRequest = { content, headers: {} }
      const streamed = content.stream && onDelta !== undefined ? { ...context, onDelta } : context
      const { value, origin } = await handlerOf(wire)(request, streamed)
      return { body: value.json, cacheHit: origin.layer !== 'provider' || origin.joined === true, origin }
    }
  }

  /** The response is there as soon as it begins, and not when it has ended. */
  async function fetchCompletion(...given: Parameters<typeof globalThis.fetch>): Promise<Response> {
    const request = new Request(...given)
    const caller = new AbortController()
    const sink = new ResponseSink(() => caller.abort())
    const leave = (): void => caller.abort(request.signal.reason)
    if (request.signal.aborted) leave()
    else request.signal.addEventListener('abort', leave, { once: true })
    answer(request, caller.signal, sink)
      .catch((error: unknown) => {
        if (caller.signal.aborted) sink.fail(caller.signal.reason)
        else writeError(sink, error, dialectOf(request))
      })
      .finally(() => request.signal.removeEventListener('abort', leave))
    return sink.response
  }

  async function answer(request: Request, signal: AbortSignal, sink: Sink): Promise<void> {
    const { pathname, search } = new URL(request.url)
    const wire = wires.find(({ path }) => pathname.endsWith(path))
    if (wire === undefined || request.method !== 'POST') {
      const known = wires.map(({ path }) => `POST ${path}`).join(', ')
      throw new RepriseError('not-found', `no such call here: ${request.method} ${pathname}; known are ${known}`)
    }
    const headers: IncomingHttpHeaders = Object.fromEntries(request.headers)
    const { mode, scope, ...controls } = readControls(headers)
    const content = new WireContent(wire, Buffer.from(await request.arrayBuffer()), search, versionHeaders(headers))
    const context = contextFor(content, {
      ...controls,
      tenant: tenantOf(headers),
      signal,
      ...(scope === undefined ? {} : { scope: [scope] })
    })
    await respond({ content, headers: providerHeaders(headers) }, { ...context, mode }, handlerOf(wire), sink)
  }

  return {
    chat: asking(openaiChat),
    messages: asking(anthropicMessages),
    responses: asking(openaiResponses),
    fetch: fetchCompletion
  }
}

function dialectOf({ url, headers }: Request): Dialect {
  const isAnthropic = headers.has('anthropic-version') || new URL(url).pathname.endsWith(anthropicMessages.path)
  return isAnthropic ? anthropicMessages.dialect : openaiChat.dialect
}

/** Writes into a `Response`. */
class ResponseSink implements Sink {
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
  }

  write(text: string): void {
    this.#body?.enqueue(Buffer.from(text))
  }

  end(data?: string | Uint8Array): void {
    if (data !== undefined && data.length > 0) this.#body?.enqueue(typeof data === 'string' ? Buffer.from(data) : data)
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
