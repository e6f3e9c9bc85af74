import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Outcome, UnsteadyTally } from '../../test/support/unsteady-tally.ts'
import { type Budgets, budgets, type Charged, type Reservation } from './budget.ts'

const call: Charged = { tenant: 'acme', tags: [], model: 'gpt-4o' }

/** A process that counts in `tally`, and the failures that it tells of. */
function join(tally: UnsteadyTally, now = Date.now): { all: Budgets; failures: string[] } {
  const failures: string[] = []
  const all = budgets([{ name: 'all', limitUsd: 1 }], {
    now,
    observe: (event) => {
      if (event.type === 'failed') failures.push(`${event.part}: ${event.operation}`)
    }
  })
  all.countIn(tally)
  return { all, failures }
}

function reserve(all: Budgets, usd: number): Promise<Reservation | 'over'> {
  return all.reserve(call, usd).catch((error: unknown) => {
    expect(error).toMatchObject({ code: 'over-budget' })
    return 'over'
  })
}

async function spend(all: Budgets, usd: number): Promise<'over' | undefined> {
  const reservation = await reserve(all, usd)
  if (reservation === 'over') return 'over'
  await reservation.settle(usd)
  return undefined
}

describe('while the store does not answer', () => {
  let tally: UnsteadyTally

  beforeEach(() => {
    vi.useFakeTimers()
    tally = new UnsteadyTally()
  })
  afterEach(() => vi.useRealTimers())

  it.each<Outcome>(['down', 'lost'])(
    'a process goes on from what it last knew, and says so once: %s',
    async (outcome) => {
      const { all, failures } = join(tally)
      const { all: other } = join(tally)
      await spend(other, 0.3)
      await spend(all, 0.2)
      tally.outcome = outcome
      await spend(all, 0.4)
      expect(await spend(all, 0.2)).toBe('over')
      expect(await spend(all, 0.1)).toBeUndefined()
      expect(await all.status()).toMatchObject([{ remainingUsd: 0 }])
      expect(failures).toEqual(['budgets: count'])
    }
  )

  it('it says of a call that it refuses what it knows', async () => {
    const { all } = join(tally)
    await spend(all, 0.6)
    tally.outcome = 'down'
    await expect(all.reserve(call, 0.5)).rejects.toMatchObject({ details: { spentUsd: 0.6, estimateUsd: 0.5 } })
  })

  it('what was counted meanwhile is added when it is back, with the next call', async () => {
    const { all } = join(tally)
    tally.outcome = 'down'
    await spend(all, 0.6)
    tally.outcome = 'done'
    await spend(all, 0.1)
    expect([tally.countOf('committed'), tally.countOf('spent')]).toEqual([7e8, 7e8])
  })

  it('and without one, too, for others to know', async () => {
    const { all, failures } = join(tally)
    tally.outcome = 'down'
    await spend(all, 0.6)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(tally.countOf('committed')).toBe(0)
    tally.outcome = 'done'
    await vi.advanceTimersByTimeAsync(5000)
    expect([tally.countOf('committed'), tally.countOf('spent')]).toEqual([6e8, 6e8])
    expect(vi.getTimerCount()).toBe(0)
    // The next time is told of again.
    tally.outcome = 'down'
    await spend(all, 0.1)
    expect(failures).toEqual(['budgets: count', 'budgets: count'])
  })

  it('what others have spent meanwhile is seen before anything is let through', async () => {
    const { all } = join(tally)
    const { all: other } = join(tally)
    tally.outcome = 'down'
    await spend(all, 0.6)
    tally.outcome = 'done'
    await spend(other, 0.6)
    expect(await spend(all, 0.1)).toBe('over')
    expect(tally.countOf('committed')).toBe(12e8)
  })

  it('what was added although the answer was lost is counted twice at worst, and what was given back, not at all', async () => {
    const { all } = join(tally)
    tally.outcome = 'added'
    const reservation = await reserve(all, 0.3)
    tally.outcome = 'done'
    await all.status()
    expect(tally.countOf('committed')).toBe(6e8)
    tally.outcome = 'lost'
    if (reservation !== 'over') await reservation.settle(0.1)
    tally.outcome = 'done'
    await all.status()
    expect(tally.countOf('committed')).toBe(6e8)
    // Nor is it counted as spent: it stays set aside.
    expect(tally.countOf('spent')).toBe(0)
  })

  it('what comes late is counted once', async () => {
    const { all } = join(tally)
    tally.outcome = 'late'
    const reservation = await reserve(all, 0.3)
    expect(tally.countOf('committed')).toBe(3e8)
    tally.outcome = 'done'
    await spend(all, 0.1)
    expect(tally.countOf('committed')).toBe(7e8)
    tally.catchUp()
    await all.status()
    expect(tally.countOf('committed')).toBe(4e8)
    if (reservation !== 'over') await reservation.settle(0.2)
    expect([tally.countOf('committed'), tally.countOf('spent')]).toEqual([3e8, 3e8])
  })

  it('what the store takes late of a call that was refused is given back', async () => {
    const { all } = join(tally)
    const dear = await reserve(all, 0.2)
    tally.outcome = undefined
    const refused = reserve(all, 0.5)
    // What is on its way would not leave room for it.
    const settled = dear === 'over' ? undefined : dear.settle(0.6)
    await vi.advanceTimersByTimeAsync(0)
    tally.answer('late')
    await vi.advanceTimersByTimeAsync(0)
    tally.outcome = 'down'
    while (tally.waiting > 0) tally.answer('down')
    expect(await refused).toBe('over')
    await settled
    expect(tally.countOf('committed')).toBe(7e8)
    tally.outcome = 'done'
    tally.catchUp()
    await all.status()
    expect([tally.countOf('committed'), tally.countOf('spent')]).toEqual([6e8, 6e8])
  })
})

