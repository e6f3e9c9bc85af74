import type { Embedder } from './embedder.ts'
import { type HttpEmbedderOptions, httpEmbedder } from './http-embedder.ts'
import type { KnownSimilarities } from './min-similarity.ts'

export interface VoyageEmbedderOptions extends HttpEmbedderOptions {
  readonly apiKey: string
  /**
   * Has Voyage put its prompt for a query or for a document before each text. It is the same for all texts: those that are
   * stored and those that are looked up are questions here, and are compared with each other, not looked for in documents.
   * Default: no prompt, which is what Voyage has for anything but retrieval.
   */
  readonly inputType?: 'query' | 'document'
}

/** Voyage advises none, and these have not been measured: they are on the careful side. */
const known: KnownSimilarities = [
  [/^voyage-(3|4)/, 0.95],
  [/^voyage-code-3/, 0.95]
]

/**
 * Embeds with Voyage AI: https://docs.voyageai.com/reference/embeddings-api. What fails for the moment is tried again.
 * @throws RepriseError `invalid-option`; `embed` rejects with `ProviderError`, or RepriseError `provider-unreachable`,
 * `provider-timeout`, `provider-malformed`, `aborted`
 */
export function voyageEmbedder(options: VoyageEmbedderOptions): Embedder {
  const { inputType, dimensions } = options
  return httpEmbedder(options, {
    name: 'voyage',
    defaultUrl: 'https://api.voyageai.com/v1',
    apiKey: options.apiKey,
    // So many inputs, and so many tokens in all by the largest models; by others it is more.
    mostTexts: 1000,
    mostBytes: 120_000,
    known,
    fields: {
      encoding_format: 'base64',
      // Two texts that differ only after what the model reads must not get the same vector.
      truncation: false,
      ...(inputType === undefined ? {} : { input_type: inputType }),
      ...(dimensions === undefined ? {} : { output_dimension: dimensions })
    },
    asked: [dimensions, inputType]
  })
}
