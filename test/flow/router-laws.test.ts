import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Cache, type CacheOptions, createCache } from '../../src/cache.ts'
import { AllProvidersFailedError } from '../../src/core/all-providers-failed-error.ts'
import type { Answer } from '../../src/core/answer.ts'
import type { Event } from '../../src/core/events.ts'
import type { Context, Delta, PeekingHandler } from '../../src/core/handler.ts'
import type { Json, JsonObject } from '../../src/core/json.ts'
import { OverBudgetError } from '../../src/core/over-budget-error.ts'
import type { Verifier } from '../../src/layers/verifier.ts'
import type { Body } from '../../src/wires/body.ts'
import { type LlmKindOptions, llmKind } from '../../src/wires/llm-kind.ts'
import { openaiChat } from '../../src/wires/openai-chat.ts'
import type { WireRequest } from '../../src/wires/wire-request.ts'
import { makeContext, settle } from '../support/ask.ts'
import { ChaosStore } from '../support/chaos-store.ts'
import {
  breaks,
  hangs,
  notedBudgets,
  type Reply,
  refuses,
  requestOf,
  routerOver,
  type Setting,
  says,
  saysBody,
  streams,
  target
} from '../support/routed.ts'
import { WordsEmbedder } from '../support/words-embedder.ts'

const startMs = 1_800_000_000_000
const question = 'How do I reset my password?'
const alike = 'How can I reset my passwords?'
/** About 0.88 like it, and nothing says that it means something else. */
const similar = 'How do I quickly reset my own password?'

let store: ChaosStore
let embedder: WordsEmbedder
let cache: Cache
let events: Event[]
let provider: ReturnType<typeof routerOver>['provider']
let handler: PeekingHandler<WireRequest, Body>

beforeEach(() => {
  // The clock only: timers, and whatever waits for the store, go on as ever.
  vi.useFakeTimers({ toFake: ['Date'], now: startMs })
  store = new ChaosStore()
  embedder = new WordsEmbedder()
})

afterEach(async () => {
  await cache.close()
  vi.useRealTimers()
})

const once = { attempts: 0, onStatusCodes: [], maxWaitMs: 0 }

/** A cache by meaning before two targets, `first` and `second`, each of which is asked once. */
async function open(
  options: CacheOptions = {},
  { plan = {}, ...setting }: Partial<Setting> = {},
  kindOptions: LlmKindOptions = {}
): Promise<void> {
  events = []
  const observe = (event: Event) => events.push(event)
  cache = await createCache({ store, embedder, ttl: 60, observe, ...options })
  const routed = routerOver({
    providers: { first: [says('first')], second: [says('second')] },
    plan: { retry: once, ...plan },
    ...setting
  })
  provider = routed.provider
  handler = cache.wrap(llmKind(openaiChat, kindOptions), routed.router.ask)
}

function atSecond(seconds: number): void {
  vi.setSystemTime(startMs + seconds * 1000)
}

function asking(content: string, own: Partial<Context> = {}, more: JsonObject = {}): Promise<Answer<Body>> {
  const request = requestOf({ messages: [{ role: 'user', content }], ...more })
  return handler(request, makeContext({ observe: (event) => events.push(event), ...own }))
}

/** A caller of a stream, and what it was told. */
function streaming(content: string, own: Partial<Context> = {}): { deltas: Delta[]; answer: Promise<Answer<Body>> } {
  const deltas: Delta[] = []
  const answer = asking(content, { onDelta: (delta) => deltas.push(delta), ...own }, { stream: true })
  answer.catch(() => {})
  return { deltas, answer }
}

function textOf({ value }: Answer<Body>): unknown {
  return (value.json as { choices: { message: { content: Json } }[] }).choices[0]?.message.content
}

const told = (type: Event['type']): readonly Event[] => events.filter((event) => event.type === type)
const outcomes = (): string[] =>
  events.flatMap((event) =>
    event.type === 'hit' || event.type === 'miss' || event.type === 'bypass' || event.type === 'rescued'
      ? [`${event.layer} ${event.type}`]
      : []
  )
