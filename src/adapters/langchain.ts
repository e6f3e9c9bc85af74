import { AsyncLocalStorage } from 'node:async_hooks'
import type { CallbackManagerForRetrieverRun } from '@langchain/core/callbacks/manager'
import type { DocumentInterface } from '@langchain/core/documents'
import type { BaseRetriever } from '@langchain/core/retrievers'
import type { RunnableConfig } from '@langchain/core/runnables'
import type { Cache } from '../cache.ts'
import { messageOf, RepriseError } from '../core/errors.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { notJson } from '../core/not-json.ts'
import type { RetrievalRequest } from '../core/retrieval-kind.ts'
import { cachedSearch, type DocumentOptions } from './cached-search.ts'
import { checkCollection, type RetrieverOptions } from './retriever.ts'

export interface CachedRetrieverOptions
  extends Pick<DocumentOptions<DocumentInterface>, 'idOf'>,
    Pick<RetrieverOptions<never>, 'collection' | 'model' | 'indexVersion' | 'options' | 'tags' | 'ttlMs'> {
  /** Names in JSON the retriever's own filter, where that is a function. */
  readonly filter?: Json
  /** Answers are shared only within an equal scope. A function reads it from the call's config. */
  readonly scope?: readonly string[] | ((config: RunnableConfig) => readonly string[])
  /**
   * Names the fields of `config.configurable` that the search depends on: they are part of its key and are passed on.
   * The others are not: what a search is not told it cannot depend on.
   */
  readonly configurable?: readonly string[]
}

/**
 * A LangChain retriever that answers from the cache, and asks another one when it must. It can be invoked, piped and
 * batched like any other; callbacks are told of hits too, as of runs without a run of the other one below. All fields
 * of the other one that are JSON (`k`, `searchType`, ...) are part of the key: one that counts its calls never hits.
 * @throws RepriseError `invalid-option`; `missing-dependency` without `@langchain/core`
 */
export async function cachedRetriever(
  cache: Pick<Cache, 'wrap' | 'contextOf'>,
  retriever: BaseRetriever,
  options: CachedRetrieverOptions
): Promise<BaseRetriever> {
  checkCollection(options.collection)
  checkFilter(retriever, options)
  const { scope = [], tags = [], ttlMs, idOf, configurable: names = [] } = options
  const langchain = await importLangchain()
  const ask = cachedSearch<DocumentInterface>(cache, {
    toJson: ({ pageContent, metadata, id }) => ({ pageContent, metadata, ...(id === undefined ? {} : { id }) }),
    // What was written by `toJson` above.
    fromJson: (json) => new langchain.Document(json as unknown as DocumentInterface),
    ...(idOf === undefined ? {} : { idOf })
  })
  /** A retriever's own method is not given its call's config. */
  const configs = new AsyncLocalStorage<RunnableConfig>()

  class CachedRetriever extends langchain.BaseRetriever {
    override lc_namespace = ['reprise', 'retrievers']

    static override lc_name(): string {
      return 'CachedRetriever'
    }

    override async invoke(query: string, config?: RunnableConfig): Promise<DocumentInterface[]> {
      // Here already, because it turns a time limit into a signal.
      const whole = langchain.ensureConfig(config)
      return configs.run(whole, () => super.invoke(query, whole))
    }

    override async _getRelevantDocuments(
      query: string,
      run?: CallbackManagerForRetrieverRun
    ): Promise<DocumentInterface[]> {
      const config = configs.getStore() ?? {}
      const configurable = chosen(config.configurable ?? {}, names)
      const { documents } = await ask(
        requestOf(query, retriever, options, configurable),
        (signal) =>
          retriever.invoke(query, {
            signal,
            configurable,
            ...(run === undefined ? {} : { callbacks: run.getChild() })
          }),
        {
          tags,
          scope: typeof scope === 'function' ? scope(config) : scope,
          ...(config.signal === undefined ? {} : { signal: config.signal }),
          ...(ttlMs === undefined ? {} : { ttlMs })
        }
      )
      return documents
    }
  }

  return new CachedRetriever()
}

function requestOf(
  query: string,
  retriever: BaseRetriever,
  { collection, model, indexVersion, options, filter }: CachedRetrieverOptions,
  configurable: JsonObject
): RetrievalRequest {
  const { filter: own = null, ...settings } = settingsOf(retriever)
  const version = typeof indexVersion === 'function' ? indexVersion() : indexVersion
  return {
    query,
    collection,
    // One that has become a function since, and that nobody has named, is no JSON: the cache is not asked.
    filter: filter === undefined ? own : { named: filter, own: notJson(own, 'filter') === undefined ? own : null },
    options: { options: options ?? null, settings, configurable },
    ...(model === undefined ? {} : { model }),
    ...(version === undefined ? {} : { indexVersion: version })
  }
}

/** Fields of any retriever, or of LangChain's serialisation, that say nothing of what is searched. */
const unseenBySearch: ReadonlySet<string> = new Set(['callbacks', 'tags', 'metadata', 'verbose', 'name'])

/** The retriever's own fields that can be compared, and its filter, whatever that is. */
function settingsOf(retriever: object): JsonObject {
  const settings = Object.entries(retriever).filter(
    ([field, value]) =>
      !unseenBySearch.has(field) &&
      !field.startsWith('lc_') &&
      (field === 'filter' || notJson(value, field) === undefined)
  )
  return Object.fromEntries(settings)
}

function checkFilter(retriever: BaseRetriever, { filter }: CachedRetrieverOptions): void {
  const found = filter === undefined ? notJson(settingsOf(retriever)['filter'] ?? null, 'filter') : undefined
  if (found === undefined) return
  throw new RepriseError(
    'invalid-option',
    `the retriever's ${found}: expected JSON, since nothing else can be told from another filter. Name it with the option filter: { filter: { source: 'handbook' } }`
  )
}

function chosen(configurable: Readonly<Record<string, unknown>>, names: readonly string[]): JsonObject {
  // Whether it is JSON is asked of the whole request.
  return Object.fromEntries(names.map((name) => [name, configurable[name] as Json | undefined]))
}

async function importLangchain() {
  try {
    const [{ BaseRetriever }, { Document }, { ensureConfig }] = await Promise.all([
      import('@langchain/core/retrievers'),
      import('@langchain/core/documents'),
      import('@langchain/core/runnables')
    ])
    return { BaseRetriever, Document, ensureConfig }
  } catch (error) {
    throw new RepriseError(
      'missing-dependency',
      `a LangChain retriever needs the package @langchain/core, which cannot be loaded (${messageOf(error)}): npm install @langchain/core`,
      { cause: error }
    )
  }
}
