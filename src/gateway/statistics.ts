import type { Cache } from '../cache.ts'
import { RepriseError } from '../core/errors.ts'
import { type Gauge, gauge, prometheus, prometheusType } from '../metrics/prometheus.ts'
import type { Report } from '../metrics/report.ts'
import type { Statistics } from '../metrics/statistics.ts'
import type { BudgetStatus } from '../router/budget.ts'
import type { Router } from '../router/router.ts'
import type { AdminExchange, AdminRoute } from './administration.ts'
import { writeJson } from './write-json.ts'

export interface StatisticsTools {
  readonly cache: Cache
  readonly router: Router
  readonly statistics: Statistics
  readonly version: string
  /** What the metrics' names begin with. */
  readonly prefix?: string | undefined
}

/**
 * `GET /metrics` for Prometheus, of this process; `GET /metrics/cache/statistics[/{layer}][?scope=fleet]` as JSON, of this
 * process or of all that share the store; `GET /metrics/cache/history[?range=day]`. Anybody may ask; what names callers'
 * things is for whoever may administrate.
 */
export function statistics(tools: StatisticsTools): readonly AdminRoute[] {
  const { cache, prefix } = tools
  return [
    {
      method: 'GET',
      path: /^\/metrics$/,
      usage: 'GET /metrics',
      open: true,
      async answer({ response, isAdmin }) {
        const gauges = await gaugesOf(tools, isAdmin)
        const options = prefix === undefined ? { gauges } : { gauges, prefix }
        const text = prometheus(tools.statistics.snapshot(), options)
        response.writeHead(200, {
          'content-type': prometheusType,
          'content-length': Buffer.byteLength(text)
        })
        response.end(text)
      }
    },
    {
      method: 'GET',
      path: /^\/metrics\/cache\/statistics(?:\/([^/]+))?$/,
      usage: 'GET /metrics/cache/statistics[/{layer}]',
      open: true,
      async answer({ query, caught: [layer], response, isAdmin }) {
        const all = await withTexts(await cache.statistics({ scope: scopeOf(query), full: isAdmin }), cache)
        if (layer === undefined || layer === '') {
          writeJson(response, 200, all)
          return
        }
        const name = layer.endsWith('_cache') ? layer : `${layer}_cache`
        const one = Object.hasOwn(all, name) ? (all as unknown as Record<string, object>)[name] : undefined
        if (one === undefined) throw new RepriseError('not-found', `no layer ${JSON.stringify(layer)}; ${known(all)}`)
        writeJson(response, 200, one)
      }
    },
    {
      method: 'GET',
      path: /^\/metrics\/cache\/history$/,
      usage: 'GET /metrics/cache/history',
      open: true,
      answer: ({ query, response }: AdminExchange) => {
        writeJson(response, 200, tools.statistics.history.report(rangeOf(query)))
      }
    }
  ]
}

/** Of so many of the most valuable entries it is said what was asked. */
const mostTexts = 20

/** A key tells nobody anything; what was asked does, as far as the entry is still there. */
async function withTexts(all: Report, { inventory }: Pick<Cache, 'inventory'>): Promise<Report> {
  const { top_entries: top } = all
  if (top === undefined) return all
  const texts = await Promise.all(top.slice(0, mostTexts).map(async ({ key }) => (await inventory.get(key))?.text))
  return { ...all, top_entries: top.map((entry, index) => ({ ...entry, text: texts[index] ?? null })) }
}

function rangeOf(query: URLSearchParams): 'hour' | 'day' {
  const range = query.get('range') ?? 'hour'
  if (range === 'hour' || range === 'day') return range
  throw new RepriseError('invalid-body', `range: expected hour or day, got ${JSON.stringify(range)}`, {
    field: 'range'
  })
}

function scopeOf(query: URLSearchParams): 'process' | 'fleet' {
  const scope = query.get('scope') ?? 'process'
  if (scope === 'process' || scope === 'fleet') return scope
  const reason = `scope: expected process or fleet, got ${JSON.stringify(scope)}`
  throw new RepriseError('invalid-body', reason, { field: 'scope' })
}

function known(all: object): string {
  const names = Object.keys(all).filter((name) => name.endsWith('_cache'))
  return `there are ${names.map((name) => name.replace(/_cache$/, '')).join(', ')}`
}

async function gaugesOf({ cache, router, version }: StatisticsTools, isAdmin: boolean): Promise<readonly Gauge[]> {
  const [size, budgets] = await Promise.all([cache.size(), router.budgets.status()])
  const gauges = [gauge('build_info', 1, version), gauge('store_up', cache.state === 'up' ? 1 : 0)]
  if (size.bytes !== undefined) gauges.push(gauge('store_bytes', size.bytes))
  if (size.entries !== undefined) gauges.push(gauge('store_entries', size.entries))
  for (const { target, state } of router.status()) gauges.push(gauge('target_up', state === 'up' ? 1 : 0, target))
  for (const { name, of, limitUsd, spentUsd } of told(budgets, isAdmin)) {
    const label = isAdmin && of !== undefined ? `${name} ${of.slice(0, longestOf)}` : name
    gauges.push(gauge('budget_limit_usd', limitUsd, label), gauge('budget_spent_usd', spentUsd, label))
  }
  return gauges
}

/** Callers choose who they are and how they tag: of a budget that each has for itself so many are told apart. */
const mostOfEach = 200
const longestOf = 200

/**
 * The budgets to be told of. One that each tenant, tag or model has for itself is told of for those who have spent most
 * of it; to whoever may not administrate for the one who has, unnamed.
 */
function told(budgets: readonly BudgetStatus[], isAdmin: boolean): readonly BudgetStatus[] {
  const counts = new Map<string, number>()
  return budgets
    .toSorted((one, other) => other.spentUsd - one.spentUsd)
    .filter(({ name, of }) => {
      if (of === undefined) return true
      const count = (counts.get(name) ?? 0) + 1
      counts.set(name, count)
      return count <= (isAdmin ? mostOfEach : 1)
    })
}
