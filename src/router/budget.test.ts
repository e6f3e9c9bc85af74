import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UnsteadyTally } from '../../test/support/unsteady-tally.ts'
import type { Event } from '../core/events.ts'
import type { OverBudgetError } from '../core/over-budget-error.ts'
import { type BudgetOptions, type Budgets, budgets, type Charged, type Reservation } from './budget.ts'

const call: Charged = { tenant: 'acme', tags: [], model: 'gpt-4o' }
const noon = Date.UTC(2026, 10, 21, 12)
const dayMs = 86_400_000

async function failureOf(reserving: Promise<Reservation>): Promise<OverBudgetError> {
  const error = await reserving.then(
    () => undefined,
    (reason: unknown) => reason
  )
  expect(error).toMatchObject({ name: 'OverBudgetError', code: 'over-budget', status: 429, retryable: false })
  return error as OverBudgetError
}

/** What is spent and set aside, by budget and person. */
async function standing(all: Budgets): Promise<Record<string, readonly [number, number]>> {
  const status = await all.status()
  return Object.fromEntries(
    status.map(({ name, of, spentUsd, reservedUsd }) => [
      of === undefined ? name : `${name}/${of}`,
      [spentUsd, reservedUsd] as const
    ])
  )
}

/** Makes a call that costs what was expected. */
async function spend(all: Budgets, who: Partial<Charged>, usd: number): Promise<void> {
  const reservation = await all.reserve({ ...call, ...who }, usd)
  await reservation.settle(usd)
}

describe('a budget', () => {
  it('has a name that can be written anywhere, whatever callers have called their models', async () => {
    const all = budgets([{ name: 'each', limitUsd: 0, per: 'model' }])
    for (const model of ['half a pair: \ud83d', `${'m'.repeat(63)}\u{1f600}${'m'.repeat(20)}`]) {
      const { details } = await failureOf(all.reserve({ ...call, model }, 1))
      expect(() => encodeURIComponent(details.budget)).not.toThrow()
    }
  })

  it('sets the estimate aside, and counts what the call has cost in its place', async () => {
    const all = budgets([{ name: 'all', limitUsd: 1 }])
    expect(all.isEmpty).toBe(false)
    const reservation = await all.reserve(call, 0.4)
    expect(await all.status()).toEqual([
      {
        name: 'all',
        period: 'total',
        limitUsd: 1,
        spentUsd: 0,
        reservedUsd: 0.4,
        remainingUsd: 0.6,
        unpriced: 0
      }
    ])
    await reservation.settle(0.1)
    expect(await all.status()).toMatchObject([{ spentUsd: 0.1, reservedUsd: 0, remainingUsd: 0.9 }])
  })

  it('counts what was set aside when nobody knows what the call has cost, and nothing when it cost nothing', async () => {
    const all = budgets([{ name: 'all', limitUsd: 1 }])
    const unknown = await all.reserve(call, 0.3)
    const free = await all.reserve(call, 0.5)
    await unknown.settle(undefined)
    await free.settle(0)
    expect(await standing(all)).toEqual({ all: [0.3, 0] })
  })

  it('is not settled twice', async () => {
    const all = budgets([{ name: 'all', limitUsd: 1 }])
    const reservation = await all.reserve(call, 0.4)
    await Promise.all([reservation.settle(0.1), reservation.settle(0.2)])
    await reservation.settle(undefined)
    expect(await standing(all)).toEqual({ all: [0.1, 0] })
  })

  it('lets a call through that fits to the last billionth, and none that does not', async () => {
    const all = budgets([{ name: 'all', limitUsd: 0.3 }])
    await spend(all, {}, 0.1)
    await spend(all, {}, 0.2)
    await failureOf(all.reserve(call, 0.000000001))
    // What costs nothing always fits.
    await spend(all, {}, 0)
    expect(await standing(all)).toEqual({ all: [0.3, 0] })
  })

  it('adds a tenth of a dollar up ten thousand times without an error', async () => {
    const all = budgets([{ name: 'all', limitUsd: 1000 }])
    for (let round = 0; round < 100; round++) await Promise.all(Array.from({ length: 100 }, () => spend(all, {}, 0.1)))
    expect(await standing(all)).toEqual({ all: [1000, 0] })
    await failureOf(all.reserve(call, 1e-9))
  })

  it('takes an overrun as it is, and then lets nothing through', async () => {
    const all = budgets([{ name: 'all', limitUsd: 1 }])
    await (await all.reserve(call, 0.5)).settle(3)
    expect(await all.status()).toMatchObject([{ spentUsd: 3, reservedUsd: 0, remainingUsd: 0 }])
    await failureOf(all.reserve(call, 0.1))
  })

  it('that does not exist holds nothing up', async () => {
    const none = budgets([])
    expect(none.isEmpty).toBe(true)
    await (await none.reserve(call, 1e6)).settle(1e6)
    await (await none.reserve(call, undefined)).settle(undefined)
    expect(await none.status()).toEqual([])
  })

  it('says of a call that does not fit what is left, and when there will be more', async () => {
    const all = budgets([{ name: 'all', limitUsd: 1, period: 'month' }], { now: () => noon })
    await spend(all, {}, 0.95)
    const error = await failureOf(all.reserve(call, 0.1))
    expect(error.message).toBe(
      'over budget: of the $1.00 that all allows, $0.95 is spent or set aside, and this call is expected to cost ' +
        '$0.10, more than the $0.05 that is left; it resets at 2026-12-01T00:00:00.000Z'
    )
    expect(error.retryAfterMs).toBe(Date.UTC(2026, 11) - noon)
    expect(error.details).toEqual({
      budget: 'all',
      limitUsd: 1,
      spentUsd: 0.95,
      reservedUsd: 0,
      estimateUsd: 0.1,
      resetsAtMs: Date.UTC(2026, 11)
    })
  })

  it('says that all is spent when all is', async () => {
    const all = budgets([{ name: 'all', limitUsd: 1 }])
    await spend(all, {}, 1)
    const error = await failureOf(all.reserve(call, 0.0000123))
    expect(error.message).toBe(
      'over budget: all of the $1.00 that all allows is spent or set aside (this call: $0.0000123); it does not reset'
    )
    expect(error.retryAfterMs).toBeUndefined()
  })

  it('says so of a call that would never fit, for which waiting is no help', async () => {
    const all = budgets([{ name: 'all', limitUsd: 0.05, period: 'day' }])
    const error = await failureOf(all.reserve(call, 0.2))
    expect(error.message).toBe(
      'over budget: this call alone is expected to cost $0.20, and all allows $0.05 in all; ask for less output, or raise the limit'
    )
    expect(error.retryAfterMs).toBeUndefined()
    expect(error.details.spentUsd).toBe(0)
  })
})