describe('a store that forgets', () => {
  it('is told again what this process remembers, before anything is let through', async () => {
    const tally = new UnsteadyTally()
    const { all, failures } = join(tally)
    await spend(all, 0.5)
    const under = await reserve(all, 0.3)
    tally.forget()
    expect(await spend(all, 0.3)).toBe('over')
    expect(await spend(all, 0.2)).toBeUndefined()
    if (under !== 'over') await under.settle(0.1)
    expect(await all.status()).toMatchObject([{ spentUsd: 0.8, reservedUsd: 0 }])
    expect([tally.countOf('committed'), tally.countOf('spent')]).toEqual([8e8, 8e8])
    expect(failures).toContain('budgets: remember')
    const told = failures.length
    await spend(all, 0.1)
    expect(failures).toHaveLength(told)
  })

  it('is not told the same by two', async () => {
    const tally = new UnsteadyTally()
    const { all } = join(tally)
    const { all: other } = join(tally)
    await spend(all, 0.3)
    await spend(other, 0.3)
    await all.status()
    tally.forget()
    await Promise.all([all.status(), other.status()])
    await Promise.all([spend(all, 0.1), spend(other, 0.1)])
    expect([tally.countOf('committed'), tally.countOf('spent')]).toEqual([8e8, 8e8])
  })

  it('is told once what all knew, and of each what it has counted alone', async () => {
    const tally = new UnsteadyTally()
    const { all } = join(tally)
    const { all: other } = join(tally)
    await spend(all, 0.1)
    await spend(other, 0.2)
    await all.status()
    tally.outcome = 'down'
    await Promise.all([spend(all, 0.2), spend(other, 0.3)])
    tally.forget()
    tally.outcome = 'done'
    await Promise.all([all.status(), other.status()])
    expect([tally.countOf('committed'), tally.countOf('spent')]).toEqual([8e8, 8e8])
  })

  it('a part is believed no more than one that forgets all, and told what is lacking after a while', async () => {
    const tally = new UnsteadyTally()
    let nowMs = 0
    const { all } = join(tally, () => nowMs)
    await spend(all, 0.2)
    const older = [...tally.counts]
    await spend(all, 0.5)
    for (const [key, count] of older) tally.counts.set(key, count)
    expect(await spend(all, 0.4)).toBe('over')
    await spend(all, 0.1)
    expect(tally.countOf('committed')).toBe(3e8)
    nowMs += 1000
    await all.status()
    expect([tally.countOf('committed'), tally.countOf('spent')]).toEqual([8e8, 8e8])
  })

  it('while it is down is told all', async () => {
    const tally = new UnsteadyTally()
    const { all } = join(tally)
    await spend(all, 0.2)
    tally.outcome = 'down'
    await spend(all, 0.5)
    tally.forget()
    tally.outcome = 'done'
    expect(await spend(all, 0.4)).toBe('over')
    await spend(all, 0.1)
    expect([tally.countOf('committed'), tally.countOf('spent')]).toEqual([8e8, 8e8])
  })
})

