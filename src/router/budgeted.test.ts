import { describe, expect, it, vi } from 'vitest'
import {
  breaks,
  hangs,
  notedBudgets,
  type Reply,
  refuses,
  requestOf,
  routerOver,
  says,
  saysBody,
  streams,
  target
} from '../../test/support/routed.ts'
import { AllProvidersFailedError } from '../core/all-providers-failed-error.ts'
import { RepriseError } from '../core/errors.ts'
import { OverBudgetError } from '../core/over-budget-error.ts'
import { Limiter } from './limiter.ts'

const over = new OverBudgetError({
  reservedUsd: 0,
  budget: 'all',
  limitUsd: 1,
  spentUsd: 1,
  estimateUsd: 0.5,
  resetsAtMs: undefined
})
const noRetry = { retry: { attempts: 0, onStatusCodes: [], maxWaitMs: 0 } }

describe('what a call has cost', () => {
  it.each<[string, Reply, unknown]>([
    ['what its usage costs, when it is answered', says('hello'), 0.5],
    ['nothing, when it is refused', refuses(500), 0],
    ['nothing, when nobody can be reached', breaks('ECONNREFUSED'), 0],
    ['what was set aside, when the connection broke off', breaks('ECONNRESET'), undefined],
    ['what its usage costs, when the answer is none', saysBody({ choices: [] }), 0.5]
  ])('is %s', async (_name, reply, settled) => {
    const budgets = notedBudgets()
    const { ask } = routerOver({ providers: { a: [reply] }, plan: noRetry, parts: { budgets } })
    await ask().catch(() => {})
    expect(budgets.log).toEqual([
      ['reserve', 'm', 0.5],
      ['settle', settled]
    ])
  })

  it('is what was set aside when there is no usage, no answer in time, or a stream that broke off', async () => {
    const unpriced = notedBudgets()
    await routerOver({
      providers: { a: [says('hello')] },
      routed: { priceOf: () => undefined },
      parts: { budgets: unpriced }
    }).ask()
    expect(unpriced.log).toEqual([
      ['reserve', 'm', undefined],
      ['settle', undefined]
    ])

    const late = notedBudgets()
    const hanging = routerOver({ providers: { a: [hangs] }, plan: { deadlineMs: 5 }, parts: { budgets: late } })
    await expect(hanging.ask()).rejects.toMatchObject({ code: 'provider-timeout' })
    expect(late.log[1]).toEqual(['settle', undefined])

    const broken = notedBudgets()
    const dying = routerOver({
      providers: { a: [streams([{ data: '1' }], breaks('ECONNRESET'))] },
      parts: { budgets: broken }
    })
    await expect(dying.ask({ onDelta() {} }, requestOf({ stream: true }))).rejects.toMatchObject({
      code: 'provider-unreachable'
    })
    expect(broken.log[1]).toEqual(['settle', undefined])
    expect(dying.events).toContainEqual({ type: 'charged', target: 'a/m', model: 'm', costUsd: undefined })
  })

  it('is settled for each attempt, and once only', async () => {
    const budgets = notedBudgets()
    const { ask } = routerOver({
      providers: { a: [breaks('ECONNRESET')], b: [says('from b')] },
      parts: { budgets, sleep: async () => {} }
    })
    await ask()
    expect(budgets.log).toEqual([
      ['reserve', 'm', 0.5],
      ['settle', undefined],
      ['reserve', 'm', 0.5],
      ['settle', undefined],
      ['reserve', 'm', 0.5],
      ['settle', 0.5]
    ])
  })

  it('is settled when the caller goes: as nothing before the provider is asked, as set aside after', async () => {
    const budgets = notedBudgets()
    const caller = new AbortController()
    const one = routerOver({ providers: { a: [hangs] }, parts: { budgets } })
    const asked = one.ask({ caller })
    await vi.waitFor(() => expect(one.provider('a').requests).toHaveLength(1))
    caller.abort()
    await expect(asked).rejects.toMatchObject({ code: 'aborted' })
    expect(budgets.log).toEqual([
      ['reserve', 'm', 0.5],
      ['settle', undefined]
    ])

    const early = new AbortController()
    const before = notedBudgets(() => early.abort())
    const { ask, provider } = routerOver({ providers: { a: [] }, parts: { budgets: before } })
    await expect(ask({ caller: early })).rejects.toMatchObject({ code: 'aborted' })
    expect(before.log[1]).toEqual(['settle', 0])
    expect(provider('a').requests).toHaveLength(0)
  })

  it('is nothing for a target that was left out while the budget was asked', async () => {
    const noted = notedBudgets()
    let allow: (() => void) | undefined
    const budgets = {
      ...noted,
      async reserve(...given: Parameters<typeof noted.reserve>) {
        if (noted.log.length > 0) {
          await new Promise<void>((resolve) => {
            allow = resolve
          })
        }
        return noted.reserve(...given)
      }
    }
    const { ask, provider } = routerOver({
      providers: { a: [refuses(500)] },
      plan: { ...noRetry, breaker: { failures: 1, leftOutMs: 60_000 } },
      parts: { budgets }
    })
    const first = ask().catch(() => {})
    await Promise.resolve()
    const second = ask().catch((error: unknown) => error)
    await first
    allow?.()
    expect(await second).toBeInstanceOf(AllProvidersFailedError)
    expect(noted.log.slice(2)).toEqual([
      ['reserve', 'm', 0.5],
      ['settle', 0]
    ])
    expect(provider('a').requests).toHaveLength(1)
  })

  it('is learnt from, under the name of its target', async () => {
    const learnt: unknown[] = []
    const { ask } = routerOver({
      providers: { a: [says('hello')] },
      parts: {
        budgets: notedBudgets(),
        estimator: {
          expect: () => ({ inputTokens: 1, outputTokens: 1 }),
          modestly: () => undefined,
          learn: (...given) => learnt.push(given)
        }
      }
    })
    await ask()
    expect(learnt).toEqual([['a/m', requestOf().content.json, { inputTokens: 10, outputTokens: 5 }, 1]])
  })

  it('does not cost the caller its answer when it cannot be written down', async () => {
    const budgets = {
      ...notedBudgets(),
      reserve: async () => ({ settle: () => Promise.reject(new Error('the store is gone')) })
    }
    const { ask, events } = routerOver({ providers: { a: [says('hello')] }, parts: { budgets } })
    expect((await ask()).origin.provider).toBe('a')
    expect(events).toContainEqual(expect.objectContaining({ type: 'failed', part: 'budgets', operation: 'settle' }))
  })
})

