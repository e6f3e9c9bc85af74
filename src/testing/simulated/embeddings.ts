import type { Json, JsonObject } from '../../core/json.ts'
import {
  checkKnown,
  checkText,
  emptyList,
  firstProblem,
  missing,
  problem,
  textOf,
  wrongType,
  wrongValue
} from './checks.ts'
import type { Problem, Terms } from './endpoint.ts'
import { seeded } from './seeded.ts'
import { countTokens } from './tokens.ts'

/** A vector for a text, of any length: it is made a unit vector. */
export type Embed = (text: string, dimensions: number) => readonly number[]

type Input = string | readonly number[]

const known = new Set(['input', 'model', 'dimensions', 'encoding_format', 'user'])
const mostInputs = 2048
const mostTokens = 8192

/** What OpenAI's embeddings would refuse the body for. */
export function checkEmbeddings(body: JsonObject, { strict }: Terms): Problem | undefined {
  return firstProblem(
    () => checkText(body, 'model'),
    () => (strict ? checkKnown(body, known) : undefined),
    () => checkInput(body['input']),
    () => checkDimensions(textOf(body['model']), body['dimensions']),
    () => checkEncoding(body['encoding_format'])
  )
}

/** POST /v1/embeddings. */
export function embeddings(body: JsonObject, embed: Embed = embedByHash): JsonObject {
  const model = textOf(body['model'])
  const inputs = inputsOf(body['input'])
  const dimensions = typeof body['dimensions'] === 'number' ? body['dimensions'] : fullDimensions(model)
  const data = inputs.map((input, index) => {
    const text = typeof input === 'string' ? input : `tokens ${input.join(' ')}`
    // A shorter vector is the front of the long one, made a unit vector again.
    const vector = unit(embed(text, fullDimensions(model)).slice(0, dimensions))
    const embedding = body['encoding_format'] === 'base64' ? base64(vector) : [...vector]
    return { object: 'embedding', index, embedding }
  })
  const tokens = inputs.reduce((sum, input) => sum + tokensOf(input), 0)
  return { object: 'list', data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } }
}

function checkInput(input: Json | undefined): Problem | undefined {
  if (input === undefined || input === null) return missing('input')
  if (typeof input !== 'string' && !Array.isArray(input)) return wrongType('input', 'a string or an array', input)
  if (Array.isArray(input) && input.length === 0) return emptyList('input')
  const inputs = inputsOf(input)
  if (inputs.length > mostInputs) {
    const text = `Invalid 'input': array too long. Expected an array with maximum length ${mostInputs}, but got an array with length ${inputs.length} instead.`
    return problem('input', 'array_above_max_length', text)
  }
  for (const [index, item] of inputs.entries()) {
    const numbers = Array.isArray(item) && item.every((token) => Number.isInteger(token))
    if (typeof item !== 'string' && !numbers)
      return wrongType(`input[${index}]`, 'a string or an array of integers', item)
    if (item.length === 0) return problem('input', 'empty_string', "Invalid 'input': input cannot be an empty string.")
    if (tokensOf(item) > mostTokens) {
      const text = `This model's maximum context length is ${mostTokens} tokens, however you requested ${tokensOf(item)} tokens. Please reduce your prompt.`
      return problem(null, null, text)
    }
  }
  return undefined
}

function checkDimensions(model: string, dimensions: Json | undefined): Problem | undefined {
  if (dimensions === undefined || dimensions === null) return undefined
  if (model === 'text-embedding-ada-002')
    return problem(null, null, 'This model does not support specifying dimensions.')
  if (typeof dimensions !== 'number' || !Number.isInteger(dimensions))
    return wrongType('dimensions', 'an integer', dimensions)
  const most = fullDimensions(model)
  if (dimensions >= 1 && dimensions <= most) return undefined
  const bound = dimensions < 1 ? 'greater than or equal to 1' : `less than or equal to ${most}`
  return problem('dimensions', null, `Invalid value for 'dimensions' = ${dimensions}. Must be ${bound}.`)
}

function checkEncoding(encoding: Json | undefined): Problem | undefined {
  if (encoding == null || encoding === 'float' || encoding === 'base64') return undefined
  return wrongValue('encoding_format', encoding, ['float', 'base64'])
}

/** One input, or several: a list of numbers is one. */
function inputsOf(input: Json | undefined): readonly Input[] {
  if (!Array.isArray(input)) return [textOf(input)]
  return typeof input[0] === 'number' ? [input] : input
}

function tokensOf(input: Input): number {
  return typeof input === 'string' ? Math.max(1, countTokens(input)) : input.length
}

function fullDimensions(model: string): number {
  return model === 'text-embedding-3-large' ? 3072 : 1536
}

/** A direction that follows from the text alone, and has nothing to do with what it means. */
function embedByHash(text: string, dimensions: number): number[] {
  const random = seeded(`embedding ${text}`)
  // The sum of three even numbers is nearly normal, and so directions are spread evenly.
  return Array.from({ length: dimensions }, () => random() + random() + random() - 1.5)
}

function unit(vector: readonly number[]): Float32Array {
  const length = Math.hypot(...vector)
  return Float32Array.from(vector, (value) => (length === 0 ? 0 : value / length))
}

function base64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4)
  return bytes.toString('base64')
}