const asked = (): number[] => ['first', 'second'].map((name) => provider(name).requests.length)
const writes = (): number => store.calls.filter((call) => call.startsWith('set default:')).length

/** Both targets do this from now on. */
function bothDo(reply: Reply): void {
  for (const name of ['first', 'second']) provider(name).next(reply)
}

function chunk(content: string): Delta {
  return { data: JSON.stringify({ choices: [{ index: 0, delta: { content } }] }) }
}

describe('law 8: after the first delta nothing is asked again', () => {
  const broken = streams([chunk('some'), chunk(' of it')], breaks('ECONNRESET'))

  it('asks no other target, and serves neither an older answer nor a similar one', async () => {
    await open({ graceMs: 600_000, lastResortSimilarity: 0.5 })
    await asking(question)
    await asking(similar)
    atSecond(61)
    provider('first').next(broken)
    events = []
    const written = writes()
    const { deltas, answer } = streaming(question)
    await expect(answer).rejects.toMatchObject({ code: 'provider-unreachable' })
    expect(deltas.map(({ data }) => data)).toEqual([chunk('some'), chunk(' of it')].map(({ data }) => data))
    expect([asked(), writes()]).toEqual([[3, 0], written])
    expect([told('fell-back'), told('retried'), told('rescued')]).toEqual([[], [], []])
  })

  it.each([
    ['fails', refuses(503)],
    ['breaks off', breaks('ECONNRESET')],
    [
      'says nothing but comments and breaks off',
      streams([{ data: 'keep-alive', comment: true }], breaks('ECONNRESET'))
    ],
    ['begins its stream with an error', streams([{ data: '{"error":{"message":"overloaded"}}' }], says('never'))]
  ])('asks the next target when the first %s before it', async (_, reply) => {
    await open()
    provider('first').next(reply)
    provider('second').next(streams([chunk('second')], says('second')))
    const { deltas, answer } = streaming(question)
    expect(textOf(await answer)).toBe('second')
    expect(deltas).toEqual([{ ...chunk('second'), provider: 'second' }])
    expect(told('fell-back')).toHaveLength(1)
  })

  it('holds for all who share the call, those who have come later too', async () => {
    await open({ graceMs: 600_000 })
    await asking(question)
    atSecond(61)
    let breakOff = (): void => {}
    const waiting = new Promise<void>((resolve) => {
      breakOff = resolve
    })
    provider('first').next(async (request, context) => {
      context.onDelta?.(chunk('some'))
      await waiting
      return breaks('ECONNRESET')(request, context)
    })
    const early = streaming(question)
    await settle()
    const late = streaming(question)
    await settle()
    breakOff()
    for (const { deltas, answer } of [early, late]) {
      await expect(answer).rejects.toMatchObject({ code: 'provider-unreachable' })
      expect(deltas).toHaveLength(1)
    }
    expect(asked()).toEqual([2, 0])
    expect(told('rescued')).toEqual([])
  })
})

