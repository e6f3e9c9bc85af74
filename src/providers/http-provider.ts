import { type Dispatcher, Pool } from 'undici'
import type { Answer } from '../core/answer.ts'
import { messageOf, ProviderError, RepriseError } from '../core/errors.ts'
import type { Context } from '../core/handler.ts'
import type { Headers } from '../core/headers.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'
import { Body } from '../wires/body.ts'
import { wires as everyWire } from '../wires/open.ts'
import { openaiEmbeddings } from '../wires/openai-embeddings.ts'
import { setField } from '../wires/set-field.ts'
import { readEvents } from '../wires/sse.ts'
import type { WireContent, WireRequest } from '../wires/wire-request.ts'
import { checkedAddress, checkedHeaders, checkedTimeout } from './check.ts'
import { withoutCredentialParameters, withoutCredentials, withoutParameters } from './credentials.ts'
import { withoutHopByHop } from './hop-by-hop.ts'
import type { ForwardOptions, Provider } from './provider.ts'
import { redacted } from './redacted.ts'

type RequestHeaders = Readonly<Record<string, string>>

export interface HttpProviderOptions {
  /** `openai`, `anthropic`, or the name of your own: appears in answers and errors. */
  readonly name: string
  /** What the provider's SDK calls its base URL, ending where a wire's path begins. */
  readonly baseUrl: string
  /** Whose prices it has where its address is not known. Default: its name. */
  readonly pricesOf?: string
  /** The names of the wires that it speaks. Default: all that are known. */
  readonly wires?: readonly string[]
  /** The operator's own credential as headers, sent instead of the caller's. Default: none. */
  readonly credential?: RequestHeaders
  /** Without a `credential`: send the caller's own. Default: false, nothing of it is sent. */
  readonly passCredential?: boolean
  /** Sent with each request, whatever its caller says. Default: none. */
  readonly headers?: RequestHeaders
  /** Sent with a request that has none of that name. Default: none. */
  readonly defaultHeaders?: RequestHeaders
  /** Parameters of each address, whatever the caller says. Default: none. */
  readonly query?: RequestHeaders
  /** Where a request goes, and what of it must be another. Default: to its wire's path, as it is. */
  readonly aim?: (content: WireContent) => Aim
  /** How long to wait for a connection, in milliseconds. Default: 10,000. */
  readonly connectTimeoutMs?: number
  /** How long to wait for the first byte, and between two, in milliseconds. Default: 600,000, as the providers' SDKs do. */
  readonly silenceTimeoutMs?: number
}

export interface Aim {
  /** Below the base URL, with its query. */
  readonly path: string
  /** Top-level fields that the provider must see otherwise than the caller wrote them. */
  readonly fields?: JsonObject
}

