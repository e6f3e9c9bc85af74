import { setTimeout as delay } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import type { GatewayOptions } from '../../src/gateway/gateway.ts'
import type { BudgetOptions } from '../../src/router/budget.ts'
import { type Fleet, makeFleet, marks } from '../support/fleet.ts'
import { type Ask, chat as askChat, message as askMessage, thrownBy } from '../support/fleet-callers.ts'

/** What each call costs, as is expected of it: 100 tokens of output at ten dollars for a million. */
const costUsd = 0.001
const prices = { 'claude-*': { input: 0, output: 10 }, 'gpt-4o*': { input: 0, output: 10 } }

let fleet: Fleet

afterEach(() => fleet.close())

async function start(budgets: readonly BudgetOptions[], own: GatewayOptions = {}): Promise<void> {
  const providers = { openai: { prices }, anthropic: { prices }, south: { prices }, claude: { prices } }
  fleet = await makeFleet({ providers, budgets, ...own }, () => ({
    answer: ({ lastUserText }) => ({ text: `Yes: ${lastUserText}`, usage: { input: 10, output: 100 } })
  }))
}

/** As the SDKs do by themselves: they retry what can be retried. */
const asked: Ask = { maxRetries: 2, fields: { max_tokens: 100 } }

const chat = async (content: string, own: Ask = {}): Promise<Headers> =>
  (await askChat(fleet, content, { ...asked, ...own })).headers
const message = async (content: string, own: Ask = {}): Promise<Headers> =>
  (await askMessage(fleet, content, { ...asked, ...own })).headers
const tagged = (tags: string): Ask => ({ headers: { 'x-reprise-tags': tags } })

const doors = [
  { sdk: 'OpenAI', ask: chat, RateLimitError: OpenAI.RateLimitError, model: 'gpt-4o' },
  { sdk: 'Anthropic', ask: message, RateLimitError: Anthropic.RateLimitError, model: 'claude-sonnet-5' }
]

const refusalOf = (told: Promise<unknown>) => thrownBy<InstanceType<typeof OpenAI.APIError>>(told)

async function standing(): Promise<readonly Record<string, unknown>[]> {
  const response = await fetch(`${fleet.gateway.url}/budgets`)
  return ((await response.json()) as { budgets: readonly Record<string, unknown>[] }).budgets
}

