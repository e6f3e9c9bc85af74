import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Cache, type CacheOptions, createCache } from '../../src/cache.ts'
import type { Answer } from '../../src/core/answer.ts'
import { ProviderError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/events.ts'
import type { Context, PeekingHandler } from '../../src/core/handler.ts'
import type { Kind } from '../../src/core/kind.ts'
import type { Mode } from '../../src/core/mode.ts'
import type { SwitchName } from '../../src/core/switch-names.ts'
import { HandProvider, makeContext, settle, textKind } from '../support/ask.ts'
import { ChaosStore } from '../support/chaos-store.ts'
import { WatchedIndex } from '../support/watched-index.ts'
import { WordsEmbedder } from '../support/words-embedder.ts'

/** A text that begins with `exactly` is alike to nothing. */
function kindNamed(name: string): Kind<{ text: string }, string> {
  return {
    ...textKind,
    name,
    likeness: ({ text }) => (text.startsWith('exactly') ? undefined : { text, within: null })
  }
}

const password = 'How do I reset my password?'
const alike = 'How can I reset my passwords?'
const alikeToo = 'How should I change my password please?'
const bread = 'Which flour makes the best bread?'
const breadAlike = 'Which flour makes the best bread please?'

const outage = new ProviderError('hand', 503, {}, Buffer.from('{}'))

let store: ChaosStore
let embedder: WordsEmbedder
let index: WatchedIndex
let provider: HandProvider
let events: Event[]
let cache: Cache
let ask: PeekingHandler<{ text: string }, string>

beforeEach(async () => {
  store = new ChaosStore()
  embedder = new WordsEmbedder()
  index = new WatchedIndex()
  provider = new HandProvider()
  await open()
})

afterEach(async () => {
  await cache.close()
  vi.useRealTimers()
})

async function open(
  options: CacheOptions = {},
  kind = kindNamed('llm'),
  byMeaning: CacheOptions = { embedder, vectors: index }
): Promise<void> {
  await (cache as Cache | undefined)?.close()
  events = []
  cache = await createCache({ store, ...byMeaning, observe: (event) => events.push(event), ...options })
  ask = cache.wrap(kind, provider.ask)
}

const contextFor = (own: Partial<Context> = {}): Context =>
  makeContext({ observe: (event) => events.push(event), ...own })

/** Asks; the provider, if it is asked, says `answer`. */
async function asking(text: string, answer: string, own: Partial<Context> = {}, by = ask): Promise<Answer<string>> {
  const before = provider.asked.length
  const promise = by({ text }, contextFor(own))
  let isOver = false
  const end = (): void => {
    isOver = true
  }
  promise.then(end, end)
  while (!isOver && provider.asked.length === before) await settle()
  provider.asked[before]?.answer(answer)
  return promise
}

/** What is done with the cache's parts from now on, the switches' own record apart. */
function watch(): () => { store: string[]; embedded: number; index: string[]; events: string[]; asked: number } {
  const from = [store.calls.length, embedder.asked.length, index.calls.length, events.length, provider.asked.length]
  return () => ({
    store: store.calls.slice(from[0]).filter((call) => !call.includes(':switches:')),
    embedded: embedder.asked.length - (from[1] ?? 0),
    index: index.calls.slice(from[2]),
    // What has become of a request is told of the request, and not of a layer.
    events: events
      .slice(from[3])
      .flatMap((event) => ('layer' in event && event.type !== 'answered' ? [`${event.layer} ${event.type}`] : [])),
    asked: provider.asked.length - (from[4] ?? 0)
  })
}

const nothing = { store: [], embedded: 0, index: [], events: [] }

/** Switches off for as long as it takes to do something; the switching itself is not part of what was watched. */
async function whileOff<Result>(
  name: SwitchName,
  act: () => Promise<Result>
): Promise<ReturnType<ReturnType<typeof watch>>> {
  await cache.switches.set(name, false)
  const seen = watch()
  await act()
  const all = seen()
  await cache.switches.set(name, true)
  return all
}

describe('law 11: a switched-off layer is not there: all of the cache, or a kind', () => {
  const kinds = ['llm', 'embedding', 'retrieval', 'value'] as const
  const cases = kinds.flatMap((kind) => [[kind, kind] as const, ['cache', kind] as const])

  it.each(cases)(
    '%s: requests of the kind %s go past store, embedder and neighbours, and are not counted',
    async (off, kind) => {
      await open({}, kindNamed(kind))
      await asking(password, 'one')
      const done = await whileOff(off, async () => {
        for (const text of [password, alike, bread, 'volatile']) {
          expect(ask.peek({ text }, contextFor())).toBeUndefined()
          expect(await asking(text, 'while off')).toMatchObject({
            value: 'while off',
            origin: { layer: 'provider', bypass: 'switched-off', stored: false }
          })
        }
        expect((await asking(password, 'for no-store', { mode: { noStore: true } })).origin.bypass).toBe('switched-off')
      })
      expect(done).toEqual({ ...nothing, asked: 5 })
      expect((await asking(password, 'two')).value).toBe('one')
      expect((await asking(alike, 'two')).value).toBe('one')
      expect((await asking(bread, 'now')).value).toBe('now')
    }
  )

  it('shares no call', async () => {
    const done = await whileOff('cache', async () => {
      const both = [ask({ text: bread }, contextFor()), ask({ text: bread }, contextFor())]
      await settle()
      provider.asked[0]?.answer('mine')
      provider.asked[1]?.answer('yours')
      expect((await Promise.all(both)).map(({ value }) => value)).toEqual(['mine', 'yours'])
    })
    expect(done).toEqual({ ...nothing, asked: 2 })
  })

  it('tells of no request', async () => {
    await cache.switches.set('llm', false)
    events.length = 0
    await asking(password, 'one')
    expect(events.map(({ type }) => type)).toEqual([])
    await cache.switches.set('llm', true)
    await asking(password, 'two')
    expect(events.filter(({ type }) => type === 'answered')).toMatchObject([{ outcome: 'miss', layer: 'provider' }])
  })

  it('leaves other kinds as they were', async () => {
    const other = cache.wrap(kindNamed('embedding'), provider.ask)
    await cache.switches.set('llm', false)
    await asking(password, 'one', {}, other)
    expect((await asking(alike, 'two', {}, other)).origin.layer).toBe('semantic')
    expect((await asking(password, 'two', {}, other)).origin.layer).toBe('exact')
  })

  it.each(['cache', 'llm'] as const)(
    '%s: has no answer for one who takes no other, and does not ask the provider for him',
    async (off) => {
      await asking(password, 'one')
      const done = await whileOff(off, () =>
        expect(asking(password, 'paid', { mode: { onlyIfCached: true } })).rejects.toMatchObject({
          code: 'only-if-cached',
          status: 504,
          message: expect.stringContaining('switched-off')
        })
      )
      expect(done).toEqual({ ...nothing, asked: 0 })
    }
  )

  it.each(['cache', 'llm'] as const)('%s: explains that nothing is cached, without looking', async (off) => {
    await asking(password, 'one')
    const done = await whileOff(off, async () => {
      expect(await cache.explain(kindNamed('llm'), { text: password })).toMatchObject({
        outcome: 'bypass',
        reason: expect.stringContaining('switched off'),
        nearest: []
      })
    })
    expect(done).toEqual({ ...nothing, asked: 0 })
  })

  it.each(['cache', 'value', 'exact'] as const)('%s: values are neither read nor written', async (off) => {
    await cache.set('k', 'before')
    const done = await whileOff(off, async () => {
      expect(await cache.get('k')).toBeUndefined()
      expect(await cache.set('k', 'while off')).toBe(false)
      expect(await cache.getOrSet('k', () => 'computed')).toMatchObject({ value: 'computed', cacheHit: false })
      expect(await cache.getOrSet('other', () => 'computed')).toMatchObject({ value: 'computed', cacheHit: false })
    })
    expect(done).toEqual({ ...nothing, asked: 0 })
    expect(await cache.get('k')).toBe('before')
    expect(await cache.get('other')).toBeUndefined()
  })

  it.each(['cache', 'retrieval'] as const)('%s: searches are made each time', async (off) => {
    let searches = 0
    const search = cache.retrievals(async () => ({ value: [{ id: ++searches }], origin: { layer: 'provider' } }))
    const found = async (query: string) => (await search({ query }, cache.contextOf())).value
    expect(await found(password)).toEqual([{ id: 1 }])
    const done = await whileOff(off, async () => {
      expect(search.peek({ query: password }, cache.contextOf())).toBeUndefined()
      expect([await found(password), await found(alike)]).toEqual([[{ id: 2 }], [{ id: 3 }]])
    })
    expect(done).toEqual({ ...nothing, asked: 0 })
    expect([await found(password), await found(alike)]).toEqual([[{ id: 1 }], [{ id: 1 }]])
  })

  it('still forgets what it is told to forget', async () => {
    await asking(password, 'one', { tags: ['t'] })
    await cache.switches.set('cache', false)
    expect(await cache.invalidate({ tag: 't' })).toBe(1)
    await cache.switches.set('cache', true)
    expect((await asking(password, 'two')).value).toBe('two')
  })
})

describe('law 11: exact', () => {
  it('is neither read nor written nor counted where nothing else looks entries up', async () => {
    await open({}, kindNamed('llm'), {})
    await asking(password, 'one')
    const done = await whileOff('exact', async () => {
      expect(await asking(password, 'two')).toMatchObject({
        value: 'two',
        origin: { layer: 'provider', stored: false }
      })
      await asking(bread, 'two', { mode: { noCache: true } })
      // Neither a bypass nor an unfit answer are counted for a layer that is not there.
      await asking('volatile', 'two')
      await asking(bread, '')
    })
    expect(done).toEqual({ ...nothing, asked: 4 })
    expect((await asking(password, 'three')).value).toBe('one')
    expect((await asking(bread, 'three')).value).toBe('three')
  })

  it('leaves the answers to single flight', async () => {
    const done = await whileOff('exact', async () => {
      const both = [ask({ text: 'exactly a' }, contextFor()), ask({ text: 'exactly a' }, contextFor())]
      await settle()
      provider.asked[0]?.answer('one')
      expect((await Promise.all(both)).map(({ origin }) => origin.joined)).toEqual([undefined, true])
    })
    expect(done).toEqual({
      ...nothing,
      events: [
        'semantic looked-up',
        'semantic looked-up',
        'semantic bypass',
        'semantic bypass',
        'single-flight joined'
      ],
      asked: 1
    })
  })

  it('leaves identical requests to be found by meaning, and entries to be written for that', async () => {
    const done = await whileOff('exact', async () => {
      await asking(password, 'one')
      for (const text of [password, alike]) {
        expect(await asking(text, 'two')).toMatchObject({ value: 'one', origin: { layer: 'semantic' } })
      }
    })
    const key = [...store.values.keys()].find((each) => each.startsWith('default:'))
    expect(done).toMatchObject({
      // Once written, and read by its pointer only.
      store: [`set ${key}`, `get ${key}`, `get ${key}`],
      events: [
        'semantic looked-up',
        'semantic miss',
        'semantic stored',
        'semantic looked-up',
        'semantic hit',
        'semantic looked-up',
        'semantic hit'
      ],
      asked: 1
    })
    // An entry is one, whoever it was written for.
    expect((await asking(password, 'three')).origin.layer).toBe('exact')
  })

  it('has nothing written that nothing would find', async () => {
    const done = await whileOff('exact', async () => {
      expect((await asking('exactly a', 'one')).origin.stored).toBe(false)
    })
    expect(done).toEqual({ ...nothing, events: ['semantic looked-up', 'semantic bypass'], asked: 1 })
    expect((await asking('exactly a', 'two')).value).toBe('two')
  })

  it('learns nothing from older answers', async () => {
    await open({ adaptiveTtl: { minMs: 1000, maxMs: 10 ** 9 } })
    await asking(password, 'one')
    const done = await whileOff('exact', () => asking(password, 'one', { mode: { noCache: true } }))
    expect(done.store.map((call) => call.split(' ')[0])).toEqual(['set'])
  })

  it('has no answer for one who takes no other', async () => {
    await asking('exactly a', 'one')
    const done = await whileOff('exact', () =>
      expect(asking('exactly a', 'paid', { mode: { onlyIfCached: true } })).rejects.toMatchObject({
        code: 'only-if-cached'
      })
    )
    expect(done).toEqual({ ...nothing, events: ['semantic looked-up', 'semantic bypass'], asked: 0 })
  })

  it('is not peeked at', async () => {
    Object.assign(store, {
      peek(key: string) {
        store.calls.push(`peek ${key}`)
        return store.values.get(key)?.value
      }
    })
    await asking(password, 'one')
    const done = await whileOff('exact', async () => {
      expect(ask.peek({ text: password }, contextFor())).toBeUndefined()
    })
    expect(done).toEqual({ ...nothing, asked: 0 })
    expect(ask.peek({ text: password }, contextFor())?.value).toBe('one')
  })

  it('serves nothing stale, and asks for nothing anew', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await open({ ttl: 60, staleWhileRevalidateMs: 60_000, graceMs: 120_000 })
    await asking('exactly a', 'one')
    vi.setSystemTime(Date.now() + 61_000)
    const done = await whileOff('exact', async () => {
      const answer = ask({ text: 'exactly a' }, contextFor())
      await settle()
      provider.asked.at(-1)?.fail(outage)
      await expect(answer).rejects.toBe(outage)
    })
    expect(done).toEqual({ ...nothing, events: ['semantic looked-up', 'semantic bypass'], asked: 1 })
    expect((await asking('exactly a', 'two')).value).toBe('one')
  })

  it('is not looked at to explain a request', async () => {
    await asking('exactly a', 'one')
    const done = await whileOff('exact', async () => {
      expect((await cache.explain(kindNamed('llm'), { text: 'exactly a' })).outcome).toBe('miss')
    })
    expect(done).toEqual({ ...nothing, asked: 0 })
  })
})

