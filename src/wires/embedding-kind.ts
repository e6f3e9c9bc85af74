import type { Json } from '../core/json.ts'
import type { Kind } from '../core/kind.ts'
import { textOf } from './body.ts'
import { type Embedding, type EmbeddingInput, embeddingIdentity } from './openai-embeddings.ts'
import type { WireContent } from './wire-request.ts'

/** One input of a batch. */
export interface EmbeddingRequest {
  /** The batch it came in. */
  readonly content: WireContent
  readonly input: EmbeddingInput
}

/** Each input of a batch is a request of its own: known ones are not asked again because of their neighbours. */
export const embeddingKind: Kind<EmbeddingRequest, Embedding> = {
  name: 'embedding',
  identity: ({ content: { json, query, versions, numbers }, input }): Json => [
    query,
    versions,
    numbers,
    embeddingIdentity(json, input)
  ],
  bypass: () => undefined,
  model({ content }) {
    const { model } = content.json
    return typeof model === 'string' ? model : undefined
  },
  storable: ({ vector }) => vector.length > 0,
  usage: ({ tokens }) => ({ inputTokens: tokens, outputTokens: 0 }),
  encode: (embedding) => Buffer.from(JSON.stringify(embedding)),
  decode: (bytes) => JSON.parse(textOf(bytes))
}
