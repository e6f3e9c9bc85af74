import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Cache, type CacheOptions, createCache } from '../../src/cache.ts'
import type { Answer } from '../../src/core/answer.ts'
import { ProviderError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/events.ts'
import type { Context, PeekingHandler } from '../../src/core/handler.ts'
import type { Kind } from '../../src/core/kind.ts'
import type { Selection } from '../../src/core/selection.ts'
import { HandProvider, makeContext, settle, textKind } from '../support/ask.ts'
import { ChaosStore } from '../support/chaos-store.ts'

const modelled: Kind<{ text: string }, string> = { ...textKind, model: () => 'gpt-4.1' }
const outage = new ProviderError('hand', 503, {}, Buffer.from('{}'))

let store: ChaosStore
let provider: HandProvider
let cache: Cache
let ask: PeekingHandler<{ text: string }, string>
let events: Event[]

async function open(options: CacheOptions = {}, kind = modelled): Promise<void> {
  events = []
  provider = new HandProvider()
  cache = await createCache({ store, observe: (event) => events.push(event), ...options })
  ask = cache.wrap(kind, provider.ask)
}

beforeEach(async () => {
  store = new ChaosStore()
  await open()
})

afterEach(() => vi.useRealTimers())

const contextFor = (own: Partial<Context>): Context => makeContext({ observe: (event) => events.push(event), ...own })

/** Asks; the provider, if it is asked, says `answer`. */
async function asking(text: string, answer: string, own: Partial<Context> = {}): Promise<Answer<string>> {
  const before = provider.asked.length
  const promise = ask({ text }, contextFor(own))
  await settle()
  provider.asked[before]?.answer(answer)
  return promise
}

/** A request that is being answered, and how it ends. */
async function begun(text: string, own: Partial<Context> = {}) {
  const before = provider.asked.length
  const answer = ask({ text }, contextFor(own))
  await settle()
  const asked = provider.asked[before]
  return {
    async answered(value: string) {
      asked?.answer(value)
      return answer
    }
  }
}

const key = /^text:gpt-4\.1:[0-9a-f]{64}$/

describe('law 10: what was invalidated stays gone', () => {
  const selections: readonly [string, (entry: string) => Selection][] = [
    ['tag', () => ({ tag: 't' })],
    ['key', (entry) => ({ key: entry })],
    ['prefix', (entry) => ({ prefix: entry.slice(0, 20) })],
    ['pattern', (entry) => ({ pattern: `*${entry.slice(-10)}` })],
    ['model', () => ({ model: 'gpt-4.1' })],
    ['kind', () => ({ kind: 'text' })],
    ['all', () => ({ all: true })]
  ]

  it.each(selections)('by %s: what is being answered meanwhile goes to its caller and is not stored', async (_, of) => {
    const { origin } = await asking('a', 'known', { tags: ['t'] })
    expect(origin.key).toMatch(key)
    expect(await cache.invalidate(of(origin.key ?? ''))).toBe(1)
    const slow = await begun('a', { tags: ['t'] })
    expect(await cache.invalidate(of(origin.key ?? ''))).toBe(0)
    expect(await slow.answered('made before')).toMatchObject({ value: 'made before', origin: { stored: false } })
    expect(events.at(-1)).toMatchObject({ type: 'answered', outcome: 'miss' })
    expect(events).toContainEqual(expect.objectContaining({ type: 'refused', reason: 'invalidated' }))
    expect((await asking('a', 'made after', { tags: ['t'] })).value).toBe('made after')
    expect((await asking('a', 'never', { tags: ['t'] })).value).toBe('made after')
  })

  it('stores all the same what something else was invalidated during', async () => {
    const slow = await begun('a', { tags: ['t'] })
    await cache.invalidate({ tag: 'other' })
    await cache.invalidate({ key: 'text:gpt-4.1:0' })
    await cache.invalidate({ model: 'another' })
    expect((await slow.answered('one')).origin.stored).toBe(true)
    expect((await asking('a', 'two')).value).toBe('one')
  })

  it('lets nobody who asks afterwards share the call', async () => {
    const slow = await begun('a', { tags: ['t'] })
    await cache.invalidate({ tag: 't' })
    const later = await begun('a', { tags: ['t'] })
    const later2 = ask({ text: 'a' }, contextFor({ tags: ['t'] }))
    await settle()
    expect(provider.asked).toHaveLength(2)
    expect((await slow.answered('before')).value).toBe('before')
    expect(await later.answered('after')).toMatchObject({ value: 'after', origin: { stored: true } })
    expect(await later2).toMatchObject({ value: 'after', origin: { joined: true } })
    expect((await asking('a', 'never')).value).toBe('after')
  })

  it('lets them share it when something else was invalidated', async () => {
    const slow = await begun('a', { tags: ['t'] })
    await cache.invalidate({ tag: 'other' })
    const later = ask({ text: 'a' }, contextFor({}))
    await settle()
    expect(provider.asked).toHaveLength(1)
    await slow.answered('one')
    expect(await later).toMatchObject({ value: 'one', origin: { joined: true } })
  })

  it('holds for tags that the answer has of its own, and for who shares a call that may have them', async () => {
    const own: Kind<{ text: string }, string> = { ...modelled, tags: (answer) => [`document:${answer}`] }
    await open({}, own)
    const slow = await begun('a')
    await cache.invalidate({ tag: 'document:seven' })
    const later = await begun('a')
    expect(provider.asked).toHaveLength(2)
    expect((await slow.answered('seven')).origin.stored).toBe(false)
    expect((await later.answered('eight')).origin.stored).toBe(true)
  })

  it('stores nothing that it does not know to be still true', async () => {
    store.chaos = (operation) => {
      if (operation === 'mark') throw new Error('no mark')
    }
    expect((await asking('a', 'one')).origin.stored).toBe(false)
    expect(store.values.size).toBe(0)
  })

  it('serves nothing in need that was invalidated meanwhile', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await open({ ttl: 60, graceMs: 3_600_000 })
    await asking('a', 'old', { tags: ['t'] })
    vi.setSystemTime(Date.now() + 61_000)
    const before = provider.asked.length
    const failing = ask({ text: 'a' }, contextFor({}))
    failing.catch(() => {})
    await settle()
    await cache.invalidate({ tag: 't' })
    provider.asked[before]?.fail(outage)
    await expect(failing).rejects.toBe(outage)
  })

  it('is so for values that are computed, and for those that are set', async () => {
    let finish = (_: number): void => {}
    const slow = cache.getOrSet('k', () => new Promise<number>((resolve) => (finish = resolve)), { tags: ['t'] })
    await settle()
    await cache.invalidate({ tag: 't' })
    finish(1)
    expect((await slow).value).toBe(1)
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.set('k', 2, { tags: ['t'] })).toBe(true)
    expect(await cache.invalidate({ tag: 't' })).toBe(1)
    expect(await cache.get('k')).toBeUndefined()
  })
})