describe('law 11: semantic', () => {
  it('embeds nothing, looks for no neighbours, and is not counted', async () => {
    await asking(password, 'one')
    const done = await whileOff('semantic', async () => {
      expect((await asking(alike, 'two')).value).toBe('two')
      expect((await asking(password, 'two')).origin.layer).toBe('exact')
      await asking('exactly a', 'two')
      await expect(asking(alikeToo, 'two', { mode: { onlyIfCached: true } })).rejects.toThrow('not in the cache')
      expect((await cache.explain(kindNamed('llm'), { text: alikeToo })).nearest).toEqual([])
    })
    expect(done).toMatchObject({ embedded: 0, index: [] })
    expect(done.events.filter((event) => event.startsWith('semantic'))).toEqual([])
  })

  it('finds again what was stored before, and by meaning nothing that was stored while it was off', async () => {
    await asking(password, 'one')
    await whileOff('semantic', () => asking(bread, 'two'))
    expect((await asking(breadAlike, 'three')).value).toBe('three')
    expect((await asking(alikeToo, 'three')).value).toBe('one')
    // The answer itself was kept, for those who ask for it word for word.
    expect((await asking(bread, 'three')).value).toBe('two')
  })

  it('is no last resort', async () => {
    await open({ lastResortSimilarity: 0.5 })
    await asking(password, 'one')
    const done = await whileOff('semantic', async () => {
      const answer = ask({ text: alike }, contextFor())
      await settle()
      provider.asked.at(-1)?.fail(outage)
      await expect(answer).rejects.toBe(outage)
    })
    expect(done).toMatchObject({ embedded: 0, index: [], events: ['exact looked-up', 'exact miss'] })
  })

  it('has no vectors of known texts read or written', async () => {
    embedder = new WordsEmbedder({ isCheap: false })
    await open()
    const done = await whileOff('semantic', () => asking(password, 'one'))
    expect(done.embedded).toBe(0)
    expect(done.store.filter((call) => call.includes('vector:'))).toEqual([])
    const now = watch()
    await asking(alike, 'two')
    await expect.poll(() => now().store.filter((call) => call.startsWith('set default:vector:'))).toHaveLength(1)
    expect(now().events.filter((event) => event === 'semantic stored')).toHaveLength(1)
  })
})

