import type { Embedder } from './embedder.ts'
import { type HttpEmbedderOptions, httpEmbedder } from './http-embedder.ts'
import type { KnownSimilarities } from './min-similarity.ts'

export interface OpenaiEmbedderOptions extends HttpEmbedderOptions {
  /** Default: none, which OpenAI itself refuses. */
  readonly apiKey?: string
}

/**
 * How high to begin. Unrelated questions score .64 on average by ada-002, where others are near .1, so that .9 means
 * little by it. Those of MiniLM, bge, gte, jina and arctic are the least values at which none of CacheLLM's near misses
 * was taken for the same, or a little above (https://github.com/adarshcod30/CacheLLM, results/model_comparison.md).
 * Those of OpenAI's third generation, nomic, mxbai and mpnet have not been measured: they are on the careful side.
 */
const known: KnownSimilarities = [
  [/text-embedding-ada-002/, 0.97],
  [/text-embedding-3-(small|large)/, 0.92],
  [/nomic-embed-text/, 0.95],
  [/mxbai-embed-large/, 0.95],
  [/all-minilm/i, 0.9],
  [/all-mpnet-base/, 0.95],
  [/bge-(base|large)/, 0.95],
  [/bge-small|gte-base|jina-embeddings-v2/, 0.96],
  [/snowflake-arctic-embed/, 0.98]
]

/**
 * Embeds at any endpoint that speaks the wire of OpenAI's embeddings: OpenAI, Ollama, vLLM and many more. Vectors are
 * asked for in base64, and taken as lists of numbers too. What fails for the moment is tried again.
 * @throws RepriseError `invalid-option`; `embed` rejects with `ProviderError`, or RepriseError `provider-unreachable`,
 * `provider-timeout`, `provider-malformed`, `aborted`
 */
export function openaiEmbedder(options: OpenaiEmbedderOptions): Embedder {
  const { dimensions } = options
  return httpEmbedder(options, {
    name: 'openai',
    defaultUrl: 'https://api.openai.com/v1',
    apiKey: options.apiKey,
    // https://platform.openai.com/docs/api-reference/embeddings/create: so many inputs, and so many tokens in all.
    mostTexts: 2048,
    mostBytes: 300_000,
    known,
    fields: { encoding_format: 'base64', ...(dimensions === undefined ? {} : { dimensions }) },
    asked: [dimensions]
  })
}
