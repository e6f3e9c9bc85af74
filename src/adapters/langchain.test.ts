import { BaseCallbackHandler } from '@langchain/core/callbacks/base'
import type { CallbackManagerForRetrieverRun } from '@langchain/core/callbacks/manager'
import { Document, type DocumentInterface } from '@langchain/core/documents'
import { BaseRetriever } from '@langchain/core/retrievers'
import { type RunnableConfig, RunnableLambda } from '@langchain/core/runnables'
import { FakeRetriever, FakeVectorStore, SyntheticEmbeddings } from '@langchain/core/utils/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Cache, createCache } from '../cache.ts'
import type { Event } from '../core/events.ts'
import { cachedRetriever } from './langchain.ts'

let cache: Cache
let events: Event[]

beforeEach(async () => {
  events = []
  cache = await createCache({ store: 'memory:', observe: (event) => events.push(event) })
})

afterEach(() => cache.close())

/** Counts what it is asked for. */
class CountingEmbeddings extends SyntheticEmbeddings {
  queries = 0

  override embedQuery(text: string): Promise<number[]> {
    this.queries++
    return super.embedQuery(text)
  }
}

const pages: Document[] = [
  new Document({ pageContent: 'A cache keeps what was asked before.', metadata: { id: 'p1', page: 1, tags: ['a'] } }),
  new Document({ pageContent: 'A fox jumps over a dog.', metadata: { id: 'p2', page: 2 } }),
  new Document({ pageContent: 'Zebras graze.', metadata: { id: 'p3', page: 3 } })
]

async function someStore(): Promise<{ store: FakeVectorStore; embeddings: CountingEmbeddings }> {
  const embeddings = new CountingEmbeddings({ vectorSize: 8 })
  const store = await FakeVectorStore.fromDocuments(pages, embeddings)
  embeddings.queries = 0
  return { store, embeddings }
}

/** Tells its query back, and keeps how it was asked. */
class EchoRetriever extends BaseRetriever {
  override lc_namespace = ['test']
  /** Private, because a field that changes with each search would make each another one. */
  readonly #configs: (RunnableConfig | undefined)[] = []

  get configs(): (RunnableConfig | undefined)[] {
    return this.#configs
  }

  override async invoke(query: string, config?: RunnableConfig): Promise<DocumentInterface[]> {
    this.configs.push(config)
    return super.invoke(query, config)
  }

  override async _getRelevantDocuments(query: string, _run?: CallbackManagerForRetrieverRun): Promise<Document[]> {
    return [new Document({ id: `d-${query}`, pageContent: query, metadata: { source: `${query}.md` } })]
  }
}

/** Keeps which runs begin and end, and below which others. */
class Runs extends BaseCallbackHandler {
  override name = 'runs'
  readonly started: { id: string; below: string | undefined }[] = []
  readonly ended: { id: string; documents: DocumentInterface[] }[] = []

  override handleRetrieverStart(_retriever: unknown, _query: string, id: string, below?: string): void {
    this.started.push({ id, below })
  }

  override handleRetrieverEnd(documents: DocumentInterface[], id: string): void {
    this.ended.push({ id, documents })
  }
}

