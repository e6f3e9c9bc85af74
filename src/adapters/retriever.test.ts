import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Cache, createCache } from '../cache.ts'
import { RepriseError } from '../core/errors.ts'
import type { Event } from '../core/events.ts'
import type { Json } from '../core/json.ts'
import { type RetrieveOptions, type RetrieverOptions, retriever, type SearchOptions } from './retriever.ts'

interface Passage {
  readonly id: string
  readonly text: string
  readonly scores: number[]
}

let cache: Cache
let events: Event[]

beforeEach(async () => {
  events = []
  cache = await createCache({ store: 'memory:', observe: (event) => events.push(event) })
})

afterEach(() => cache.close())

/** A search that finds one passage, and how it was called. */
function someSearch(): [(query: string, options: SearchOptions) => Promise<Passage[]>, [string, SearchOptions][]] {
  const calls: [string, SearchOptions][] = []
  async function search(query: string, options: SearchOptions): Promise<Passage[]> {
    calls.push([query, options])
    return [{ id: '42', text: `${query} ${calls.length}`, scores: [0.5] }]
  }
  return [search, calls]
}

describe('a retriever behind the cache', () => {
  it('searches once, and answers the same search from the cache', async () => {
    const [search, calls] = someSearch()
    const retrieve = retriever(cache, search, { collection: 'docs', topK: 4 })
    const first = await retrieve('caches')
    const second = await retrieve('caches')
    expect(first).toMatchObject({ cacheHit: false, origin: { layer: 'provider', stored: true } })
    expect(second).toMatchObject({ cacheHit: true, origin: { layer: 'exact' } })
    expect(second.documents).toEqual([{ id: '42', text: 'caches 1', scores: [0.5] }])
    expect(second.documents).toEqual(first.documents)
    expect(calls).toHaveLength(1)
    expect(events.flatMap((event) => (event.type === 'answered' ? [event.outcome] : []))).toEqual(['miss', 'hit'])
  })

  it('tells the search all its terms', async () => {
    const [search, calls] = someSearch()
    const terms = {
      collection: 'docs',
      model: 'embed-3',
      topK: 4,
      filter: { team: 'a' },
      indexVersion: '1',
      options: 5
    }
    const retrieve = retriever(cache, search, terms)
    await retrieve('caches')
    await retrieve('caches', { topK: 9, filter: { team: 'b' } })
    const [[, first] = [], [, second] = []] = calls
    expect(first).toEqual({ ...terms, signal: expect.any(AbortSignal) })
    expect(second).toEqual({ ...terms, topK: 9, filter: { team: 'b' }, signal: expect.any(AbortSignal) })
  })

  it.each<[RetrieveOptions]>([
    [{ topK: 5 }],
    [{ filter: { team: 'a' } }],
    [{ model: 'embed-3' }],
    [{ collection: 'code' }],
    [{ indexVersion: '2' }],
    [{ options: { exact: true } }],
    [{ scope: ['team-b'] }],
    [{ tenant: 'b' }],
    [{ tenant: 'b', scope: ['team-b'] }]
  ])('searches anew with %j', async (call) => {
    const [search, calls] = someSearch()
    const retrieve = retriever(cache, search, { collection: 'docs' })
    await retrieve('caches')
    await retrieve('caches', call)
    expect(calls).toHaveLength(2)
    expect((await retrieve('caches', call)).cacheHit).toBe(true)
  })

  it('does not take a term that is undefined for one that is said', async () => {
    const [search, calls] = someSearch()
    const retrieve = retriever(cache, search, { collection: 'docs', topK: 4 })
    await retrieve('caches')
    const call: unknown = { topK: undefined, ttlMs: undefined, signal: undefined, scope: undefined }
    expect((await retrieve('caches', call as RetrieveOptions)).cacheHit).toBe(true)
    expect(calls).toHaveLength(1)
  })

  it('keeps its own scope when a call names one', async () => {
    const [search, calls] = someSearch()
    const mine = retriever(cache, search, { collection: 'docs', scope: ['a'] })
    const others = retriever(cache, search, { collection: 'docs', scope: ['b'] })
    await mine('caches', { scope: ['x'] })
    await others('caches', { scope: ['x'] })
    expect(calls).toHaveLength(2)
  })

  it('takes a finding of nothing for an answer', async () => {
    let calls = 0
    const retrieve = retriever(
      cache,
      async () => {
        calls++
        return []
      },
      { collection: 'docs' }
    )
    await retrieve('caches')
    expect(await retrieve('caches')).toMatchObject({ cacheHit: true, documents: [] })
    expect(calls).toBe(1)
  })

  it('looks at the version of the index at each call', async () => {
    const [search, calls] = someSearch()
    let version = '1'
    const retrieve = retriever(cache, search, { collection: 'docs', indexVersion: () => version })
    await retrieve('caches')
    version = '2'
    await retrieve('caches')
    expect(calls.map(([, { indexVersion }]) => indexVersion)).toEqual(['1', '2'])
  })

  it('keeps an answer as long as its call says, and not at all for 0 ms', async () => {
    const [search, calls] = someSearch()
    const retrieve = retriever(cache, search, { collection: 'docs', ttlMs: 5000 })
    await retrieve('mine')
    expect((await retrieve('mine')).origin.freshForMs).toBeLessThanOrEqual(5000)
    await retrieve('longer', { ttlMs: 60_000 })
    expect((await retrieve('longer')).origin.freshForMs).toBeGreaterThan(5000)
    await retrieve('never', { ttlMs: 0 })
    await retrieve('never', { ttlMs: 0 })
    expect(calls.map(([query]) => query)).toEqual(['mine', 'longer', 'never', 'never'])
  })
})

