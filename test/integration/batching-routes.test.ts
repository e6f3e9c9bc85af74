import { afterEach, describe, expect, it } from 'vitest'
import { type Cache, createCache } from '../../src/cache.ts'
import type { Completion, Completions } from '../../src/completions.ts'
import type { Event } from '../../src/core/events.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { createRouter } from '../../src/router/open.ts'
import type { Router } from '../../src/router/router.ts'
import type { RouterOptions } from '../../src/router/router-options.ts'
import { type SimulatedProvider, simulatedProvider } from '../../src/testing/simulated-provider.ts'
import { batchingModel, type Misbehaviour } from '../support/batching-model.ts'
import { textOf } from '../support/batching-ways.ts'

/* What becomes of requests that are asked together where routes, budgets and refusals have a say. */

interface Stand {
  readonly cache: Cache
  readonly router: Router
  readonly completions: Completions
  readonly openai: SimulatedProvider
  readonly anthropic: SimulatedProvider
  readonly events: readonly Event[]
}

let stand: Stand
afterEach(async () => {
  await stand?.cache.close()
  await stand?.router.close()
  await Promise.all([stand?.openai.close(), stand?.anthropic.close()])
})

const answerBy =
  (name: string) =>
  (question: string): string =>
    `${name} answers "${question}".`

async function open(
  rules: Pick<RouterOptions, 'routes' | 'budgets'> = {},
  misbehaviour: Misbehaviour = {},
  size = 3
): Promise<void> {
  const openai = await simulatedProvider({ answer: batchingModel(answerBy('openai'), misbehaviour) })
  const anthropic = await simulatedProvider({ answer: batchingModel(answerBy('anthropic'), misbehaviour) })
  const events: Event[] = []
  const observe = (event: Event): number => events.push(event)
  const cache = await createCache({ batch: { on: true, windowMs: 60_000, size }, observe, deadlineMs: 10_000 })
  const router = createRouter({
    providers: {
      openai: { url: openai.openaiUrl, key: 'k' },
      anthropic: { url: anthropic.anthropicUrl, key: 'k' }
    },
    ...rules
  })
  stand = { cache, router, completions: cache.completions(router), openai, anthropic, events }
}

const chatOf = (content: string, own: JsonObject = {}): JsonObject => ({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content }],
  ...own
})
const messageOf = (content: string): JsonObject => ({ ...chatOf(content), model: 'claude-sonnet-4-5', max_tokens: 500 })
const texts = (told: readonly Completion[]): readonly string[] => told.map(({ body }) => textOf(body))
const batched = (told: readonly Completion[]): readonly (number | undefined)[] =>
  told.map(({ origin }) => origin.batched)
const askAll = (bodies: readonly JsonObject[], wire: 'chat' | 'messages' = 'chat'): Promise<readonly Completion[]> =>
  Promise.all(bodies.map((body) => stand.completions[wire](body)))

const questions = ['one', 'two', 'three']

describe('a route with conditions', () => {
  it('is taken by a batch as each of its requests would take it alone', async () => {
    const targets = [
      {
        provider: 'openai',
        when: { 'params.max_tokens': { $lte: 1000 }, 'params.response_format': { $exists: false } }
      },
      { provider: 'anthropic', model: 'claude-sonnet-4-5' }
    ]
    await open({ routes: [{ model: '*', targets }] })
    const bodies = questions.map((question) => chatOf(question, { max_tokens: 900 }))
    const told = await askAll(bodies)
    expect(texts(told)).toEqual(questions.map(answerBy('openai')))
    expect(batched(told)).toEqual([3, 3, 3])
    expect([stand.openai.count(), stand.anthropic.count()]).toEqual([1, 0])
  })

  it('keeps those apart whom it would not ask of the same', async () => {
    const when = { 'params.messages.content': { $regex: 'urgent' } }
    const spare = { provider: 'anthropic', model: 'claude-sonnet-4-5' }
    const targets = ['openai', { provider: 'openai', model: 'gpt-4o', when }, { ...spare, when }]
    await open({ routes: [{ model: '*', targets, retry: { attempts: 0 }, storeFallbacks: true }] }, {}, 2)
    stand.openai.fail({ every: { status: 503 } })
    const asked = ['urgent: one', 'two', 'urgent: three', 'four']
    const outcomes = await Promise.allSettled(asked.map((question) => stand.completions.chat(chatOf(question))))
    // Whom nobody else may be asked for is not answered by the others' spare.
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected'])
    expect(stand.anthropic.count()).toBe(1)
  })
})

