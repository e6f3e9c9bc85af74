import type { JsonObject } from '../../core/json.ts'
import type { DialectName, Problem } from './endpoint.ts'

/** The models that are listed when the caller names none. */
export const defaultModels: readonly string[] = [
  'gpt-4o-mini',
  'gpt-4o',
  'gpt-4.1-mini',
  'gpt-4.1',
  'gpt-5-mini',
  'gpt-5',
  'gpt-5.4-mini',
  'gpt-5.4',
  'text-embedding-3-small',
  'text-embedding-3-large',
  'text-embedding-ada-002',
  'claude-haiku-4-5',
  'claude-sonnet-5',
  'claude-opus-5-5'
]

/** A short name stands for one dated model, and that is what answers call themselves. */
const dated: Readonly<Record<string, string>> = {
  'gpt-4o-mini': 'gpt-4o-mini-2024-07-18',
  'gpt-4o': 'gpt-4o-2024-08-06',
  'gpt-4.1-mini': 'gpt-4.1-mini-2025-04-14',
  'gpt-4.1': 'gpt-4.1-2025-04-14',
  'gpt-5-mini': 'gpt-5-mini-2025-08-07',
  'gpt-5': 'gpt-5-2025-08-07',
  'gpt-5.4-mini': 'gpt-5.4-mini-2026-03-17',
  'claude-haiku-4-5': 'claude-haiku-4-5-20251001'
}

/** What the model that was asked for calls itself. */
export function datedModel(model: string): string {
  return dated[model] ?? model
}

/** The names a model goes by: its short one and its dated one. */
export function goesBy(listed: readonly string[], model: string): boolean {
  return listed.some((name) => name === model || dated[name] === model)
}

/** That there is no such model, as the dialect says it. */
export function noSuchModel(model: string, dialect: DialectName): Problem {
  const message =
    dialect === 'openai' ? `The model \`${model}\` does not exist or you do not have access to it.` : `model: ${model}`
  return { status: 404, message, param: dialect === 'openai' ? 'model' : null, code: 'model_not_found' }
}

/** GET /v1/models. */
export function listModels(models: readonly string[], dialect: DialectName): JsonObject {
  const spoken = models.filter((model) => model.startsWith('claude') === (dialect === 'anthropic'))
  const data = spoken.map((model) => describeModel(model, dialect))
  if (dialect === 'openai') return { object: 'list', data }
  return { data, has_more: false, first_id: data[0]?.['id'] ?? null, last_id: data.at(-1)?.['id'] ?? null }
}

/** GET /v1/models/:id. */
export function describeModel(model: string, dialect: DialectName): JsonObject {
  if (dialect === 'openai') return { id: model, object: 'model', created: 1_721_172_741, owned_by: 'system' }
  return {
    type: 'model',
    id: datedModel(model),
    display_name: model,
    created_at: '2025-10-01T00:00:00Z',
    capabilities: null,
    deprecated_at: null,
    lifecycle: 'active',
    line: ['haiku', 'sonnet', 'opus'].find((line) => model.includes(line)) ?? null,
    max_input_tokens: 200_000,
    max_tokens: 64_000,
    retires_at: null
  }
}
