import { beforeEach, describe, expect, it } from 'vitest'
import { type Cache, createCache } from '../../src/cache.ts'
import type { Answer } from '../../src/core/answer.ts'
import { ProviderError, RepriseError } from '../../src/core/errors.ts'
import type { Context, Handler } from '../../src/core/handler.ts'
import { HandProvider, makeContext, settle, textKind } from '../support/ask.ts'
import { ChaosStore } from '../support/chaos-store.ts'

type Ask = Handler<{ text: string }, string>

let store: ChaosStore
let provider: HandProvider
let cache: Cache
let ask: Ask

beforeEach(async () => {
  store = new ChaosStore()
  provider = new HandProvider()
  cache = await createCache({ store, deadlineMs: 30 })
  ask = cache.wrap(textKind, provider.ask)
})

/** Asks, lets the provider answer, and returns what came. */
async function askAndAnswer(text: string, answer: string, own: Partial<Context> = {}): Promise<Answer<string>> {
  const before = provider.asked.length
  const promise = ask({ text }, makeContext(own))
  await settle()
  provider.asked[before]?.answer(answer)
  return promise
}

const outage = new ProviderError('hand', 503, {}, Buffer.from('{}'))

describe('law 1: only what a provider has just answered is stored', () => {
  it('stores an answer once, whoever shares it', async () => {
    const answers = [ask({ text: 'a' }, makeContext()), ask({ text: 'a' }, makeContext())]
    await settle()
    provider.asked[0]?.answer('one')
    await Promise.all(answers)
    expect(store.calls.filter((call) => call.startsWith('set'))).toHaveLength(1)
  })

  it('does not write again what it has read', async () => {
    await askAndAnswer('a', 'one')
    const hit = await ask({ text: 'a' }, makeContext())
    expect(hit.origin).toMatchObject({ layer: 'exact', savedUsd: 0.5, provider: 'hand' })
    expect(store.calls.filter((call) => call.startsWith('set'))).toHaveLength(1)
  })

  it('has stored an answer before anybody has it', async () => {
    let stored = false
    store.chaos = async (operation) => {
      if (operation !== 'set') return
      await settle()
      stored = true
    }
    await askAndAnswer('a', 'one')
    expect(stored).toBe(true)
  })
})

describe('law 6: the cache never fails or hangs a request that would have succeeded without it', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('ECONNREFUSED')
      }
    ],
    ['hangs', () => new Promise<void>(() => {})]
  ])('answers while the store %s', async (_, chaos) => {
    store.chaos = chaos
    const answer = ask({ text: 'a' }, makeContext())
    await expect.poll(() => provider.asked.length).toBe(1)
    provider.asked[0]?.answer('one')
    expect(await answer).toMatchObject({ value: 'one', origin: { layer: 'provider', stored: false } })
  })

  it('waits for a hanging store once, and then leaves it out', async () => {
    store.chaos = () => new Promise<void>(() => {})
    for (const text of ['a', 'b', 'c', 'd']) {
      const before = provider.asked.length
      const answer = ask({ text }, makeContext())
      await expect.poll(() => provider.asked.length).toBe(before + 1)
      provider.asked[before]?.answer('one')
      await answer
    }
    const ofRequests = store.calls.filter((call) => call.startsWith('get default:text'))
    expect(ofRequests).toHaveLength(1)
    expect(store.calls.filter((call) => call.startsWith('set default:text'))).toHaveLength(0)
    expect(cache.state).toBe('down')
  })

  it('comes back by itself when the store does', async () => {
    store.chaos = () => new Promise<void>(() => {})
    const slow = ask({ text: 'a' }, makeContext())
    await expect.poll(() => provider.asked.length).toBe(1)
    provider.asked[0]?.answer('one')
    await slow
    store.chaos = () => {}
    await expect.poll(() => cache.state, { timeout: 10_000 }).toBe('up')
    await askAndAnswer('a', 'two')
    expect((await ask({ text: 'a' }, makeContext())).origin.layer).toBe('exact')
  })

  it('goes on reading while the store only refuses to write', async () => {
    await askAndAnswer('a', 'one')
    store.chaos = (operation) => {
      if (operation === 'set') throw new Error('OOM command not allowed')
    }
    for (let round = 0; round < 6; round++) await askAndAnswer(`b${round}`, 'x')
    expect(cache.state).toBe('read-only')
    expect((await ask({ text: 'a' }, makeContext())).origin.layer).toBe('exact')
  })

  it('deletes an entry that is corrupt, and asks again', async () => {
    await askAndAnswer('a', 'one')
    const [[key, entry] = []] = [...store.values]
    if (key === undefined || entry === undefined) throw new Error('nothing was stored')
    for (const at of [0, 5, 13, entry.value.length - 1]) {
      const harmed = Uint8Array.from(entry.value)
      harmed[at] = (harmed[at] ?? 0) ^ 4
      store.values.set(key, { ...entry, value: harmed })
      const context = makeContext()
      const answer = ask({ text: 'a' }, context)
      await settle()
      expect(store.calls).toContain(`delete ${JSON.stringify({ key })}`)
      provider.asked.at(-1)?.answer('again')
      expect((await answer).value).toBe('again')
      expect((await ask({ text: 'a' }, makeContext())).value).toBe('again')
    }
  })

  it('does not take an entry for another that has come under its key', async () => {
    await askAndAnswer('a', 'one')
    await askAndAnswer('b', 'two')
    const [a = '', b = ''] = [...store.values.keys()]
    const ofB = store.values.get(b)
    if (ofB !== undefined) store.values.set(a, ofB)
    expect((await askAndAnswer('a', 'one again')).value).toBe('one again')
  })
})