describe('law 9: an old answer beats none', () => {
  const spent = { budget: 'all', limitUsd: 1, spentUsd: 1, reservedUsd: 0, estimateUsd: 1, resetsAtMs: undefined }
  const overBudget = new OverBudgetError(spent)

  it.each([
    ['refuses', refuses(500)],
    ['cannot be reached', breaks('ECONNREFUSED')],
    ['wants another key', refuses(401)],
    ['says what is no answer', saysBody({ error: { message: 'busy' } })]
  ])('serves it, marked, when every target %s', async (_, reply) => {
    await open({ graceMs: 600_000 })
    await asking(question)
    atSecond(61)
    events = []
    bothDo(reply)
    const answer = await asking(question)
    expect(textOf(answer)).toBe('first')
    expect(answer.origin).toMatchObject({ layer: 'exact', stale: true, provider: 'first', savedUsd: 0.5 })
    expect(asked()).toEqual([2, 1])
    expect([outcomes(), writes()]).toEqual([['exact miss', 'semantic miss', 'exact rescued'], 1])
    atSecond(60 + 600)
    await expect(asking(question)).rejects.toBeInstanceOf(AllProvidersFailedError)
  })

  it('serves it when the only target there is fails', async () => {
    await open({ graceMs: 600_000 }, { plan: { retry: once, targets: [target('first')] } })
    await asking(question)
    atSecond(61)
    provider('first').next(refuses(500))
    expect((await asking(question)).origin.stale).toBe(true)
    provider('first').next(refuses(401))
    await expect(asking(question)).rejects.toMatchObject({ status: 401 })
  })

  it('serves it when the budget is spent, and nobody is asked', async () => {
    let isSpent = false
    const budgets = notedBudgets(() => {
      if (isSpent) throw overBudget
    })
    await open({ graceMs: 600_000 }, { parts: { budgets } })
    await asking(question)
    isSpent = true
    await expect(asking(alike, { mode: { noCache: true } })).rejects.toBe(overBudget)
    atSecond(61)
    expect((await asking(question)).origin).toMatchObject({ layer: 'exact', stale: true })
    expect(asked()).toEqual([1, 0])
  })

  it('does not hide that the request is wrong', async () => {
    await open({ graceMs: 600_000, lastResortSimilarity: 0.5 })
    await asking(question)
    atSecond(61)
    provider('first').next(refuses(400))
    await expect(asking(question)).rejects.toMatchObject({ status: 400 })
    await expect(asking(similar)).rejects.toMatchObject({ status: 400 })
    expect([asked(), told('rescued')]).toEqual([[3, 0], []])
  })

  it('does not hide that no target is there for such a request', async () => {
    await open({ graceMs: 600_000 }, { plan: { retry: once, targets: [target('first')] } })
    await asking(question)
    atSecond(61)
    const other = routerOver({ providers: { claude: [] }, wires: { claude: ['anthropic-messages'] } })
    handler = cache.wrap(llmKind(openaiChat), other.router.ask)
    await expect(asking(question)).rejects.toMatchObject({ code: 'no-suitable-target' })
  })

  it('is not told one who has gone', async () => {
    await open({ graceMs: 600_000, lastResortSimilarity: 0.5 })
    await asking(question)
    atSecond(61)
    bothDo(hangs)
    const caller = new AbortController()
    const answers = [asking(question, { caller }), asking(similar, { caller })]
    for (const answer of answers) answer.catch(() => {})
    await settle()
    caller.abort()
    for (const answer of answers) await expect(answer).rejects.toMatchObject({ code: 'aborted' })
    await settle()
    expect(told('rescued')).toEqual([])
  })

  it('comes after the answer of a target that stands in, which does not take its place', async () => {
    await open({ graceMs: 600_000 }, elsewhere)
    await asking(question)
    atSecond(61)
    provider('first').next(refuses(503))
    expect(textOf(await asking(question))).toBe('second')
    bothDo(refuses(503))
    expect(textOf(await asking(question))).toBe('first')
  })
})

/** The second target is another model. */
const elsewhere: Partial<Setting> = {
  plan: { retry: once, targets: [target('first'), target('second', { model: 'other', isFallback: true })] }
}

