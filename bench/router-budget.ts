import { setTimeout as delay } from 'node:timers/promises'
import { startRedisServer } from '../test/support/redis-server.ts'
import { temporaryFolder } from '../test/support/temporary-folder.ts'
import { seeded } from '../test/support/unit-vectors.ts'
import { type Ledger, watchBudget } from './router-budget-watch.ts'
import { call, type Told } from './router-caller.ts'
import { prompt } from './router-providers.ts'
import { type Providers, type RunningGateway, startConfigured, startProviders } from './router-world.ts'
import { markdown } from './tables.ts'

const gateways = 4
const callersEach = 50
const limitUsd = 1
const runs = 3
/** What each gateway has answered before, outside of the budget, where it is to know how long answers are. */
const callsBefore = 20
/** OpenAI's list price of gpt-4o, in billionths of a dollar a token. */
const nanoOfInput = 2500
const nanoOfOutput = 10_000

interface Lengths {
  readonly input: number
  readonly output: number
}

interface Scenario {
  readonly name: string
  readonly store: 'Redis' | 'embedded'
  readonly hasHistory: boolean
  draw(random: () => number): Lengths
}

const between = (random: () => number, least: number, most: number): number =>
  Math.round(least + random() * (most - least))
/** $0.009 to $0.020 a call. */
const even = (random: () => number): Lengths => ({
  input: between(random, 800, 2000),
  output: between(random, 700, 1500)
})
/** A Pareto distribution: half of the answers are shorter than 500 tokens, one in a hundred is longer than 6,700. */
const heavyTailed = (random: () => number): Lengths => ({
  input: between(random, 800, 2000),
  output: Math.min(16_000, Math.round(314 / (1 - random()) ** (1 / 1.5)))
})

const known = { hasHistory: true }
const unknown = { hasHistory: false }

const scenarios: readonly Scenario[] = (['Redis', 'embedded'] as const).flatMap((store) => [
  { name: 'even, with a history', store, ...known, draw: even },
  { name: 'even, new gateways', store, ...unknown, draw: even },
  { name: 'heavy-tailed, with a history', store, ...known, draw: heavyTailed },
  { name: 'heavy-tailed, new gateways', store, ...unknown, draw: heavyTailed }
])

/**
 * 200 callers at four gateways that share a store spend one dollar, each until it has been refused once. What was spent
 * is told by the provider's own usage, priced here, beside what the budget says.
 */
export async function benchBudget(): Promise<void> {
  console.log('## Budget\n')
  console.log(
    `${gateways} gateways, ${gateways * callersEach} callers, $${limitUsd.toFixed(2)}; each calls until it is refused once\n`
  )
  const rows: string[][] = []
  for (const scenario of scenarios) {
    console.error(`  ${scenario.store}: ${scenario.name}`)
    const spendings: Spending[] = []
    for (let run = 1; run <= runs; run++) spendings.push(await spend(scenario, run))
    rows.push([scenario.store, scenario.name, ...row(spendings)])
  }
  const head =
    'store, answers, store left out, overshoot in each run, calls, spent, by the budget, of a mean call, under way at the last let through, set aside for them, they cost'
  console.log('From the calls on: the run with the median overshoot.\n')
  console.log(markdown(head.split(', '), rows))
}

/** What has come of one run. In US dollars. */
interface Spending {
  readonly leftOut: number
  /** What the provider's own usage says that each call has cost. */
  readonly costs: readonly number[]
  readonly spent: number
  readonly byBudget: number
  readonly ledger: Ledger | undefined
}

async function spend(scenario: Scenario, run: number): Promise<Spending> {
  const providers = await startProviders({ names: ['openai'], delay: { firstTokenMs: 50, perTokenMs: 0.1 } })
  const folder = temporaryFolder()
  const redis = scenario.store === 'Redis' ? await startRedisServer() : undefined
  const store = redis?.url ?? `embedded:${folder.path}`
  const started: RunningGateway[] = []
  try {
    for (let index = 0; index < gateways; index++) started.push(await startSpender(providers, store))
    const ask = asker(scenario, run)
    if (scenario.hasHistory) await Promise.all(started.map((gateway) => askBefore(gateway, ask)))
    await providers.tell()
    const leftOutBefore = started.reduce((sum, gateway) => sum + timesLeftOut(gateway), 0)
    const watch = redis === undefined ? undefined : await watchBudget(redis.port)
    const callers = started.flatMap((gateway) =>
      Array.from({ length: callersEach }, () => callUntilRefused(gateway, ask))
    )
    const outcomes = await Promise.all(callers)
    const standing = await agreed(started)
    const wrong = outcomes.flat()
    if (wrong.length > 0) console.log(`neither answered nor refused: ${wrong.join('; ')}`)
    const costs = (await providers.tell())
      .filter(({ outcome }) => outcome === 'answered')
      .map(({ input, output }) => (input * nanoOfInput + output * nanoOfOutput) / 1e9)
    const leftOut = started.reduce((sum, gateway) => sum + timesLeftOut(gateway), 0) - leftOutBefore
    const spent = costs.reduce((sum, cost) => sum + cost, 0)
    return { leftOut, costs, spent, byBudget: standing.spentUsd, ledger: watch?.end() }
  } finally {
    for (const gateway of started) await gateway.end()
    providers.end()
    await redis?.stop()
    folder.remove()
  }
}