describe('law 11: single-flight', () => {
  it('shares no call, and counts nobody who would have', async () => {
    const done = await whileOff('single-flight', async () => {
      const both = [ask({ text: 'exactly a' }, contextFor()), ask({ text: 'exactly a' }, contextFor())]
      await settle()
      expect(provider.asked).toHaveLength(2)
      provider.asked[0]?.answer('mine')
      provider.asked[1]?.answer('yours')
      const answers = await Promise.all(both)
      expect(answers.map(({ value, origin }) => [value, origin.joined])).toEqual([
        ['mine', undefined],
        ['yours', undefined]
      ])
    })
    expect(done.events.filter((event) => event.startsWith('single-flight'))).toEqual([])
    const again = [ask({ text: 'exactly b' }, contextFor()), ask({ text: 'exactly b' }, contextFor())]
    await settle()
    provider.asked[2]?.answer('ours')
    expect((await Promise.all(again)).map(({ value }) => value)).toEqual(['ours', 'ours'])
  })
})

describe('law 11, in the middle of a request', () => {
  /** Asks, switches off while the provider is being asked, and lets it answer. */
  async function switchedMeanwhile(off: SwitchName, text = password): Promise<Answer<string>> {
    const promise = ask({ text }, contextFor())
    await settle()
    await cache.switches.set(off, false)
    provider.asked.at(-1)?.answer('one')
    return promise
  }

  it.each(['cache', 'llm'] as const)(
    '%s: what the provider then says goes to its caller, and nowhere else',
    async (off) => {
      const seen = watch()
      expect(await switchedMeanwhile(off)).toMatchObject({ value: 'one', origin: { layer: 'provider', stored: false } })
      expect(seen().store.filter((call) => call.startsWith('set'))).toEqual([])
      expect(seen().index.filter((call) => call.startsWith('add'))).toEqual([])
      await cache.switches.set(off, true)
      expect((await asking(password, 'two')).value).toBe('two')
    }
  )

  it('exact: the answer is stored for the layer by meaning, and not at all without one', async () => {
    await switchedMeanwhile('exact')
    await cache.switches.set('exact', true)
    expect(events).toContainEqual(expect.objectContaining({ type: 'stored', layer: 'semantic' }))
    const answer = await switchedMeanwhile('exact', 'exactly a')
    expect(answer.origin.stored).toBe(false)
  })

  it('semantic: the answer is stored for identical requests only', async () => {
    await switchedMeanwhile('semantic')
    await cache.switches.set('semantic', true)
    expect((await asking(alike, 'two')).value).toBe('two')
    expect((await asking(password, 'two')).value).toBe('one')
  })

  it('single-flight: who shares a call shares it to its end, and who comes later asks anew', async () => {
    const sharing = [ask({ text: 'exactly a' }, contextFor()), ask({ text: 'exactly a' }, contextFor())]
    await settle()
    await cache.switches.set('single-flight', false)
    const late = ask({ text: 'exactly a' }, contextFor())
    await settle()
    provider.asked[0]?.answer('ours')
    provider.asked[1]?.answer('mine')
    expect((await Promise.all([...sharing, late])).map(({ value }) => value)).toEqual(['ours', 'ours', 'mine'])
  })

  it.each(['exact', 'llm', 'cache'] as const)(
    '%s: an older answer does not step in any more when the provider fails',
    async (off) => {
      vi.useFakeTimers({ toFake: ['Date'] })
      await open({ ttl: 60, graceMs: 120_000 })
      await asking(password, 'old')
      vi.setSystemTime(Date.now() + 61_000)
      const answer = ask({ text: password }, contextFor())
      answer.catch(() => {})
      await settle()
      await cache.switches.set(off, false)
      provider.asked.at(-1)?.fail(outage)
      await expect(answer).rejects.toBe(outage)
      expect(events.filter(({ type }) => type === 'rescued')).toEqual([])
    }
  )

  it.each(['semantic', 'llm', 'cache'] as const)(
    '%s: a similar answer does not step in any more when the provider fails',
    async (off) => {
      await open({ minSimilarity: 0.9999, lastResortSimilarity: 0.5 })
      await asking(password, 'one')
      const answer = ask({ text: 'How do I change my password please?' }, contextFor())
      answer.catch(() => {})
      await settle()
      await cache.switches.set(off, false)
      const seen = watch()
      provider.asked.at(-1)?.fail(outage)
      await expect(answer).rejects.toBe(outage)
      expect(seen()).toEqual({ ...nothing, asked: 0 })
    }
  )

  it.each(['exact', 'llm', 'cache'] as const)(
    '%s: what is being asked anew behind callers is not stored any more',
    async (off) => {
      vi.useFakeTimers({ toFake: ['Date'] })
      await open({ ttl: 60, staleWhileRevalidateMs: 60_000 })
      await asking('exactly a', 'old')
      vi.setSystemTime(Date.now() + 61_000)
      expect((await ask({ text: 'exactly a' }, contextFor())).value).toBe('old')
      await settle()
      expect(provider.asked).toHaveLength(2)
      await cache.switches.set(off, false)
      const seen = watch()
      provider.asked[1]?.answer('new')
      await settle()
      expect(seen()).toEqual({ ...nothing, asked: 0 })
      expect(events).toContainEqual(expect.objectContaining({ type: 'refreshed', ok: false }))
    }
  )
})

