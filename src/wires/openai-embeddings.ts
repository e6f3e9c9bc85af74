import { isObject, type Json, type JsonObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'
import { type Expectation, inWords, namesModel, problemIn } from './check.ts'
import { openaiDialect } from './dialect.ts'
import { without } from './fields.ts'
import type { Wire } from './wire.ts'

/** What one embedding is made of: a text, or its tokens. */
export type EmbeddingInput = string | readonly number[]

/** The answer to one input of a batch. */
export interface Embedding {
  /** The item as the provider gave it, without its index and vector. */
  readonly item: JsonObject
  /** Numbers as they were written, or 32-bit floats in base64. */
  readonly vector: readonly number[] | string
  /** The rest of the provider's answer: `object`, `model` and what else it said. */
  readonly rest: JsonObject
  /** This input's share of the tokens that the provider counted for the batch. */
  readonly tokens: number
}

/**
 * OpenAI's embeddings endpoint. A request is a batch, and each of its inputs has an answer of its own;
 * as a wire it is never streamed.
 */
export const openaiEmbeddings: Wire = {
  name: 'openai-embeddings',
  dialect: openaiDialect,
  path: '/embeddings',
  echoes: [],
  check(request) {
    return problemIn(request, [namesModel, hasInputs])
  },
  identity: (request) => without(request, new Set(['user'])),
  likeness: () => undefined,
  bypass: () => undefined,
  prepare: () => undefined,
  fold: () => ({ add() {}, end: () => ({ unfit: 'unknown' }) }),
  unfold: () => [],
  isEnd: () => true,
  unfit: (answer) => (Array.isArray(answer['data']) && answer['data'].length > 0 ? undefined : 'malformed'),
  usage: (answer) => usageOf(answer),
  substance: ({ data = null }) => data
}

const hasInputs: Expectation = {
  field: 'input',
  expected: 'a text, a list of texts, or tokens as lists of integers, not empty',
  got: (input) => (inputsOf({ input }).length > 0 ? undefined : inWords(input))
}

/** The inputs of a request, in order; none when `input` is malformed. A flat list of integers is one input. */
export function inputsOf({ input }: JsonObject): readonly EmbeddingInput[] {
  if (typeof input === 'string') return input === '' ? [] : [input]
  if (!Array.isArray(input) || input.length === 0) return []
  if (input.every((part) => typeof part === 'string')) return input.includes('') ? [] : input
  if (input.every(isTokens)) return input
  return isTokens(input) ? [input] : []
}

function isTokens(value: Json): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((token) => Number.isSafeInteger(token))
}

/** Fields that every embeddings endpoint understands alike: with these alone, one encoding can be made of the other. */
const plainFields = new Set(['model', 'input', 'encoding_format', 'dimensions', 'user'])

/** Everything that can change the embedding of one input. */
export function embeddingIdentity(request: JsonObject, input: EmbeddingInput): Json {
  const convertible = Object.keys(request).every((field) => plainFields.has(field)) && knownEncoding(request)
  return [without(request, new Set(convertible ? ['input', 'user', 'encoding_format'] : ['input', 'user'])), input]
}

function knownEncoding({ encoding_format: format }: JsonObject): boolean {
  return format === undefined || format === null || format === 'float' || format === 'base64'
}

/**
 * Takes a batch's answer apart, in the order of its inputs; undefined when it does not answer each exactly once.
 * The tokens of the batch are shared out in proportion to the inputs' lengths, so that the shares add up.
 */
export function splitEmbeddings(answer: JsonObject, request: JsonObject): readonly Embedding[] | undefined {
  const inputs = inputsOf(request)
  const { data, usage: _usage, ...rest } = answer
  if (!Array.isArray(data) || data.length !== inputs.length) return undefined
  const shares = shareOut(
    usageOf(answer)?.inputTokens ?? 0,
    inputs.map((input) => input.length)
  )
  const embeddings: Embedding[] = []
  for (const [position, given] of data.entries()) {
    if (!isObject(given)) return undefined
    const { index = position, embedding, ...item } = given
    if (typeof index !== 'number' || !(index in inputs) || embeddings[index] !== undefined || !isVector(embedding))
      return undefined
    embeddings[index] = {
      item,
      vector: knownEncoding(request) ? compact(embedding) : embedding,
      rest,
      tokens: shares[index] ?? 0
    }
  }
  return embeddings
}

/** The answer to a batch, from the answers to its inputs. */
export function joinEmbeddings(embeddings: readonly Embedding[], request: JsonObject): JsonObject {
  const tokens = embeddings.reduce((sum, embedding) => sum + embedding.tokens, 0)
  const base64 = request['encoding_format'] === 'base64'
  const convertible = knownEncoding(request)
  const data = embeddings.map(({ item, vector }, index) => ({
    ...item,
    index,
    embedding: !convertible ? vector : base64 ? toBase64(vector) : toNumbers(vector)
  }))
  return { ...embeddings[0]?.rest, data, usage: { prompt_tokens: tokens, total_tokens: tokens } }
}

function isVector(value: Json | undefined): value is string | readonly number[] {
  if (typeof value === 'string') return value !== ''
  return Array.isArray(value) && value.length > 0 && value.every((number) => typeof number === 'number')
}

/** A third of the size where nothing is lost by it: when every number is a 32-bit float. */
function compact(vector: string | readonly number[]): string | readonly number[] {
  return typeof vector !== 'string' && vector.every((number) => Math.fround(number) === number)
    ? toBase64(vector)
    : vector
}

function toBase64(vector: string | readonly number[]): string {
  return typeof vector === 'string' ? vector : Buffer.from(Float32Array.from(vector).buffer).toString('base64')
}

function toNumbers(vector: string | readonly number[]): readonly number[] {
  if (typeof vector !== 'string') return vector
  const bytes = Buffer.from(vector, 'base64')
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4))
}

function usageOf({ usage }: JsonObject): Usage | undefined {
  if (!isObject(usage) || typeof usage['prompt_tokens'] !== 'number') return undefined
  return { inputTokens: usage['prompt_tokens'], outputTokens: 0 }
}

/** Whole numbers in proportion to the weights that add up to `total` (largest remainder). */
function shareOut(total: number, weights: readonly number[]): readonly number[] {
  const sum = weights.reduce((a, b) => a + b, 0)
  const exact = weights.map((weight) => (total * weight) / sum)
  const shares = exact.map(Math.floor)
  const missing = total - shares.reduce((a, b) => a + b, 0)
  const byRemainder = exact
    .map((value, index) => ({ index, remainder: value % 1 }))
    .sort((a, b) => b.remainder - a.remainder)
  for (const { index } of byRemainder.slice(0, missing)) shares[index] = (shares[index] ?? 0) + 1
  return shares
}
