import { mayPass, messageOf, RepriseError } from '../core/errors.ts'
import type { Headers } from '../core/headers.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { retryAfterMs } from './retry-after.ts'

/** A provider's interface for batches: half the price, and up to 24 hours. All methods throw what `batchCaller` says. */
export interface BatchApi {
  readonly dialect: 'openai' | 'anthropic'
  /** How many requests one batch takes, and how many bytes. */
  readonly maxRequests: number
  readonly maxBytes: number
  /** A request as a batch holds it, without what separates it from the next. */
  lineOf(request: BatchRequest): Buffer
  /** The id of the newest batch; undefined when there is none: what `find` need not look beyond. */
  newest(signal: AbortSignal): Promise<string | undefined>
  /** @param name unguessable; `find` knows the batch by it. All lines are for one path. */
  submit(name: string, path: string, lines: readonly Buffer[], signal: AbortSignal): Promise<BatchState>
  /** The batch that was submitted under a name; `perhaps`: one that has not ended may be it, and will be known then. */
  find(sought: SoughtBatch, signal: AbortSignal): Promise<BatchState | 'perhaps' | undefined>
  look(id: string, signal: AbortSignal): Promise<BatchState>
  /** What became of the requests of a batch that is over, in any order. */
  results(state: BatchState, signal: AbortSignal): AsyncIterable<BatchResult>
}

export interface BatchRequest {
  /** 1 to 64 of `A-Za-z0-9_-`; begins with the batch's name and `-`. */
  readonly customId: string
  /** `/v1/chat/completions` */
  readonly path: string
  /** The request's JSON. */
  readonly body: Buffer
}

export interface SoughtBatch {
  readonly name: string
  /** How many requests it has. */
  readonly count: number
  /** What was the newest before it was submitted. */
  readonly after: string | undefined
  /** Batches that are known to be others. */
  readonly others: ReadonlySet<string>
}

/** A batch as it stands. */
export interface BatchState {
  readonly id: string
  /** Nothing more will become of it. */
  readonly isOver: boolean
  readonly done: number
  readonly failed: number
  /** Where its results are, below the gateway's or the provider's address. */
  readonly results: readonly string[]
  /** Why it has ended otherwise than by being done. */
  readonly problem?: string
}

/** What became of one request: an answer, or why there is none. */
export type BatchResult =
  | { readonly customId: string; readonly answer: JsonObject }
  | { readonly customId: string; readonly problem: string }

/** Sends something to an address that speaks for the provider. Rejects when nobody answers. */
export type BatchTransport = (request: {
  readonly method: 'GET' | 'POST'
  /** With /v1. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Buffer
  readonly signal: AbortSignal
}) => Promise<{ readonly status: number; readonly headers: Headers; readonly body: AsyncIterable<Uint8Array> }>

/** The calls that both interfaces are made of. */
export interface BatchCaller {
  json(method: 'GET' | 'POST', path: string, signal: AbortSignal, body?: BatchBody): Promise<JsonObject>
  /** The JSON objects of a file of lines, as they come. */
  lines(path: string, signal: AbortSignal): AsyncGenerator<JsonObject, void, undefined>
}

export interface BatchBody {
  readonly type: string
  readonly bytes: Buffer
}

/**
 * Speaks to a provider's interface for batches.
 *
 * Its methods throw RepriseError with the provider's status and words. `retryable` says whether it may answer later; one
 * that is retryable and no 429 leaves open what the provider has done.
 */
export function batchCaller(
  name: string,
  transport: BatchTransport,
  headers: Readonly<Record<string, string>>
): BatchCaller {
  async function call(method: 'GET' | 'POST', path: string, signal: AbortSignal, body?: BatchBody) {
    const type = body === undefined ? {} : { 'content-type': body.type }
    const content = body === undefined ? {} : { body: body.bytes }
    try {
      const answer = await transport({ method, path, headers: { ...headers, ...type }, signal, ...content })
      if (answer.status >= 200 && answer.status < 300) return answer
      throw refusal(name, answer.status, answer.headers, (await bytesOf(answer.body)).toString())
    } catch (error) {
      throw unanswered(name, error, signal)
    }
  }

  return {
    async json(method, path, signal, body) {
      const answer = await call(method, path, signal, body)
      let value: unknown
      try {
        value = JSON.parse((await bytesOf(answer.body)).toString())
      } catch (error) {
        throw unanswered(name, error, signal)
      }
      if (isObject(value)) return value
      throw unanswered(name, new Error(`expected a JSON object of ${path}`), signal)
    },
    async *lines(path, signal) {
      const { body } = await call('GET', path, signal)
      try {
        for await (const line of linesOf(body)) yield parsedLine(line)
      } catch (error) {
        throw unanswered(name, error, signal)
      }
    }
  }
}

/** Texts and numbers of what a provider says, with nothing in place of what is not there. */
export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

export function numberOf(value: Json | undefined): number {
  return typeof value === 'number' ? value : 0
}

/** The id of what has just been made. @throws RepriseError `provider-malformed`, retryable: it may have been made all the same */
export function madeId(name: string, made: JsonObject): string {
  const id = textOf(made['id'])
  if (id !== '') return id
  throw new RepriseError(
    'provider-malformed',
    `${name} made something without an id: ${JSON.stringify(made).slice(0, 300)}`
  )
}

/** The objects of a list. */
export function objectsOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((item): item is JsonObject => isObject(item)) : []
}

/** What an error of a provider says, in its words. */
export function messageIn(value: Json | undefined): string {
  if (!isObject(value)) return textOf(value)
  const { error, message } = value
  return textOf(message) || (error === undefined || error === null ? JSON.stringify(value) : messageIn(error))
}

function refusal(name: string, status: number, headers: Headers, text: string): RepriseError {
  const wait = retryAfterMs(headers, Date.now(), status)
  let said = text.slice(0, 300)
  try {
    said = messageIn(JSON.parse(text) as Json)
  } catch {
    // Said as it is.
  }
  return new RepriseError('provider-malformed', `${name} answered ${status}: ${said}`, {
    status,
    // A gateway whose budget is spent says so.
    retryable: mayPass(status) && headers['x-should-retry'] !== 'false',
    ...(wait === undefined ? {} : { retryAfterMs: wait })
  })
}

function unanswered(name: string, error: unknown, signal: AbortSignal): RepriseError {
  if (error instanceof RepriseError) return error
  const code = signal.aborted ? 'aborted' : 'provider-unreachable'
  return new RepriseError(code, `${name} gave no whole answer: ${messageOf(error)}`, { cause: error })
}

async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part)
  return Buffer.concat(parts)
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  let begun: Uint8Array[] = []
  for await (const chunk of body) {
    let from = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      yield Buffer.concat([...begun, chunk.subarray(from, end)])
      begun = []
      from = end + 1
    }
    if (from < chunk.length) begun.push(chunk.subarray(from))
  }
  if (begun.length > 0) yield Buffer.concat(begun)
}

function parsedLine(line: Buffer): JsonObject {
  const text = line.toString().trim()
  const value: unknown = text === '' ? {} : JSON.parse(text)
  return isObject(value) ? value : {}
}