describe('a batch that another dialect’s provider answers', () => {
  it.each(['chat', 'messages'] as const)('is carried over in one call, there and back: %s', async (wire) => {
    const [model, first, second, spare] =
      wire === 'chat'
        ? (['gpt-4o-mini', 'openai', 'anthropic', 'claude-sonnet-4-5'] as const)
        : (['claude-sonnet-4-5', 'anthropic', 'openai', 'gpt-4o-mini'] as const)
    const targets = [first, { provider: second, model: spare }]
    await open({ routes: [{ model, targets, retry: { attempts: 0 } }] })
    stand[first].fail({ every: { status: 503 } })
    const body = wire === 'chat' ? chatOf : messageOf
    const told = await askAll(
      questions.map((question) => body(question)),
      wire
    )
    expect(texts(told)).toEqual(questions.map(answerBy(second)))
    expect(batched(told)).toEqual([3, 3, 3])
    expect([stand[first].count(), stand[second].count()]).toEqual([1, 1])
    for (const { origin } of told)
      expect([origin.fallback, origin.stored, origin.provider]).toEqual([true, false, second])
  })
})

describe('a provider that refuses what a batch asks for', () => {
  it('is asked for each alone, and after three times without trying', async () => {
    await open({}, {}, 2)
    const refused = { status: 400, body: { error: { message: 'response_format is not supported' } } }
    for (const round of [1, 2, 3]) {
      stand.openai.fail(refused)
      const told = await askAll([chatOf(`one ${round}`), chatOf(`two ${round}`)])
      expect(texts(told)).toEqual([`one ${round}`, `two ${round}`].map(answerBy('openai')))
      expect(stand.openai.count()).toBe(3 * round)
    }
    expect(stand.events.filter(({ type }) => type === 'batched')).toMatchObject(
      [1, 2, 3].map(() => ({ alone: 2, reasons: ['failed'] }))
    )
    await askAll([chatOf('one'), chatOf('two')])
    expect(stand.openai.count()).toBe(11)
  })
})

describe('what a batch costs', () => {
  const charged = (): number =>
    stand.events.reduce((sum, event) => sum + (event.type === 'charged' ? (event.costUsd ?? 0) : 0), 0)

  it.each([0, 1, 2])('is what its requests are told, and what %i doubtful ones wasted', async (drop) => {
    await open({}, { drop })
    const told = await askAll(questions.map((question) => chatOf(question)))
    expect(texts(told)).toEqual(questions.map(answerBy('openai')))
    const sumOf = (field: 'costUsd' | 'wastedUsd'): number =>
      told.reduce((total, { origin }) => total + (origin[field] ?? 0), 0)
    expect(sumOf('costUsd') + sumOf('wastedUsd')).toBeCloseTo(charged(), 12)
    expect(sumOf('wastedUsd') > 0).toBe(drop > 0)
    const { spent, by_model: models, requests } = await stand.cache.statistics()
    expect([spent.usd, models[0]?.cost_usd]).toEqual(Array(2).fill(expect.closeTo(charged(), 12)))
    const sum = (field: 'inputTokens' | 'outputTokens'): number =>
      told.reduce((total, { origin }) => total + (origin.usage?.[field] ?? 0), 0)
    expect([models[0]?.requests, models[0]?.input_tokens, models[0]?.output_tokens, requests.misses]).toEqual([
      3,
      sum('inputTokens'),
      sum('outputTokens'),
      3
    ])
  })

  it('does not keep single requests from being asked where it is more than a budget has left', async () => {
    // Room for one such answer at a time, and not for what a batch of them may write at most.
    await open({ budgets: [{ name: 'all', limitUsd: 0.0008 }] })
    const told = await askAll(questions.map((question) => chatOf(question, { max_tokens: 400 })))
    expect(texts(told)).toEqual(questions.map(answerBy('openai')))
  })
})

describe('what is invalidated', () => {
  it('while a batch waits or is under way is not stored, and the others are', async () => {
    await open()
    const [one, two] = [chatOf('one'), chatOf('two')].map((body, at) =>
      stand.completions.chat(body, { tags: [`tag-${at}`] })
    )
    await new Promise((resolve) => setImmediate(resolve))
    await stand.cache.invalidate({ tag: 'tag-0' })
    const three = stand.completions.chat(chatOf('three'))
    const told = await Promise.all([one, two, three])
    expect(told.map((answer) => answer?.origin.stored)).toEqual([false, true, true])
    const again = stand.completions.chat(chatOf('two'))
    expect((await again).origin.layer).toBe('exact')
  })
})