describe('a period', () => {
  it.each([
    ['day', Date.UTC(2026, 10, 21, 23, 59, 59, 999), Date.UTC(2026, 10, 22)],
    ['month', Date.UTC(2026, 10, 30, 23, 59, 59, 999), Date.UTC(2026, 11, 1)],
    ['month', Date.UTC(2026, 11, 31, 23, 59, 59, 999), Date.UTC(2027, 0, 1)],
    ['day', Date.UTC(2028, 1, 28, 23, 59, 59, 999), Date.UTC(2028, 1, 29)]
  ] as const)(
    'of a %s ends at midnight, and what is under way then is settled in it',
    async (period, before, after) => {
      let nowMs: number = before
      const tally = new UnsteadyTally()
      const all = budgets([{ name: 'all', limitUsd: 1, period }], { now: () => nowMs })
      all.countIn(tally)
      const straddling = await all.reserve(call, 0.9)
      await failureOf(all.reserve(call, 0.2))
      expect(await all.status()).toMatchObject([{ resetsAtMs: after, reservedUsd: 0.9 }])
      nowMs = after
      await spend(all, {}, 0.2)
      await straddling.settle(0.5)
      expect(await all.status()).toMatchObject([{ spentUsd: 0.2, reservedUsd: 0, period }])
      expect([...tally.counts.values()].sort()).toEqual([2e8, 2e8, 5e8, 5e8])
    }
  )

  it('is counted for two days longer than it lasts, and one without an end for a hundred years', async () => {
    const tally = new UnsteadyTally()
    const all = budgets(
      [
        { name: 'ever', limitUsd: 1 },
        { name: 'today', limitUsd: 1, period: 'day' }
      ],
      { now: () => noon }
    )
    all.countIn(tally)
    await spend(all, {}, 0.1)
    expect(Object.fromEntries(tally.ttls)).toEqual({
      'budget:ever:total:committed': 3_155_760_000_000,
      'budget:ever:total:spent': 3_155_760_000_000,
      'budget:today:2026-11-21:committed': 2.5 * dayMs,
      'budget:today:2026-11-21:spent': 2.5 * dayMs
    })
  })
})

