import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { type BudgetStatus, budgets } from '../../src/router/budget.ts'
import { Entries } from '../../src/stores/entries.ts'
import { openStore } from '../../src/stores/open.ts'
import type { BudgetOutcome, BudgetWork } from '../support/budget-worker.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const estimate = 1_000_000
const patientMs = 30_000

interface Worker {
  readonly process: ChildProcess
  /** Resolves when it has printed that. */
  printed(line: string): Promise<void>
  say(): void
  /** What has come of it, when it has ended. */
  ended(): Promise<BudgetOutcome>
}

const cleaning: (() => Promise<unknown> | unknown)[] = []

afterEach(async () => {
  for (const clean of cleaning.splice(0).reverse()) await clean()
})

/** Several that begin together. */
async function startAll(count: number, work: Parameters<typeof start>[0]): Promise<readonly Worker[]> {
  const workers = Array.from({ length: count }, () => start(work))
  await Promise.all(workers.map((worker) => worker.printed('ready')))
  for (const worker of workers) worker.say()
  return workers
}

function start(work: Pick<BudgetWork, 'store'> & Partial<BudgetWork>): Worker {
  const whole: BudgetWork = { limitUsd: 1, estimate, least: 600_000, task: 'spend', deadlineMs: patientMs, ...work }
  const script = join(import.meta.dirname, '../support/budget-worker.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(whole)], {
    stdio: ['pipe', 'pipe', 'pipe']
  })
  const lines: string[] = []
  const waiting = new Map<string, () => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    waiting.get(line)?.()
  })
  let complaints = ''
  child.stderr.on('data', (data) => {
    complaints += data
  })
  const exited = once(child, 'close')
  cleaning.push(() => child.kill('SIGKILL'))
  return {
    process: child,
    printed: (line) =>
      lines.includes(line) ? Promise.resolve() : new Promise((resolve) => waiting.set(line, resolve)),
    say: () => void child.stdin.write('go\n'),
    async ended() {
      const [code] = await exited
      expect({ code, complaints }).toEqual({ code: 0, complaints: '' })
      return JSON.parse(lines.at(-1) ?? '') as BudgetOutcome
    }
  }
}

async function redis(...args: string[]): Promise<RedisServer> {
  const server = await startRedisServer({ args })
  cleaning.push(() => server.stop())
  return server
}

/** Where the budget stands, for one who comes to it anew. */
async function standing(store: string): Promise<BudgetStatus> {
  const entries = new Entries(await openStore(store), { deadlineMs: patientMs })
  while ((await entries.add('ready', 0, { ttlMs: 1000 })) !== 0) await new Promise((resolve) => setTimeout(resolve, 5))
  const all = budgets([{ name: 'all', limitUsd: 1 }])
  all.countIn(entries)
  const [status] = await all.status()
  await entries.close()
  if (status === undefined) throw new Error('there is no budget')
  return status
}

const nano = (usd: number): number => Math.round(usd * 1e9)

/** All workers spend one dollar together. */
async function spendTogether(store: string, count: number): Promise<void> {
  const workers = await startAll(count, { store })
  const outcomes = await Promise.all(workers.map((worker) => worker.ended()))
  expect(outcomes.flatMap(({ errors, failures }) => [...errors, ...failures])).toEqual([])
  const paid = outcomes.reduce((sum, outcome) => sum + outcome.paid, 0)
  const { spentUsd, reservedUsd } = await standing(store)
  expect([nano(spentUsd), nano(reservedUsd)]).toEqual([paid, 0])
  expect(paid).toBeLessThanOrEqual(1e9)
  expect(paid).toBeGreaterThan(1e9 - estimate)
  for (const { calls, refused } of outcomes) expect([calls > 0, refused > 0]).toEqual([true, true])
}

describe('a budget that processes share', () => {
  it('is spent to the last call and no further: on Redis', async () => {
    const { url } = await redis()
    await spendTogether(url, 4)
  })

  it('is spent to the last call and no further: in a folder', async () => {
    const folder = temporaryFolder()
    cleaning.push(() => folder.remove())
    await spendTogether(`embedded:${folder.path}`, 4)
  })

  it('is spent to the last call and no further: in memory', async () => {
    const [worker] = await startAll(1, { store: 'memory:' })
    const outcome = await worker?.ended()
    expect(outcome).toMatchObject({ errors: [], failures: [] })
    expect(outcome?.refused).toBeGreaterThan(0)
    expect(outcome?.paid).toBeLessThanOrEqual(1e9)
    expect(outcome?.paid).toBeGreaterThan(1e9 - estimate)
  })

  it.each([
    ['with all that it knew', ['--appendonly', 'yes', '--appendfsync', 'always']],
    ['empty', []]
  ])('is not lost when Redis dies under them and comes back %s', async (what, args) => {
    const server = await redis(...args)
    const limitUsd = 3
    // Several may each remember a little less than all together knew.
    const count = what === 'empty' ? 1 : 2
    const workers = await startAll(count, { store: server.url, task: 'go on', limitUsd, deadlineMs: 50 })
    await Promise.all(workers.map((worker) => worker.printed('started')))
    await server.kill()
    await Promise.all(workers.map((worker) => worker.printed('alone')))
    await server.restart()
    await Promise.all(workers.map((worker) => worker.printed('together')))
    for (const worker of workers) worker.say()
    const outcomes = await Promise.all(workers.map((worker) => worker.ended()))
    expect(outcomes.flatMap(({ errors }) => errors)).toEqual([])
    for (const { paid, calls } of outcomes) {
      expect(paid).toBeLessThanOrEqual(limitUsd * 1e9)
      expect(calls).toBeGreaterThan(0)
    }
    const paid = outcomes.reduce((sum, outcome) => sum + outcome.paid, 0)
    const { spentUsd, reservedUsd } = await standing(server.url)
    expect(nano(spentUsd) + nano(reservedUsd)).toBeGreaterThanOrEqual(paid)
  })

  it('keeps what was set aside by a process that was killed in the middle of a call', async () => {
    const { url } = await redis()
    const [worker] = await startAll(1, { store: url, task: 'go on', limitUsd: 100 })
    await worker?.printed('started')
    worker?.process.kill('SIGKILL')
    if (worker !== undefined) await once(worker.process, 'close')
    expect(nano((await standing(url)).reservedUsd)).toBeGreaterThan(0)
  })
})
