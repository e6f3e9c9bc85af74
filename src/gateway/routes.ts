import type { Cache } from '../cache.ts'
import type { Kind } from '../core/kind.ts'
import type { Statistics } from '../metrics/statistics.ts'
import type { Router } from '../router/router.ts'
import type { Body } from '../wires/body.ts'
import type { Wire } from '../wires/wire.ts'
import type { WireRequest } from '../wires/wire-request.ts'
import type { AdminRoute } from './administration.ts'
import { budgeting } from './budgets.ts'
import { dashboard } from './dashboard.ts'
import type { EndpointTools } from './endpoint.ts'
import { entries } from './entries.ts'
import { explaining } from './explanations.ts'
import { importing } from './importing.ts'
import { invalidation } from './invalidation.ts'
import { rewarming } from './rewarming.ts'
import { statistics } from './statistics.ts'
import { switching } from './switches.ts'
import { writeJson } from './write-json.ts'

export interface RoutesTools {
  readonly cache: Cache
  readonly router: Router
  readonly tools: EndpointTools
  readonly statistics: Statistics
  readonly kindOf: (wire: Wire) => Kind<WireRequest, Body>
  readonly version: string
  readonly metricsPrefix?: string | undefined
}

/** All paths for those who look after the gateway. */
export function routes({
  cache,
  router,
  tools,
  kindOf,
  version,
  metricsPrefix,
  ...counted
}: RoutesTools): readonly AdminRoute[] {
  return [
    ...statistics({ cache, router, statistics: counted.statistics, version, prefix: metricsPrefix }),
    ...dashboard(),
    ...switching(cache.switches),
    budgeting(router.budgets),
    providing(router, cache),
    storing(cache),
    ...entries(cache),
    invalidation(cache),
    importing(cache, tools, kindOf, router),
    rewarming({ cache, addressOf: router.addressOf, askAnew: (wire) => cache.keeping(kindOf(wire), router.ask) }),
    explaining(cache, tools, kindOf)
  ]
}

/** `GET /providers`: which targets are asked, and which are left out until when. */
function providing(router: Pick<Router, 'status'>, cache: Pick<Cache, 'state'>): AdminRoute {
  return {
    method: 'GET',
    path: /^\/providers$/,
    usage: 'GET /providers',
    answer({ response }) {
      const targets = router.status().map(({ target, state, leftOutUntilMs }) => ({
        target,
        state,
        leftOutUntil: leftOutUntilMs === undefined ? null : new Date(leftOutUntilMs).toISOString()
      }))
      writeJson(response, 200, { targets, parts: [{ part: 'store', state: cache.state }] })
    }
  }
}

/** `GET /store`: how much is in it. */
function storing(cache: Pick<Cache, 'size' | 'state' | 'storeName'>): AdminRoute {
  return {
    method: 'GET',
    path: /^\/store$/,
    usage: 'GET /store',
    async answer({ response }) {
      const { entries: count, bytes, maxBytes } = await cache.size()
      const { storeName: name, state } = cache
      writeJson(response, 200, {
        name,
        state,
        entries: count ?? null,
        bytes: bytes ?? null,
        maxBytes: maxBytes ?? null
      })
    }
  }
}
