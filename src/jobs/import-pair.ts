import { parseDuration } from '../core/duration.ts'
import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'
import { longestTag, mostTags } from '../doors/controls.ts'
import { anthropicMessages } from '../wires/anthropic-messages.ts'
import { openaiUsage, tokens, usageOf } from '../wires/usage.ts'
import type { Wire } from '../wires/wire.ts'
import { excerpt, requestForm } from './request-form.ts'

export { answerBody } from './answer-body.ts'

/** A request and the answer that somebody has for it. */
export interface Pair {
  readonly wire: Wire
  /** Of the path: `?beta=true`, or nothing. */
  readonly query: string
  readonly request: JsonObject
  /** The provider's body, or only what it says: see `answerBody`. */
  readonly response: JsonObject | string
  readonly tags: readonly string[]
  readonly ttlMs?: number
  /** What the answer cost, in US dollars. */
  readonly costUsd?: number
  /** It comes from the provider's own interface for batches: what it cost is the price of that. */
  readonly batch?: true
  /** How long it took to make, in milliseconds. */
  readonly tookMs?: number
  /** Where the response does not say it itself. */
  readonly usage?: Usage
}

/**
 * Reads a pair: `request` with or without `endpoint`, or a line of a batch (`url` and `body`, or `params`), with
 * `response`, and if wanted `tags`, `ttl`, `costUsd`, `batch`, `tookMs` and `usage` (`inputTokens` and `outputTokens`, or as the
 * provider names them).
 * @throws RepriseError `invalid-body` naming the field, what was expected and got. It does not look into the response
 * (`answerBody` does), nor whether the request may be cached.
 */
export function pairOf(value: unknown): Pair {
  const { wire, request, path, field } = requestForm(value)
  // A bare request has no room for an answer beside it.
  if (field === undefined || !isObject(value)) {
    throw invalid('request', `expected {"request": {...}, "response": ...}, got ${excerpt(value)}`)
  }
  const problem = wire.check(request)
  if (problem !== undefined) throw invalid(field, `${field}: ${problem.message}`)
  const { response, tags, ttl, costUsd, batch, tookMs, usage } = value
  if (!(isObject(response) || (typeof response === 'string' && response !== ''))) {
    throw invalid('response', `response: expected an object or a text that is not empty, got ${excerpt(response)}`)
  }
  return {
    wire,
    query: path.includes('?') ? path.slice(path.indexOf('?')) : '',
    request,
    response,
    tags: tagsOf(tags),
    ...given('ttlMs', ttl, ttlOf),
    ...given('costUsd', costUsd, (amount) => amountOf('costUsd', amount)),
    ...(batch === true ? { batch } : {}),
    ...given('tookMs', tookMs, (amount) => amountOf('tookMs', amount)),
    ...given('usage', usage, (counts) => countsOf(wire, counts))
  }
}

/** The field with what was read of its value, or no field where there is no value. */
function given<Field extends string, Value>(
  field: Field,
  value: Json | undefined,
  read: (value: Json) => Value
): { readonly [Name in Field]?: Value } {
  return value === undefined || value === null ? {} : ({ [field]: read(value) } as { [Name in Field]: Value })
}

function tagsOf(tags: Json | undefined): readonly string[] {
  if (tags === undefined || tags === null) return []
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string' && tag !== '')) {
    const all = [...new Set(tags)]
    // As many and as long as a request can bear.
    if (all.length <= mostTags && all.every((tag) => tag.length <= longestTag)) return all
    throw invalid(
      'tags',
      `tags: expected at most ${mostTags}, of at most ${longestTag} characters, got ${excerpt(tags)}`
    )
  }
  throw invalid('tags', `tags: expected a list of texts that are not empty, got ${excerpt(tags)}`)
}

function ttlOf(ttl: Json): number {
  try {
    if (typeof ttl === 'string' || typeof ttl === 'number') return parseDuration(ttl, 'ttl')
  } catch (error) {
    throw invalid('ttl', messageOf(error))
  }
  throw invalid(
    'ttl',
    `ttl: expected a duration such as 30s, 5m, 24h or 7d, or a number of seconds, got ${excerpt(ttl)}`
  )
}

function amountOf(field: string, amount: Json): number {
  if (typeof amount === 'number' && amount >= 0) return amount
  throw invalid(field, `${field}: expected a number of at least 0, got ${excerpt(amount)}`)
}

/** Tokens under our names, or under those of a provider. */
function countsOf(wire: Wire, counts: Json): Usage {
  const inputTokens = tokens(counts, 'inputTokens')
  const outputTokens = tokens(counts, 'outputTokens')
  if (inputTokens !== undefined && outputTokens !== undefined) {
    return usageOf(inputTokens, outputTokens, {
      cachedInputTokens: tokens(counts, 'cachedInputTokens'),
      cacheWriteTokens: tokens(counts, 'cacheWriteTokens'),
      reasoningTokens: tokens(counts, 'reasoningTokens')
    })
  }
  const said =
    wire === anthropicMessages
      ? wire.usage({ usage: counts })
      : (openaiUsage(counts, 'prompt_tokens') ?? openaiUsage(counts, 'input_tokens') ?? wire.usage({ usage: counts }))
  if (said !== undefined) return said
  throw invalid('usage', `usage: expected {"inputTokens": N, "outputTokens": N}, got ${excerpt(counts)}`)
}

function invalid(field: string, message: string): RepriseError {
  return new RepriseError('invalid-body', message, { field })
}
