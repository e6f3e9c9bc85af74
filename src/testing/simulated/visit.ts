import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import type { Json, JsonObject } from '../../core/json.ts'
import type { Dialect } from './dialects.ts'
import type { EndpointName, Problem, Spoken } from './endpoint.ts'
import { EventWriter } from './event-writer.ts'
import { cutAfter, type Fault, goodEvents } from './faults.ts'
import type { Pace } from './pace.ts'

/** One request that was received. */
export interface Call {
  readonly endpoint: EndpointName
  readonly method: string
  readonly path: string
  readonly model: string | undefined
  readonly stream: boolean
  /** Undefined when it was not a JSON object. */
  readonly body: JsonObject | undefined
  readonly headers: IncomingHttpHeaders
  /** Milliseconds since 1970. */
  readonly startedAtMs: number
  /** `failed`: with an error, or as a fault had it; `aborted`: the caller left before the answer was complete. */
  readonly outcome: 'pending' | 'answered' | 'failed' | 'aborted'
}

export interface VisitOptions {
  readonly call: Call
  readonly dialect: Dialect
  /** Which call of the provider it is, from 1. */
  readonly ordinal: number
  /** Different for each call, or the same for equal ones. */
  readonly salt: string
  readonly compress: boolean
  readonly pieceBytes: number | undefined
}

/** One request being answered: knows how to say things on the wire, how to say them wrong, and how it ended. */
export class Visit {
  readonly signal: AbortSignal
  readonly fault: Fault
  readonly salt: string
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #options: VisitOptions
  readonly #call: { -readonly [Field in keyof Call]: Call[Field] }
  readonly #requestId: string
  readonly #startedAt = performance.now()

  constructor(request: IncomingMessage, response: ServerResponse, fault: Fault, options: VisitOptions) {
    const left = new AbortController()
    this.signal = left.signal
    this.fault = fault
    this.salt = options.salt
    this.#request = request
    this.#response = response
    this.#options = options
    this.#call = options.call
    const digits = createHash('sha256').update(`request ${options.salt}`).digest('hex')
    this.#requestId = options.dialect.requestId((length) => digits.slice(0, length))
    response.once('close', () => {
      if (this.#call.outcome === 'pending') this.#call.outcome = 'aborted'
      left.abort()
    })
  }

  /** Answers with JSON, unless the fault breaks it. */
  async json(body: Json): Promise<void> {
    const text = JSON.stringify(body)
    if (cutAfter(this.fault) !== undefined) return this.#die(text)
    if (this.fault === 'malformed') this.#send(text.slice(0, Math.floor(text.length * 0.8)), 200, {}, 'failed')
    else this.#send(text, 200, {}, 'answered')
  }

  /** Answers 200 with a body that says that it failed. */
  failed(body: Json): void {
    this.#send(JSON.stringify(body), 200, {}, 'failed')
  }

  /** Refuses in the words of the dialect. */
  refuse(problem: Problem): void {
    const status = problem.status ?? 400
    const body = this.#options.dialect.error(status, problem, this.#requestId)
    this.#send(JSON.stringify(body), status, {}, 'failed')
  }

  /** Refuses with a status, and what is given or what the dialect says of it. */
  refuseWith(fault: { status: number; headers?: Readonly<Record<string, string>>; body?: Json }): void {
    const { dialect } = this.#options
    const body = fault.body ?? dialect.error(fault.status, dialect.excuse(fault.status), this.#requestId)
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    this.#send(text, fault.status, fault.headers ?? {}, fault.status < 400 ? 'answered' : 'failed')
  }

  /** Answers with a stream of events, unless the fault breaks it. */
  async stream(spoken: Spoken, pace: Pace): Promise<void> {
    if (this.signal.aborted) return
    const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' }
    this.#response.writeHead(200, { ...this.#headers(), ...headers }).flushHeaders()
    const writer = new EventWriter(this.#response, this.#options.pieceBytes)
    const cut = cutAfter(this.fault)
    const last = cut ?? (this.fault === 'stream-error' ? goodEvents : Number.POSITIVE_INFINITY)
    let sent = 0
    for (const event of spoken.events()) {
      if (sent >= last) break
      await pace.tokens(event.tokens)
      if (this.signal.aborted) return
      const broken = this.fault === 'malformed' && sent === goodEvents
      await writer.write(broken ? { ...event, data: event.data.slice(0, -3) } : event)
      sent += 1
    }
    if (this.fault === 'stream-error') for (const event of spoken.failure(sent)) await writer.write(event)
    await writer.flush()
    if (cut !== undefined) return this.#destroy()
    this.#end(this.fault === 'stream-error' || this.fault === 'malformed' ? 'failed' : 'answered')
  }

  #send(text: string, status: number, extra: Readonly<Record<string, string>>, outcome: Call['outcome']): void {
    if (this.signal.aborted) return
    const packed = this.#options.compress && /\bgzip\b/.test(String(this.#request.headers['accept-encoding'] ?? ''))
    const bytes = packed ? gzipSync(text) : Buffer.from(text)
    this.#response.writeHead(status, {
      ...this.#headers(),
      'content-type': 'application/json',
      ...(packed ? { 'content-encoding': 'gzip', vary: 'accept-encoding' } : {}),
      'content-length': bytes.length,
      ...extra
    })
    this.#end(outcome, bytes)
  }

  /** Announces the whole body, sends half of it, and dies. */
  async #die(text: string): Promise<void> {
    if (this.signal.aborted) return
    const bytes = Buffer.from(text)
    const headers = { 'content-type': 'application/json', 'content-length': bytes.length }
    this.#response.writeHead(200, { ...this.#headers(), ...headers })
    this.#response.write(bytes.subarray(0, bytes.length >> 1))
    await this.#destroy()
  }

  /** Lets what was written reach the caller, and then drops the connection. */
  async #destroy(): Promise<void> {
    const { socket } = this.#response
    do await new Promise((resolve) => setImmediate(resolve))
    while (socket !== null && !socket.destroyed && socket.writableLength > 0)
    if (this.#call.outcome === 'pending') this.#call.outcome = 'failed'
    socket?.destroy()
  }

  #end(outcome: Call['outcome'], bytes?: Buffer): void {
    if (this.#call.outcome === 'pending') this.#call.outcome = outcome
    this.#response.end(this.#request.method === 'HEAD' ? undefined : bytes)
  }

  #headers(): Record<string, string> {
    const { dialect, ordinal } = this.#options
    return dialect.headers({ requestId: this.#requestId, calls: ordinal, tookMs: performance.now() - this.#startedAt })
  }
}
