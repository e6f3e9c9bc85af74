/**
 * Names of OpenTelemetry's conventions for generative AI (open-telemetry/semantic-conventions-genai, in development as of
 * 2026), and our own beside them. They stand here only: when the conventions change, this file does.
 */
export const attributes = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  dataSource: 'gen_ai.data_source.id',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cacheReadTokens: 'gen_ai.usage.cache_read.input_tokens',
  cacheCreationTokens: 'gen_ai.usage.cache_creation.input_tokens',
  reasoningTokens: 'gen_ai.usage.reasoning.output_tokens',
  tokenType: 'gen_ai.token.type',
  errorType: 'error.type',
  kind: 'reprise.kind',
  outcome: 'reprise.outcome',
  layer: 'reprise.layer',
  key: 'reprise.key',
  similarity: 'reprise.similarity',
  ageMs: 'reprise.age_ms',
  batched: 'reprise.batched',
  isStale: 'reprise.stale',
  isFallback: 'reprise.fallback',
  isLastResort: 'reprise.last_resort',
  bypass: 'reprise.bypass_reason',
  tenant: 'reprise.tenant',
  tags: 'reprise.tags',
  costUsd: 'reprise.cost_usd',
  savedUsd: 'reprise.saved_usd',
  savedTokens: 'reprise.saved_tokens',
  wire: 'reprise.wire'
} as const

export const metricNames = {
  duration: 'gen_ai.client.operation.duration',
  tokens: 'gen_ai.client.token.usage',
  requests: 'reprise.requests'
} as const

/** What the conventions recommend, in seconds. */
export const durationBounds: readonly number[] = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92
]

/** What the conventions recommend, in tokens. */
export const tokenBounds: readonly number[] = [
  1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864
]

/** What the conventions call an operation, by kind; a kind of your own is called what it is called. */
export const operations: ReadonlyMap<string, string> = new Map([
  ['llm', 'chat'],
  ['embedding', 'embeddings'],
  ['retrieval', 'retrieval']
])

/** An error that says no more of itself. */
export const otherError = '_OTHER'