describe('law 1, of an answer that another model has given', () => {
  it('it is marked, and neither stored nor found by meaning', async () => {
    await open({}, elsewhere)
    provider('first').next(refuses(503))
    const answer = await asking(question)
    expect(answer.origin).toMatchObject({ layer: 'provider', provider: 'second', fallback: true, stored: false })
    expect(writes()).toBe(0)
    expect(told('refused')).toMatchObject([{ reason: 'fallback' }])
    provider('first').next(says('first'))
    for (const content of [alike, question]) {
      expect((await asking(content, { mode: { noCache: true } })).origin.provider).toBe('first')
    }
  })

  it('it is not what a refresh behind callers puts in the place of the model asked for', async () => {
    await open({ staleWhileRevalidateMs: 600_000 }, elsewhere)
    await asking(question)
    atSecond(61)
    provider('first').next(refuses(503))
    expect(textOf(await asking(question))).toBe('first')
    await expect.poll(() => told('refreshed')).toMatchObject([{ ok: false }])
    expect([asked(), writes()]).toEqual([[2, 1], 1])
    expect(textOf(await asking(question))).toBe('first')
  })

  it('all who share the call are told so', async () => {
    await open({}, elsewhere)
    provider('first').next(refuses(503))
    const answers = await Promise.all([asking(question), asking(question)])
    const mark = { provider: 'second', fallback: true, stored: false }
    expect(answers.map(({ origin }) => origin)).toMatchObject([mark, { ...mark, joined: true, savedUsd: 0.5 }])
    expect([asked(), writes()]).toEqual([[1, 1], 0])

    provider('second').next(streams([chunk('second')], says('second')))
    const streamed = [streaming(question), streaming(question)]
    for (const { answer, deltas } of streamed) {
      expect((await answer).origin).toMatchObject(mark)
      expect(deltas).toEqual([{ ...chunk('second'), provider: 'second', fallback: true }])
    }
    expect([asked(), writes()]).toEqual([[2, 2], 0])
  })

  it('it is stored where the route says so', async () => {
    await open({}, { plan: { ...elsewhere.plan, storeFallbacks: true } })
    provider('first').next(refuses(503))
    expect((await asking(question)).origin).toMatchObject({ fallback: true, stored: true })
    expect((await asking(question)).origin).toMatchObject({ layer: 'exact', provider: 'second' })
    expect((await asking(alike)).origin).toMatchObject({ layer: 'semantic', provider: 'second' })
  })

  it('the same model at another provider is what was asked for', async () => {
    await open()
    provider('first').next(refuses(503))
    expect((await asking(question)).origin).toMatchObject({ provider: 'second', stored: true })
    expect((await asking(question)).origin).toMatchObject({ layer: 'exact', provider: 'second' })
  })
})

