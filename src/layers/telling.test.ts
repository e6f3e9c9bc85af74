import { afterEach, describe, expect, it } from 'vitest'
import { HandProvider, makeContext, settle, textKind } from '../../test/support/ask.ts'
import { type Cache, type CacheOptions, createCache } from '../cache.ts'
import type { Origin } from '../core/answer.ts'
import { RepriseError } from '../core/errors.ts'
import type { Answered, Event } from '../core/events.ts'
import type { PeekingHandler } from '../core/handler.ts'
import type { Mode } from '../core/mode.ts'
import { telling } from './telling.ts'

function answered(events: readonly Event[]): readonly Answered[] {
  return events.filter((event) => event.type === 'answered')
}

type Texts = PeekingHandler<{ text: string }, string>

/** A handler that answers from there, at once only when it is peeked at. */
function answering(origin: Origin | Error, isPeeked = false): Texts {
  const answer = async () => {
    if (origin instanceof Error) throw origin
    return { value: 'answer', origin }
  }
  const peeked = origin instanceof Error || !isPeeked ? undefined : { value: 'answer', origin }
  return Object.assign(answer, { peek: () => peeked })
}

const isOn = (): boolean => true

describe('what has become of a request', () => {
  it.each<[string, Origin]>([
    ['hit', { layer: 'exact' }],
    ['hit', { layer: 'semantic', similarity: 0.97 }],
    ['miss', { layer: 'provider' }],
    ['miss', { layer: 'provider', stored: false }],
    ['joined', { layer: 'provider', joined: true }],
    ['joined', { layer: 'exact', joined: true }],
    ['rescued', { layer: 'exact', rescued: true }],
    ['rescued', { layer: 'semantic', rescued: true, joined: true }],
    ['bypass', { layer: 'provider', bypass: 'no-store' }]
  ])('is a %s when the answer is from %j', async (outcome, origin) => {
    const context = makeContext({ tags: ['a'], tenant: 'alice' })
    await telling(textKind, answering(origin), { isOn })({ text: 'q' }, context)
    expect(context.events).toEqual([
      {
        type: 'answered',
        kind: 'text',
        model: undefined,
        outcome,
        layer: origin.layer,
        tookMs: expect.any(Number),
        tags: ['a'],
        tenant: 'alice',
        origin,
        error: undefined
      }
    ])
  })

  it('is a failure when there is none, and the error goes on to the caller', async () => {
    const error = new RepriseError('provider-unreachable', 'nobody there')
    const context = makeContext()
    await expect(telling(textKind, answering(error), { isOn })({ text: 'q' }, context)).rejects.toBe(error)
    expect(context.events).toMatchObject([{ outcome: 'failed', layer: undefined, origin: undefined, error }])
  })

  it('is told when it was peeked at and found, and only then', async () => {
    const context = makeContext()
    const found = telling(textKind, answering({ layer: 'exact' }, true), { isOn })
    expect(found.peek({ text: 'q' }, context)).toMatchObject({ value: 'answer' })
    expect(context.events).toMatchObject([{ type: 'answered', outcome: 'hit', layer: 'exact' }])
    expect(telling(textKind, answering({ layer: 'exact' }), { isOn }).peek({ text: 'q' }, context)).toBeUndefined()
    expect(context.events).toHaveLength(1)
  })

  it('is not told of a kind that is switched off', async () => {
    const context = makeContext()
    const off = telling(textKind, answering({ layer: 'provider', bypass: 'switched-off' }), { isOn: () => false })
    await off({ text: 'q' }, context)
    expect(context.events).toEqual([])
  })

  it('comes with the caller’s words only when that is wanted, and where there are any', async () => {
    const kind = { ...textKind, likeness: ({ text }: { text: string }) => ({ text, within: null }) }
    const said = async (of: typeof textKind, texts?: boolean): Promise<readonly Event[]> => {
      const context = makeContext()
      const options = texts === undefined ? { isOn } : { isOn, texts }
      await telling(of, answering({ layer: 'provider' }), options)({ text: 'a secret' }, context)
      return context.events
    }
    expect(await said(kind, true)).toMatchObject([{ text: 'a secret' }])
    for (const events of [await said(kind), await said(kind, false), await said(textKind, true)]) {
      expect(events).toHaveLength(1)
      expect(events[0]).not.toHaveProperty('text')
      expect(JSON.stringify(events)).not.toContain('secret')
    }
  })
})

