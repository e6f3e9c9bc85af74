import type { Cache } from '../cache.ts'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { Caller, Context, Handler } from '../core/handler.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import type { Router } from '../router/router.ts'
import type { Body } from '../wires/body.ts'
import { wires } from '../wires/open.ts'
import type { Wire } from '../wires/wire.ts'
import { WireContent, type WireRequest } from '../wires/wire-request.ts'
import type { AdminRoute } from './administration.ts'
import { clipped, jsonBody } from './json-body.ts'

export interface RewarmingTools {
  readonly cache: Cache
  /** Where a request is sent, as long as nothing fails. */
  readonly addressOf: Router['addressOf']
  /** Asks the provider, and stores what it says. */
  askAnew(wire: Wire): Handler<WireRequest, Body>
}

/** So many of the most valuable entries the statistics know by name. */
const mostPopular = 100

interface Progress {
  done: number
  total: number
  hits: number
  asked: number
  failed: number
  costUsd: number
}

interface Wish {
  readonly popular: number
  readonly budgetUsd: number
  readonly concurrency: number
}

/**
 * `POST /cache/warm` with `{"popular": N}`: asks anew for those of the N most valuable entries that are no longer fresh,
 * with the operator's keys, and says how it goes: one JSON object a line.
 */
export function rewarming(tools: RewarmingTools): AdminRoute {
  return {
    method: 'POST',
    path: /^\/cache\/warm$/,
    usage: 'POST /cache/warm',
    async answer({ raw, response, caller }) {
      const wish = wishOf(raw)
      const { top_entries: top = [] } = await tools.cache.statistics({ scope: 'fleet' })
      const keys = top.slice(0, wish.popular).map(({ key }) => key)
      const progress: Progress = { done: 0, total: keys.length, hits: 0, asked: 0, failed: 0, costUsd: 0 }
      const skipped: { key: string; reason: string }[] = []
      response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
      const say = (line: object): void => {
        response.write(`${JSON.stringify(line)}\n`)
      }
      const left = [...keys]
      const work = async (): Promise<void> => {
        for (let key = left.shift(); key !== undefined; key = left.shift()) {
          if (caller.signal.aborted) return
          if (progress.costUsd >= wish.budgetUsd) skipped.push({ key, reason: 'over budget' })
          else await warm(tools, key, caller, progress, skipped)
          progress.done += 1
          say({ type: 'progress', ...progress })
        }
      }
      await Promise.all(Array.from({ length: wish.concurrency }, work))
      say({ type: 'done', ...progress, skipped })
      response.end()
    }
  }
}

async function warm(
  { cache, addressOf, askAnew }: RewarmingTools,
  key: string,
  caller: Caller,
  progress: Progress,
  skipped: { key: string; reason: string }[]
): Promise<void> {
  const entry = await cache.inventory.get(key)
  if (entry !== undefined && entry.freshUntilMs > Date.now()) {
    progress.hits += 1
    return
  }
  try {
    const kept = await cache.inventory.recorded(key)
    if (kept === undefined) {
      skipped.push({ key, reason: 'what was asked has not been kept: start the gateway with --remember-requests on' })
      return
    }
    const { wire, content } = requestOf(kept.record)
    const { scope, tags, tenant } = kept
    const context: Context = {
      ...cache.contextOf({ scope, tags }),
      ...(tenant === undefined ? {} : { tenant }),
      caller
    }
    // Another's answer must not come to stand where that of this address is looked for.
    if (addressOf(content, context) !== scope[0]) {
      skipped.push({ key, reason: 'such a request is sent to another address now' })
      return
    }
    const { origin } = await askAnew(wire)({ content, headers: content.versions }, context)
    progress.asked += 1
    progress.costUsd += origin.costUsd ?? 0
    if (origin.stored !== true) skipped.push({ key, reason: 'its answer was not fit to be stored' })
  } catch (error) {
    progress.failed += 1
    skipped.push({ key, reason: messageOf(error) })
  }
}

/** What `llmKind` has made of a request. */
function requestOf(record: unknown): { wire: Wire; content: WireContent } {
  if (!isObject(record)) throw new RepriseError('internal', `expected a kept request, got ${clipped(record)}`)
  const { wire: name, body, query, versions } = record
  const wire = wires.find((one) => one.name === name)
  if (wire === undefined || typeof body !== 'string') {
    throw new RepriseError('internal', `expected a kept request, got ${clipped(record)}`)
  }
  const known = isObject(versions) ? (versions as Record<string, string>) : {}
  return { wire, content: new WireContent(wire, Buffer.from(body), typeof query === 'string' ? query : '', known) }
}

function wishOf(raw: Buffer): Wish {
  const body = jsonBody(raw, 'a JSON object such as {"popular": 100}')
  return {
    popular: numberOf(body, 'popular', 1, mostPopular),
    budgetUsd: body['budgetUsd'] === undefined ? Number.POSITIVE_INFINITY : numberOf(body, 'budgetUsd', 0, 1e9, false),
    concurrency: body['concurrency'] === undefined ? 4 : numberOf(body, 'concurrency', 1, 64)
  }
}

function numberOf(body: JsonObject, name: string, least: number, most: number, whole = true): number {
  const value = body[name]
  if (typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value))) return value
  const kind = whole ? 'a whole number' : 'a number'
  const reason = `${name}: expected ${kind} from ${least} to ${most}, got ${clipped(value)}`
  throw new RepriseError('invalid-body', reason, { field: name })
}