describe('what falls under a budget', () => {
  it.each<[Omit<BudgetOptions, 'name' | 'limitUsd'>, Partial<Charged>, Record<string, readonly [number, number]>]>([
    [{}, {}, { b: [1, 0] }],
    [{ tenant: 'acme' }, {}, { b: [1, 0] }],
    [{ tenant: 'acm' }, {}, { b: [0, 0] }],
    [{ tenant: 'ac*' }, {}, { b: [1, 0] }],
    [{ tenant: 'acme' }, { tenant: undefined }, { b: [0, 0] }],
    [{ tenant: '*' }, { tenant: undefined }, { b: [1, 0] }],
    [{ model: 'gpt-4*' }, {}, { b: [1, 0] }],
    [{ model: 'gpt-4*' }, { model: 'claude' }, { b: [0, 0] }],
    [{ tag: 'team:*' }, { tags: ['x', 'team:a'] }, { b: [1, 0] }],
    [{ tag: 'team:*' }, { tags: ['x'] }, { b: [0, 0] }],
    [{ tag: 'team:*', model: 'o3' }, { tags: ['team:a'] }, { b: [0, 0] }],
    [{ per: 'tenant' }, {}, { 'b/acme': [1, 0] }],
    [{ per: 'tenant' }, { tenant: undefined }, { 'b/': [1, 0] }],
    [{ per: 'tenant', tenant: 'b*' }, {}, {}],
    [{ per: 'tenant', model: 'gpt-4o' }, {}, { 'b/acme': [1, 0] }],
    [{ per: 'tenant', tag: 'x' }, { tags: ['x'] }, { 'b/acme': [1, 0] }],
    [{ per: 'tenant', tag: 'x' }, {}, {}],
    [{ per: 'model' }, {}, { 'b/gpt-4o': [1, 0] }],
    [{ per: 'tag' }, {}, {}],
    [{ per: 'tag' }, { tags: ['b', 'a', 'b'] }, { 'b/a': [1, 0], 'b/b': [1, 0] }],
    [{ per: 'tag', tag: 'team:*' }, { tags: ['a', 'team:1', 'team:2'] }, { 'b/team:1': [1, 0], 'b/team:2': [1, 0] }]
  ])('with %j, of %j: %j', async (options, who, expected) => {
    const all = budgets([{ name: 'b', limitUsd: 1, ...options }])
    await spend(all, who, 1)
    expect(await standing(all)).toEqual(expected)
  })

  it('is kept apart for each tenant', async () => {
    const all = budgets([{ name: 'each', limitUsd: 1, per: 'tenant' }])
    await spend(all, { tenant: 'a' }, 1)
    await spend(all, { tenant: 'b' }, 1)
    expect((await failureOf(all.reserve({ ...call, tenant: 'a' }, 0.1))).details.budget).toBe('each (a)')
    await spend(all, { tenant: undefined }, 1)
    const nobody = await failureOf(all.reserve({ ...call, tenant: undefined }, 0.1))
    expect(nobody.details.budget).toBe('each (no tenant)')
  })

  it('shows no more of a tenant than its beginning, and the store nothing', async () => {
    const tenant = '3f2a77aa0123456789abcdef'
    const tally = new UnsteadyTally()
    const all = budgets([{ name: 'each: tenant?', limitUsd: 1, per: 'tenant' }])
    all.countIn(tally)
    const error = await failureOf(all.reserve({ ...call, tenant }, 2))
    expect(error.details.budget).toBe('each: tenant? (3f2a77aa...)')
    for (const key of tally.counts.keys()) {
      expect(key).toMatch(/^budget:each%3A%20tenant%3F:total:[0-9a-f]{32}:(committed|spent)$/)
      expect(key).not.toContain('3f2a77aa')
    }
  })

  it('falls under several budgets, and one that refuses leaves nothing set aside in the others', async () => {
    const all = budgets([
      { name: 'all', limitUsd: 10 },
      { name: 'gpt', limitUsd: 5, model: 'gpt*' },
      { name: 'team', limitUsd: 1, per: 'tag' }
    ])
    await spend(all, { tags: ['a', 'b'] }, 0.6)
    const error = await failureOf(all.reserve({ ...call, tags: ['c', 'b'] }, 0.5))
    expect(error.details).toMatchObject({ budget: 'team (b)', spentUsd: 0.6 })
    expect(await standing(all)).toEqual({
      all: [0.6, 0],
      gpt: [0.6, 0],
      'team/a': [0.6, 0],
      'team/b': [0.6, 0],
      'team/c': [0, 0]
    })
  })

  it('never holds on to what all share when it is over a budget of its own', async () => {
    const tally = new UnsteadyTally()
    const all = budgets([
      { name: 'all', limitUsd: 1 },
      { name: 'each', limitUsd: 0.1, per: 'tenant' }
    ])
    all.countIn(tally)
    await failureOf(all.reserve(call, 0.5))
    expect([...tally.counts.keys()].filter((key) => key.includes(':all:'))).toEqual([])
  })
})