describe('law 11, in whatever order', () => {
  const groups = [
    [password, alike, alikeToo],
    [bread, breadAlike],
    ['exactly a', 'exactly a'],
    ['exactly b', 'exactly b']
  ] as const
  const switched = ['cache', 'llm', 'exact', 'semantic', 'single-flight'] as const
  const switching = fc.record({
    do: fc.constant('switch' as const),
    name: fc.constantFrom(...switched),
    on: fc.boolean()
  })
  const request = fc.record({
    do: fc.constant('ask' as const),
    group: fc.nat(groups.length - 1),
    wording: fc.nat(2),
    mode: fc.constantFrom<Mode>({}, {}, {}, { noCache: true }, { noStore: true }, { onlyIfCached: true })
  })
  const answering = fc.record({
    do: fc.constant('answer' as const),
    how: fc.constantFrom('well', 'well', 'well', 'unfit', 'badly')
  })
  const step = fc.oneof(
    { weight: 2, arbitrary: switching },
    { weight: 4, arbitrary: request },
    { weight: 3, arbitrary: answering }
  )

  it('every request gets its own answer, and nothing is done or told of what is off', async () => {
    const seen = { exact: 0, semantic: 0, joined: 0, offAsked: 0, meanwhile: 0, notCached: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 40 }), async (schedule) => {
        store = new ChaosStore()
        embedder = new WordsEmbedder()
        index = new WatchedIndex()
        provider = new HandProvider()
        await open()
        const off = new Set<string>()
        /** Answers that came while nothing of the cache was there to keep them. */
        const unkept = new Set<string>()
        const given: Promise<void>[] = []
        let handled = 0
        const isOff = (layer: string): boolean => off.has('cache') || off.has('llm') || off.has(layer)

        async function ask1(group: number, wording: number, mode: Mode): Promise<void> {
          const texts = groups[group] ?? groups[0]
          const before = provider.asked.length
          const answer = await ask({ text: texts[wording % texts.length] ?? '' }, contextFor({ mode })).catch(
            (error: unknown) => {
              if (mode.onlyIfCached) {
                expect(error).toMatchObject({ code: 'only-if-cached' })
                expect(provider.asked).toHaveLength(before)
                seen.notCached += 1
              } else expect(error).toBe(outage)
            }
          )
          if (answer === undefined) return
          const { value, origin } = answer
          expect(value === '' || value.startsWith(`${group} `), `${value} for ${group}`).toBe(true)
          if (origin.joined) seen.joined += 1
          if (origin.layer === 'provider') return
          seen[origin.layer as 'exact' | 'semantic'] += 1
          expect(unkept.has(value)).toBe(false)
        }

        for (const each of schedule) {
          const done = watch()
          if (each.do === 'switch') {
            await cache.switches.set(each.name, each.on)
            if (each.on) off.delete(each.name)
            else off.add(each.name)
            if (provider.asked.length > handled) seen.meanwhile += 1
            // Of the switching nothing else is told.
            expect(done()).toMatchObject({ store: [], index: [], embedded: 0 })
            continue
          }
          if (each.do === 'ask') {
            given.push(ask1(each.group, each.wording, each.mode))
            if (off.size > 0) seen.offAsked += 1
          } else {
            const call = provider.asked[handled]
            if (call === undefined) continue
            handled += 1
            const group = groups.findIndex((texts) => (texts as readonly string[]).includes(call.text))
            const value = `${group} ${handled}`
            if (isOff('exact') && isOff('semantic')) unkept.add(value)
            if (each.how === 'badly') call.fail(outage)
            else call.answer(each.how === 'unfit' ? '' : value)
          }
          await settle()
          const { store: stored, embedded, index: indexed, events: told } = done()
          const layers = told.map((event) => event.slice(0, event.indexOf(' ')))
          for (const layer of ['exact', 'semantic', 'single-flight']) {
            if (isOff(layer)) expect(layers).not.toContain(layer)
          }
          if (isOff('semantic')) expect([embedded, indexed]).toEqual([0, []])
          if (isOff('exact') && isOff('semantic')) expect(stored).toEqual([])
        }
        for (const { fail } of provider.asked) fail(outage)
        await Promise.all(given)
      }),
      { numRuns: 300 }
    )
    // It has seen all that it is about.
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(20)
  })
})