describe('law 7: truncated, filtered, empty, aborted, malformed or erroneous answers are never stored', () => {
  it('does not store an answer that its kind calls unfit', async () => {
    const context = makeContext()
    const answer = ask({ text: 'a' }, context)
    await settle()
    provider.asked[0]?.answer('')
    expect((await answer).origin.stored).toBe(false)
    expect(store.values.size).toBe(0)
  })

  it('does not store errors', async () => {
    const answer = ask({ text: 'a' }, makeContext())
    await settle()
    provider.asked[0]?.fail(outage)
    await expect(answer).rejects.toBe(outage)
    expect(store.values.size).toBe(0)
  })

  it('stores nothing after an abort', async () => {
    const caller = new AbortController()
    const answer = ask({ text: 'a' }, makeContext({ caller }))
    await settle()
    caller.abort()
    provider.asked[0]?.answer('too late')
    await expect(answer).rejects.toMatchObject({ code: 'aborted' })
    await settle()
    expect(store.values.size).toBe(0)
  })
})

describe('law 9: an old answer beats none', () => {
  beforeEach(async () => {
    cache = await createCache({ store, ttl: '1ms', graceMs: 60_000 })
    ask = cache.wrap(textKind, provider.ask)
    await askAndAnswer('a', 'old')
    await expect.poll(async () => (await cacheState()).fresh).toBe(false)
  })

  async function cacheState(): Promise<{ fresh: boolean }> {
    const answer = await ask({ text: 'a' }, makeContext({ mode: { onlyIfCached: true, maxStaleMs: 60_000 } }))
    return { fresh: answer.origin.stale !== true }
  }

  it('serves a stale entry within its grace when the provider fails, marked stale', async () => {
    const answer = ask({ text: 'a' }, makeContext())
    await settle()
    provider.asked.at(-1)?.fail(outage)
    expect(await answer).toMatchObject({ value: 'old', origin: { layer: 'exact', stale: true } })
  })

  it('prefers a new answer', async () => {
    expect(await askAndAnswer('a', 'new')).toMatchObject({ value: 'new', origin: { layer: 'provider' } })
  })

  it('does not hide that the request itself is wrong', async () => {
    const answer = ask({ text: 'a' }, makeContext())
    await settle()
    const refusal = new ProviderError('hand', 400, {}, Buffer.from('{}'))
    provider.asked.at(-1)?.fail(refusal)
    await expect(answer).rejects.toBe(refusal)
  })

  it('does not go back to an old answer when part of a new one has been seen (law 8)', async () => {
    const answer = ask({ text: 'a' }, makeContext({ onDelta: () => {} }))
    await settle()
    provider.asked.at(-1)?.context.onDelta?.({ data: 'x' })
    provider.asked.at(-1)?.fail(outage)
    await expect(answer).rejects.toBe(outage)
  })

  it('never serves it after it was invalidated', async () => {
    await cache.invalidate({ prefix: 'text:' })
    const answer = ask({ text: 'a' }, makeContext())
    await settle()
    provider.asked.at(-1)?.fail(outage)
    await expect(answer).rejects.toBe(outage)
  })
})

describe('law 12: one lookup, one outcome', () => {
  const outcomes = (context: ReturnType<typeof makeContext>): string[] =>
    context.events.filter(({ type }) => ['hit', 'miss', 'bypass'].includes(type)).map(({ type }) => type)

  it('is a miss, and then a hit', async () => {
    const first = makeContext()
    const answer = ask({ text: 'a' }, first)
    await settle()
    provider.asked[0]?.answer('one')
    await answer
    expect(outcomes(first)).toEqual(['miss'])
    const second = makeContext()
    await ask({ text: 'a' }, second)
    expect(outcomes(second)).toEqual(['hit'])
  })

  it.each([
    ['its caller says no-store', 'a', { mode: { noStore: true } as const }, 'no-store'],
    ['its kind says so', 'volatile a', {}, 'volatile']
  ])('is a bypass when %s, and the store is not touched', async (_, text, own, reason) => {
    const context = makeContext(own)
    const answer = ask({ text }, context)
    await settle()
    provider.asked[0]?.answer('one')
    expect((await answer).origin).toMatchObject({ bypass: reason, stored: false })
    expect(outcomes(context)).toEqual(['bypass'])
    // Whether something is switched off is not asked for the request's sake.
    expect(store.calls.filter((call) => !call.includes(':switches:'))).toEqual([])
  })
})

