import { setTimeout as delay } from 'node:timers/promises'
import { call, counted, quantile, type Told, whoAnswered } from './router-caller.ts'
import { type Mode, prompt } from './router-providers.ts'
import { type Providers, providerSettings, routeSettings, startConfigured, startProviders } from './router-world.ts'
import { markdown } from './tables.ts'

const requests = 20
const everyMs = 100
const timeoutMs = 300
const ttlMs = 1000
const names = ['first', 'second', 'third'] as const
const faults: readonly Mode[] = ['refuses', 'hangs', 'says 429', 'says 500', 'malformed', 'dies in mid-stream']
const situations = ['the first', 'all', 'all, a stale entry in its grace'] as const

/**
 * What a caller gets when providers fail: two that speak OpenAI's dialect and one that speaks Anthropic's, each fault at
 * the first alone, at all, and at all with an older answer in the cache. A new gateway for each cell, 20 requests, one
 * every 100 ms, each another question.
 */
export async function benchFailures(): Promise<void> {
  const providers = await startProviders({ names })
  console.log('## Failures\n')
  console.log(
    `${requests} requests a cell, one every ${everyMs} ms; timeout ${timeoutMs} ms; in brackets the calls of each provider\n`
  )
  const rows: string[][] = []
  try {
    for (const fault of faults)
      for (const situation of situations) {
        console.error(`  ${fault}: ${situation}`)
        const cells = [await cell(providers, fault, situation, false), await cell(providers, fault, situation, true)]
        rows.push([fault, situation, ...cells.flat()])
      }
  } finally {
    providers.end()
  }
  console.log(markdown(['fault', 'of', 'plain', 'ms p50 / max', 'stream', 'ms p50 / max'], rows))
}

async function cell(
  providers: Providers,
  fault: Mode,
  situation: (typeof situations)[number],
  stream: boolean
): Promise<readonly [string, string]> {
  const gateway = await startConfigured({
    store: 'memory:',
    ttl: `${ttlMs}ms`,
    grace: '1h',
    providers: providerSettings(providers),
    routes: routeSettings(timeoutMs)
  })
  const ask = (number: number): Promise<Told> => {
    const content = prompt(number, { input: 100, output: 200 })
    return call({ url: gateway.url, content, stream, id: String(number) })
  }
  try {
    if (situation === 'all, a stale entry in its grace') {
      for (let number = 0; number < requests; number++) await ask(number)
      await delay(ttlMs + 100)
      await providers.tell()
    }
    for (const name of situation === 'the first' ? names.slice(0, 1) : names) await providers.be(name, fault)
    const asked: Promise<Told>[] = []
    for (let number = 0; number < requests; number++) {
      asked.push(ask(number))
      await delay(everyMs)
    }
    const told = await Promise.all(asked)
    const received = await providers.tell()
    const calls = names.map((name) => received.filter(({ provider }) => provider === name).length)
    const took = told.map(({ tookMs }) => tookMs)
    return [
      `${counted(told.map(whoAnswered))} (${calls.join(' ')})`,
      `${quantile(took, 0.5).toFixed(0)} / ${Math.max(...took).toFixed(0)}`
    ]
  } finally {
    await gateway.end()
    for (const name of names) await providers.be(name, 'up')
    await providers.tell()
  }
}