type Step =
  | { readonly do: 'reserve'; readonly amount: number }
  | { readonly do: 'settle'; readonly which: number; readonly share: number }
  | { readonly do: 'answer'; readonly outcome: Outcome }
  | { readonly do: 'catch up' | 'forget' | 'forget at rest' }

function stepsOf(
  outcomes: readonly Outcome[],
  others: readonly ('catch up' | 'forget' | 'forget at rest')[]
): fc.Arbitrary<Step[]> {
  const answer = fc.record({ do: fc.constant('answer' as const), outcome: fc.constantFrom(...outcomes) })
  return fc.array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant('reserve' as const), amount: fc.integer({ min: 0, max: 50 }) })
      },
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constant('settle' as const),
          which: fc.nat(10),
          share: fc.double({ min: 0, max: 1, noNaN: true })
        })
      },
      { weight: 8, arbitrary: answer },
      ...others.map((one) => ({ weight: 1, arbitrary: fc.constant({ do: one }) }))
    ),
    { maxLength: 80 }
  )
}

/** Takes the steps, each call costing no more than expected; what has come of it in billionths, in truth and in the store. */
async function take(
  steps: readonly Step[]
): Promise<{ truth: number; tally: UnsteadyTally; highest: number; failures: readonly string[] }> {
  const tally = new UnsteadyTally()
  tally.outcome = undefined
  let nowMs = 0
  const { all, failures } = join(tally, () => nowMs)
  const held: { readonly reservation: Reservation; readonly amount: number }[] = []
  let truth = 0
  let highest = 0
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  for (const step of steps) {
    if (step.do === 'reserve') {
      const amount = step.amount * 1e7
      void reserve(all, amount / 1e9).then((reservation) => {
        if (reservation === 'over') return
        held.push({ reservation, amount })
        truth += amount
        highest = Math.max(highest, truth)
      })
    } else if (step.do === 'settle') {
      const [one] = held.splice(step.which % Math.max(1, held.length), 1)
      if (one === undefined) continue
      const paid = Math.floor(one.amount * step.share)
      truth += paid - one.amount
      void one.reservation.settle(paid / 1e9)
    } else if (step.do === 'answer') tally.answer(step.outcome)
    else if (step.do === 'forget') tally.forget()
    else if (step.do === 'forget at rest') {
      for (; tally.waiting > 0; await turn()) tally.answer('done')
      tally.forget()
    } else tally.catchUp()
    await turn()
  }
  // Now all is well again, and it comes to an end.
  for (let round = 0; round < 3; round++) {
    for (; tally.waiting > 0; await turn()) tally.answer('done')
    tally.catchUp()
    nowMs += 2000
    const looking = all.status()
    for (let isOver = false; !isOver; ) {
      void looking.then(() => {
        isOver = true
      })
      tally.answer('done')
      await turn()
    }
  }
  expect(tally.waiting).toBe(0)
  return { truth, tally, highest, failures }
}

describe('whatever becomes of its calls to the store, a process alone', () => {
  it('never exceeds the limit, and the store ends with the truth or with more', async () => {
    const steps = stepsOf(['done', 'done', 'down', 'lost', 'added', 'late'], ['catch up', 'forget'])
    await fc.assert(
      fc.asyncProperty(steps, async (drawn) => {
        const { truth, tally, highest } = await take(drawn)
        expect(highest).toBeLessThanOrEqual(1e9)
        expect(tally.countOf(':committed')).toBeGreaterThanOrEqual(truth)
      }),
      { numRuns: 200 }
    )
  })

  it('never takes the store for forgetful that is not, and never counts as spent what is not', async () => {
    const steps = stepsOf(['done', 'done', 'down', 'lost', 'added', 'late'], ['catch up'])
    await fc.assert(
      fc.asyncProperty(steps, async (drawn) => {
        const { truth, tally, failures } = await take(drawn)
        expect(failures).not.toContain('budgets: remember')
        expect(tally.countOf(':spent')).toBeLessThanOrEqual(truth)
      }),
      { numRuns: 200 }
    )
  })

  it('never exceeds the limit, and the store ends with the truth when nothing was lost on the way', async () => {
    const steps = stepsOf(['done', 'done', 'down'], ['forget at rest'])
    await fc.assert(
      fc.asyncProperty(steps, async (drawn) => {
        const { truth, tally, highest } = await take(drawn)
        expect(highest).toBeLessThanOrEqual(1e9)
        expect(tally.countOf(':committed')).toBe(truth)
      }),
      { numRuns: 200 }
    )
  })
})