describe('modes', () => {
  it('asks the provider under no-cache, and keeps what it says', async () => {
    await askAndAnswer('a', 'one')
    expect((await askAndAnswer('a', 'two', { mode: { noCache: true } })).value).toBe('two')
    expect(await ask({ text: 'a' }, makeContext())).toMatchObject({ value: 'two', origin: { layer: 'exact' } })
  })

  it('never asks the provider under only-if-cached', async () => {
    await expect(ask({ text: 'a' }, makeContext({ mode: { onlyIfCached: true } }))).rejects.toMatchObject({
      code: 'only-if-cached',
      status: 504
    })
    expect(provider.asked).toHaveLength(0)
    await askAndAnswer('a', 'one')
    expect((await ask({ text: 'a' }, makeContext({ mode: { onlyIfCached: true } }))).value).toBe('one')
  })

  it('refuses an entry that is older than max-age', async () => {
    await askAndAnswer('a', 'one')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect((await askAndAnswer('a', 'two', { mode: { maxAgeMs: 5 } })).value).toBe('two')
    expect((await ask({ text: 'a' }, makeContext({ mode: { maxAgeMs: 60_000 } }))).origin.layer).toBe('exact')
  })

  it('never extends a time to live by a hit', async () => {
    await askAndAnswer('a', 'one', { ttlMs: 50_000 })
    const [before] = [...store.values.values()]
    await ask({ text: 'a' }, makeContext())
    await ask({ text: 'a' }, makeContext())
    const [after] = [...store.values.values()]
    expect(after).toEqual(before)
  })

  it('does not store what has no time to live', async () => {
    await askAndAnswer('a', 'one', { ttlMs: 0 })
    expect(store.values.size).toBe(0)
  })
})

describe('values of the application', () => {
  it('computes once, also for callers at the same time, and says which was a hit', async () => {
    let computed = 0
    const compute = async (): Promise<number> => {
      await settle()
      return ++computed
    }
    const both = await Promise.all([cache.getOrSet('answer', compute), cache.getOrSet('answer', compute)])
    expect(both.map(({ value, cacheHit }) => ({ value, cacheHit }))).toEqual([
      { value: 1, cacheHit: false },
      { value: 1, cacheHit: true }
    ])
    expect(await cache.getOrSet('answer', compute)).toMatchObject({
      value: 1,
      cacheHit: true,
      origin: { layer: 'exact' }
    })
  })

  it.each([null, '', 0, false, [], {}])('takes %j for what it is: a value', async (value) => {
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.set('k', value)).toBe(true)
    expect(await cache.get('k')).toEqual(value)
    expect(await cache.getOrSet('k', () => 'computed')).toMatchObject({ value, cacheHit: true })
  })

  it('keeps each of two values set at the same time from the other', async () => {
    await Promise.all([cache.set('k', 1), cache.set('k', 2)])
    expect(await cache.get('k')).toBe(2)
  })

  it('keeps scopes and namespaces apart', async () => {
    await cache.set('k', 1, { scope: ['a'] })
    expect(await cache.get('k', { scope: ['b'] })).toBeUndefined()
    const other = await createCache({ store, namespace: 'other' })
    expect(await other.get('k', { scope: ['a'] })).toBeUndefined()
    expect(await other.invalidate({ all: true })).toBe(0)
    expect(await cache.invalidate({ all: true })).toBe(1)
  })

  it('goes by tag and by the beginning of its name', async () => {
    await cache.set('user/1/name', 'a', { tags: ['masterplan:42'] })
    await cache.set('user/2/name', 'b')
    expect(await cache.invalidate({ tag: 'masterplan:42' })).toBe(1)
    expect(await cache.invalidate({ prefix: 'value:user/2' })).toBe(1)
    expect(await cache.get('user/1/name')).toBeUndefined()
    expect(await cache.get('user/2/name')).toBeUndefined()
  })

  it('refuses a namespace that could run into another', async () => {
    await expect(createCache({ store, namespace: 'a:b' })).rejects.toMatchObject({ code: 'invalid-option' })
  })

  it('flushes on closing', async () => {
    let written = false
    store.chaos = async (operation) => {
      if (operation !== 'set') return
      await new Promise((resolve) => setTimeout(resolve, 100))
      written = true
    }
    // Longer than the deadline: the caller does not wait for it, closing does.
    expect(await cache.set('k', 1)).toBe(false)
    await cache.close()
    expect(written).toBe(true)
    expect(store.calls.at(-1)).toBe('close')
  })

  it('reports what was computed and cannot be stored as JSON, and gives it to the caller all the same', async () => {
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    const events: string[] = []
    const own = await createCache({ store, observe: ({ type }) => events.push(type) })
    const { value } = await own.getOrSet('k', () => circle as never)
    expect(value).toBe(circle)
    expect(events).toContain('failed')
  })

  it('passes an error of the computation on as it is', async () => {
    await expect(
      cache.getOrSet('k', () => {
        throw new RepriseError('aborted', 'mine')
      })
    ).rejects.toThrow('mine')
    expect(await cache.get('k')).toBeUndefined()
  })
})