describe('the last resort', () => {
  const lastResort = { layer: 'semantic', lastResort: true, provider: 'first', savedUsd: 0.5 }

  it('is the most similar answer when everybody has failed, marked, and not stored for what was asked', async () => {
    await open({ lastResortSimilarity: 0.5 })
    await asking('How do I change a wheel?', { mode: { noCache: true } })
    await asking(question)
    bothDo(refuses(503))
    const before = writes()
    for (let round = 0; round < 2; round++) {
      events = []
      const { origin } = await asking(similar)
      expect(origin).toMatchObject(lastResort)
      expect(origin.similarity).toBeGreaterThan(0.8)
      expect(origin.similarity).toBeLessThan(0.9)
      expect(origin.stale).toBeUndefined()
      expect(outcomes()).toEqual(['exact miss', 'semantic miss', 'semantic rescued'])
      expect(told('rescued')).toMatchObject([
        { kind: 'llm', key: origin.key, similarity: origin.similarity, savedUsd: 0.5 }
      ])
    }
    expect([writes(), asked()]).toEqual([before, [4, 2]])
  })

  it('is there for callers of streams too', async () => {
    await open({ lastResortSimilarity: 0.5 })
    await asking(question)
    bothDo(refuses(503))
    const { answer, deltas } = streaming(similar)
    expect((await answer).origin).toMatchObject(lastResort)
    // Its door unfolds the answer, as it does any other hit's.
    expect(deltas).toEqual([])
  })

  it('is not for what can be answered, nor where nobody has allowed it', async () => {
    await open({ lastResortSimilarity: 0.5 })
    await asking(question)
    provider('first').next(refuses(503))
    expect((await asking(similar)).origin).toMatchObject({ layer: 'provider', provider: 'second' })
    await cache.close()
    store = new ChaosStore()
    await open()
    await asking(question)
    bothDo(refuses(503))
    await expect(asking(similar)).rejects.toBeInstanceOf(AllProvidersFailedError)
  })

  it('is nothing that is less alike than allowed, or of somebody else, or that differs in what surrounds it', async () => {
    await open({ lastResortSimilarity: 0.8 })
    await asking(question, { scope: ['alice'] })
    bothDo(refuses(503))
    await expect(asking('Where is the nearest pharmacy?', { scope: ['alice'] })).rejects.toThrow('no provider could')
    await expect(asking(similar, { scope: ['bob'] })).rejects.toThrow('no provider could')
    await expect(asking(similar, { scope: ['alice'] }, { temperature: 0 })).rejects.toThrow('no provider could')
    expect((await asking(similar, { scope: ['alice'] })).origin.lastResort).toBe(true)
  })

  it('is not what a guard refutes', async () => {
    await open({ lastResortSimilarity: 0.5 })
    await asking(question)
    bothDo(refuses(503))
    await expect(asking('How do I never reset my password?')).rejects.toThrow('no provider could answer')
    expect(told('refuted')).toMatchObject([{ layer: 'semantic' }])
  })

  it.each([
    ['says no', async () => false],
    ['fails', () => Promise.reject(new Error('no judge'))]
  ])('is nothing when the verifier %s, who is asked once about each', async (_, verify) => {
    const verifier: Verifier = { name: 'hand', verify: vi.fn(verify) }
    await open({ lastResortSimilarity: 0.5, verifier })
    await asking(question)
    bothDo(refuses(503))
    // Near enough for a hit, and found again among what would do as a last resort.
    await expect(asking(alike)).rejects.toThrow('no provider could answer')
    await expect(asking(similar)).rejects.toThrow('no provider could answer')
    expect(verifier.verify).toHaveBeenCalledTimes(2)
    expect(told('refuted')).toMatchObject([{ by: 'verifier' }, { by: 'verifier' }])
  })

  it('goes on to the next when the nearest has been refuted', async () => {
    const verify = async (_asked: string, answered: string): Promise<boolean> => answered === similar
    await open({ lastResortSimilarity: 0.5, verifier: { name: 'hand', verify } })
    await asking(question)
    await asking(similar, { mode: { noCache: true } })
    bothDo(refuses(503))
    const { origin } = await asking(alike)
    expect(origin.lastResort).toBe(true)
    expect(origin.key).toBe((await asking(similar)).origin.key)
  })

  it.each([
    ['no-cache', { noCache: true }],
    ['max-age', { maxAgeMs: 5000 }],
    ['no-store', { noStore: true }]
  ] as const)('is not for one who has said %s', async (_, mode) => {
    await open({ lastResortSimilarity: 0.5 })
    await asking(question)
    atSecond(6)
    bothDo(refuses(503))
    await expect(asking(similar, { mode })).rejects.toBeInstanceOf(AllProvidersFailedError)
    expect(told('rescued')).toEqual([])
  })

  it('is young enough for one who has said max-age', async () => {
    await open({ lastResortSimilarity: 0.5 })
    await asking(question)
    atSecond(5)
    bothDo(refuses(503))
    expect((await asking(similar, { mode: { maxAgeMs: 5000 } })).origin.lastResort).toBe(true)
  })

  it('is not for one who has said only-if-cached: nobody was asked, and nobody has failed', async () => {
    await open({ lastResortSimilarity: 0.5 })
    await asking(question)
    bothDo(refuses(503))
    await expect(asking(similar, { mode: { onlyIfCached: true } })).rejects.toMatchObject({ code: 'only-if-cached' })
    expect([asked(), told('rescued')]).toEqual([[1, 0], []])
  })

  it("comes after the same request's older answer", async () => {
    await open({ graceMs: 600_000, lastResortSimilarity: 0.5 })
    await asking(similar)
    atSecond(50)
    await asking(question)
    atSecond(70)
    bothDo(refuses(503))
    const { origin } = await asking(similar)
    expect(origin).toMatchObject({ layer: 'exact', stale: true, ageMs: 70_000 })
    expect(origin.lastResort).toBeUndefined()
    expect(outcomes().filter((outcome) => outcome.endsWith('rescued'))).toEqual(['exact rescued'])
  })

  it('may itself be stale within its grace, no longer, and not for a call that wants none', async () => {
    await open({ graceMs: 600_000, lastResortSimilarity: 0.5 })
    await asking(question)
    atSecond(61)
    bothDo(refuses(503))
    expect((await asking(similar)).origin).toMatchObject({ lastResort: true, stale: true })
    await expect(asking(similar, { graceMs: 0 })).rejects.toThrow('no provider could answer')
    atSecond(660)
    await expect(asking(similar)).rejects.toThrow('no provider could answer')
  })

  it('is not served after an entry was invalidated', async () => {
    await open({ lastResortSimilarity: 0.5 })
    await asking(question, { tags: ['t'] })
    await cache.invalidate({ tag: 't' })
    bothDo(refuses(503))
    await expect(asking(similar)).rejects.toThrow('no provider could answer')
  })
})