describe.each(doors)('over budget, the SDK of $sdk', ({ ask, RateLimitError, model }) => {
  const kinds: readonly (readonly [
    string,
    Partial<BudgetOptions>,
    within: Ask,
    beside: Ask | undefined,
    as: string
  ])[] = [
    ['in all', {}, {}, undefined, 'mine'],
    ['for each tenant', { per: 'tenant' }, {}, { key: 'sk-bob' }, 'mine \\([0-9a-f]{8}\\.\\.\\.\\)'],
    ['for a tag', { tag: 'experiment:*' }, tagged('a, experiment:7'), tagged('a'), 'mine'],
    ['for each tag', { per: 'tag' }, tagged('one'), tagged('two'), 'mine \\(one\\)'],
    ['for a model', { model: model.replace(/.$/, '*') }, {}, undefined, 'mine'],
    ['for each model', { per: 'model' }, {}, undefined, `mine \\(${model}\\)`]
  ]

  it.each(kinds)('throws a RateLimitError at once, and nobody is asked: %s', async (_, own, within, beside, label) => {
    await start([{ name: 'mine', limitUsd: 2 * costUsd, ...own }])
    for (const content of ['one', 'two']) await ask(content, within)
    const before = fleet.asked()
    for (const stream of [false, true]) {
      const error = await refusalOf(ask('three', { ...within, stream }))
      expect(error).toBeInstanceOf(RateLimitError)
      expect(error.status).toBe(429)
      expect(error.message).toMatch(
        new RegExp(`over budget: all of the \\$0\\.002 that ${label} allows is spent.*it does not reset`)
      )
      const { headers } = error
      expect(decodeURIComponent(headers?.get('x-reprise-budget') ?? '')).toMatch(new RegExp(`^${label}$`))
      expect(Number(headers?.get('x-reprise-budget-limit-usd'))).toBe(2 * costUsd)
      expect(Number(headers?.get('x-reprise-budget-spent-usd'))).toBe(2 * costUsd)
      expect(headers?.get('x-reprise-budget-resets')).toBeNull()
    }
    expect(fleet.asked()).toEqual(before)
    // Each of the two was made once: the SDK, which may try three times, has not tried again.
    expect(fleet.events.filter(({ type }) => type === 'skipped')).toHaveLength(2)
    if (beside !== undefined) await ask('three', beside)
  })

  it.each(['day', 'month'] as const)('is told when a %s is over', async (period) => {
    await start([{ name: 'mine', limitUsd: costUsd, period }])
    await ask('one')
    const error = await refusalOf(ask('two'))
    const resets = error.headers?.get('x-reprise-budget-resets') ?? ''
    const end = new Date(resets)
    expect(error.message).toContain(`it resets at ${resets}`)
    expect(resets).toMatch(period === 'day' ? /T00:00:00.000Z$/ : /-01T00:00:00.000Z$/)
    expect(end.getTime()).toBeGreaterThan(Date.now())
    expect(Number(error.headers?.get('retry-after'))).toBeGreaterThan(0)
    expect(error.headers?.get('x-should-retry')).toBe('false')
    expect((await standing())[0]).toMatchObject({ name: 'mine', period, resetsAt: resets })
  })

  it('still has its hits, and they cost nothing', async () => {
    await start([{ name: 'mine', limitUsd: costUsd }])
    expect(Number((await ask('one')).get('x-reprise-cost-usd'))).toBe(costUsd)
    await refusalOf(ask('two'))
    for (const stream of [false, true]) {
      const headers = await ask('one', { stream })
      expect(marks(headers).layer).toBe('exact')
      expect([headers.get('x-reprise-cost-usd'), Number(headers.get('x-reprise-saved-usd'))]).toEqual(['0', costUsd])
    }
    expect((await standing())[0]).toMatchObject({ spentUsd: costUsd, reservedUsd: 0, remainingUsd: 0 })
  })

  it('has an older answer within its grace before the error', async () => {
    await start([{ name: 'mine', limitUsd: costUsd }], { ttl: '1ms', graceMs: 60_000 })
    await ask('one')
    await delay(5)
    for (const stream of [false, true]) {
      const headers = await ask('one', { stream })
      expect([marks(headers).layer, headers.get('x-reprise-stale')]).toEqual(['exact', 'true'])
    }
    expect((await refusalOf(ask('two'))).status).toBe(429)
    expect(fleet.events.filter(({ type }) => type === 'asked')).toHaveLength(1)
  })

  it('cannot be helped by asking for less than one call costs', async () => {
    await start([{ name: 'mine', limitUsd: costUsd / 2, period: 'day' }])
    const error = await refusalOf(ask('one'))
    expect(error.message).toContain('this call alone is expected to cost $0.001, and mine allows $0.0005 in all')
    // It will be so tomorrow too.
    expect(error.headers?.get('retry-after')).toBeNull()
    expect(fleet.asked()).toEqual({})
  })
})

