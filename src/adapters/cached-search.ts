import type { Cache } from '../cache.ts'
import type { Answer, Origin } from '../core/answer.ts'
import type { CallOptions } from '../core/context.ts'
import { RepriseError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { notJson } from '../core/not-json.ts'
import { type DocumentId, type Documents, type RetrievalRequest, retrievalKindBy } from '../core/retrieval-kind.ts'

/** How documents of the application's own are kept. */
export interface DocumentOptions<Document> {
  /**
   * What a document is known by: its answers are invalidated by the tag `document:ID`. Default: its `id`, and the `id`
   * in its `metadata`.
   */
  readonly idOf?: (document: Document) => DocumentId | undefined | readonly (DocumentId | undefined)[]
  /** The document as JSON. Default: as it is. An answer with anything in it that is not JSON is not stored. */
  readonly toJson?: (document: Document) => Json
  /** The document that `toJson` was made from. Default: the JSON itself. */
  readonly fromJson?: (json: Json) => Document
}

export interface Retrieved<Document> {
  /** The caller's own: nobody else is given the same objects. */
  readonly documents: Document[]
  /** True when the search was not made for this call. */
  readonly cacheHit: boolean
  readonly origin: Origin
}

/** Asks the cache, and then `search`. */
export type CachedSearch<Document> = (
  request: RetrievalRequest,
  search: (signal: AbortSignal) => Promise<readonly Document[]>,
  options: CallOptions
) => Promise<Retrieved<Document>>

/** A way through the cache for searches whose documents are kept in one way. */
export function cachedSearch<Document>(
  cache: Pick<Cache, 'wrap' | 'contextOf'>,
  { idOf, toJson = (document) => document as Json, fromJson = (json) => json as Document }: DocumentOptions<Document>
): CachedSearch<Document> {
  const kind = retrievalKindBy(idOf === undefined ? undefined : (json) => [idOf(fromJson(json))].flat())
  const handler = cache.wrap<Search<Document>, Documents>(kind, async ({ search }, { caller }) => ({
    value: checkedList(await search(caller.signal)).map(toJson),
    origin: { layer: 'provider' }
  }))

  return async function searchThroughCache(request, search, options) {
    const whole = { ...request, search }
    const context = cache.contextOf(options)
    // What is read at once was decoded for this call; what was waited for may have been for several.
    const { value, origin } = handler.peek(whole, context) ?? unshared(await handler(whole, context))
    const cacheHit = origin.layer !== 'provider' || origin.joined === true
    return { documents: value.map(fromJson), cacheHit, origin }
  }
}

function checkedList<Document>(found: readonly Document[]): readonly Document[] {
  if (Array.isArray(found)) return found
  const got = found === null ? 'null' : `a ${typeof found}`
  throw new RepriseError('invalid-option', `search: expected a function that finds a list of documents, got ${got}`)
}

/** A search, and how it is made when nobody knows its answer. */
interface Search<Document> extends RetrievalRequest {
  readonly search: (signal: AbortSignal) => Promise<readonly Document[]>
}

/** What is no JSON is not copied: it would come out as something else, and it is not stored either. */
function unshared({ value, origin }: Answer<Documents>): Answer<Documents> {
  return { value: notJson(value, 'documents') === undefined ? structuredClone(value) : value, origin }
}