/** Speaks to one provider over HTTP. @throws RepriseError `invalid-option` naming the provider, what was expected and got */
export function httpProvider(options: HttpProviderOptions): Provider {
  const { name, credential, passCredential = false, query = {}, aim = asWritten } = options
  const { baseUrl, origin, basePath } = checkedAddress(name, options.baseUrl)
  const always = { ...checkedHeaders(name, 'key', credential), ...checkedHeaders(name, 'headers', options.headers) }
  const passes = passCredential && credential === undefined
  const silenceTimeoutMs = checkedTimeout(name, 'silenceTimeoutMs', options.silenceTimeoutMs ?? 600_000)
  const pool = new Pool(origin, {
    connections: 1024,
    connect: { timeout: checkedTimeout(name, 'connectTimeoutMs', options.connectTimeoutMs ?? 10_000) },
    headersTimeout: silenceTimeoutMs,
    bodyTimeout: silenceTimeoutMs
  })
  /** Fields that this provider has refused although its dialect knows them. */
  const refused = new Set<string>()
  const added = new URLSearchParams(query).toString()

  function withCredential(headers: RequestHeaders): RequestHeaders {
    return { ...options.defaultHeaders, ...(passes ? headers : withoutCredentials(headers)), ...always }
  }

  function pathOf(path: string): string {
    const harmless = passes ? path : withoutCredentialParameters(path)
    if (added === '') return basePath + harmless
    const rest = withoutParameters(harmless, (parameter) => Object.hasOwn(query, parameter))
    return `${basePath}${rest}${rest.includes('?') ? '&' : '?'}${added}`
  }

  function forward(path: string, { method, headers, body, signal }: ForwardOptions): Promise<Dispatcher.ResponseData> {
    return request(path, { method, headers: withCredential(headers), body: body ?? null, signal })
  }

  async function request(
    path: string,
    rest: Omit<Dispatcher.RequestOptions, 'path'>
  ): Promise<Dispatcher.ResponseData> {
    try {
      return await pool.request({ path: pathOf(path), ...rest })
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

  async function exchange(
    { content, headers }: WireRequest,
    context: Context,
    without: ReadonlySet<string> = refused
  ): Promise<Answer<Body>> {
    const { path, fields = {} } = aim(content)
    const prepared = Object.entries(content.wire.prepare(content.json)?.fields ?? {}).filter(
      ([field]) => !without.has(field)
    )
    const response = await request(path, {
      method: 'POST',
      headers: { ...withCredential(headers), 'content-type': 'application/json', 'accept-encoding': 'identity' },
      body: withFields(content.raw, [...Object.entries(fields), ...prepared]),
      signal: context.caller.signal
    })
    try {
      if (response.statusCode < 200 || response.statusCode > 299) {
        const bytes = await response.body.bytes()
        const text = Buffer.from(bytes).toString()
        const culprit =
          response.statusCode === 400 || response.statusCode === 422
            ? prepared.find(([field]) => text.includes(field))
            : undefined
        if (culprit === undefined)
          throw new ProviderError(
            name,
            response.statusCode,
            withoutHopByHop(response.headers),
            redacted(bytes, Object.values(credential ?? {}))
          )
        // What we added must not cost the caller the answer. Where it was not that, it is refused again without it.
        const [field] = culprit
        const answer = await exchange({ content, headers }, context, new Set([...without, field]))
        refused.add(field)
        return answer
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

  return {
    name,
    baseUrl,
    pricesOf: options.pricesOf ?? name,
    wires: options.wires ?? [...everyWire, openaiEmbeddings].map((wire) => wire.name),
    ask,
    forward,
    withCredential,
    urlOf: (path) => origin + pathOf(path),
    close: () => pool.destroy()
  }
}

function asWritten({ wire, query }: WireContent): Aim {
  return { path: wire.path + query }
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

/** The request's body with fields set, every other byte of it as the caller wrote it. */
function withFields(raw: Buffer, fields: readonly (readonly [string, Json | undefined])[]): Buffer {
  let body = raw
  for (const [field, value] of fields) if (value !== undefined) body = setField(body, field, value)
  return body
}

/** What has taken too long, by the error's code. */
const tooLate: Readonly<Record<string, string>> = {
  UND_ERR_HEADERS_TIMEOUT: 'fell silent',
  UND_ERR_BODY_TIMEOUT: 'fell silent',
  UND_ERR_CONNECT_TIMEOUT: 'could not be reached in time',
  ETIMEDOUT: 'could not be reached in time'
}

function connectionError(name: string, origin: string, error: unknown, signal: unknown): RepriseError {
  if (signal instanceof AbortSignal && signal.aborted)
    return new RepriseError('aborted', 'the caller has gone', { cause: error })
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const late = tooLate[code]
  if (late !== undefined) {
    const reason = messageOf(error) || code
    return new RepriseError('provider-timeout', `${name} at ${origin} ${late}: ${reason}`, { cause: error })
  }
  const reason = messageOf(error) || code
  return new RepriseError('provider-unreachable', `${name} at ${origin} could not be reached: ${reason}`, {
    cause: error
  })
}