function startSpender({ ports }: Providers, store: string): Promise<RunningGateway> {
  return startConfigured({
    store,
    providers: { openai: { url: `http://127.0.0.1:${ports['openai']}/v1`, key: 'sk-openai' } },
    // Calls without the tag are no part of it.
    budgets: [{ name: 'one-dollar', tag: 'counted', limit: limitUsd }]
  })
}

type Ask = (gateway: RunningGateway, isCounted: boolean) => Promise<Told>

/** Each call is another question. */
function asker({ draw }: Scenario, run: number): Ask {
  const random = seeded(run)
  let asked = 0
  return (gateway, isCounted) => {
    const content = prompt(asked++, draw(random))
    const headers = isCounted ? { 'x-reprise-tags': 'counted' } : {}
    return call({ url: gateway.url, content, stream: asked % 2 === 0, id: String(asked), headers })
  }
}

async function askBefore(gateway: RunningGateway, ask: Ask): Promise<void> {
  for (let index = 0; index < callsBefore; index++) await ask(gateway, false)
}

/** What it was told that it should not have been. */
async function callUntilRefused(gateway: RunningGateway, ask: Ask): Promise<readonly string[]> {
  for (;;) {
    const { status, code, body, message } = await ask(gateway, true)
    if (status === 429 && code === 'over-budget') return []
    if (status !== 200 || body !== 'whole') return [`${status} ${body} ${message}`]
  }
}

interface Standing {
  readonly spentUsd: number
  readonly reservedUsd: number
}

/** Where the budget stands when all say the same of it; they may have something to tell the store yet. */
async function agreed(started: readonly RunningGateway[]): Promise<Standing> {
  for (const untilMs = Date.now() + 20_000; ; await delay(100)) {
    const standings = await Promise.all(started.map(budgetAt))
    const [one] = standings
    if (one === undefined) throw new Error('there are no gateways')
    if (standings.every(({ spentUsd, reservedUsd }) => spentUsd === one.spentUsd && reservedUsd === 0)) return one
    if (Date.now() < untilMs) continue
    console.log(`the gateways do not agree, or something stays set aside: ${JSON.stringify(standings)}`)
    return one
  }
}

async function budgetAt({ url }: RunningGateway): Promise<Standing> {
  const response = await fetch(`${url}/budgets`)
  const { budgets } = (await response.json()) as { budgets: readonly Standing[] }
  const [standing] = budgets
  if (standing === undefined) throw new Error('the gateway knows of no budget')
  return { spentUsd: standing.spentUsd, reservedUsd: standing.reservedUsd }
}

/** How often a gateway found that its store did not answer in time, and went on without it. */
function timesLeftOut(gateway: RunningGateway): number {
  return gateway.log().match(/store\S* does not answer/g)?.length ?? 0
}

function row(spendings: readonly Spending[]): readonly string[] {
  const [median] = [...spendings].sort((left, right) => left.spent - right.spent).slice(spendings.length >> 1)
  if (median === undefined) throw new Error('there were no runs')
  const { leftOut, costs, spent, byBudget, ledger } = median
  return [
    spendings.map(({ leftOut }) => leftOut).join(' '),
    spendings.map((spending) => usd(overshootOf(spending))).join(' '),
    String(costs.length),
    usd(spent),
    usd(byBudget),
    (overshootOf(median) / (spent / costs.length)).toFixed(2),
    // What was let through without the store is not in its ledger.
    ...(ledger === undefined || leftOut > 0
      ? ['-', '-', '-']
      : [String(ledger.underWay), usd(ledger.setAside / 1e9), usd(spent - ledger.spent / 1e9)])
  ]
}

function overshootOf({ spent }: Spending): number {
  return Math.max(0, spent - limitUsd)
}

function usd(amount: number): string {
  return `$${amount.toFixed(4)}`
}