describe('what a call says of its answer', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('keeps tenants apart, whatever scope both name', async () => {
    const [search, calls] = someSearch()
    const retrieve = retriever(cache, search, { collection: 'docs', scope: ['mine'] })
    for (const tenant of ['a', 'b', undefined]) {
      const call = tenant === undefined ? {} : { tenant }
      expect((await retrieve('caches', call)).cacheHit).toBe(false)
      expect((await retrieve('caches', call)).cacheHit).toBe(true)
    }
    expect(calls).toHaveLength(3)
    // A tenant's name is no term of the search.
    expect(Object.keys(calls[0]?.[1] ?? {}).sort()).toEqual(['collection', 'signal'])
  })

  it('serves it while it is searched anew, for as long as the call says', async () => {
    const [search, calls] = someSearch()
    const retrieve = retriever(cache, search, { collection: 'docs', ttlMs: 1000 })
    for (const query of ['a', 'b']) await retrieve(query, { staleWhileRevalidateMs: 5000 })
    vi.setSystemTime(Date.now() + 2000)
    expect((await retrieve('a')).origin.stale).toBe(true)
    await expect.poll(() => events.some(({ type }) => type === 'refreshed')).toBe(true)
    expect((await retrieve('b', { staleWhileRevalidateMs: 500 })).cacheHit).toBe(false)
    expect(calls.map(([query]) => query)).toEqual(['a', 'b', 'a', 'b'])
  })

  it('serves it when the search fails, for as long as the call says', async () => {
    let isOut = false
    const search = async () => {
      if (isOut) throw new RepriseError('provider-unreachable', 'the index is out')
      return ['found']
    }
    const retrieve = retriever(cache, search, { collection: 'docs', ttlMs: 1000 })
    await retrieve('kept', { graceMs: 5000 })
    await retrieve('not kept')
    isOut = true
    vi.setSystemTime(Date.now() + 2000)
    expect(await retrieve('kept')).toMatchObject({ documents: ['found'], origin: { stale: true } })
    await expect(retrieve('kept', { graceMs: 500 })).rejects.toThrow('the index is out')
    await expect(retrieve('not kept')).rejects.toThrow('the index is out')
  })

  it('searches anew behind its caller in the last part of its time, where the call says so', async () => {
    const [search, calls] = someSearch()
    const retrieve = retriever(cache, search, { collection: 'docs', ttlMs: 10_000 })
    await retrieve('caches')
    vi.setSystemTime(Date.now() + 6000)
    expect((await retrieve('caches')).cacheHit).toBe(true)
    expect((await retrieve('caches', { eagerRefresh: 0.5 })).cacheHit).toBe(true)
    await expect.poll(() => events.some(({ type }) => type === 'refreshed')).toBe(true)
    expect(calls).toHaveLength(2)
  })
})

