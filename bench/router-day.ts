import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { temporaryFolder } from '../test/support/temporary-folder.ts'
import { seeded } from '../test/support/unit-vectors.ts'
import { call, type Told } from './router-caller.ts'
import { type Caller, report } from './router-day-report.ts'
import { type Change, type Mode, prompt } from './router-providers.ts'
import { providerSettings, routeSettings, startConfigured, startProviders } from './router-world.ts'
import { count } from './tables.ts'

const names = ['first', 'second', 'third'] as const
const distinctPrompts = 4000
const timeoutMs = 500
const ttl = '5s'
/** Until when after its time to live a stale answer is served while it is asked anew. */
export const revalidateMs = 10_000
const upMs = 10_000
const downMs = 5000
const downModes: readonly Mode[] = ['refuses', 'hangs', 'says 500', 'says 429']
/** All are down for so long, from two thirds of the time on, each in its own way. */
const allDownMs = 10_000
const allDown: Readonly<Record<(typeof names)[number], Mode>> = {
  first: 'refuses',
  second: 'hangs',
  third: 'says 500'
}
/** From a request to the end of its answer. */
const pace = { firstTokenMs: 20, perTokenMs: 0.2 }

/** One row of the trace, and what it asks. */
interface Arrival {
  /** Since the first, in milliseconds. */
  readonly atMs: number
  readonly rank: number
  readonly content: string
  readonly output: number
}

/**
 * An hour of a real chat service's arrivals, compressed, through a gateway whose first provider flaps, whose second
 * fails at random, and which are all down once. An oracle says of each caller that failed whether somebody or the cache
 * could have served it.
 */
export async function benchDay(): Promise<void> {
  const data = process.env['REPRISE_DATA'] ?? join('..', 'shared', 'data')
  const file = join(data, 'traces', 'azure-2023-conv.csv')
  console.log('## A day of arrivals\n')
  if (!existsSync(file)) {
    console.log(`There is no trace at ${file}: set REPRISE_DATA to the folder with traces/azure-2023-conv.csv.`)
    return
  }
  const { values } = parseArgs({ strict: false, options: { seconds: { type: 'string', default: '180' } } })
  const lengthMs = Number(values.seconds) * 1000
  if (!(lengthMs > 0)) throw new Error(`--seconds: expected a number above 0, got ${String(values.seconds)}`)
  const arrivals = readTrace(file, lengthMs)
  const providers = await startProviders({ names, delay: pace, failing: { second: 0.02 } })
  const folder = temporaryFolder()
  const gateway = await startConfigured({
    store: `embedded:${folder.path}`,
    ttl,
    grace: '1h',
    'stale-while-revalidate': `${revalidateMs}ms`,
    providers: providerSettings(providers),
    routes: routeSettings(timeoutMs)
  })
  console.log(
    `${count(arrivals.length)} requests in ${lengthMs / 1000} s, ${count(new Set(arrivals.map(({ rank }) => rank)).size)} different ones; ttl ${ttl}\n`
  )
  try {
    const startMs = Date.now() + 1000
    const changing = providers.change(changes(startMs, lengthMs))
    const asked: Promise<Caller>[] = []
    let answered = 0
    for (const [index, arrival] of arrivals.entries()) {
      const { atMs, rank, content, output } = arrival
      const waitMs = startMs + atMs - Date.now()
      if (waitMs > 1) await delay(waitMs)
      const stream = index % 2 === 0
      const neededMs = pace.firstTokenMs + pace.perTokenMs * output
      asked.push(
        call({ url: gateway.url, content, stream, id: String(index) }).then((told: Told) => {
          answered += 1
          return { id: String(index), rank, stream, told, neededMs }
        })
      )
      if (index % 2000 === 1999)
        console.error(`  ${(atMs / 1000).toFixed(0)} s: ${index + 1} asked, ${answered} have their answer`)
    }
    const callers = await Promise.all(asked)
    // What is asked anew behind the callers' backs ends too.
    await delay(2000)
    report({ callers, received: await providers.tell(), changes: await changing, names, startMs, revalidateMs })
  } finally {
    await gateway.end()
    providers.end()
    folder.remove()
  }
}

/** Prompts are drawn by Zipf's law: the trace has no texts. One is as long as the row in which it comes first. */
function readTrace(file: string, lengthMs: number): readonly Arrival[] {
  const rows = readFileSync(file, 'utf8')
    .trim()
    .split(/\r?\n/)
    .slice(1)
    .map((line) => {
      const [time = '', input, output] = line.split(',')
      const [whole = '', fraction = '0'] = time.split('.')
      const atMs = Date.parse(`${whole.replace(' ', 'T')}Z`) + Number(`0.${fraction}`) * 1000
      return { atMs, input: Number(input), output: Number(output) }
    })
  const startMs = rows[0]?.atMs ?? 0
  const spanMs = (rows.at(-1)?.atMs ?? 0) - startMs
  const draw = zipf(distinctPrompts, seeded(2023))
  const drawn = new Map<number, Pick<Arrival, 'rank' | 'content' | 'output'>>()
  return rows.map(({ atMs, input, output }) => {
    const rank = draw()
    const known = drawn.get(rank) ?? { rank, content: prompt(rank, { input, output }), output }
    drawn.set(rank, known)
    return { atMs: ((atMs - startMs) / spanMs) * lengthMs, ...known }
  })
}

/** Ranks from 1 on, each drawn in inverse proportion to itself. */
function zipf(most: number, random: () => number): () => number {
  const sums: number[] = []
  let sum = 0
  for (let rank = 1; rank <= most; rank++) {
    sum += 1 / rank
    sums.push(sum)
  }
  return () => {
    const lot = random() * sum
    let [low, high] = [0, most - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) > lot) high = middle
      else low = middle + 1
    }
    return low + 1
  }
}

/** The first is up and down in turn, each time in another way; once all are down. */
function changes(startMs: number, lengthMs: number): readonly Change[] {
  const downFromMs = (lengthMs * 2) / 3
  const downUntilMs = downFromMs + allDownMs
  const cycleMs = upMs + downMs
  const isAllDown = (atMs: number): boolean => atMs >= downFromMs && atMs < downUntilMs

  function modeOf(name: (typeof names)[number], atMs: number): Mode {
    if (isAllDown(atMs)) return allDown[name]
    if (name !== 'first' || atMs % cycleMs < upMs || atMs >= lengthMs) return 'up'
    return downModes[Math.floor(atMs / cycleMs) % downModes.length] ?? 'up'
  }

  const times = [downFromMs, downUntilMs, lengthMs]
  for (let atMs = 0; atMs < lengthMs; atMs += cycleMs) times.push(atMs, atMs + upMs)
  times.sort((left, right) => left - right)
  return names.flatMap((provider) => {
    let before: Mode = 'up'
    return times.flatMap((atMs): Change[] => {
      const mode = modeOf(provider, atMs)
      if (mode === before) return []
      before = mode
      return [{ provider, mode, atMs: startMs + atMs }]
    })
  })
}