describe('one request, one outcome', () => {
  const caches: Cache[] = []

  afterEach(async () => {
    for (const cache of caches.splice(0)) await cache.close()
  })

  async function stand(options: CacheOptions = {}) {
    const provider = new HandProvider()
    const events: Event[] = []
    const cache = await createCache({
      store: 'memory:',
      deadlineMs: 10_000,
      observe: (event) => events.push(event),
      ...options
    })
    caches.push(cache)
    const handler = cache.wrap(textKind, provider.ask)
    async function ask(text: string, mode: Mode = {}, signal?: AbortSignal) {
      const context = { ...cache.contextOf(signal === undefined ? {} : { signal }), mode }
      return handler.peek({ text }, context) ?? (await handler({ text }, context))
    }
    return { provider, events, cache, ask, outcomes: () => answered(events).map(({ outcome }) => outcome) }
  }

  async function told(provider: HandProvider, count: number): Promise<void> {
    while (provider.asked.length < count) await settle()
  }

  it('is a miss, then a hit, once each, whoever looks first', async () => {
    const { provider, ask, outcomes } = await stand()
    const first = ask('q')
    await told(provider, 1)
    provider.asked[0]?.answer('a')
    await first
    expect(outcomes()).toEqual(['miss'])
    await ask('q')
    await ask('q')
    expect(outcomes()).toEqual(['miss', 'hit', 'hit'])
  })

  it('is one for each of those who share a call', async () => {
    const { provider, ask, events, outcomes } = await stand()
    const all = [ask('q'), ask('q'), ask('q')]
    while (events.filter(({ type }) => type === 'joined').length < 2) await settle()
    provider.asked[0]?.answer('a')
    await Promise.all(all)
    expect(outcomes().toSorted()).toEqual(['joined', 'joined', 'miss'])
    expect(provider.asked).toHaveLength(1)
  })

  it('is a failure for the one who leaves, and none for the one who shares the call and stays', async () => {
    const { provider, ask, events, outcomes } = await stand()
    const leaving = new AbortController()
    const [gone, stays] = [ask('q', {}, leaving.signal), ask('q')]
    while (!events.some(({ type }) => type === 'joined')) await settle()
    leaving.abort()
    await expect(gone).rejects.toMatchObject({ code: 'aborted' })
    expect(outcomes()).toEqual(['failed'])
    provider.asked[0]?.answer('a')
    await stays
    expect(outcomes()).toEqual(['failed', 'joined'])
  })

  it('is a failure for each of those whose call has failed', async () => {
    const { provider, ask, events, outcomes } = await stand()
    const all = Promise.allSettled([ask('q'), ask('q')])
    while (!events.some(({ type }) => type === 'joined')) await settle()
    provider.asked[0]?.fail(new Error('broken'))
    await all
    expect(outcomes()).toEqual(['failed', 'failed'])
  })

  it('is a rescue when an older answer had to do', async () => {
    const { provider, ask, outcomes } = await stand({ ttl: '1ms', graceMs: 60_000 })
    const first = ask('q')
    await told(provider, 1)
    provider.asked[0]?.answer('a')
    await first
    // Fresh for a millisecond.
    const until = Date.now() + 2
    while (Date.now() < until) await settle()
    const second = ask('q')
    await told(provider, 2)
    provider.asked[1]?.fail(new RepriseError('provider-unreachable', 'nobody there'))
    expect(await second).toMatchObject({ value: 'a', origin: { rescued: true } })
    expect(outcomes()).toEqual(['miss', 'rescued'])
  })

  it('is a bypass when the cache is not to be asked', async () => {
    const { provider, ask, outcomes } = await stand()
    for (const [index, [text, mode]] of (
      [
        ['q', { noStore: true }],
        ['volatile', {}]
      ] as const
    ).entries()) {
      const asked = ask(text, mode)
      await told(provider, index + 1)
      provider.asked[index]?.answer('a')
      await asked
    }
    expect(outcomes()).toEqual(['bypass', 'bypass'])
  })

  it('is a failure when only the cache was to be asked, and a miss when it was to be passed by', async () => {
    const { provider, ask, outcomes } = await stand()
    await expect(ask('q', { onlyIfCached: true })).rejects.toMatchObject({ code: 'only-if-cached' })
    const asked = ask('q', { noCache: true })
    await told(provider, 1)
    provider.asked[0]?.answer('a')
    await asked
    expect(outcomes()).toEqual(['failed', 'miss'])
  })

  it('is the caller’s alone: what is asked anew in the background is nobody’s request', async () => {
    const { provider, ask, events, outcomes } = await stand({ ttl: '1ms', staleWhileRevalidateMs: 60_000 })
    const first = ask('q')
    await told(provider, 1)
    provider.asked[0]?.answer('a')
    await first
    const until = Date.now() + 2
    while (Date.now() < until) await settle()
    expect(await ask('q')).toMatchObject({ value: 'a', origin: { stale: true } })
    await told(provider, 2)
    provider.asked[1]?.answer('b')
    while (!events.some(({ type }) => type === 'refreshed')) await settle()
    expect(outcomes()).toEqual(['miss', 'hit'])
  })

  it('has as many lookups of each layer as hits, misses and bypasses', async () => {
    const { provider, ask, events, cache } = await stand()
    const asked = ['a', 'b', 'a', 'volatile', 'a', 'c', 'b'].map((text, index) => async () => {
      const before = provider.asked.length
      let isDone = false
      void ask(text, index === 4 ? { noCache: true } : {}).then(() => {
        isDone = true
      })
      while (!isDone) {
        provider.asked[before]?.answer(text)
        await settle()
      }
    })
    for (const one of asked) await one()
    const { text_cache: layer, requests } = await cache.statistics()
    expect(layer).toMatchObject({ total_lookups: 7, total_hits: 2, total_misses: 3, total_bypasses: 2 })
    expect(requests).toMatchObject({ total: 7, hits: 2, misses: 4, bypassed: 1 })
    expect(answered(events)).toHaveLength(7)
  })
})