describe('a LangChain retriever behind the cache', () => {
  it('asks neither embeddings nor vector store for a query that was asked before, and makes the documents again', async () => {
    const { store, embeddings } = await someStore()
    const plain = await store.asRetriever({ k: 2 }).invoke('What is a cache?')
    const retriever = await cachedRetriever(cache, store.asRetriever({ k: 2 }), { collection: 'pages' })
    const search = vi.spyOn(store, 'similaritySearchVectorWithScore')
    embeddings.queries = 0
    const first = await retriever.invoke('What is a cache?')
    const second = await retriever.invoke('What is a cache?')
    expect([embeddings.queries, search.mock.calls.length]).toEqual([1, 1])
    for (const documents of [first, second]) {
      expect(documents).toEqual(plain)
      expect(documents.every((document) => document instanceof Document)).toBe(true)
    }
    expect(retriever).toBeInstanceOf(BaseRetriever)
    expect(events.flatMap((event) => (event.type === 'answered' ? [event.outcome] : []))).toEqual(['miss', 'hit'])
  })

  it('keeps identifiers, and is invalidated by those of the documents and of their metadata', async () => {
    const retriever = await cachedRetriever(cache, new EchoRetriever(), { collection: 'echo' })
    await retriever.invoke('a')
    const [document] = await retriever.invoke('a')
    expect(document).toEqual(new Document({ id: 'd-a', pageContent: 'a', metadata: { source: 'a.md' } }))
    expect(await cache.invalidate({ tag: 'document:d-a' })).toBe(1)

    const fake = await cachedRetriever(cache, new FakeRetriever({ output: pages }), { collection: 'fake' })
    await fake.invoke('b')
    expect(await cache.invalidate({ tag: 'document:p3' })).toBe(1)
  })

  it('is invalidated by other identifiers, by tags and by collection', async () => {
    const retriever = await cachedRetriever(cache, new EchoRetriever(), {
      collection: 'echo',
      tags: ['handbook'],
      idOf: ({ metadata }) => metadata['source']
    })
    await retriever.batch(['a', 'b', 'c'])
    expect(await cache.invalidate({ tag: 'document:a.md' })).toBe(1)
    expect(await cache.invalidate({ prefix: 'retrieval:echo:' })).toBe(2)
    await retriever.invoke('a')
    expect(await cache.invalidate({ tag: 'handbook' })).toBe(1)
  })

  it('can be piped, batched and streamed like any other', async () => {
    const inner = new EchoRetriever()
    const retriever = await cachedRetriever(cache, inner, { collection: 'echo' })
    const chain = RunnableLambda.from((question: { text: string }) => question.text)
      .pipe(retriever)
      .pipe((documents) => documents.map(({ pageContent }) => pageContent).join())
    expect(await chain.invoke({ text: 'a' })).toBe('a')
    expect(await chain.batch([{ text: 'a' }, { text: 'b' }])).toEqual(['a', 'b'])
    const chunks = []
    for await (const chunk of await chain.stream({ text: 'b' })) chunks.push(chunk)
    expect(chunks.join('')).toBe('b')
    expect(inner.configs).toHaveLength(2)
  })

  it('tells callbacks of each search, and of the one below only when it is asked', async () => {
    const runs = new Runs()
    const retriever = await cachedRetriever(cache, new EchoRetriever(), { collection: 'echo' })
    const config = { callbacks: [runs], tags: ['mine'] }
    await retriever.invoke('a', config)
    await retriever.invoke('a', config)
    const [miss, below, hit] = runs.started
    expect(runs.started).toHaveLength(3)
    expect([miss?.below, below?.below, hit?.below]).toEqual([undefined, miss?.id, undefined])
    expect(runs.ended.map(({ id }) => id)).toEqual([below?.id, miss?.id, hit?.id])
    expect(runs.ended[2]?.documents).toEqual(runs.ended[0]?.documents)
  })

  it('gives each caller documents of its own', async () => {
    const retriever = await cachedRetriever(cache, new FakeRetriever({ output: pages }), { collection: 'fake' })
    const [first = [], second = []] = await retriever.batch(['a', 'a'])
    first[0]?.metadata['tags'].push('b')
    first.pop()
    expect(second).toEqual(pages)
    expect(await retriever.invoke('a')).toEqual(pages)
    expect(pages[0]?.metadata['tags']).toEqual(['a'])
  })
})

describe('what a search depends on', () => {
  it('are the settings of the retriever as they are at the time', async () => {
    const { store, embeddings } = await someStore()
    const inner = store.asRetriever({ k: 1 })
    const retriever = await cachedRetriever(cache, inner, { collection: 'pages' })
    expect(await retriever.invoke('x')).toHaveLength(1)
    inner.k = 3
    expect(await retriever.invoke('x')).toHaveLength(3)
    inner.k = 1
    expect(await retriever.invoke('x')).toHaveLength(1)
    inner.verbose = false
    inner.tags = ['another']
    await retriever.invoke('x')
    expect(embeddings.queries).toBe(2)
  })

  it('are collection, model, version, options and scope', async () => {
    const inner = new EchoRetriever()
    const base = { collection: 'echo' }
    let version = '1'
    for (const options of [
      base,
      { collection: 'other' },
      { ...base, model: 'm' },
      { ...base, indexVersion: () => version },
      { ...base, options: { deep: true } },
      { ...base, filter: { team: 'a' } },
      { ...base, scope: ['tenant'] }
    ]) {
      const retriever = await cachedRetriever(cache, inner, options)
      await retriever.invoke('a')
      await retriever.invoke('a')
    }
    expect(inner.configs).toHaveLength(7)
    const retriever = await cachedRetriever(cache, inner, { ...base, indexVersion: () => version })
    await retriever.invoke('a')
    version = '2'
    await retriever.invoke('a')
    expect(inner.configs).toHaveLength(8)
  })

  it('is a filter that can be told from another; one that is a function needs a name', async () => {
    const { store, embeddings } = await someStore()
    const second = store.asRetriever({ filter: (document) => document.metadata['page'] === 2 })
    const third = store.asRetriever({ filter: (document) => document.metadata['page'] === 3 })
    await expect(cachedRetriever(cache, second, { collection: 'pages' })).rejects.toThrow(
      "the retriever's filter is a function: expected JSON"
    )
    const named = [
      await cachedRetriever(cache, second, { collection: 'pages', filter: { page: 2 } }),
      await cachedRetriever(cache, third, { collection: 'pages', filter: { page: 3 } })
    ]
    for (const [index, retriever] of [...named.entries(), ...named.entries()]) {
      expect((await retriever.invoke('x')).map(({ metadata }) => metadata['page'])).toEqual([index + 2])
    }
    expect(embeddings.queries).toBe(2)
  })

  it('is no filter that has become a function since: the cache is not asked', async () => {
    const { store, embeddings } = await someStore()
    const inner = store.asRetriever()
    const retriever = await cachedRetriever(cache, inner, { collection: 'pages' })
    expect(await retriever.invoke('x')).toHaveLength(3)
    inner.filter = ({ metadata }) => metadata['page'] === 2
    expect(await retriever.invoke('x')).toHaveLength(1)
    expect(await retriever.invoke('x')).toHaveLength(1)
    expect(embeddings.queries).toBe(3)
    expect(events.filter(({ type }) => type === 'bypass')).toHaveLength(2)
  })

  it('can be a scope read from the config', async () => {
    const inner = new EchoRetriever()
    const retriever = await cachedRetriever(cache, inner, {
      collection: 'echo',
      scope: ({ configurable = {} }) => [String(configurable['tenant'])]
    })
    for (const tenant of ['a', 'b', 'a']) await retriever.invoke('x', { configurable: { tenant } })
    expect(inner.configs).toHaveLength(2)
  })

  it('are the named fields of the config, and the search is told no others', async () => {
    const inner = new EchoRetriever()
    const retriever = await cachedRetriever(cache, inner, { collection: 'echo', configurable: ['language'] })
    await retriever.invoke('x', { configurable: { language: 'en', thread: '1' } })
    await retriever.invoke('x', { configurable: { language: 'en', thread: '2' } })
    await retriever.invoke('x', { configurable: { language: 'de' } })
    expect(inner.configs.map((config) => config?.configurable)).toEqual([{ language: 'en' }, { language: 'de' }])
  })
})

