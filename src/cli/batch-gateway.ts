import { type Dispatcher, Pool } from 'undici'
import { mayPass, messageOf, RepriseError } from '../core/errors.ts'
import type { Headers } from '../core/headers.ts'
import { isObject, type JsonObject, parseObject } from '../core/json.ts'
import type { BatchStored } from '../jobs/batch-report.ts'
import type { BatchTransport } from '../providers/batch-api.ts'
import { tokenRefused } from './admin-client.ts'
import type { DialectName } from './dialect-headers.ts'

export interface BatchGatewayOptions {
  /** Of the gateway, without /v1. */
  readonly url: string
  /** What a request of a dialect is made with: its key, its version. */
  readonly headersOf: (dialect: DialectName) => Readonly<Record<string, string>>
  /** Undefined: none was found, and then the gateway decides. */
  readonly adminToken: string | undefined
  readonly signal: AbortSignal
}

/** A request as the gateway is told of it. */
export interface BatchGatewayRequest {
  readonly dialect: DialectName
  readonly path: string
  readonly body: Buffer
  readonly tags: readonly string[]
  readonly ttl?: string | undefined
  readonly scope?: string | undefined
}

export interface BatchCheck {
  /** The store's: what is invalidated from now on must not be stored later. */
  readonly mark: number
  /** By place, why. */
  readonly refused: ReadonlyMap<number, string>
}

export interface GatewayStored extends BatchStored {
  /** The places of those refused that may be taken later. */
  readonly retryable: ReadonlySet<number>
}

/** What a gateway does for batches. */
export interface BatchGateway {
  /** Hands anything on to a provider. */
  readonly transport: BatchTransport
  /** Whether the answer is there, could be there, or is not for the cache. */
  state(request: BatchGatewayRequest): Promise<'there' | 'lacking' | 'not-cached'>
  /** Says which of the requests' answers would not be stored. All have one scope and one dialect, here and below. */
  check(requests: readonly BatchGatewayRequest[]): Promise<BatchCheck>
  /** Stores answers that were asked for after the mark was given. */
  store(requests: readonly BatchGatewayRequest[], answers: readonly JsonObject[], mark: number): Promise<GatewayStored>
  close(): Promise<void>
}

/** Speaks with a gateway of what is to be asked in batches. */
export function batchGateway({ url, headersOf, adminToken, signal }: BatchGatewayOptions): BatchGateway {
  const { origin, pathname } = new URL(url)
  const base = pathname.replace(/\/+$/, '')
  const pool = new Pool(origin, { connections: 32, headersTimeout: 0, bodyTimeout: 0 })
  const json = { 'content-type': 'application/json' }

  function ask(method: 'GET' | 'POST', path: string, rest: Partial<Dispatcher.RequestOptions>) {
    return pool.request({ ...rest, path: base + path, method })
  }

  async function answered(path: string, headers: Readonly<Record<string, string>>, body: Buffer) {
    try {
      const answer = await ask('POST', path, { headers, body, signal })
      return { status: answer.statusCode, text: await answer.body.text() }
    } catch (error) {
      const code = signal.aborted ? 'aborted' : 'provider-unreachable'
      throw new RepriseError(code, `no answer from the gateway at ${url}: ${messageOf(error)}`, { cause: error })
    }
  }

  async function imported(first: BatchGatewayRequest, body: Buffer): Promise<JsonObject> {
    const { dialect, scope } = first
    const headers = {
      ...json,
      ...headersOf(dialect),
      ...(scope === undefined ? {} : { 'x-reprise-scope': scope }),
      ...(adminToken === undefined ? {} : { 'x-reprise-admin-token': adminToken })
    }
    const { status, text } = await answered('/cache/import', headers, body)
    if (status === 401) throw tokenRefused(url, adminToken)
    const value = parseObject(text)
    if (status === 200 && value !== undefined) return value
    throw new RepriseError('provider-malformed', `the gateway at ${url} imports nothing: ${text.slice(0, 300)}`, {
      status,
      retryable: mayPass(status)
    })
  }

  function sent(
    requests: readonly BatchGatewayRequest[],
    how: string,
    answers?: readonly JsonObject[]
  ): Promise<JsonObject> {
    const [first] = requests
    if (first === undefined) return Promise.resolve({})
    const pairs = requests.flatMap((request, index) => [
      Buffer.from(`${index === 0 ? '' : ','}{"endpoint":${JSON.stringify(request.path)},"batch":true,"request":`),
      request.body,
      Buffer.from(`,${said(request, answers?.[index])}`)
    ])
    return imported(first, Buffer.concat([Buffer.from(`{${how},"pairs":[`), ...pairs, Buffer.from(']}')]))
  }

  return {
    async transport({ method, path, headers, body, signal: own }) {
      const answer = await ask(method, path, { headers, body: body ?? null, signal: own })
      return { status: answer.statusCode, headers: answer.headers as Headers, body: answer.body }
    },

    async state({ dialect, path, body, tags, scope }) {
      const headers = {
        ...json,
        ...headersOf(dialect),
        'cache-control': 'only-if-cached',
        ...(tags.length === 0 ? {} : { 'x-reprise-tags': tags.join(',') }),
        ...(scope === undefined ? {} : { 'x-reprise-scope': scope })
      }
      const { status, text } = await answered(path, headers, body)
      if (status === 200) return 'there'
      return status === 504 && text.includes('the answer is not in the cache') ? 'lacking' : 'not-cached'
    },

    async check(requests) {
      const value = await sent(requests, '"check":true')
      const { mark } = value
      if (typeof mark === 'number') return { mark, refused: refusedIn(value) }
      // What is stored without one may have been invalidated long before, and what is not stored is paid for in vain.
      throw new RepriseError(
        'store-unavailable',
        `the store of the gateway at ${url} does not answer: nothing is submitted`
      )
    },

    async store(requests, answers, mark) {
      const value = await sent(requests, `"mark":${mark}`, answers)
      const { costUsd, unpriced } = value
      return {
        costUsd: typeof costUsd === 'number' ? costUsd : 0,
        unpriced: typeof unpriced === 'number' ? unpriced : 0,
        refused: refusedIn(value),
        retryable: new Set(itemsOf(value).flatMap((item) => (item['retryable'] === true ? Number(item['index']) : [])))
      }
    },

    close: () => pool.destroy()
  }
}

/** What a pair says beside its request, and its end. */
function said({ tags, ttl }: BatchGatewayRequest, answer: JsonObject | undefined): string {
  const rest: JsonObject = { response: answer ?? 'none yet', tags: [...tags], ...(ttl === undefined ? {} : { ttl }) }
  return JSON.stringify(rest).slice(1)
}

function refusedIn(value: JsonObject): ReadonlyMap<number, string> {
  return new Map(itemsOf(value).map(({ index, reason }) => [Number(index), String(reason)]))
}

function itemsOf({ refused }: JsonObject): readonly JsonObject[] {
  return Array.isArray(refused) ? refused.filter((item): item is JsonObject => isObject(item)) : []
}