describe('an entry that several share', () => {
  it('goes with the tag of each whom it has answered', async () => {
    await asking('a', 'one', { tags: ['masterplan:1'] })
    expect((await asking('a', 'never', { tags: ['masterplan:2'] })).value).toBe('one')
    expect(await cache.invalidate({ tag: 'masterplan:2' }, { dryRun: true })).toBe(1)
    expect(await cache.invalidate({ tag: 'masterplan:2' })).toBe(1)
    expect((await asking('a', 'two', { tags: ['masterplan:1'] })).value).toBe('two')
  })

  it('goes with the tag of each who has shared the call that made it', async () => {
    const slow = await begun('a', { tags: ['masterplan:1'] })
    const joining = ask({ text: 'a' }, contextFor({ tags: ['masterplan:2'] }))
    await settle()
    await slow.answered('one')
    expect(await joining).toMatchObject({ value: 'one', origin: { joined: true } })
    expect(await cache.invalidate({ tag: 'masterplan:2' })).toBe(1)
    expect((await asking('a', 'two', { tags: ['masterplan:1'] })).value).toBe('two')
  })

  it('does not answer one whose tag was invalidated after it was made, though it bears another', async () => {
    await asking('a', 'one', { tags: ['masterplan:1'] })
    await cache.invalidate({ tag: 'masterplan:2' })
    expect((await asking('a', 'two', { tags: ['masterplan:2'] })).value).toBe('two')
    // What is new is as good for the first.
    expect((await asking('a', 'never', { tags: ['masterplan:1'] })).value).toBe('two')
  })

  it('answers one whose tag was invalidated before it was made', async () => {
    await cache.invalidate({ tag: 'masterplan:2' })
    await asking('a', 'one', { tags: ['masterplan:1'] })
    expect((await asking('a', 'never', { tags: ['masterplan:2'] })).value).toBe('one')
  })

  it('is not written for each of many tags, and heeds all of them', async () => {
    await asking('a', 'one', { tags: ['masterplan:1'] })
    for (let run = 0; run < 100; run++) {
      expect((await asking('a', 'never', { tags: [`run:${run}`] })).value).toBe('one')
    }
    expect(store.calls.filter((call) => call.startsWith('replace')).length).toBeLessThan(40)
    await cache.invalidate({ tag: 'run:99' })
    expect((await asking('a', 'two', { tags: ['run:99'] })).value).toBe('two')
  })

  it('answers all the same while the store takes no writes', async () => {
    await asking('a', 'one', { tags: ['masterplan:1'] })
    store.chaos = (operation) => {
      if (operation === 'replace') throw new Error('read-only')
    }
    expect((await asking('a', 'never', { tags: ['masterplan:2'] })).value).toBe('one')
    await cache.invalidate({ tag: 'masterplan:2' })
    expect((await asking('a', 'two', { tags: ['masterplan:2'] })).value).toBe('two')
  })

  it('keeps the tags of all when another answer takes its place meanwhile', async () => {
    await asking('a', 'one', { tags: ['masterplan:1'] })
    store.chaos = async (operation) => {
      if (operation !== 'replace') return
      store.chaos = () => {}
      await asking('a', 'two', { tags: ['masterplan:3'], mode: { noCache: true } })
    }
    expect((await ask({ text: 'a' }, contextFor({ tags: ['masterplan:2'] }))).value).toBe('two')
    expect(await cache.invalidate({ tag: 'masterplan:2' })).toBe(1)
  })
})

