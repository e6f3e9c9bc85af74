import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { settle, textKind } from '../../test/support/ask.ts'
import { ChaosStore } from '../../test/support/chaos-store.ts'
import { type Cache, createCache } from '../cache.ts'
import type { Event } from '../core/events.ts'

const events: Event[] = []
let cache: Cache

beforeEach(async () => {
  events.length = 0
  cache = await createCache({ store: 'memory:', deadlineMs: 10_000, observe: (event) => events.push(event) })
})

afterEach(() => cache.close())

function types(): readonly string[] {
  return events.map(({ type }) => type)
}

describe('a value', () => {
  it('comes back as it was set, whatever JSON it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1 }), fc.jsonValue(), async (key, value) => {
        expect(await cache.set(key, value)).toBe(true)
        expect(await cache.get(key)).toEqual(JSON.parse(JSON.stringify(value)))
      })
    )
  })

  it('is there for its scope and its tenant, and for no other', async () => {
    await cache.set('k', 'everybody’s')
    await cache.set('k', 'alice’s', { tenant: 'alice' })
    await cache.set('k', 'one’s', { scope: ['one'] })
    expect(await cache.get('k')).toBe('everybody’s')
    expect(await cache.get('k', { tenant: 'alice' })).toBe('alice’s')
    expect(await cache.get('k', { scope: ['one'] })).toBe('one’s')
    expect(await cache.get('k', { tenant: 'bob' })).toBeUndefined()
    expect(await cache.get('k', { scope: ['tenant', 'bob'] })).toBeUndefined()
  })

  it('is not stored without time to live, and nothing of it is written', async () => {
    expect(await cache.set('k', 1, { ttlMs: 0 })).toBe(false)
    expect(await cache.get('k')).toBeUndefined()
    expect(types()).toEqual(['looked-up', 'miss'])
  })

  it('is looked up once, and is a hit or a miss', async () => {
    await cache.get('k')
    await cache.set('k', 1, { tags: ['a'] })
    await cache.get('k')
    expect(events).toMatchObject([
      { type: 'looked-up', layer: 'exact', kind: 'value' },
      { type: 'miss', layer: 'exact', kind: 'value' },
      { type: 'stored', layer: 'exact', kind: 'value' },
      { type: 'looked-up', layer: 'exact', kind: 'value' },
      { type: 'hit', layer: 'exact', kind: 'value', stale: false }
    ])
    expect((await cache.statistics()).value_cache).toMatchObject({
      total_lookups: 2,
      total_hits: 1,
      total_misses: 1,
      total_writes: 1
    })
  })

  it('is neither looked up nor stored nor counted while its kind, or the exact layer, is switched off', async () => {
    await cache.set('k', 1)
    for (const name of ['value', 'exact', 'cache'] as const) {
      await cache.switches.set(name, false)
      events.length = 0
      expect(await cache.get('k')).toBeUndefined()
      expect(await cache.set('k', 2)).toBe(false)
      expect(events).toEqual([])
      await cache.switches.set(name, true)
      expect(await cache.get('k')).toBe(1)
    }
  })

  it('is computed once for all who ask at the same time, and says who has paid', async () => {
    let computed = 0
    let finish: (value: string) => void = () => {}
    const compute = (): Promise<string> =>
      new Promise((resolve) => {
        computed += 1
        finish = resolve
      })
    const all = Promise.all([cache.getOrSet('k', compute), cache.getOrSet('k', compute)])
    while (!types().includes('joined')) await settle()
    finish('v')
    expect((await all).map(({ value, cacheHit }) => [value, cacheHit])).toEqual([
      ['v', false],
      ['v', true]
    ])
    expect(await cache.getOrSet('k', compute)).toMatchObject({ value: 'v', cacheHit: true, origin: { layer: 'exact' } })
    expect(computed).toBe(1)
    const { requests } = await cache.statistics()
    expect(requests).toMatchObject({ total: 3, hits: 1, misses: 1, joined: 1 })
  })

  it('that is stale is none for who gets it, and is computed anew', async () => {
    await cache.set('k', 'old', { ttlMs: 1, graceMs: 60_000 })
    const until = Date.now() + 2
    while (Date.now() < until) await settle()
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.getOrSet('k', () => 'new')).toMatchObject({ value: 'new', cacheHit: false })
    expect(await cache.get('k')).toBe('new')
  })

  it('that was invalidated while it was being set is not there afterwards', async () => {
    const store = new ChaosStore()
    const failing = await createCache({ store, deadlineMs: 10_000 })
    store.chaos = async (operation) => {
      if (operation !== 'set') return
      store.chaos = () => {}
      await store.delete({ tag: 'default:a' })
    }
    expect(await failing.set('k', 1, { tags: ['a'] })).toBe(false)
    expect(await failing.get('k')).toBeUndefined()
    await failing.close()
  })

  it('costs nobody an error when the store fails', async () => {
    const store = new ChaosStore()
    const failing = await createCache({ store, deadlineMs: 10_000 })
    store.chaos = () => {
      throw new Error('down')
    }
    expect(await failing.get('k')).toBeUndefined()
    expect(await failing.set('k', 1)).toBe(false)
    expect(await failing.getOrSet('k', () => 2)).toMatchObject({ value: 2, cacheHit: false, origin: { stored: false } })
    await failing.close()
  })
})