describe('a model whose price is not known', () => {
  const mystery: Ask = { model: 'mystery-1' }
  const routes = [{ model: 'mystery-*', targets: ['south'] }]

  it('is not asked, and the error says what to do', async () => {
    await start([{ name: 'mine', limitUsd: 1 }], { routes })
    for (const stream of [false, true]) {
      const error = await refusalOf(chat('one', { ...mystery, stream }))
      expect(error).toBeInstanceOf(OpenAI.PermissionDeniedError)
      expect(error.code).toBe('price-unknown')
      expect(error.message).toMatch(/the price of "mystery-1" is not known.*"prices".*"unknown-price: allow"/)
    }
    expect(fleet.asked()).toEqual({})
  })

  it('is asked where that is allowed, its cost shown as unknown and its calls counted', async () => {
    await start([{ name: 'mine', limitUsd: 1 }], { routes, unknownPrice: 'allow' })
    expect((await chat('one', mystery)).get('x-reprise-cost-usd')).toBe('unknown')
    await chat('two', { ...mystery, stream: true })
    expect((await chat('one', mystery)).get('x-reprise-saved-usd')).toBe('unknown')
    expect((await standing())[0]).toMatchObject({ spentUsd: 0, unpriced: 2 })
  })

  it('is asked as ever where no budget applies', async () => {
    await start([{ name: 'mine', limitUsd: 1, model: 'gpt-*' }], { routes })
    expect((await chat('one', mystery)).get('x-reprise-cost-usd')).toBe('unknown')
  })
})

describe('what GET /budgets says', () => {
  it('is the sum of what the headers say, hits, failures and streams included', async () => {
    // An answer's name is longer than the one that was asked for, and fits the wider pattern as well.
    const dear = { 'gpt-4o': { input: 1, output: 20 }, 'gpt-4o-2*': { input: 0, output: 1 } }
    await start(
      [
        { name: 'all', limitUsd: 1 },
        { name: 'tags', limitUsd: 1, per: 'tag' }
      ],
      {
        providers: { openai: { prices: dear }, south: { prices }, anthropic: { prices }, claude: { prices } },
        routes: [{ model: 'gpt-4o', targets: ['openai', 'south', 'claude/claude-sonnet-5'], retry: { attempts: 0 } }]
      }
    )
    const one = tagged('one')
    const told: Headers[] = []
    for (const content of ['a', 'b', 'a', 'c']) told.push(await chat(content, one))
    fleet.providers.openai.fail({ status: 500 })
    told.push(await chat('d', one))
    for (const name of ['openai', 'south'] as const) fleet.providers[name].fail({ status: 429 })
    told.push(await chat('e', one))
    told.push(await message('a', one))
    const sum = told.reduce((total, headers) => total + Number(headers.get('x-reprise-cost-usd')), 0)
    expect(sum).toBeCloseTo(3 * (0.002 + 1e-5) + 3 * costUsd, 9)
    const expected = { spentUsd: sum, reservedUsd: 0, remainingUsd: 1 - sum, unpriced: 0 }
    const close = Object.fromEntries(
      Object.entries(expected).map(([field, number]) => [field, expect.closeTo(number, 8)])
    )
    expect(await standing()).toMatchObject([
      { name: 'all', of: null, ...close },
      { name: 'tags', of: 'one', ...close }
    ])

    // A stream's headers leave before anybody knows its cost; it is counted before its end is told.
    expect((await chat('f', { ...one, stream: true })).get('x-reprise-cost-usd')).toBeNull()
    expect((await standing())[0]?.['spentUsd']).toBeCloseTo(sum + 0.002 + 1e-5, 9)
  })
})

describe('tenants with names', () => {
  it('share a budget under their name, whatever key and SDK they use', async () => {
    await start([{ name: 'each', limitUsd: 2 * costUsd, per: 'tenant' }], {
      tenants: { 'team-a': ['sk-alice', 'sk-anna'], 'team-b': ['sk-bob'] }
    })
    await chat('one', { key: 'sk-alice' })
    await message('one', { key: 'sk-anna' })
    await chat('one', { key: 'sk-bob' })
    expect((await refusalOf(chat('two', { key: 'sk-anna' }))).message).toContain('that each (team-a) allows')
    await chat('two', { key: 'sk-bob' })
    const each = (await standing()).toSorted((one, other) => String(one['of']).localeCompare(String(other['of'])))
    expect(each).toMatchObject([
      { name: 'each', of: 'team-a', remainingUsd: 0 },
      { name: 'each', of: 'team-b', remainingUsd: 0 }
    ])
    // They share answers as well.
    expect(marks(await chat('one', { key: 'sk-anna' })).layer).toBe('exact')
  })
})

