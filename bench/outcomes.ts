import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { LayerReport } from '../src/metrics/layer-report.ts'
import { type SimulatedProvider, simulatedProvider } from '../src/testing/simulated-provider.ts'
import { mixedFaults, type Sent, sendMixedTraffic } from '../test/support/mixed-traffic.ts'
import { parsePrometheus } from '../test/support/prometheus-text.ts'
import { type RedisServer, startRedisServer } from '../test/support/redis-server.ts'
import { temporaryFolder } from '../test/support/temporary-folder.ts'
import { type RunningGateway, startConfigured } from './router-world.ts'
import { count, markdown } from './tables.ts'

const requests = 10_000
const adminToken = 'good-for-nothing'
const outcomes = ['hit', 'miss', 'joined', 'rescued', 'bypass', 'failed'] as const
/** How long is waited for those whose callers have left, at most. */
const settledWithinMs = 20_000

/** What one gateway has counted. */
interface Counted {
  readonly layers: readonly LayerReport[]
  readonly kinds: readonly { readonly kind: string; readonly outcomes: Readonly<Record<string, number>> }[]
}

/**
 * Whether one lookup has one outcome, and one request has one: two times 10,000 requests of all sorts while providers
 * fail, hang up, time out and talk nonsense, callers leave, and tags are invalidated; first on an embedded store, then on
 * a Redis that is killed twice. What the gateway has counted is compared with itself and with what was sent; the exit
 * code is 1 when they differ.
 */
export async function benchOutcomes(): Promise<void> {
  const model = join(process.env['REPRISE_DATA'] ?? join('..', 'shared', 'data'), '..', 'models', 'static-256')
  const embedder = existsSync(model) ? { embedder: `static:${model}` } : {}
  if (!existsSync(model))
    console.log(`There is no model at ${model}: nothing is compared by meaning. REPRISE_DATA names its neighbour.\n`)
  const folder = temporaryFolder()
  const redis = await startRedisServer()
  try {
    await round('An embedded store', { store: `embedded:${folder.path}`, ...embedder }, () => {})
    await round('A Redis that is killed twice', { store: redis.url, ...embedder }, (sent) => {
      if (sent === Math.floor(requests / 3) || sent === Math.floor((requests * 2) / 3)) void outage(redis)
    })
  } finally {
    await redis.stop()
    folder.remove()
  }
}

async function round(title: string, settings: object, sentSoFar: (count: number) => void): Promise<void> {
  const [first, second] = [await simulatedProvider(pace), await simulatedProvider(pace)]
  for (const [seed, provider] of [first, second].entries()) provider.fail(...mixedFaults(requests * 3, seed + 1))
  const gateway = await startConfigured({ ...settings, ...settingsFor(first, second) })
  console.log(`## ${title}\n`)
  try {
    const startedAt = performance.now()
    const sent = await sendMixedTraffic({ url: gateway.url, adminToken, requests, seed: 7, sent: sentSoFar })
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
    const counted = await settled(gateway, sent)
    const seen = [...sent.seen].sort(([, left], [, right]) => right - left)
    console.log(
      `${count(requests)} exchanges in ${seconds} s, ${sent.invalidations} invalidations, ` +
        `${count(first.count() + second.count())} calls of providers. Callers saw ` +
        `${seen.map(([end, times]) => `${end} ${count(times)} times`).join(', ')}.\n`
    )
    show(counted, sent)
    if (!isRight(counted, sent)) process.exitCode = 1
  } finally {
    await gateway.end()
    await first.close()
    await second.close()
  }
}

const pace = { delay: { firstTokenMs: 5, perTokenMs: 0.1, jitter: 0.5 } }

/** A second and a half without a store. */
async function outage(redis: RedisServer): Promise<void> {
  await redis.kill()
  await delay(1500)
  await redis.restart()
}

function settingsFor(first: SimulatedProvider, second: SimulatedProvider): object {
  const timeout = '400ms'
  const route = (model: string, ...providers: readonly string[]): object => ({
    model,
    retry: { attempts: 1, 'max-wait': '100ms' },
    breaker: { 'left-out': '100ms' },
    targets: providers.map((provider) => ({ provider, timeout }))
  })
  return {
    'admin-token': adminToken,
    'openai-url': first.openaiUrl,
    'anthropic-url': first.anthropicUrl,
    providers: { spare: { url: second.openaiUrl, key: 'sk-spare' } },
    routes: [route('gpt-4o*', 'openai', 'spare'), route('text-embedding*', 'openai'), route('claude*', 'anthropic')],
    ttl: '2s',
    'stale-while-revalidate': '5s',
    grace: '10s',
    'eager-refresh': 0.8,
    'last-resort': 0.9,
    // Of a busy machine too, the store is to be found down only when it is.
    deadline: '500ms'
  }
}

/** What has been counted once all is, or what has been counted when it has been waited for in vain. */
async function settled(gateway: RunningGateway, sent: Sent): Promise<Counted> {
  const untilMs = Date.now() + settledWithinMs
  for (;;) {
    const counted = await read(gateway)
    if (isRight(counted, sent) || Date.now() > untilMs) return counted
    await delay(100)
  }
}

async function read({ url }: RunningGateway): Promise<Counted> {
  const report = (await (await fetch(`${url}/metrics/cache/statistics`)).json()) as Record<string, unknown>
  const { samples } = parsePrometheus(await (await fetch(`${url}/metrics`)).text())
  const requestsTotal = samples.filter(({ name }) => name === 'reprise_requests_total')
  const kinds = [...new Set(requestsTotal.map(({ labels }) => labels['kind'] ?? ''))]
  return {
    layers: Object.entries(report)
      .filter(([name]) => name.endsWith('_cache'))
      .map(([, layer]) => layer as LayerReport),
    kinds: kinds.map((kind) => ({
      kind,
      outcomes: Object.fromEntries(
        requestsTotal
          .filter(({ labels }) => labels['kind'] === kind)
          .map(({ labels, value }) => [labels['outcome'] ?? '', value])
      )
    }))
  }
}

function isRight({ layers, kinds }: Counted, { byKind }: Sent): boolean {
  return layers.every(isWhole) && kinds.every(({ kind, outcomes: of }) => sumOf(of) === sentOf(byKind, kind))
}

function isWhole({ total_lookups, total_hits, total_misses, total_bypasses }: LayerReport): boolean {
  return total_lookups === total_hits + total_misses + total_bypasses
}

function show({ layers, kinds }: Counted, { byKind }: Sent): void {
  console.log(
    markdown(
      ['layer', 'lookups', 'hits', 'misses', 'bypasses', 'lookups = hits + misses + bypasses'],
      layers.map((layer) => [
        layer.cache_layer,
        ...[layer.total_lookups, layer.total_hits, layer.total_misses, layer.total_bypasses].map(count),
        isWhole(layer) ? 'yes' : 'NO'
      ])
    )
  )
  console.log(
    markdown(
      ['kind', 'sent', ...outcomes, 'sent = their sum'],
      kinds.map(({ kind, outcomes: of }) => [
        kind,
        count(sentOf(byKind, kind)),
        ...outcomes.map((outcome) => count(of[outcome] ?? 0)),
        sumOf(of) === sentOf(byKind, kind) ? 'yes' : 'NO'
      ])
    )
  )
}

function sentOf(byKind: Readonly<Record<string, number>>, kind: string): number {
  return byKind[kind] ?? 0
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, each) => sum + each, 0)
}
