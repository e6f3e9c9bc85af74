import { RepriseError } from '../core/errors.ts'
import { isObject, type Json } from '../core/json.ts'
import { unitVector } from './unit-vector.ts'

export interface ExpectedEmbeddings {
  /** The provider's name, for errors. */
  readonly name: string
  readonly count: number
  /** The vectors' length; undefined when any will do, as long as all have it. */
  readonly dimensions: number | undefined
}

/**
 * The unit vectors of an embeddings answer, in the order of the texts. A vector is a list of numbers, or their 32-bit
 * floats in base64: some endpoints give a list whatever they are asked for (Ollama,
 * https://github.com/ollama/ollama/issues/6934). A vector of zeros gives an empty one.
 * @throws RepriseError `provider-malformed` when there are more or fewer, of other lengths, or what is no number
 */
export function embeddingsFrom(text: string, { name, count, dimensions }: ExpectedEmbeddings): readonly Float32Array[] {
  const items = itemsOf(text)
  if (items === undefined) throw malformed(name, 'JSON with a list of embeddings in `data`, got something else')
  if (items.length !== count) throw malformed(name, `${count} embeddings, got ${items.length}`)
  const vectors: Float32Array[] = new Array(count)
  let expected = dimensions
  for (const [place, item] of items.entries()) {
    const { embedding, index = place } = isObject(item) ? item : {}
    if (
      typeof index !== 'number' ||
      !Number.isInteger(index) ||
      index < 0 ||
      index >= count ||
      vectors[index] !== undefined
    )
      throw malformed(name, `each index from 0 to ${count - 1} once, got ${JSON.stringify(index)}`)
    const numbers = numbersOf(embedding)
    if (numbers === undefined) throw malformed(name, 'an embedding of finite numbers, got something else')
    expected ??= numbers.length
    if (numbers.length !== expected)
      throw malformed(
        name,
        `vectors of ${expected} numbers, got one of ${numbers.length}; see whether the model can be asked for \`dimensions\``
      )
    vectors[index] = unitVector(numbers)
  }
  return vectors
}

function itemsOf(text: string): readonly Json[] | undefined {
  try {
    const answer: unknown = JSON.parse(text)
    const data = isObject(answer) ? answer['data'] : undefined
    return Array.isArray(data) ? data : undefined
  } catch {
    return undefined
  }
}

function numbersOf(embedding: Json | undefined): readonly number[] | Float32Array | undefined {
  const numbers = typeof embedding === 'string' ? floatsOf(embedding) : Array.isArray(embedding) ? embedding : undefined
  if (numbers === undefined || numbers.length === 0) return undefined
  for (let index = 0; index < numbers.length; index++) if (!Number.isFinite(numbers[index])) return undefined
  return numbers
}

function floatsOf(base64: string): Float32Array | undefined {
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length % 4 !== 0) return undefined
  const floats = new Float32Array(bytes.length / 4)
  for (let index = 0; index < floats.length; index++) floats[index] = bytes.readFloatLE(index * 4)
  return floats
}

function malformed(name: string, expectation: string): RepriseError {
  return new RepriseError('provider-malformed', `${name}: expected ${expectation}`)
}