describe('tenants who share all answers', () => {
  it('have their budgets apart all the same', async () => {
    const tenants = { 'team-a': ['sk-alice'], 'team-b': ['sk-bob'] }
    await start([{ name: 'each', limitUsd: costUsd, per: 'tenant' }], { tenancy: 'one', openaiKey: 'sk-own', tenants })
    await chat('one', { key: 'sk-alice' })
    expect(marks(await chat('one', { key: 'sk-bob' })).layer).toBe('exact')
    expect((await refusalOf(chat('two', { key: 'sk-alice' }))).message).toContain('that each (team-a) allows')
    expect(marks(await chat('two', { key: 'sk-bob' })).layer).toBe('provider')
    expect(marks(await chat('two', { key: 'sk-alice' })).layer).toBe('exact')
  })
})

describe('a key that two tenants have', () => {
  it('stops the start, and is not shown', async () => {
    await start([])
    const tenants = { 'team-a': ['sk-alice'], 'team-b': ['Bearer sk-alice'] }
    const starting = makeFleet({ tenants })
    await expect(starting).rejects.toMatchObject({
      code: 'invalid-option',
      message: 'tenants: expected each key to be that of one tenant, got one that team-a and team-b both have'
    })
  })
})

describe('many who ask at once', () => {
  it('spend what there is, and no more', async () => {
    await start([{ name: 'mine', limitUsd: 5 * costUsd }])
    const asked = Array.from({ length: 20 }, (_, index) => chat(`question ${index}`, { stream: index % 2 === 0 }))
    const outcomes = await Promise.allSettled(asked)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
    expect(fleet.asked()).toEqual({ openai: 5 })
    expect((await standing())[0]).toMatchObject({ spentUsd: 5 * costUsd, reservedUsd: 0 })
  })
})

describe('a cheaper target', () => {
  it('is asked when the first no longer fits', async () => {
    const cheap = { '*': { input: 0, output: 1 } }
    await start([{ name: 'mine', limitUsd: 1.5 * costUsd }], {
      providers: { openai: { prices }, south: { prices: cheap } },
      routes: [{ model: 'gpt-4o', targets: ['openai', 'south/gpt-4o-mini'] }]
    })
    expect(marks(await chat('one')).provider).toBe('openai')
    expect(marks(await chat('two'))).toEqual({ layer: 'provider', provider: 'south', fallback: 'true' })
    expect(fleet.events.filter(({ type }) => type === 'skipped')).toMatchObject([
      { target: 'openai/gpt-4o', reason: 'over-budget', detail: expect.stringContaining('mine') }
    ])
  })
})

describe('embeddings', () => {
  const embeddingPrices = { openai: { prices: { '*': { input: 10, output: 0 } } } }

  async function embed(...input: string[]): Promise<Headers> {
    const asked = fleet.openai().embeddings.create({ model: 'text-embedding-3-small', input })
    return (await asked.withResponse()).response.headers
  }

  it('are not asked for over budget', async () => {
    await start([{ name: 'mine', limitUsd: 0 }], { providers: embeddingPrices })
    expect(await refusalOf(embed('one', 'two'))).toBeInstanceOf(OpenAI.RateLimitError)
    expect(fleet.asked()).toEqual({})
  })

  it('of a batch cost together what their call cost, and what is known of it is free', async () => {
    await start([{ name: 'mine', limitUsd: 1 }], { providers: embeddingPrices })
    let sum = 0
    for (const input of [['one'], ['one', 'two words', 'three words here'], ['four', 'five'], ['five', 'one']]) {
      sum += Number((await embed(...input)).get('x-reprise-cost-usd'))
    }
    expect(sum).toBeCloseTo(8 * 1e-5, 9)
    expect((await standing())[0]?.['spentUsd']).toBeCloseTo(sum, 9)
  })
})
