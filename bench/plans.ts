import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { CacheOptions } from '../src/cache.ts'
import { startRedisServer } from '../test/support/redis-server.ts'
import { temporaryFolder } from '../test/support/temporary-folder.ts'
import { drawChart } from './plans-chart.ts'
import { planModel } from './plans-model.ts'
import { startPlansProvider } from './plans-provider.ts'
import { describeWorkload, report } from './plans-report.ts'
import { concurrency, model, type PlansRun, runPlans, searchMs } from './plans-run.ts'
import { workload } from './plans-workload.ts'
import { count } from './tables.ts'

/** What a real model takes, in milliseconds. */
const real = { firstTokenMs: 350, perTokenMs: 12 }
/** How long is waited for others to ask together with, in milliseconds of the real model's time. */
const windowMs = 500
const chartFile = join('docs', 'images', 'plans.svg')

/**
 * Plans of five services, each developed over six revisions as a pipeline that generates code does it, asked through the
 * cache on a simulated provider: with the cache off, exact only, by meaning too, and together. Every answer is compared
 * with what it should have been; the exit code is 1 when one is wrong, or the goals are not reached.
 */
export async function benchPlans(): Promise<void> {
  const number = (value: string) => ({ type: 'string', default: value }) as const
  const { values, positionals } = parseArgs({
    args: process.argv.slice(3),
    allowPositionals: true,
    options: {
      rounds: number('3'),
      scale: number('20'),
      revisions: number('6'),
      services: number('5'),
      'side-by-side': number('5'),
      chart: number(chartFile)
    }
  })
  const { store, stop } = await openStore(positionals[0] ?? 'memory')
  const [rounds, scale, sideBySide] = [Number(values.rounds), Number(values.scale), Number(values['side-by-side'])]
  const of = { revisions: Number(values.revisions), services: Number(values.services) }
  const planned = workload(of)
  const understanding = planModel(planned)
  const provider = await startPlansProvider({
    of,
    delay: { firstTokenMs: real.firstTokenMs / scale, perTokenMs: real.perTokenMs / scale, jitter: 0.3 }
  })
  console.log(describeWorkload(planned))
  console.log(
    `${model} at list prices, ${sideBySide} plans side by side, ${concurrency} calls at a time; first token after ${real.firstTokenMs} ms, ${real.perTokenMs} ms a token, ` +
      `searches ${searchMs} ms, windows of ${windowMs} ms, all of it ${scale} times as fast; ${rounds} ${rounds === 1 ? 'round' : 'rounds'}; store ${positionals[0] ?? 'memory'}\n`
  )
  const times = new Map<string, number[]>()
  let runs: readonly PlansRun[] = []
  try {
    for (let round = 0; round < rounds; round++) {
      const these: PlansRun[] = []
      for (const [name, options] of modes(scale)) {
        // Bursts of lookups, on two cores that others use too: a store that is late is not to look like a cache that misses.
        const own = {
          ...options,
          deadlineMs: 10_000,
          store: store(),
          namespace: `${name} ${round}`.replaceAll(/\W+/g, '-')
        }
        const run = await runPlans({
          name,
          options: own,
          providerUrl: provider.url,
          workload: planned,
          planModel: understanding,
          scale,
          sideBySide
        })
        provider.reset()
        these.push(run)
        times.set(name, [...(times.get(name) ?? []), run.tookMs])
        console.error(`  round ${round + 1}, ${name}: ${(run.tookMs / 1000).toFixed(1)} s, ${count(run.calls)} calls`)
      }
      runs = these
    }
  } finally {
    provider.end()
    await stop()
  }
  const medians = new Map([...times].map(([name, all]) => [name, median(all)]))
  const { text, isReached } = report(runs, medians)
  console.log(text)
  console.log(
    `Seconds, round by round: ${[...times].map(([name, all]) => `${name} ${all.map((each) => (each / 1000).toFixed(1)).join(', ')}`).join('; ')}`
  )
  writeFileSync(values.chart, chart(runs, medians))
  if (!isReached) process.exitCode = 1
}

function modes(scale: number): readonly (readonly [name: string, options: CacheOptions])[] {
  const folder = join(process.env['REPRISE_DATA'] ?? join('..', 'shared', 'data'), '..', 'models', 'static-256')
  const embedder = `static:${folder}`
  const batch = { on: true, windowMs: windowMs / scale, size: 5 }
  const plain: readonly (readonly [string, CacheOptions])[] = [
    ['cache off', { switches: { cache: false } }],
    ['exact', {}]
  ]
  if (existsSync(folder))
    return [...plain, ['exact + semantic', { embedder }], ['exact + semantic + batch', { embedder, batch }]]
  console.log(`There is no model at ${folder}: nothing is compared by meaning. REPRISE_DATA names its neighbour.\n`)
  return [...plain, ['exact + batch', { batch }]]
}

/** Where answers are kept, anew for each run. */
async function openStore(name: string): Promise<{ readonly store: () => string; stop(): Promise<void> }> {
  if (name === 'redis') {
    const server = await startRedisServer()
    return { store: () => server.url, stop: () => server.stop() }
  }
  if (name === 'embedded') {
    const folder = temporaryFolder()
    return { store: () => `embedded:${folder.path}`, stop: async () => folder.remove() }
  }
  if (name !== 'memory') throw new Error(`the store: expected memory, embedded or redis, got ${name}`)
  return { store: () => 'memory:', stop: async () => {} }
}

function chart(runs: readonly PlansRun[], times: ReadonlyMap<string, number>): string {
  const timeOf = ({ name }: PlansRun): number => times.get(name) ?? 0
  const group = (title: string, read: (run: PlansRun) => number, say: (value: number) => string) => {
    const off = runs[0] === undefined ? 1 : read(runs[0])
    return { title, bars: runs.map((run) => ({ name: run.name, share: read(run) / off, figure: say(read(run)) })) }
  }
  return drawChart(
    `Plans developed over ${new Set(runs[0]?.told.map(({ revision }) => revision.number)).size} revisions`,
    `${count(runs[0]?.told.length ?? 0)} requests; each beside the same without a cache`,
    [
      group(
        'Cost',
        ({ costUsd }) => costUsd,
        (usd) => `$${usd.toFixed(3)}`
      ),
      group('Execution time', timeOf, (ms) => `${(ms / 1000).toFixed(1)} s`),
      group('Provider calls', ({ calls }) => calls, count)
    ]
  )
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
