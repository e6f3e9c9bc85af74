import type { Cache } from '../cache.ts'
import type { Origin } from '../core/answer.ts'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { Context, Handler } from '../core/handler.ts'
import type { Json } from '../core/json.ts'
import type { Kind } from '../core/kind.ts'
import { versionHeaders } from '../doors/request-headers.ts'
import { answerBody, type Pair, pairOf } from '../jobs/import-pair.ts'
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

/**
 * `POST /cache/import` with `{"pairs": [...]}`: stores answers that somebody has already, for whoever calls with the
 * credential of this request; says how many, and which not and why.
 */
export function importing(
  cache: Cache,
  tools: EndpointTools,
  kindOf: (wire: Wire) => Kind<WireRequest, Body>
): AdminRoute {
  const keeping = new Map<string, Handler<PairRequest, Body>>()
  for (const wire of wires) {
    const kept = cache.keeping<PairRequest, Body>(kindOf(wire), async ({ answer, origin }) => ({
      value: answer,
      origin
    }))
    keeping.set(wire.name, kept)
  }

  async function store(value: Json, exchange: AdminExchange): Promise<string | undefined> {
    const pair = pairOf(value)
    if (pair.wire === openaiEmbeddings) return 'embeddings are not imported'
    const content = new WireContent(
      pair.wire,
      Buffer.from(JSON.stringify(pair.request)),
      pair.query,
      versionsFor(pair.wire, exchange)
    )
    const handler = keeping.get(pair.wire.name)
    if (handler === undefined) return `no such endpoint: ${pair.wire.path}`
    const answer = Body.fromBytes(
      Buffer.from(JSON.stringify(answerBody(pair.wire, pair.request, pair.response, pair.usage)))
    )
    const { origin } = await handler(
      { content, headers: {}, answer, origin: originOf(pair, answer) },
      contextFor(pair, content, exchange)
    )
    if (origin.stored) return undefined
    return origin.bypass === undefined ? 'the store did not take it' : `such a request is not cached: ${origin.bypass}`
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
      const [inexact] = inexactNumbers(exchange.raw.toString())
      if (inexact !== undefined) {
        throw new RepriseError('invalid-body', `expected numbers that a double can hold, got ${inexact}`)
      }
      const { pairs } = jsonBody(exchange.raw, '{"pairs": [{"request": {...}, "response": ...}]}')
      if (!Array.isArray(pairs) || pairs.length > mostPairs) {
        const got = Array.isArray(pairs) ? `${pairs.length}` : clipped(pairs)
        throw new RepriseError('invalid-body', `pairs: expected a list of at most ${mostPairs}, got ${got}`, {
          field: 'pairs'
        })
      }
      const refused: { index: number; reason: string }[] = []
      let next = 0
      const work = async (): Promise<void> => {
        for (let index = next++; index < pairs.length; index = next++) {
          const reason = await store(pairs[index] ?? null, exchange).catch(whyNot)
          if (reason !== undefined) refused.push({ index, reason })
        }
      }
      await Promise.all(Array.from({ length: atOnce }, work))
      refused.sort((one, other) => one.index - other.index)
      writeJson(exchange.response, 200, { stored: pairs.length - refused.length, refused })
    }
  }
}

/** Why a pair was not stored. */
function whyNot(error: unknown): string {
  return error instanceof RangeError ? 'it is nested too deep to be read' : messageOf(error)
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
function originOf({ wire, usage, costUsd, tookMs }: Pair, answer: Body): Origin {
  const { model } = answer.json
  const counted = usage ?? wire.usage(answer.json)
  return {
    layer: 'provider',
    provider: 'import',
    ...(typeof model === 'string' ? { model } : {}),
    ...(counted === undefined ? {} : { usage: counted }),
    ...(costUsd === undefined ? {} : { costUsd }),
    ...(tookMs === undefined ? {} : { tookMs })
  }
}