describe('a caller who goes', () => {
  /** Waits until it is told to stop. */
  class EndlessRetriever extends EchoRetriever {
    override invoke(_query: string, config?: RunnableConfig): Promise<DocumentInterface[]> {
      this.configs.push(config)
      return new Promise((_resolve, reject) => {
        config?.signal?.addEventListener('abort', () => reject(config.signal?.reason))
      })
    }
  }

  it('stops the search, when nobody else waits for it', async () => {
    const inner = new EndlessRetriever()
    const retriever = await cachedRetriever(cache, inner, { collection: 'endless' })
    const caller = new AbortController()
    const answer = retriever.invoke('x', { signal: caller.signal })
    const refused = expect(answer).rejects.toMatchObject({ code: 'aborted' })
    await expect.poll(() => inner.configs.length).toBe(1)
    caller.abort()
    await refused
    expect(inner.configs[0]?.signal?.aborted).toBe(true)
  })

  it('may have said how long it waits', async () => {
    const inner = new EndlessRetriever()
    const retriever = await cachedRetriever(cache, inner, { collection: 'endless' })
    await expect(retriever.invoke('x', { timeout: 5 })).rejects.toMatchObject({ code: 'aborted' })
  })
})

describe('what goes wrong', () => {
  it('below is told as it is, to the caller and to the callbacks', async () => {
    class BrokenRetriever extends EchoRetriever {
      override async _getRelevantDocuments(): Promise<Document[]> {
        throw new Error('no connection')
      }
    }
    const retriever = await cachedRetriever(cache, new BrokenRetriever(), { collection: 'broken' })
    const failures: string[] = []
    const callbacks = [{ handleRetrieverError: (error: Error) => failures.push(error.message) }]
    await expect(retriever.invoke('x', { callbacks })).rejects.toThrow('no connection')
    expect(failures).toEqual(['no connection', 'no connection'])
  })

  it('with metadata that are no JSON costs only the storing', async () => {
    const output = [new Document({ pageContent: 'x', metadata: { at: new Date(0) } })]
    const retriever = await cachedRetriever(cache, new FakeRetriever({ output }), { collection: 'dated' })
    await retriever.invoke('x')
    expect(await retriever.invoke('x')).toEqual(output)
    expect(events.filter(({ type }) => type === 'failed')).toHaveLength(2)
    expect(events.find(({ type }) => type === 'failed')).toMatchObject({
      error: { message: expect.stringContaining('documents[0].metadata.at is a Date') }
    })
  })

  it('is a package that is not there: the error says what to install', async () => {
    vi.doMock('@langchain/core/documents', () => {
      throw new Error('Cannot find package')
    })
    try {
      await expect(cachedRetriever(cache, new EchoRetriever(), { collection: 'x' })).rejects.toMatchObject({
        code: 'missing-dependency',
        message: expect.stringContaining('npm install @langchain/core')
      })
    } finally {
      vi.doUnmock('@langchain/core/documents')
    }
  })

  it('is a collection without a name', async () => {
    await expect(cachedRetriever(cache, new EchoRetriever(), { collection: '' })).rejects.toThrow(
      'collection: expected'
    )
  })
})
