import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../../src/core/errors.ts'
import { OverBudgetError } from '../../src/core/over-budget-error.ts'
import { type Budgets, budgets, type Charged, type Reservation } from '../../src/router/budget.ts'
import { Entries } from '../../src/stores/entries.ts'
import { openStore } from '../../src/stores/open.ts'

/** What a process of its own does with a budget, fifty callers at a time. Costs in billionths of a dollar. */
export interface BudgetWork {
  /** As `openStore` has it. */
  readonly store: string
  readonly limitUsd: number
  readonly estimate: number
  /** Costs are drawn from this to the estimate. */
  readonly least: number
  /** `spend`: until nothing is left for anybody. `go on`: until it is told, and the store answers again. */
  readonly task: 'spend' | 'go on'
  readonly deadlineMs: number
}

/**
 * What has come of it. It begins when a line comes in, and `go on` ends with a second one. On the way it prints `ready`,
 * `started`, `alone` and `together`, each on a line.
 */
export interface BudgetOutcome {
  /** What its calls have cost. */
  readonly paid: number
  readonly calls: number
  readonly refused: number
  /** What nobody should see. */
  readonly errors: readonly string[]
  readonly failures: readonly string[]
}

const callers = 50
const call: Charged = { tenant: 'acme', tags: [], model: 'gpt-4o' }

async function main(): Promise<void> {
  const { store, limitUsd, estimate, least, task, deadlineMs } = JSON.parse(process.argv[2] ?? '') as BudgetWork
  const failures = new Set<string>()
  const entries = new Entries(await openStore(store), {
    deadlineMs,
    observe: (event) => {
      if (event.type === 'closed') console.log('together')
    }
  })
  const answers = async (): Promise<boolean> => typeof (await entries.add('looking', 0, { ttlMs: 1000 })) === 'number'
  while (!(await answers())) await delay(5)
  const all = budgets([{ name: 'all', limitUsd }], {
    observe: (event) => {
      if (event.type !== 'failed') return
      failures.add(`${event.part}: ${event.operation}`)
      if (event.operation === 'count') console.log('alone')
    }
  })
  all.countIn(entries)
  const outcome = { paid: 0, calls: 0, refused: 0, errors: [] as string[] }
  let isOver = false
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  console.log('ready')
  await lines.next()
  if (task === 'go on')
    void lines.next().then(() => {
      isOver = true
    })

  async function reserve(): Promise<Reservation | undefined> {
    try {
      return await all.reserve(call, estimate / 1e9)
    } catch (error) {
      if (!(error instanceof OverBudgetError)) outcome.errors.push(messageOf(error))
      outcome.refused++
      return undefined
    }
  }

  async function work(): Promise<void> {
    while (!isOver) {
      const reservation = await reserve()
      if (reservation === undefined) {
        if (task === 'spend' && (await isSpent(all, estimate))) isOver = true
        await delay(2)
        continue
      }
      const paid = least + Math.floor(Math.random() * (estimate - least + 1))
      outcome.paid += paid
      outcome.calls++
      if (outcome.calls === 10 * callers) console.log('started')
      await delay(1 + Math.random() * 4)
      await reservation.settle(paid / 1e9).catch((error: unknown) => outcome.errors.push(messageOf(error)))
    }
  }

  await Promise.all(Array.from({ length: callers }, work))
  do {
    while (!(await answers())) await delay(5)
    // Tells the store what it has not been told.
    await all.status()
  } while (!(await answers()))
  await entries.close()
  const told: BudgetOutcome = { ...outcome, failures: [...failures] }
  console.log(JSON.stringify(told))
  process.exit()
}

/** When nothing is under way, and so nothing will be given back, and there is no room for one call more. */
async function isSpent(all: Budgets, estimate: number): Promise<boolean> {
  const [status] = await all.status()
  return status !== undefined && status.reservedUsd === 0 && status.remainingUsd * 1e9 < estimate
}

if (process.argv[1]?.endsWith('budget-worker.ts') === true) await main()