describe('a call whose price is not known', () => {
  it('is refused, with the remedy', async () => {
    const all = budgets([{ name: 'gpt', limitUsd: 1, model: 'gpt*' }])
    await expect(all.reserve(call, undefined)).rejects.toMatchObject({
      code: 'price-unknown',
      status: 403,
      message: expect.stringMatching(/"gpt-4o" is not known, and budget "gpt" .*"prices".*"unknown-price: allow"/)
    })
    await expect(all.reserve(call, Number.NaN)).rejects.toMatchObject({ code: 'price-unknown' })
    // No budget counts it.
    await (await all.reserve({ ...call, model: 'llama' }, undefined)).settle(undefined)
  })

  it('goes through where that is allowed, and is counted as a call', async () => {
    const all = budgets([{ name: 'all', limitUsd: 1 }], { unknownPrice: 'allow' })
    await (await all.reserve(call, undefined)).settle(undefined)
    expect(await all.status()).toMatchObject([{ spentUsd: 0, reservedUsd: 0, unpriced: 1 }])
    // In the end somebody knew after all.
    await (await all.reserve(call, undefined)).settle(0.25)
    expect(await all.status()).toMatchObject([{ spentUsd: 0.25, reservedUsd: 0, unpriced: 1 }])
  })

  it('does not go through when the budget is spent', async () => {
    const all = budgets([{ name: 'all', limitUsd: 1 }], { unknownPrice: 'allow' })
    const reservation = await all.reserve(call, 1)
    const error = await failureOf(all.reserve(call, undefined))
    expect(error.message).toMatch(/^over budget: all of the \$1.00 .*\(this call: at a price that is not known\)/)
    expect(error.details.estimateUsd).toBeUndefined()
    await reservation.settle(0.5)
    await (await all.reserve(call, undefined)).settle(undefined)
    expect(await all.status()).toMatchObject([{ spentUsd: 0.5, unpriced: 1 }])
  })
})

describe('budgets that make no sense', () => {
  it.each<[string, readonly unknown[], RegExp]>([
    [
      'two of one name',
      [
        { name: 'a', limitUsd: 1 },
        { name: 'a', limitUsd: 2 }
      ],
      /two are named "a"/
    ],
    ['no name', [{ name: '', limitUsd: 1 }], /name of 1 to 64 characters.*got ""/],
    ['a name that is no text', [{ name: 7, limitUsd: 1 }], /got 7/],
    ['a name over lines', [{ name: 'a\nb', limitUsd: 1 }], /control character/],
    ['half a character', [{ name: '\ud800', limitUsd: 1 }], /name of 1 to 64/],
    [
      'no limit',
      [{ name: 'a' }],
      /budget "a": limitUsd: expected a number of dollars from 0 to 9000000, got undefined/
    ],
    ['a limit that is no number', [{ name: 'a', limitUsd: '5' }], /got "5"/],
    ['NaN', [{ name: 'a', limitUsd: Number.NaN }], /got NaN/],
    ['less than nothing', [{ name: 'a', limitUsd: -1 }], /got -1/],
    ['more than can be counted', [{ name: 'a', limitUsd: 1e7 }], /got 10000000/],
    ['a week', [{ name: 'a', limitUsd: 1, period: 'week' }], /period: expected total, day or month, got "week"/],
    ['per team', [{ name: 'a', limitUsd: 1, per: 'team' }], /per: expected tenant, tag or model, got "team"/],
    ['an empty pattern', [{ name: 'a', limitUsd: 1, model: '' }], /model: expected the name of a model/],
    [
      'each of one',
      [{ name: 'a', limitUsd: 1, per: 'tag', tag: 'x' }],
      /per tag counts each one apart, and tag "x" is only one/
    ]
  ])('are refused: %s', (_, options, message) => {
    expect(() => budgets(options as readonly BudgetOptions[])).toThrow(
      expect.objectContaining({ code: 'invalid-option', message: expect.stringMatching(message) })
    )
  })

  it('may share the beginning of a name', async () => {
    const all = budgets([
      { name: 'a', limitUsd: 1, per: 'tenant' },
      { name: 'a:total', limitUsd: 1, model: 'none' },
      { name: 'ä🙂'.repeat(21), limitUsd: 1, model: 'none' }
    ])
    await spend(all, {}, 1)
    expect(Object.values(await standing(all))).toEqual([
      [1, 0],
      [0, 0],
      [0, 0]
    ])
  })
})

