import { hash } from 'node:crypto'
import { RepriseError } from './errors.ts'
import { isObject, type Json, type JsonObject } from './json.ts'
import type { Kind } from './kind.ts'
import { notJson } from './not-json.ts'

/** A search. All of it but the query is part of what must be the same; what is absent is as good as null. */
export interface RetrievalRequest {
  readonly query: string
  /** What is searched: an index, a table, a collection. Readable in the entry's key: `retrieval:COLLECTION:HASH`. */
  readonly collection?: string
  /** The embedding model. */
  readonly model?: string
  readonly topK?: number
  readonly filter?: Json
  /** Another version, another search: none of the older answers is found any more. */
  readonly indexVersion?: string
  /** Whatever else the search depends on. */
  readonly options?: Json
}

/** What a search has found, best first. */
export type Documents = readonly Json[]

/** What a document is known by. */
export type DocumentId = string | number

/** The identifiers of a document, by which the answers that contain it are to be found again. */
export type IdsOf = (document: Json) => readonly (DocumentId | undefined)[]

/** An answer with more documents than this could not be found by each of them at a bearable price. */
const mostDocuments = 1000

/** Longer tags could come to more than the 1,024 bytes that a store takes, the namespace before them included. */
const maxTagBytes = 900

/** Searches, tagged by the documents they have found: a document's own `id`, and that in its `metadata`. */
export const retrievalKind: Kind<RetrievalRequest, Documents> = retrievalKindBy()

/** Searches whose documents have their identifiers elsewhere. */
export function retrievalKindBy(idsOf: IdsOf = ownIds): Kind<RetrievalRequest, Documents> {
  return {
    name: 'retrieval',
    identity: ({ query, ...request }) => ({ query, ...searchOf(request) }),
    likeness({ query, ...request }) {
      const hasText = typeof query === 'string' && query.trim() !== ''
      return hasText ? { text: query, within: searchOf(request) } : undefined
    },
    // A filter that is a function or a Map cannot be told from another: the search is made, and the cache not asked.
    bypass: ({ query, ...request }) =>
      notJson([query, searchOf(request)], 'request') === undefined ? undefined : 'not-json',
    model: ({ collection }) => collection,
    tags: (documents) => documentTags(documents, idsOf),
    // An empty list too: that nothing was found is an answer, and stays one until the index changes.
    storable: (documents) => Array.isArray(documents) && documents.length <= mostDocuments,
    usage: () => undefined,
    encode(documents) {
      const found = notJson(documents, 'documents')
      if (found !== undefined) {
        throw new RepriseError(
          'invalid-option',
          `${found}: expected JSON, which comes back as it was. What a search has found is stored only as that; turn the field into JSON, or leave it out`
        )
      }
      // Whatever cannot be tagged must not be stored: nothing would take it along when its document changes.
      documentTags(documents, idsOf)
      return Buffer.from(JSON.stringify(documents))
    },
    decode: (bytes) => JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
  }
}

/** The tag of every answer that contains the document: `document:42`. An identifier that is no tag is hashed. */
export function documentTag(id: DocumentId): string {
  const tag = `document:${id}`
  const fits = Buffer.byteLength(tag) <= maxTagBytes && !tag.includes('\0')
  return fits ? tag : `document:sha256-${hash('sha256', String(id), 'hex')}`
}

function documentTags(documents: Documents, idsOf: IdsOf): readonly string[] {
  return [...new Set(documents.flatMap((document) => idsOf(document).filter(isId).map(documentTag)))]
}

function ownIds(document: Json): readonly (DocumentId | undefined)[] {
  if (!isObject(document)) return []
  const { id, metadata } = document
  return [id, isObject(metadata) ? metadata['id'] : undefined].filter(isId)
}

function isId(id: unknown): id is DocumentId {
  return (typeof id === 'string' && id !== '') || (typeof id === 'number' && Number.isFinite(id))
}

function searchOf(request: Omit<RetrievalRequest, 'query'>): JsonObject {
  const { collection, model, topK, filter, indexVersion, options } = request
  return {
    collection: collection ?? null,
    model: model ?? null,
    topK: topK ?? null,
    filter: filter ?? null,
    indexVersion: indexVersion ?? null,
    options: options ?? null
  }
}
