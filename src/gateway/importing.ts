import type { Cache } from '../cache.ts'
import type { Origin } from '../core/answer.ts'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { Event } from '../core/events.ts'
import type { Context, Handler } from '../core/handler.ts'
import { isObject, type Json } from '../core/json.ts'
import type { Kind } from '../core/kind.ts'
import { versionHeaders } from '../doors/request-headers.ts'
import { answerBody, type Pair, pairOf } from '../jobs/import-pair.ts'
import type { Router } from '../router/router.ts'
import { Body } from '../wires/body.ts'
import { anthropicDialect } from '../wires/dialect.ts'
import { inexactNumbers } from '../wires/exact-numbers.ts'
import { wires } from '../wires/open.ts'
import { openaiEmbeddings } from '../wires/openai-embeddings.ts'
import type { Wire } from '../wires/wire.ts'
import { WireContent, type WireRequest } from '../wires/wire-request.ts'
import type { AdminExchange, AdminRoute } from './administration.ts'
import { contextOf, type EndpointTools } from './endpoint.ts'
import { clipped, jsonBody } from './json-body.ts'
import { writeJson } from './write-json.ts'

const mostPairs = 1000
/** Each is a write to the store. */
const atOnce = 16

/** A request that brings its answer along. */
interface PairRequest extends WireRequest {
  readonly answer: Body
  readonly origin: Origin
}

/** What became of a pair. */
type Imported =
  | { readonly reason: string /** The store may take it later. */; readonly retryable?: true }
  | { readonly costUsd: number | undefined }

/** How pairs are taken. */
interface Manner {
  /** Nothing is stored. */
  readonly isCheck: boolean
  /** The store's mark when their answers were asked for; undefined: now. */
  readonly mark: number | undefined
}

/**
 * `POST /cache/import` with `{"pairs": [...]}`: stores answers that somebody has already, for whoever calls with the
 * credential of this request; says how many, what they cost, and which not and why. With `"check": true` nothing is
 * stored, and no response is looked at: it says only which requests' answers it would not take, and the store's `mark`.
 * With that `"mark"` the answers are stored as ones that were asked for then: not if they have been invalidated since.
 */