describe('invalidation', () => {
  it('by a document takes every answer along that contains it, and no other', async () => {
    let calls = 0
    const found: Record<string, string[]> = { a: ['1', '2'], b: ['2', '3'], c: ['3'] }
    const retrieve = retriever(
      cache,
      async (query: string) => {
        calls++
        return (found[query] ?? []).map((id) => ({ id }))
      },
      { collection: 'docs' }
    )
    for (const query of ['a', 'b', 'c']) await retrieve(query)
    expect(await cache.invalidate({ tag: 'document:2' })).toBe(2)
    const hits = []
    for (const query of ['a', 'b', 'c']) hits.push((await retrieve(query)).cacheHit)
    expect(hits).toEqual([false, false, true])
    expect(calls).toBe(5)
  })

  it('by a tag of the retriever or of a call, or by collection', async () => {
    const [search] = someSearch()
    const retrieve = retriever(cache, search, { collection: 'docs', tags: ['handbook'] })
    const other = retriever(cache, search, { collection: 'docs-2' })
    await retrieve('a', { tags: ['session:1'] })
    await retrieve('b')
    await other('a')
    expect(await cache.invalidate({ tag: 'session:1' })).toBe(1)
    expect(await cache.invalidate({ tag: 'handbook' })).toBe(1)
    await retrieve('a')
    expect(await cache.invalidate({ prefix: 'retrieval:docs:' })).toBe(1)
    expect((await other('a')).cacheHit).toBe(true)
  })

  it('by identifiers that stand elsewhere', async () => {
    const retrieve = retriever(cache, async () => [{ source: 'a.md', lines: [1, 2] }], {
      collection: 'docs',
      idOf: ({ source, lines }) => [source, ...lines, undefined]
    })
    await retrieve('x')
    expect(await cache.invalidate({ tag: 'document:a.md' })).toBe(1)
    await retrieve('x')
    expect(await cache.invalidate({ tag: 'document:2' })).toBe(1)
  })
})

describe('callers at the same time', () => {
  it('share one search, and each gets documents of its own', async () => {
    const begun: ((documents: Passage[]) => void)[] = []
    const retrieve = retriever(cache, () => new Promise<Passage[]>((resolve) => begun.push(resolve)), {
      collection: 'docs'
    })
    const answers = ['same', 'same', 'same'].map((query) => retrieve(query))
    await expect.poll(() => begun.length).toBe(1)
    const found: Passage = { id: '1', text: 'shared', scores: [1] }
    begun[0]?.([found])
    const [first, second, third] = await Promise.all(answers)
    expect(begun).toHaveLength(1)
    expect([first?.cacheHit, second?.cacheHit, third?.cacheHit]).toEqual([false, true, true])
    first?.documents[0]?.scores.push(2)
    second?.documents.pop()
    found.scores.push(3)
    expect(third?.documents).toEqual([{ id: '1', text: 'shared', scores: [1] }])
    const hit = await retrieve('same')
    hit.documents[0]?.scores.push(4)
    expect((await retrieve('same')).documents).toEqual(third?.documents)
  })

  it('stop the search when the last of them has gone', async () => {
    const signals: AbortSignal[] = []
    const retrieve = retriever(
      cache,
      (_query, { signal }) => {
        signals.push(signal)
        return new Promise<Json[]>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      },
      { collection: 'docs' }
    )
    const [one, two] = [new AbortController(), new AbortController()]
    const answers = [one, two].map(({ signal }) => retrieve('slow', { signal }).catch((error: Error) => error))
    await expect.poll(() => signals.length).toBe(1)
    one.abort()
    expect(await answers[0]).toMatchObject({ code: 'aborted' })
    expect(signals[0]?.aborted).toBe(false)
    two.abort()
    expect(await answers[1]).toMatchObject({ code: 'aborted' })
    expect(signals[0]?.aborted).toBe(true)
  })
})