describe('in any order in which calls reserve and settle', () => {
  const cents = fc.integer({ min: 0, max: 40 })
  const calls = fc.array(fc.record({ estimate: cents, share: fc.double({ min: 0, max: 1, noNaN: true }) }), {
    minLength: 1,
    maxLength: 40
  })

  /** Several processes, whose calls to the store are answered in the order that fast-check draws. */
  async function race(
    scheduler: fc.Scheduler,
    planned: readonly { readonly estimate: number; readonly paid: number }[],
    whenSettling: (change: number) => void
  ): Promise<{ tally: UnsteadyTally; paid: number; refused: number; highest: number; events: readonly Event[] }> {
    const tally = new UnsteadyTally()
    const events: Event[] = []
    let highest = 0
    const processes = [0, 1, 2].map(() => {
      const one = budgets([{ name: 'all', limitUsd: 1 }], { observe: (event) => events.push(event) })
      one.countIn({
        add: (key, by, options) =>
          scheduler.schedule(Promise.resolve(), key).then(async () => {
            const tallied = await tally.add(key, by, options)
            highest = Math.max(highest, tally.countOf(':committed'))
            return tallied
          })
      })
      return one
    })
    let paid = 0
    let refused = 0
    const running = planned.map(async (one, index) => {
      const reserving = processes[index % 3]?.reserve(call, one.estimate / 100)
      const reservation = await reserving?.catch((error: OverBudgetError) => {
        expect(error.code).toBe('over-budget')
        refused++
      })
      if (reservation === undefined) return
      paid += one.paid
      whenSettling(one.paid - one.estimate / 100)
      await reservation.settle(one.paid)
    })
    await scheduler.waitFor(Promise.all(running))
    return { tally, paid, refused, highest, events }
  }

  it('they never come to more than the limit when none costs more than expected, and end at what they cost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), calls, async (scheduler, drawn) => {
        // In whole billionths, so that the sum to compare with is exact.
        const planned = drawn.map(({ estimate, share }) => ({
          estimate,
          paid: Math.floor(estimate * 1e7 * share) / 1e9
        }))
        const { tally, paid, highest, events } = await race(scheduler, planned, () => {})
        expect(events).toEqual([])
        expect(highest).toBeLessThanOrEqual(1e9)
        expect(tally.countOf(':committed')).toBe(Math.round(paid * 1e9))
        expect(tally.countOf(':spent')).toBe(Math.round(paid * 1e9))
      }),
      { numRuns: 100 }
    )
  })

  it('they exceed it by no more than they cost above what was expected', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), calls, async (scheduler, drawn) => {
        let overrun = 0
        const planned = drawn.map(({ estimate, share }) => ({ estimate, paid: (estimate * (0.5 + share)) / 100 }))
        const { tally, highest, events } = await race(scheduler, planned, (change) => {
          overrun += Math.max(0, change)
        })
        expect(events).toEqual([])
        expect(highest).toBeLessThanOrEqual(1e9 + overrun * 1e9 + planned.length)
        expect(tally.countOf(':committed')).toBe(tally.countOf(':spent'))
      }),
      { numRuns: 100 }
    )
  })

  it('some are refused when all together do not fit, and none when they do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 20 }), async (scheduler, count) => {
        const planned = Array.from({ length: count }, () => ({ estimate: 10, paid: 0.1 }))
        const { refused, paid } = await race(scheduler, planned, () => {})
        expect(refused).toBe(Math.max(0, count - 10))
        expect(paid).toBeCloseTo(Math.min(count, 10) / 10, 9)
      }),
      { numRuns: 50 }
    )
  })
})
