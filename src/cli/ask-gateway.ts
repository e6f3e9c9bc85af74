import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject } from '../core/json.ts'
import type { Asked, AskedInVain } from '../jobs/ask-all.ts'
import { retryAfterMs } from '../providers/retry-after.ts'
import type { DialectName } from './dialect-headers.ts'
import type { GatewayAnswer, GatewayConnection } from './gateway-connection.ts'

/** A request as a gateway is asked it. */
export interface GatewayQuestion {
  readonly dialect: DialectName
  /** With /v1. */
  readonly path: string
  readonly body: Buffer | string
  readonly tags: readonly string[]
  /** As `x-reprise-ttl` says it. */
  readonly ttl?: string
  /** Narrower than the caller's own. */
  readonly scope?: string
  /** It may be asked together with others. */
  readonly batch?: boolean
}

/** What the gateway says of an answer. */
export interface GatewayReply {
  /** Who answered: `exact`, `semantic`, `provider`. */
  readonly layer: string
  /** Nobody was asked because of it: it was there, or another call was shared. */
  readonly isHit: boolean
  /** What it would have cost, where that is known. */
  readonly savedUsd: number | undefined
  /** Why it is not in the cache now; undefined: it is. */
  readonly unstored: string | undefined
  /** The answer's body. */
  readonly text: string
}

/** Asks one request through a gateway. Throws when it is aborted, and RepriseError `provider-malformed` for no gateway. */
export async function askGateway(
  gateway: GatewayConnection,
  dialectHeaders: (dialect: DialectName) => Readonly<Record<string, string>>,
  { dialect, path, body, tags, ttl, scope, batch }: GatewayQuestion,
  signal: AbortSignal
): Promise<Asked<GatewayReply>> {
  const headers = {
    ...dialectHeaders(dialect),
    ...(tags.length === 0 ? {} : { 'x-reprise-tags': tags.join(',') }),
    ...(ttl === undefined ? {} : { 'x-reprise-ttl': ttl }),
    ...(scope === undefined ? {} : { 'x-reprise-scope': scope }),
    ...(batch === true ? { 'x-reprise-batch': 'on' } : {})
  }
  const answer = await answered(gateway, path, headers, body, signal)
  if (!('text' in answer)) return answer
  if (answer.status !== 200) return refusal(answer)
  const layer = answer.headers['x-reprise-layer']
  if (layer === undefined) {
    throw new RepriseError(
      'provider-malformed',
      `what answers is no Reprise gateway, and stores nothing: it does not say where its answers come from (x-reprise-layer); name yours with ${gateway.flag} URL`
    )
  }
  const status = String(answer.headers['cache-status'] ?? '')
  const isHit = layer !== 'provider' || status.includes('collapsed')
  const isStored = isHit || status.includes('stored') || status.includes('fwd=partial')
  return {
    ok: true,
    costUsd: isHit ? 0 : moneyIn(answer, 'x-reprise-cost-usd'),
    answer: {
      layer: String(layer),
      isHit,
      savedUsd: moneyIn(answer, 'x-reprise-saved-usd'),
      unstored: isStored ? undefined : String(answer.headers['x-reprise-bypass-reason'] ?? 'not fit to be stored'),
      text: answer.text
    }
  }
}

/** Posts, and makes a failure of what kept it from an answer. */
export async function answered(
  gateway: GatewayConnection,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer | string,
  signal: AbortSignal
): Promise<GatewayAnswer | AskedInVain> {
  try {
    return await gateway.post(path, { headers, body, signal })
  } catch (error) {
    if (signal.aborted) throw error
    return { ok: false, message: `no answer from the gateway: ${messageOf(error)}`, mayPass: true, concernsAll: true }
  }
}

/** Statuses under which asking later helps: rate limits, and those who are overloaded or away for a moment. */
const passing: ReadonlySet<number> = new Set([429, 503, 529])

/** What a status other than 200 comes to. */
export function refusal({ status, headers, text }: GatewayAnswer): AskedInVain {
  const { message, code } = errorIn(text)
  const wait = retryAfterMs(headers, Date.now(), status)
  return {
    ok: false,
    status,
    message,
    mayPass: passing.has(status) && headers['x-should-retry'] !== 'false',
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
    // A price that is not known is that of one model.
    concernsAll: (status === 401 || status === 403 || status === 429 || status >= 500) && code !== 'price-unknown'
  }
}

function errorIn(text: string): { readonly message: string; readonly code: unknown } {
  try {
    const value: unknown = JSON.parse(text)
    const error = isObject(value) ? value['error'] : undefined
    if (isObject(error) && typeof error['message'] === 'string')
      return { message: error['message'], code: error['code'] }
  } catch {
    // Said as it is, below.
  }
  return { message: text.length > 300 ? `${text.slice(0, 300)}...` : text, code: undefined }
}

function moneyIn({ headers }: GatewayAnswer, name: string): number | undefined {
  const text = headers[name]
  const usd = text === undefined || text === '' ? Number.NaN : Number(text)
  return Number.isFinite(usd) ? usd : undefined
}