describe('invalidate', () => {
  it('says how many went, of which kinds, and with a dry run how many would', async () => {
    await asking('a', 'one', { tags: ['t'] })
    await asking('b', 'two', { tags: ['t'] })
    await cache.set('k', 1, { tags: ['t'] })
    expect(await cache.invalidate({ tag: 't' }, { dryRun: true })).toBe(3)
    expect(await cache.invalidate({ tag: 't' })).toBe(3)
    expect(events.at(-1)).toEqual({ type: 'invalidated', count: 3, byKind: { text: 2, value: 1 } })
    expect(await cache.invalidate({ tag: 't' })).toBe(0)
  })

  it('leaves other namespaces alone', async () => {
    const other = await createCache({ store, namespace: 'other' })
    await other.set('k', 1, { tags: ['t'] })
    await cache.set('k', 1, { tags: ['t'] })
    for (const selection of [{ tag: 't' }, { all: true }, { kind: 'value' }, { pattern: '*' }] as const) {
      await cache.invalidate(selection)
      expect(await other.get('k')).toBe(1)
    }
    expect(await cache.get('k')).toBeUndefined()
  })

  it('fails when the store does', async () => {
    store.chaos = (operation) => {
      if (operation === 'delete') throw new Error('no')
    }
    await expect(cache.invalidate({ tag: 't' })).rejects.toThrow('no')
  })
})