describe('law 12: one lookup, one outcome, whoever answers in the end', () => {
  it.each([
    ['a target', {}, ['exact miss', 'semantic miss']],
    ['an older answer', { graceMs: 600_000 }, ['exact miss', 'semantic miss', 'exact rescued']],
    ['a similar answer', { lastResortSimilarity: 0.5 }, ['exact miss', 'semantic miss', 'semantic rescued']],
    ['nobody', {}, ['exact miss', 'semantic miss']]
  ] as const)('%s', async (who, options, expected) => {
    await open(options)
    await asking(who === 'an older answer' ? similar : question)
    // Beyond its freshness, or within it.
    atSecond(who === 'an older answer' ? 61 : 1)
    if (who !== 'a target') bothDo(refuses(503))
    events = []
    await asking(similar).catch(() => {})
    expect(outcomes()).toEqual(expected)
  })
})

describe('a limit of the temperature', () => {
  it('counts a request that names none as 1: what is above is neither looked up nor stored', async () => {
    await open({}, {}, { maxTemperature: 0.5 })
    for (const more of [{}, { temperature: null }, { temperature: 0.51 }, { temperature: 1 }]) {
      events = []
      const { origin } = await asking(question, {}, more)
      expect(origin).toMatchObject({ layer: 'provider', bypass: 'temperature', stored: false })
      expect(outcomes()).toEqual(['exact bypass'])
    }
    expect([store.calls.filter((call) => !call.includes(':switches:')), embedder.asked]).toEqual([[], []])
    for (const temperature of [0, 0.5]) {
      expect((await asking(question, {}, { temperature })).origin.stored).toBe(true)
      expect((await asking(question, {}, { temperature })).origin.layer).toBe('exact')
    }
  })

  it('of 1 lets through a request that names none', async () => {
    await open({}, {}, { maxTemperature: 1 })
    expect((await asking(question)).origin.stored).toBe(true)
    expect((await asking(question, {}, { temperature: 1.1 })).origin.bypass).toBe('temperature')
  })

  it('keeps an older answer from being served for what is above it', async () => {
    await open({ graceMs: 600_000, lastResortSimilarity: 0.5 })
    await asking(question)
    const { ask } = routerOver({ providers: { first: [refuses(503)] } }).router
    handler = cache.wrap(llmKind(openaiChat, { maxTemperature: 0.5 }), ask)
    await expect(asking(question)).rejects.toMatchObject({ status: 503 })
    await expect(asking(similar)).rejects.toMatchObject({ status: 503 })
  })
})