describe('what the library tells of itself', () => {
  it('is how many would go, before they go', async () => {
    await cache.set('a', 1, { tags: ['t'] })
    await cache.set('b', 2, { tags: ['t'] })
    expect(await cache.invalidate({ tag: 't' }, { dryRun: true })).toBe(2)
    expect(types()).not.toContain('invalidated')
    expect(await cache.get('a')).toBe(1)
    expect(await cache.invalidate({ tag: 't' }, { dryRun: false })).toBe(2)
    expect(events.filter(({ type }) => type === 'invalidated')).toEqual([
      { type: 'invalidated', count: 2, byKind: { value: 2 } }
    ])
    expect(await cache.invalidate({ tag: 't' }, { dryRun: true })).toBe(0)
  })

  it('is how much there is, and what is in it', async () => {
    expect(await cache.size()).toMatchObject({ entries: 0 })
    await cache.set('a', 1)
    expect(await cache.size()).toMatchObject({ entries: 1, bytes: expect.any(Number), maxBytes: 256 * 1024 ** 2 })
    const { entries } = await cache.inventory.list({ kind: 'value' })
    expect(entries).toMatchObject([{ kind: 'value', tags: [], body: Buffer.from('1') }])
  })

  it('names tags, entries and near misses, unless that is not wanted', async () => {
    await cache.getOrSet('a', () => 1, { tags: ['t'] })
    await cache.getOrSet('a', () => 1, { tags: ['t'] })
    const full = await cache.statistics()
    expect(full).toMatchObject({
      scope: 'process',
      processes: 1,
      by_tag: [{ tag: 't', requests: 2, hits: 1 }],
      top_entries: [{ kind: 'value', hits: 1 }],
      near_misses: []
    })
    const bare = await cache.statistics({ full: false })
    expect(bare).not.toHaveProperty('by_tag')
    expect(bare).not.toHaveProperty('top_entries')
    expect(bare).not.toHaveProperty('near_misses')
    expect(bare.requests).toEqual(full.requests)
    expect(await cache.statistics({ scope: 'fleet' })).toMatchObject({ scope: 'fleet', processes: 1 })
  })

  it('is that an answer which somebody has already was stored, and no more', async () => {
    const keep = cache.keeping(textKind, async ({ text }) => ({ value: `kept ${text}`, origin: { layer: 'provider' } }))
    const { origin } = await keep({ text: 'q' }, cache.contextOf({ tags: ['t'] }))
    expect(origin).toMatchObject({ stored: true, key: expect.stringMatching(/^text:/) })
    expect(types()).toEqual(['stored'])
    const ask = cache.wrap(textKind, async () => ({ value: 'asked', origin: { layer: 'provider' } }))
    expect(await ask({ text: 'q' }, cache.contextOf())).toMatchObject({ value: 'kept q', origin: { layer: 'exact' } })
    // Anew: what was there is not looked at.
    await cache.keeping(textKind, async () => ({ value: 'other', origin: { layer: 'provider' } }))(
      { text: 'q' },
      cache.contextOf()
    )
    expect(await ask({ text: 'q' }, cache.contextOf())).toMatchObject({ value: 'other' })
    expect((await cache.statistics()).requests).toMatchObject({ total: 2, hits: 2 })
  })

  it('is why an answer was not stored: it is not fit, or such requests are not cached, or nobody may', async () => {
    const keep = cache.keeping(textKind, async ({ text }) => ({
      value: text === 'empty' ? '' : 'said',
      origin: { layer: 'provider' }
    }))
    const stored = async (text: string, ttlMs?: number): Promise<unknown> => {
      const { origin } = await keep({ text }, cache.contextOf(ttlMs === undefined ? {} : { ttlMs }))
      return [origin.stored, origin.bypass]
    }
    expect(await stored('empty')).toEqual([false, undefined])
    expect(await stored('volatile')).toEqual([false, 'volatile'])
    expect(await stored('q', 0)).toEqual([false, undefined])
    await cache.switches.set('cache', false)
    expect(await stored('q')).toEqual([false, 'switched-off'])
    await cache.switches.set('cache', true)
    expect(await stored('q')).toEqual([true, undefined])
    expect(events.filter(({ type }) => type === 'stored')).toHaveLength(1)
  })
})