describe('what is no JSON', () => {
  class Note {
    readonly id: string
    readonly at: Date
    constructor(id: string, at: Date) {
      this.id = id
      this.at = at
    }
  }
  const note = new Note('n1', new Date(0))

  it('is passed on as it is and not stored, and an event says what it was', async () => {
    let calls = 0
    const retrieve = retriever(
      cache,
      async () => {
        calls++
        return [{ id: 'a', vector: new Float32Array(2) }]
      },
      { collection: 'docs' }
    )
    const { documents } = await retrieve('x')
    expect(documents[0]?.vector).toBeInstanceOf(Float32Array)
    expect((await retrieve('x')).origin.stored).toBe(false)
    expect(calls).toBe(2)
    const failed = events.find(({ type }) => type === 'failed')
    expect(failed).toMatchObject({
      operation: 'encode',
      error: { code: 'invalid-option', message: expect.stringContaining('documents[0].vector is a Float32Array') }
    })
  })

  it('is kept when it is told as JSON and made from it again', async () => {
    const retrieve = retriever(cache, async () => [note], {
      collection: 'notes',
      toJson: ({ id, at }) => [id, at.toISOString()],
      fromJson: (json) => {
        const [id, at] = json as [string, string]
        return new Note(id, new Date(at))
      },
      idOf: ({ id }) => id
    })
    const first = await retrieve('x')
    const second = await retrieve('x')
    expect(second.cacheHit).toBe(true)
    for (const { documents } of [first, second]) {
      expect(documents).toEqual([note])
      expect(documents[0]).toBeInstanceOf(Note)
    }
    expect(await cache.invalidate({ tag: 'document:n1' })).toBe(1)
  })

  it('in a filter makes each search go past the cache', async () => {
    const [search, calls] = someSearch()
    const retrieve = retriever(cache, search, { collection: 'docs' })
    const filter: unknown = () => true
    await retrieve('x', { filter: filter as Json })
    expect((await retrieve('x', { filter: filter as Json })).origin).toMatchObject({
      bypass: 'not-json',
      stored: false
    })
    expect(calls).toHaveLength(2)
    expect(calls[0]?.[1].filter).toBe(filter)
  })
})

describe('what goes wrong', () => {
  it('in the search is told as it is, and nothing is kept of it', async () => {
    const failure = new Error('no connection')
    let calls = 0
    const retrieve = retriever(
      cache,
      async () => {
        calls++
        if (calls === 1) throw failure
        return ['found']
      },
      { collection: 'docs' }
    )
    await expect(retrieve('x')).rejects.toBe(failure)
    expect(await retrieve('x')).toMatchObject({ documents: ['found'], cacheHit: false })
  })

  it('with identifiers costs only the storing', async () => {
    const retrieve = retriever(cache, async () => ['text'], {
      collection: 'docs',
      idOf: () => {
        throw new Error('no identifier here')
      }
    })
    expect((await retrieve('x')).documents).toEqual(['text'])
    expect((await retrieve('x')).cacheHit).toBe(false)
    expect(events.find(({ type }) => type === 'failed')).toMatchObject({ error: { message: 'no identifier here' } })
  })

  it('with a function that finds no list is said in words', async () => {
    const wrong: unknown = async () => null
    const retrieve = retriever(cache, wrong as () => Promise<Json[]>, { collection: 'docs' })
    await expect(retrieve('x')).rejects.toThrow('search: expected a function that finds a list of documents, got null')
  })

  it.each([undefined, '', 5])('with a collection of %j too', (collection) => {
    const options: unknown = { collection }
    expect(() => retriever(cache, async () => [], options as RetrieverOptions<Json>)).toThrow(
      'collection: expected a non-empty string that names what is searched'
    )
  })
})