describe('a budget that is spent', () => {
  it('is the error itself when no provider was asked', async () => {
    const budgets = notedBudgets(() => {
      throw over
    })
    const { ask, provider, events } = routerOver({
      providers: { a: [], b: [] },
      parts: { budgets },
      routed: { limiter: new Limiter(1) }
    })
    await expect(ask()).rejects.toBe(over)
    await expect(ask()).rejects.toBe(over)
    expect(provider('a').requests).toHaveLength(0)
    expect(events.filter(({ type }) => type === 'skipped')).toHaveLength(4)
    expect(events[0]).toEqual({ type: 'skipped', target: 'a/m', reason: 'over-budget', detail: over.message })
  })

  it('lets a target that costs less be asked', async () => {
    const budgets = notedBudgets(({ model }) => {
      if (model === 'dear') throw over
    })
    const { ask } = routerOver({
      providers: { a: [], b: [says('from b')] },
      plan: { targets: [target('a', { model: 'dear' }), target('b', { model: 'cheap' })] },
      parts: { budgets }
    })
    expect((await ask()).origin.provider).toBe('b')
  })

  it('is one reason among others when somebody was asked', async () => {
    const budgets = notedBudgets(({ model }) => {
      if (model === 'dear') throw over
    })
    const { ask } = routerOver({
      providers: { a: [], b: [refuses(500)] },
      plan: { ...noRetry, targets: [target('a', { model: 'dear' }), target('b')] },
      parts: { budgets }
    })
    const error = await ask().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(AllProvidersFailedError)
    expect((error as AllProvidersFailedError).failures).toMatchObject([
      { target: 'a/dear', reason: over.message },
      { target: 'b/m', reason: 'answered 500: status 500' }
    ])
  })

  it('is not confused with a price that nobody knows, which is passed over as well', async () => {
    const unknown = new RepriseError('price-unknown', 'the price of dear is not known')
    const budgets = notedBudgets((_call, estimateUsd) => {
      if (estimateUsd === undefined) throw unknown
    })
    const { ask } = routerOver({
      providers: { a: [] },
      parts: { budgets },
      routed: { priceOf: () => undefined }
    })
    await expect(ask()).rejects.toBe(unknown)
  })
})
