import { counted, quantile, type Told, whoAnswered } from './router-caller.ts'
import type { Change, Received } from './router-providers.ts'
import { count, markdown } from './tables.ts'

/** Who asked what, and what came of it. */
export interface Caller {
  readonly id: string
  readonly rank: number
  readonly stream: boolean
  readonly told: Told
  /** How long a provider takes for its answer. */
  readonly neededMs: number
}

/** What is known after the day. */
export interface Day {
  readonly callers: readonly Caller[]
  readonly received: readonly Received[]
  readonly changes: readonly Change[]
  readonly names: readonly string[]
  readonly startMs: number
  readonly revalidateMs: number
}

/** Beside a provider's own time: the way there and back, on a machine that is busy. */
const marginMs = 100

/** Prints what callers got, how long it took, what the providers had to do, and what the oracle says. */
export function report(day: Day): void {
  const { callers, received, names, revalidateMs } = day
  const outcomes = new Map(callers.map((caller) => [caller.id, outcomeOf(caller, revalidateMs)]))
  const having = (...wanted: readonly string[]): readonly Caller[] =>
    callers.filter(({ id }) => wanted.includes(outcomes.get(id) ?? ''))

  console.log(
    markdown(
      ['callers who got', 'count', 'p50', 'p99', 'max'],
      [
        ...['a fresh hit', 'a stale hit, asked anew meanwhile', 'a stale hit, since nobody answered'].map((outcome) =>
          timesRow(outcome, having(outcome))
        ),
        ...names.map((name) => timesRow(`the ${name} provider's answer`, having(name))),
        timesRow('an answer that broke off', having('broken off', 'garbled')),
        timesRow('an error', callers.filter(isFailed)),
        timesRow('hits, all', having(...hits)),
        timesRow('misses, all that were answered', having(...names)),
        timesRow('all', callers)
      ]
    )
  )

  const times = new Map<string, number>()
  let retries = 0
  for (const { id, provider } of received) {
    const name = `${provider} ${id}`
    const before = times.get(name) ?? 0
    times.set(name, before + 1)
    if (before > 0) retries += 1
  }
  const behind = received.filter(({ id }) => behindBacks.includes(outcomes.get(id) ?? ''))
  const calls = names.map((name) => {
    const own = received.filter(({ provider }) => provider === name)
    return `${name} ${count(own.length)} (${counted(own.map(({ outcome }) => outcome))})`
  })
  console.log(`provider calls: ${count(received.length)}: ${calls.join('; ')}`)
  console.log(`  of them asked again of the same provider: ${count(retries)} (${share(retries, received.length)})`)
  console.log(`  asked anew behind a caller's back: ${count(behind.length)}, answered ${count(answeredOf(behind))}\n`)
  judge(day, callers.filter(isFailed))
}

const hits = ['a fresh hit', 'a stale hit, asked anew meanwhile', 'a stale hit, since nobody answered']
const behindBacks = hits.slice(0, 2)

function outcomeOf({ told }: Caller, revalidateMs: number): string {
  const who = whoAnswered(told)
  if (who === 'hit') return 'a fresh hit'
  if (who !== 'stale') return who
  // `ttl` is what is left of its freshness, in whole seconds, rounded down.
  const leftS = Number(/ttl=(-?\d+)/.exec(String(told.headers['cache-status']))?.[1])
  return -leftS * 1000 <= revalidateMs ? 'a stale hit, asked anew meanwhile' : 'a stale hit, since nobody answered'
}

function isFailed({ told }: Caller): boolean {
  return told.status !== 200
}

/** Says of each that failed whether a provider or the cache could have served it. */
function judge({ callers, changes, names, startMs }: Day, failed: readonly Caller[]): void {
  const spells = names.map((name) => upSpells(name, changes))
  const storedAtMs = new Map<number, number>()
  for (const { rank, told } of callers) {
    const atMs = storedAt(told)
    if (atMs !== undefined) storedAtMs.set(rank, Math.min(atMs, storedAtMs.get(rank) ?? Number.POSITIVE_INFINITY))
  }
  const byProvider = failed.filter(({ told, neededMs }) =>
    spells.some((up) =>
      up.some(([fromMs, toMs]) => {
        const heldMs = Math.min(toMs, told.endedAtMs) - Math.max(fromMs, told.startedAtMs)
        return heldMs >= neededMs + marginMs
      })
    )
  )
  const byCache = failed.filter(({ rank, told }) => (storedAtMs.get(rank) ?? Number.POSITIVE_INFINITY) < told.endedAtMs)
  const served = new Set([...byProvider, ...byCache])
  console.log(`failed: ${count(failed.length)}: ${counted(failed.map(({ told }) => whoAnswered(told))) || 'none'}`)
  console.log(`  although a provider could have answered: ${count(byProvider.length)}`)
  console.log(`  although the cache had an answer within its grace: ${count(byCache.length)}`)
  console.log(`  although it could have been served: ${count(served.size)}`)
  for (const { told } of [...served].slice(0, 5)) {
    const at = (told.startedAtMs - startMs) / 1000
    console.log(`    at ${at.toFixed(1)} s, after ${told.tookMs.toFixed(0)} ms: ${told.message}`)
  }
}

/** When a provider was up, as intervals. */
function upSpells(name: string, changes: readonly Change[]): readonly (readonly [number, number])[] {
  const own = changes.filter(({ provider }) => provider === name).sort((left, right) => left.atMs - right.atMs)
  const spells: [number, number][] = []
  let fromMs: number | undefined = 0
  for (const { mode, atMs } of own) {
    if (fromMs !== undefined) spells.push([fromMs, atMs])
    fromMs = mode === 'up' ? atMs : undefined
  }
  if (fromMs !== undefined) spells.push([fromMs, Number.POSITIVE_INFINITY])
  return spells
}

/** The latest at which the answer was in the store; one of another model than the one asked for is not stored. */
function storedAt(told: Told): number | undefined {
  const who = whoAnswered(told)
  if (who === 'hit' || who === 'stale') return told.endedAtMs - Number(told.headers['age']) * 1000
  return who === 'first' || who === 'second' ? told.endedAtMs : undefined
}

function timesRow(name: string, callers: readonly Caller[]): readonly string[] {
  const took = callers.map(({ told }) => told.tookMs)
  const [p50, p99, max] = [quantile(took, 0.5), quantile(took, 0.99), quantile(took, 1)]
  const shown = (ms: number): string => (Number.isNaN(ms) ? '-' : ms.toFixed(1))
  return [name, count(callers.length), shown(p50), shown(p99), shown(max)]
}

function answeredOf(received: readonly Received[]): number {
  return received.filter(({ outcome }) => outcome === 'answered').length
}

function share(part: number, of: number): string {
  return `${((100 * part) / of).toFixed(1)} %`
}