export function importing(
  cache: Cache,
  tools: EndpointTools,
  kindOf: (wire: Wire) => Kind<WireRequest, Body>,
  router: Pick<Router, 'batchPriceOf' | 'providers'>
): AdminRoute {
  const keeping = new Map<string, Handler<PairRequest, Body>>()
  for (const wire of wires) {
    const kept = cache.keeping<PairRequest, Body>(kindOf(wire), async ({ answer, origin }) => ({
      value: answer,
      origin
    }))
    keeping.set(wire.name, kept)
  }

  async function store(value: Json, exchange: AdminExchange, { isCheck, mark }: Manner): Promise<Imported> {
    const pair = pairOf(value)
    if (pair.wire === openaiEmbeddings) return { reason: 'embeddings are not imported' }
    const content = new WireContent(
      pair.wire,
      Buffer.from(JSON.stringify(pair.request)),
      pair.query,
      versionsFor(pair.wire, exchange)
    )
    const handler = keeping.get(pair.wire.name)
    if (handler === undefined) return { reason: `no such endpoint: ${pair.wire.path}` }
    const context = contextFor(pair, content, exchange)
    if (pair.batch === true && !isFromItsProvider(pair.wire, context)) {
      return { reason: `such a request goes to another address (${String(context.scope[0])}) than a batch does` }
    }
    if (isCheck) return { costUsd: undefined }
    const answer = Body.fromBytes(
      Buffer.from(JSON.stringify(answerBody(pair.wire, pair.request, pair.response, pair.usage)))
    )
    const given = originOf(pair, answer, router)
    let refusal: string | undefined
    function observe(event: Event): void {
      if (event.type === 'refused') refusal = event.reason
      context.observe(event)
    }
    const begun = { ...context, observe, ...(mark === undefined ? {} : { mark }) }
    const { origin } = await handler({ content, headers: {}, answer, origin: given }, begun)
    if (origin.stored) return { costUsd: given.costUsd }
    const { bypass } = origin
    if (bypass !== undefined) return { reason: `such a request is not cached: ${bypass}` }
    if (refusal === undefined) {
      return { reason: 'the store did not take it', ...(pair.batch === true ? { retryable: true } : {}) }
    }
    return { reason: refusal === 'invalidated' ? invalidated : `it is not to be stored: ${refusal}` }
  }

  /** Whether a live request would be answered by the same address as a batch, which knows no routes. */
  function isFromItsProvider({ dialect }: Wire, { scope }: Context): boolean {
    return scope[0] === router.providers.get(dialect.name)?.baseUrl
  }

  function contextFor({ tags, ttlMs }: Pair, content: WireContent, exchange: AdminExchange): Context {
    const context = contextOf(exchange, tools, content)
    const own = [...new Set([...context.tags, ...tags])]
    return { ...context, tags: own, ...(ttlMs === undefined ? {} : { ttlMs }) }
  }

  return {
    method: 'POST',
    path: /^\/cache\/import$/,
    usage: 'POST /cache/import',
    async answer(exchange) {
      // Parsed and written anew they would be other numbers, and the answers stored for another request.
      const inexact = inexactNumbers(exchange.raw.toString()).find(
        (number) => JSON.stringify(Number(number)) !== number
      )
      if (inexact !== undefined) {
        throw new RepriseError('invalid-body', `expected numbers that a double can hold, got ${inexact}`)
      }
      const { pairs, check, mark } = jsonBody(exchange.raw, '{"pairs": [{"request": {...}, "response": ...}]}')
      if (!Array.isArray(pairs) || pairs.length > mostPairs) {
        const got = Array.isArray(pairs) ? `${pairs.length}` : clipped(pairs)
        throw new RepriseError('invalid-body', `pairs: expected a list of at most ${mostPairs}, got ${got}`, {
          field: 'pairs'
        })
      }
      const manner = { isCheck: check === true, mark: markOf(mark) }
      // Before anything is said of the requests: whoever asks for their answers does so afterwards.
      const latest = manner.isCheck ? await cache.mark() : undefined
      const refused: { index: number; reason: string; retryable?: true }[] = []
      let costUsd = 0
      let unpriced = 0
      let next = 0
      const work = async (): Promise<void> => {
        for (let index = next++; index < pairs.length; index = next++) {
          const imported = await store(pairs[index] ?? null, exchange, manner).catch(whyNot)
          if ('reason' in imported) refused.push({ index, ...imported })
          else if (imported.costUsd === undefined) unpriced += 1
          else costUsd += imported.costUsd
        }
      }
      await Promise.all(Array.from({ length: atOnce }, work))
      refused.sort((one, other) => one.index - other.index)
      // What has been paid for is worth being brought again.
      if (cache.state !== 'up' && refused.some(({ retryable }) => retryable)) {
        throw new RepriseError(
          'store-unavailable',
          `the ${cache.storeName} store takes nothing: bring them again later`
        )
      }
      const isOfBatch = pairs.some((pair) => isObject(pair) && pair['batch'] === true)
      writeJson(exchange.response, 200, {
        stored: manner.isCheck ? 0 : pairs.length - refused.length,
        refused,
        ...(latest === undefined ? {} : { mark: latest }),
        // What was brought along with a price has cost what its bringer knows already.
        ...(isOfBatch && !manner.isCheck ? { costUsd, unpriced } : {})
      })
    }
  }
}

/** A store does not tell the one from the other. */
const invalidated =
  'it has been invalidated since it was asked for, or that is so long ago that the store no longer knows'

/** @throws RepriseError `invalid-body` */
function markOf(mark: Json | undefined): number | undefined {
  if (mark === undefined || (typeof mark === 'number' && Number.isSafeInteger(mark) && mark >= 0)) return mark
  throw new RepriseError(
    'invalid-body',
    `mark: expected a whole number of at least 0, as "check": true gives it, got ${clipped(mark)}`,
    { field: 'mark' }
  )
}

/** Why a pair was not stored. */
function whyNot(error: unknown): Imported {
  return { reason: error instanceof RangeError ? 'it is nested too deep to be read' : messageOf(error) }
}

/**
 * The headers that choose among forms of an answer, of those who speak the dialect: pairs of several come in one request,
 * and who asks in the one does not send the other's.
 */
function versionsFor({ dialect }: Wire, { request }: AdminExchange): Readonly<Record<string, string>> {
  const others = dialect === anthropicDialect ? 'openai-' : 'anthropic-'
  return Object.fromEntries(
    Object.entries(versionHeaders(request.headers)).filter(([name]) => !name.startsWith(others))
  )
}

/** As if its provider had just given it. */
function originOf(
  { wire, usage, costUsd: said, tookMs, batch, request }: Pair,
  answer: Body,
  router: Pick<Router, 'batchPriceOf'>
): Origin {
  const { model } = answer.json
  const counted = usage ?? wire.usage(answer.json)
  const isPriced = said === undefined && batch === true && counted !== undefined
  const asked = String(request['model'])
  const costUsd = isPriced
    ? router.batchPriceOf(wire.dialect.name, counted, asked, typeof model === 'string' ? model : undefined)
    : said
  return {
    layer: 'provider',
    provider: 'import',
    ...(typeof model === 'string' ? { model } : {}),
    ...(counted === undefined ? {} : { usage: counted }),
    ...(costUsd === undefined ? {} : { costUsd }),
    ...(tookMs === undefined ? {} : { tookMs })
  }
}
