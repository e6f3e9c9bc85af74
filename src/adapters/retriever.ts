import type { Cache } from '../cache.ts'
import type { CallOptions } from '../core/context.ts'
import { RepriseError } from '../core/errors.ts'
import type { RetrievalRequest } from '../core/retrieval-kind.ts'
import { cachedSearch, type DocumentOptions, type Retrieved } from './cached-search.ts'

/** What a search depends on beside its query. */
export type SearchTerms = Omit<RetrievalRequest, 'query'>

/** What a search function is called with: the terms of this call, and when to give up. */
export interface SearchOptions extends SearchTerms {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

/** Any function that finds documents. */
export type Search<Document> = (query: string, options: SearchOptions) => Promise<readonly Document[]>

export interface RetrieverOptions<Document> extends DocumentOptions<Document>, Omit<SearchTerms, 'indexVersion'> {
  /** What is searched. Retrievers that share a cache share answers when their collection and all other terms are equal. */
  readonly collection: string
  /** Asked at each call when it is a function. */
  readonly indexVersion?: string | (() => string | undefined)
  /** Before the scope of each call. */
  readonly scope?: readonly string[]
  /** Beside the tags of each call. */
  readonly tags?: readonly string[]
  /** How long an answer stays fresh, in milliseconds, when its call does not say. Default: as the cache is configured. */
  readonly ttlMs?: number
}

/** What one call may say: its terms go before the retriever's own. */
export interface RetrieveOptions extends CallOptions, SearchTerms {}

export type Retriever<Document> = (query: string, options?: RetrieveOptions) => Promise<Retrieved<Document>>

/**
 * Puts a cache before any search function. A hit asks neither the embedding model nor the index.
 * @throws RepriseError `invalid-option` when no collection is named
 */
export function retriever<Document>(
  cache: Pick<Cache, 'wrap' | 'contextOf'>,
  search: Search<Document>,
  options: RetrieverOptions<Document>
): Retriever<Document> {
  const { scope = [], tags = [], ttlMs, indexVersion } = options
  checkCollection(options.collection)
  const ask = cachedSearch(cache, options)

  return async function retrieve(query, call = {}) {
    const version = typeof indexVersion === 'function' ? indexVersion() : indexVersion
    const terms = { ...termsOf({ ...options, indexVersion: version }), ...termsOf(call) }
    return ask({ query, ...terms }, (signal) => search(query, { ...terms, signal }), {
      ...(ttlMs === undefined ? {} : { ttlMs }),
      ...callOptionsOf(call),
      scope: [...scope, ...(call.scope ?? [])],
      tags: [...tags, ...(call.tags ?? [])]
    })
  }
}

/**
 * Two retrievers without one would answer for each other.
 * @throws RepriseError `invalid-option`
 */
export function checkCollection(collection: unknown): void {
  if (typeof collection === 'string' && collection !== '') return
  throw new RepriseError(
    'invalid-option',
    `collection: expected a non-empty string that names what is searched, got ${JSON.stringify(collection) ?? 'nothing'}`
  )
}

const termNames = ['collection', 'model', 'topK', 'filter', 'indexVersion', 'options'] as const

/** All that a call says beside its terms: what is not passed on here, its tenant say, would be shared by those who differ in it. */
function callOptionsOf(call: RetrieveOptions): CallOptions {
  const terms: readonly string[] = termNames
  return Object.fromEntries(
    Object.entries(call).filter(([name, value]) => value !== undefined && !terms.includes(name))
  )
}

/** The terms that say something: one that is undefined must not hide another's. */
function termsOf(terms: { readonly [Name in keyof SearchTerms]: SearchTerms[Name] | undefined }): SearchTerms {
  return Object.fromEntries(termNames.map((name) => [name, terms[name]]).filter(([, value]) => value !== undefined))
}
