import { type Dispatcher, Pool } from 'undici'
import type { Answer } from '../core/answer.ts'
import { messageOf, ProviderError, RepriseError } from '../core/errors.ts'
import type { Context, Handler } from '../core/handler.ts'
import { credentialHeaders, type Headers } from '../core/headers.ts'
import type { Usage } from '../core/kind.ts'
import { Body } from '../wires/body.ts'
import { readEvents } from '../wires/sse.ts'
import type { WireContent, WireRequest } from '../wires/wire-request.ts'
import { withoutHopByHop } from './hop-by-hop.ts'

export interface HttpProviderOptions {
  /** `openai`, `anthropic`, or the name of your own: appears in answers and errors. */
  readonly name: string
  /** What the provider's SDK calls its base URL, ending where a wire's path begins. */
  readonly baseUrl: string
  /** The operator's own credential as a header, sent instead of the caller's. Default: the caller's own. */
  readonly credential?: Readonly<Record<string, string>>
  /** How long to wait for a connection. Default: 10 s. */
  readonly connectTimeoutMs?: number
  /** How long to wait for the first byte, and between two. Default: 10 min, as the providers' SDKs do. */
  readonly silenceTimeoutMs?: number
}

/** A provider at an address: a connection pool, and the last handler of the chain. */
export interface HttpProvider {
  readonly name: string
  readonly baseUrl: string
  readonly ask: Handler<WireRequest, Body>
  /** Sends anything to a path below the base URL, and hands the response over as it comes. */
  forward(path: string, options: ForwardOptions): Promise<Dispatcher.ResponseData>
  /** A caller's headers as this provider gets them: with the operator's credential, where there is one. */
  withCredential(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>>
  close(): Promise<void>
}

export interface ForwardOptions {
  readonly method: Dispatcher.HttpMethod
  readonly headers: Readonly<Record<string, string>>
  readonly body: Dispatcher.DispatchOptions['body']
  readonly signal: AbortSignal
}

/** Speaks to one provider over HTTP. */
export function httpProvider(options: HttpProviderOptions): HttpProvider {
  const { name, credential, connectTimeoutMs = 10_000, silenceTimeoutMs = 600_000 } = options
  const baseUrl = options.baseUrl.replace(/\/+$/, '')
  if (!URL.canParse(baseUrl))
    throw new RepriseError(
      'invalid-option',
      `${name}: expected a URL such as https://api.example.com/v1, got ${JSON.stringify(baseUrl)}`
    )
  const { origin, pathname } = new URL(baseUrl)
  const basePath = pathname === '/' ? '' : pathname
  const pool = new Pool(origin, {
    connections: 1024,
    connect: { timeout: connectTimeoutMs },
    headersTimeout: silenceTimeoutMs,
    bodyTimeout: silenceTimeoutMs
  })
  /** Fields that this provider has refused although its dialect knows them. */
  const refused = new Set<string>()

  function withCredential(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    if (credential === undefined) return headers
    const others = Object.entries(headers).filter(([header]) => !credentialHeaders.some((other) => other === header))
    return { ...Object.fromEntries(others), ...credential }
  }

  function forward(path: string, { method, headers, body, signal }: ForwardOptions): Promise<Dispatcher.ResponseData> {
    return request(path, { method, headers: withCredential(headers), body: body ?? null, signal })
  }

  async function request(
    path: string,
    rest: Omit<Dispatcher.RequestOptions, 'path'>
  ): Promise<Dispatcher.ResponseData> {
    try {
      return await pool.request({ path: basePath + path, ...rest })
    } catch (error) {
      throw connectionError(name, origin, error, rest.signal)
    }
  }

  async function ask(wireRequest: WireRequest, context: Context): Promise<Answer<Body>> {
    const startedAtMs = performance.now()
    const wire = wireRequest.content.wire.name
    const tookMs = (): number => performance.now() - startedAtMs
    try {
      const { value, origin } = await exchange(wireRequest, context)
      context.observe({ type: 'asked', provider: name, wire, ok: true, tookMs: tookMs() })
      return { value, origin: { ...origin, tookMs: tookMs() } }
    } catch (error) {
      context.observe({ type: 'asked', provider: name, wire, ok: false, tookMs: tookMs() })
      throw error
    }
  }

  async function exchange({ content, headers }: WireRequest, context: Context): Promise<Answer<Body>> {
    const { wire, query } = content
    const added = Object.entries(wire.prepare(content.json)?.fields ?? {}).filter(
      ([field]) => maySet(content, field) && !refused.has(field)
    )
    const response = await request(wire.path + query, {
      method: 'POST',
      headers: { ...withCredential(headers), 'content-type': 'application/json', 'accept-encoding': 'identity' },
      body: withFields(content, added),
      signal: context.caller.signal
    })
    try {
      if (response.statusCode < 200 || response.statusCode > 299) {
        const bytes = await response.body.bytes()
        const text = Buffer.from(bytes).toString()
        const culprit =
          response.statusCode === 400 || response.statusCode === 422
            ? added.find(([field]) => text.includes(field))
            : undefined
        if (culprit === undefined)
          throw new ProviderError(name, response.statusCode, withoutHopByHop(response.headers), bytes)
        // What we added must not cost the caller the answer.
        refused.add(culprit[0])
        return await exchange({ content, headers }, context)
      }
      const streamed = String(response.headers['content-type'] ?? '').startsWith('text/event-stream')
      const body = streamed ? await gather(content, response, context) : Body.fromBytes(await response.body.bytes())
      const { usage, model } = read(content, body)
      return {
        value: body,
        origin: {
          layer: 'provider',
          provider: name,
          headers: withoutHopByHop(response.headers),
          ...(usage === undefined ? {} : { usage }),
          ...(model === undefined ? {} : { model })
        }
      }
    } catch (error) {
      if (error instanceof ProviderError || error instanceof RepriseError) throw error
      throw connectionError(name, origin, error, context.caller.signal)
    }
  }

  return { name, baseUrl, ask, forward, withCredential, close: () => pool.destroy() }
}

/** Passes a stream on, event by event, while gathering it into the plain answer. */
async function gather(content: WireContent, response: Dispatcher.ResponseData, context: Context): Promise<Body> {
  const fold = content.wire.fold(content.json)
  let headers: { headers?: Headers } = { headers: withoutHopByHop(response.headers) }
  const events = readEvents((delta) => {
    fold.add(delta)
    context.onDelta?.({ ...delta, ...headers })
    headers = {}
  })
  for await (const chunk of response.body) events.feed(chunk as Uint8Array)
  const folded = fold.end()
  if (folded.answer === undefined) {
    throw new RepriseError('provider-malformed', `the provider's stream cannot be kept: ${folded.unfit}`)
  }
  return Body.fromJson(folded.answer)
}

function read({ wire }: WireContent, body: Body): { usage?: Usage | undefined; model?: string } {
  try {
    const { model } = body.json
    return { usage: wire.usage(body.json), ...(typeof model === 'string' ? { model } : {}) }
  } catch {
    return {}
  }
}

/** Whether a field can be set without harm to the rest: writing the parsed body anew would round its inexact numbers. */
function maySet({ json, numbers }: WireContent, field: string): boolean {
  return numbers.length === 0 || !Object.hasOwn(json, field)
}

/** The request's body with fields set, every other byte of it as the caller wrote it where that can be. */
function withFields({ raw, json }: WireContent, fields: readonly (readonly [string, unknown])[]): Uint8Array {
  if (fields.length === 0) return raw
  if (fields.some(([field]) => Object.hasOwn(json, field)))
    return Buffer.from(JSON.stringify({ ...json, ...Object.fromEntries(fields) }))
  const text = fields.map(([field, value]) => `${JSON.stringify(field)}:${JSON.stringify(value)}`).join(',')
  const open = raw.indexOf(0x7b) + 1
  return Buffer.concat([raw.subarray(0, open), Buffer.from(`${text},`), raw.subarray(open)])
}

function connectionError(name: string, origin: string, error: unknown, signal: unknown): RepriseError {
  if (signal instanceof AbortSignal && signal.aborted)
    return new RepriseError('aborted', 'the caller has gone', { cause: error })
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return new RepriseError('provider-timeout', `${name} at ${origin} fell silent: ${messageOf(error)}`, {
      cause: error
    })
  }
  const reason = messageOf(error) || code
  return new RepriseError('provider-unreachable', `${name} at ${origin} could not be reached: ${reason}`, {
    cause: error
  })
}
