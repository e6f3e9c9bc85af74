import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Cache, type CacheOptions, createCache } from '../../src/cache.ts'
import { AllProvidersFailedError } from '../../src/core/all-providers-failed-error.ts'
import type { Answer } from '../../src/core/answer.ts'
import { ProviderError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/events.ts'
import type { Context, PeekingHandler } from '../../src/core/handler.ts'
import type { Kind } from '../../src/core/kind.ts'
import { OverBudgetError } from '../../src/core/over-budget-error.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { Store } from '../../src/stores/store.ts'
import { HandProvider, makeContext, settle, textKind } from '../support/ask.ts'
import { ChaosStore } from '../support/chaos-store.ts'

const startMs = 1_800_000_000_000
const outage = new ProviderError('hand', 503, {}, Buffer.from('{}'))

let store: ChaosStore
let provider: HandProvider
let events: Event[]
let cache: Cache
let ask: PeekingHandler<{ text: string }, string>

beforeEach(() => {
  // The clock only: timers, and whatever waits for the store, go on as ever.
  vi.useFakeTimers({ toFake: ['Date'], now: startMs })
  store = new ChaosStore()
})

afterEach(async () => {
  await cache.close()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

async function open(options: CacheOptions, own: Store = store, kind: Kind<{ text: string }, string> = textKind) {
  provider = new HandProvider()
  events = []
  cache = await createCache({ store: own, ttl: 60, observe: (event) => events.push(event), ...options })
  ask = cache.wrap(kind, provider.ask)
}

function atSecond(seconds: number): void {
  vi.setSystemTime(startMs + seconds * 1000)
}

/** Asks, lets the provider answer if it is asked, and gives back what came. */
async function askAndAnswer(answer: string, own: Partial<Context> = {}): Promise<Answer<string>> {
  const before = provider.asked.length
  const promise = ask({ text: 'a' }, makeContext(own))
  await settle()
  provider.asked[before]?.answer(answer)
  return promise
}

/** Asks, and lets the provider fail. */
async function askAndFail(error: Error, own: Partial<Context> = {}): Promise<Answer<string>> {
  const before = provider.asked.length
  const promise = ask({ text: 'a' }, makeContext(own))
  promise.catch(() => {})
  await settle()
  provider.asked[before]?.fail(error)
  return promise
}

const inBackground = () => provider.asked.filter(({ context }) => context.mode.noCache)
const refreshes = () => events.filter(({ type }) => type === 'refreshed')

describe('stale while it is revalidated', () => {
  it('is served at once, marked, and asked anew behind its caller, once', async () => {
    await open({ staleWhileRevalidateMs: 100_000 })
    await askAndAnswer('old', { tags: ['own'] })
    atSecond(61)
    const context = makeContext({ tags: ['own'], tenant: 'x', ttlMs: 7000, onDelta: () => {} })
    for (let round = 0; round < 3; round++) {
      const hit = await ask({ text: 'a' }, context)
      expect(hit).toMatchObject({
        value: 'old',
        origin: { layer: 'exact', stale: true, ageMs: 61_000, freshForMs: -1000 }
      })
    }
    await settle()
    expect(context.events.filter(({ type }) => type === 'hit')).toHaveLength(3)
    expect(context.events.filter(({ type }) => type === 'miss')).toEqual([])
    expect(inBackground()).toHaveLength(1)
    const { context: background } = provider.asked[1] ?? {}
    // The entry's tags, since it is the entry that is asked anew, on whose account ever.
    expect(background).toMatchObject({ tags: ['own'], tenant: 'x', ttlMs: 7000, scope: [] })
    expect([background?.onDelta, background?.spare]).toEqual([undefined, undefined])
    provider.asked[1]?.answer('new')
    await settle()
    expect(refreshes()).toMatchObject([{ kind: 'text', ok: true }])
    const { value, origin } = await ask({ text: 'a' }, makeContext())
    expect([value, origin.stale, origin.freshForMs]).toEqual(['new', undefined, 7000])
  })

  it('is the same where the store can be peeked at', async () => {
    await open({ staleWhileRevalidateMs: 100_000 }, memoryStore())
    await askAndAnswer('old')
    expect(ask.peek({ text: 'a' }, makeContext())?.value).toBe('old')
    await settle()
    expect(provider.asked).toHaveLength(1)
    atSecond(61)
    expect(ask.peek({ text: 'a' }, makeContext())).toMatchObject({ value: 'old', origin: { stale: true } })
    expect(ask.peek({ text: 'a' }, makeContext({ mode: { maxAgeMs: 60_500 } }))).toBeUndefined()
    await settle()
    expect(inBackground()).toHaveLength(1)
    provider.asked[1]?.answer('new')
    await settle()
    expect(ask.peek({ text: 'a' }, makeContext())).toMatchObject({ value: 'new', origin: { freshForMs: 60_000 } })
  })

  it('ends: after that its caller waits for the new answer', async () => {
    await open({ staleWhileRevalidateMs: 100_000 })
    await askAndAnswer('old')
    atSecond(160)
    expect(await askAndAnswer('new')).toMatchObject({ value: 'new', origin: { layer: 'provider' } })
    expect(inBackground()).toEqual([])
  })

  it('costs a plain hit nothing: one read, no lease', async () => {
    await open({ staleWhileRevalidateMs: 100_000, eagerRefresh: 0.5, adaptiveTtl: { minMs: 1, maxMs: 10 ** 9 } })
    await askAndAnswer('old')
    const before = store.calls.length
    await ask({ text: 'a' }, makeContext())
    expect(store.calls.slice(before).map((call) => call.split(' ')[0])).toEqual(['get'])
  })

  it('is not for a caller who wants it younger, and only as long as a call says', async () => {
    await open({ staleWhileRevalidateMs: 100_000 })
    await askAndAnswer('old')
    atSecond(70)
    const young = await askAndAnswer('new', { mode: { maxAgeMs: 65_000 }, ttlMs: 0 })
    expect(young.value).toBe('new')
    const briefly = await askAndAnswer('new', { staleWhileRevalidateMs: 10_000, ttlMs: 0 })
    expect(briefly.value).toBe('new')
    expect(inBackground()).toEqual([])
    expect((await ask({ text: 'a' }, makeContext({ staleWhileRevalidateMs: 10_001 }))).value).toBe('old')
  })

  it('is served under only-if-cached too, and nobody is asked', async () => {
    await open({ staleWhileRevalidateMs: 100_000, eagerRefresh: 0.1 })
    await askAndAnswer('old')
    for (const seconds of [50, 70]) {
      atSecond(seconds)
      expect((await ask({ text: 'a' }, makeContext({ mode: { onlyIfCached: true } }))).value).toBe('old')
    }
    await settle()
    expect(provider.asked).toHaveLength(1)
    atSecond(160)
    await expect(ask({ text: 'a' }, makeContext({ mode: { onlyIfCached: true } }))).rejects.toThrow('not in the cache')
  })

  it('is not asked for one who would not have the answer stored', async () => {
    await open({ staleWhileRevalidateMs: 100_000 })
    await askAndAnswer('old')
    atSecond(61)
    expect((await ask({ text: 'a' }, makeContext({ ttlMs: 0 }))).value).toBe('old')
    await settle()
    expect(inBackground()).toEqual([])
  })

  it.each([
    ['fails', () => inBackground().at(-1)?.fail(new Error('whatever'))],
    ['is answered with what is not fit to be kept', () => inBackground().at(-1)?.answer('')]
  ])('keeps the old answer when asking anew %s, and leaves it alone for 30 s', async (_, happen) => {
    await open({ staleWhileRevalidateMs: 100_000 })
    await askAndAnswer('old')
    atSecond(61)
    await ask({ text: 'a' }, makeContext())
    await settle()
    happen()
    await settle()
    expect(refreshes()).toMatchObject([{ ok: false }])
    atSecond(90)
    expect((await ask({ text: 'a' }, makeContext())).value).toBe('old')
    await settle()
    expect(inBackground()).toHaveLength(1)
    atSecond(92)
    await ask({ text: 'a' }, makeContext())
    await settle()
    expect(inBackground()).toHaveLength(2)
  })

  it('can be invalidated by the tags of those it has answered, and by those of its new answer', async () => {
    const tagged: Kind<{ text: string }, string> = { ...textKind, tags: (answer) => [`says:${answer}`] }
    await open({ staleWhileRevalidateMs: 100_000 }, store, tagged)
    await askAndAnswer('old', { tags: ['first'] })
    atSecond(61)
    await ask({ text: 'a' }, makeContext({ tags: ['second'] }))
    await settle()
    provider.asked[1]?.answer('new')
    await settle()
    const [entry] = store.values.values()
    expect(new Set(entry?.tags)).toEqual(new Set(['default:first', 'default:second', 'default:says:new']))
  })

  it('computes values anew by the function of the call that hit', async () => {
    await open({ staleWhileRevalidateMs: 100_000 })
    await cache.getOrSet('k', () => 1)
    atSecond(61)
    expect(await cache.getOrSet('k', () => 2)).toMatchObject({ value: 1, cacheHit: true, origin: { stale: true } })
    await settle()
    expect(await cache.get('k')).toBe(2)
  })

  it('can be said of a value that is set', async () => {
    await open({})
    await cache.set('k', 1, { ttlMs: 10_000, staleWhileRevalidateMs: 10_000, tenant: 't' })
    atSecond(11)
    expect(await cache.get('k', { tenant: 't' })).toBeUndefined()
    expect((await cache.getOrSet('k', () => 2, { tenant: 't' })).value).toBe(1)
    expect(await cache.set('k', 3, { ttlMs: 0 })).toBe(false)
  })

  it('is explained as a hit', async () => {
    await open({ staleWhileRevalidateMs: 100_000 })
    await askAndAnswer('old')
    const outcome = async () => (await cache.explain(textKind, { text: 'a' })).outcome
    atSecond(61)
    expect(await outcome()).toBe('exact')
    atSecond(161)
    expect(await outcome()).toBe('miss')
  })
})

describe('closing', () => {
  it('aborts what is asked in the background, and leaves nothing behind', async () => {
    await open({ staleWhileRevalidateMs: 100_000 })
    await askAndAnswer('old')
    atSecond(61)
    await ask({ text: 'a' }, makeContext())
    await settle()
    await cache.close()
    expect(provider.asked[1]?.context.caller.signal.aborted).toBe(true)
    provider.asked[1]?.answer('too late')
    await settle()
    expect(refreshes()).toEqual([])
    expect(store.leases.size).toBe(0)
  })
})

describe('an eager refresh', () => {
  it('begins with a hit in the last part of the time to live', async () => {
    await open({ eagerRefresh: 0.9 })
    await askAndAnswer('old')
    atSecond(53.999)
    await ask({ text: 'a' }, makeContext())
    await settle()
    expect(inBackground()).toEqual([])
    atSecond(54)
    const hit = await ask({ text: 'a' }, makeContext())
    expect([hit.value, hit.origin.stale]).toEqual(['old', undefined])
    await settle()
    inBackground()[0]?.answer('new')
    await settle()
    expect(await ask({ text: 'a' }, makeContext())).toMatchObject({ value: 'new', origin: { freshForMs: 60_000 } })
  })

  it('begins when a call says so, or not at all', async () => {
    await open({ eagerRefresh: 0.9 })
    await askAndAnswer('old')
    atSecond(30)
    await ask({ text: 'a' }, makeContext({ eagerRefresh: 0.51 }))
    atSecond(55)
    await ask({ text: 'a' }, makeContext({ eagerRefresh: 1 }))
    await settle()
    expect(inBackground()).toEqual([])
    atSecond(31)
    await ask({ text: 'a' }, makeContext({ eagerRefresh: 0.51 }))
    await settle()
    expect(inBackground()).toHaveLength(1)
  })
})

describe('grace (law 9)', () => {
  const spent = { budget: 'all', limitUsd: 1, spentUsd: 1, reservedUsd: 0, estimateUsd: 1, resetsAtMs: undefined }

  it.each([
    ['its provider is out', outage],
    ['no target of its route can answer', new AllProvidersFailedError('m', [{ target: 'a/m', reason: 'out' }])],
    ['the budget is spent', new OverBudgetError(spent)]
  ])('serves the old answer when %s', async (_, error) => {
    await open({ graceMs: 100_000 })
    await askAndAnswer('old')
    atSecond(61)
    expect(await askAndFail(error)).toMatchObject({ value: 'old', origin: { layer: 'exact', stale: true } })
    expect(provider.asked.map(({ context }) => context.spare)).toEqual([undefined, true])
    atSecond(160)
    await expect(askAndFail(error)).rejects.toBe(error)
    expect(provider.asked.map(({ context }) => context.spare)).toEqual([undefined, true, undefined])
  })

  it('is over when it ends while the provider is asked, and where a call wants less of it', async () => {
    await open({ graceMs: 100_000 })
    await askAndAnswer('old')
    atSecond(159)
    await expect(askAndFail(outage, { graceMs: 99_000 })).rejects.toBe(outage)
    const answer = ask({ text: 'a' }, makeContext())
    answer.catch(() => {})
    await settle()
    atSecond(160)
    provider.asked.at(-1)?.fail(outage)
    await expect(answer).rejects.toBe(outage)
  })

  it('lasts beyond the time in which it is served at once, and the other way round', async () => {
    await open({ graceMs: 100_000, staleWhileRevalidateMs: 50_000 })
    await askAndAnswer('old')
    atSecond(120)
    expect((await askAndFail(outage)).value).toBe('old')
    expect(inBackground()).toEqual([])

    await cache.close()
    store = new ChaosStore()
    atSecond(0)
    await open({ graceMs: 20_000, staleWhileRevalidateMs: 50_000 })
    await askAndAnswer('old')
    atSecond(100)
    expect((await ask({ text: 'a' }, makeContext())).value).toBe('old')
    await settle()
    await expect(askAndFail(outage, { mode: { maxAgeMs: 1 } })).rejects.toBe(outage)
  })

  it('is what max-stale may use up, and no more', async () => {
    await open({ graceMs: 20_000, adaptiveTtl: { minMs: 60_000, maxMs: 60_000 } })
    await askAndAnswer('old')
    const mode = { maxStaleMs: Number.MAX_SAFE_INTEGER, onlyIfCached: true } as const
    atSecond(79)
    expect((await ask({ text: 'a' }, makeContext({ mode }))).value).toBe('old')
    atSecond(80)
    expect(store.values.size).toBe(1)
    await expect(ask({ text: 'a' }, makeContext({ mode }))).rejects.toThrow('not in the cache')
  })
})

describe('a time to live that follows the answers', () => {
  const adaptiveTtl = { minMs: 10_000, maxMs: 200_000 }
  const ttlOf = async (answer: string, own: Partial<Context> = {}): Promise<number> => {
    await askAndAnswer(answer, { mode: { noCache: true }, ...own })
    const { origin } = await ask({ text: 'a' }, makeContext())
    return origin.freshForMs ?? 0
  }

  it('doubles while they stay the same, halves when they change, and stays within its bounds', async () => {
    await open({ adaptiveTtl })
    const answers = ['x', 'x', 'x', 'y', 'z', 'x', 'y', 'z', 'z']
    const ttls: number[] = []
    for (const answer of answers) ttls.push(await ttlOf(answer))
    expect(ttls.map((ms) => ms / 1000)).toEqual([60, 120, 200, 100, 50, 25, 12.5, 10, 20])
  })

  it('compares with an answer that has ended, for one more time to live', async () => {
    await open({ adaptiveTtl })
    await askAndAnswer('x')
    atSecond(119)
    await askAndAnswer('x')
    expect((await ask({ text: 'a' }, makeContext())).origin.freshForMs).toBe(120_000)
    atSecond(119 + 240)
    await askAndAnswer('x')
    expect((await ask({ text: 'a' }, makeContext())).origin.freshForMs).toBe(60_000)
  })

  it('never serves what is only kept to be compared with', async () => {
    await open({ adaptiveTtl, graceMs: 5000 })
    await askAndAnswer('x')
    atSecond(66)
    await expect(askAndFail(outage)).rejects.toBe(outage)
  })

  it('does not follow where a call names its own', async () => {
    await open({ adaptiveTtl })
    expect(await ttlOf('x', { ttlMs: 1000 })).toBe(1000)
    expect(await ttlOf('x', { ttlMs: 1000 })).toBe(1000)
    expect(await ttlOf('x')).toBe(10_000)
  })

  it('asks the kind what an answer says', async () => {
    const loud: Kind<{ text: string }, string> = { ...textKind, substance: (answer) => answer.toLowerCase() }
    await open({ adaptiveTtl }, store, loud)
    expect([await ttlOf('x'), await ttlOf('X')]).toEqual([60_000, 120_000])
    const mute: Kind<{ text: string }, string> = {
      ...textKind,
      substance() {
        throw new Error('cannot tell')
      }
    }
    ask = cache.wrap(mute, provider.ask)
    expect(await ttlOf('X')).toBe(60_000)
  })

  it('reads the older answer once, and only for this', async () => {
    await open({ adaptiveTtl })
    const gets = async (own: Partial<Context>): Promise<number> => {
      const before = store.calls.length
      await askAndAnswer('x', own)
      return store.calls.slice(before).filter((call) => call.startsWith('get')).length
    }
    expect(await gets({ mode: { noCache: true } })).toBe(1)
    expect(await gets({ mode: { noCache: true }, ttlMs: 1000 })).toBe(0)
    atSecond(2)
    expect(await gets({})).toBe(2)
  })
})

describe('jitter', () => {
  it('lets each entry live up to its share shorter', async () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0)
    await open({ jitter: 0.5 })
    const ttlWith = async (drawn: number): Promise<number | undefined> => {
      random.mockReturnValue(drawn)
      await askAndAnswer('x', { mode: { noCache: true } })
      return (await ask({ text: 'a' }, makeContext())).origin.freshForMs
    }
    expect([await ttlWith(0), await ttlWith(0.5), await ttlWith(0.999)]).toEqual([60_000, 45_000, 30_030])
  })
})

describe('whatever happens, and in whatever order', () => {
  interface Step {
    readonly waitMs: number
    readonly hit: boolean
    /** What the provider does with what it has been asked longest ago. */
    readonly provider: 'waits' | 'answers' | 'fails' | 'unfit'
  }
  const ttlMs = 60_000
  const steps = fc.array(
    fc.record<Step>({
      waitMs: fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 50_000 })),
      hit: fc.boolean(),
      provider: fc.constantFrom('waits', 'answers', 'fails', 'unfit', 'fails')
    }),
    { minLength: 5, maxLength: 40 }
  )
  const windows = fc.record({
    staleWhileRevalidateMs: fc.integer({ min: 0, max: 150_000 }),
    graceMs: fc.integer({ min: 0, max: 150_000 }),
    eagerRefresh: fc.constantFrom(1, 0.5, 0.9),
    isAdaptive: fc.boolean(),
    canPeek: fc.boolean()
  })

  it('serves nothing beyond its windows, and asks in the background at most once in 30 s after a failure', async () => {
    const seen = { atOnce: 0, inNeed: 0, again: 0 }
    await fc.assert(
      fc.asyncProperty(windows, steps, async ({ isAdaptive, canPeek, ...options }, schedule) => {
        vi.setSystemTime(startMs)
        const own = new ChaosStore()
        if (canPeek) Object.assign(own, { peek: (key: string) => own.values.get(key)?.value })
        await open({ ...options, ...(isAdaptive ? { adaptiveTtl: { minMs: ttlMs, maxMs: ttlMs } } : {}) }, own)
        const { graceMs, staleWhileRevalidateMs } = options
        const served: Promise<unknown>[] = []
        let known = 0
        let handled = 0
        let failedMs = Number.NEGATIVE_INFINITY
        let happened: Step['provider'] = 'waits'

        /** Makes a request, and looks at what it gets, whenever that is. */
        async function hit(): Promise<void> {
          const context = makeContext()
          let isWaiting = false
          const peeked = ask.peek({ text: 'a' }, context)
          const coming = peeked ?? ask({ text: 'a' }, context)
          setImmediate(() => setImmediate(() => (isWaiting = true)))
          const outcome = await Promise.resolve(coming).catch((error: unknown) => {
            expect(error).toBe(outage)
          })
          if (outcome === undefined || outcome.origin.layer === 'provider') return
          const staleMs = Date.now() - Number(outcome.value) - ttlMs
          expect(outcome.origin.stale === true).toBe(staleMs >= 0)
          if (staleMs < 0) return
          seen[isWaiting ? 'inNeed' : 'atOnce'] += 1
          expect(staleMs).toBeLessThan(isWaiting ? graceMs : staleWhileRevalidateMs)
          if (isWaiting) expect(happened).toBe('fails')
        }

        for (const step of schedule) {
          vi.setSystemTime(Date.now() + step.waitMs)
          if (step.hit) served.push(hit().catch((error: unknown) => error))
          await settle()
          for (; known < provider.asked.length; known++) {
            if (!provider.asked[known]?.context.mode.noCache) continue
            if (failedMs > 0) seen.again += 1
            expect(Date.now() - failedMs).toBeGreaterThanOrEqual(30_000)
          }
          const open = provider.asked.slice(handled)
          expect(open.filter(({ context }) => context.mode.noCache).length).toBeLessThanOrEqual(1)
          happened = step.provider
          const [call] = open
          if (call === undefined || happened === 'waits') continue
          handled += 1
          if (happened === 'fails') call.fail(outage)
          else call.answer(happened === 'unfit' ? '' : String(Date.now()))
          if (happened !== 'answers' && call.context.mode.noCache) failedMs = Date.now()
          await settle()
        }
        happened = 'fails'
        for (const { fail } of provider.asked) fail(outage)
        expect((await Promise.all(served)).filter((error) => error !== undefined)).toEqual([])
        await cache.close()
      }),
      { numRuns: 200 }
    )
    // It has seen all that it is about.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(10)
  })
})
