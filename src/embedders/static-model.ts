import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, RepriseError } from '../core/errors.ts'
import { embeddingRows } from './embedding-rows.ts'
import { readSafetensors, type Tensor } from './safetensors.ts'
import { staticTokenizer } from './static-tokenizer.ts'
import { unitVector } from './unit-vector.ts'

/** The files that a static model needs; its config.json says nothing that a unit vector depends on. */
export const staticModelFiles = ['tokenizer.json', 'model.safetensors'] as const

/** A model that gives each token a row, and a text the sum of its tokens' rows. */
export interface StaticModel {
  /** The first 16 hex digits of a SHA-256 over its files: the same model has the same, wherever it lies. */
  readonly fingerprint: string
  readonly dimensions: number
  /** A text's unit vector; an empty one when none of its tokens is known. */
  embed(text: string): Float32Array
}

/**
 * Reads a folder as model2vec writes them: `tokenizer.json`, and `model.safetensors` with a tensor `embeddings` (or one
 * two-dimensional tensor of another name). With a tensor `mapping`, tokens share rows: a token's row is the one that it
 * names; with `weights`, each token's row is multiplied by its own weight.
 *
 * model2vec divides the sum by the number of tokens, and makes a unit vector of it when config.json says `normalize`.
 * Vectors here are always unit vectors, for which neither makes a difference.
 * @throws RepriseError `invalid-option` when files are missing or damaged, or do not belong together
 */
export async function loadStaticModel(folder: string): Promise<StaticModel> {
  const [tokenizerFile, tensorFile] = staticModelFiles.map((name) => join(folder, name)) as [string, string]
  const [tokenizerBytes, tensorBytes] = await Promise.all([read(tokenizerFile), read(tensorFile)])
  const tokenizer = staticTokenizer(tokenizerBytes.toString(), tokenizerFile)
  const tensors = readSafetensors(tensorBytes, tensorFile)
  const rows = embeddingRows(embeddingsOf(tensors, tensorFile), tensorFile)
  const mapping = numbersOf(tensors, 'mapping', tensorFile)
  const weights = numbersOf(tensors, 'weights', tensorFile)
  checkFit()

  return {
    fingerprint: createHash('sha256').update(tensorBytes).update(tokenizerBytes).digest('hex').slice(0, 16),
    dimensions: rows.dimensions,
    embed(text) {
      const sum = new Float64Array(rows.dimensions)
      for (const id of tokenizer.idsOf(text)) rows.addTo(sum, mapping?.[id] ?? id, weights?.[id] ?? 1)
      return unitVector(sum)
    }
  }

  function checkFit(): void {
    const { size } = tokenizer
    const sizes = {
      embeddings: mapping === undefined ? rows.count : size,
      mapping: mapping?.length,
      weights: weights?.length
    }
    for (const [name, length = size] of Object.entries(sizes))
      if (length < size) throw unfit(`${size} tokens, and ${length} rows in the tensor ${name}`)
    const stray = mapping?.find((row) => !Number.isInteger(row) || row < 0 || row >= rows.count)
    if (stray !== undefined) throw unfit(`a mapping to row ${stray}, and ${rows.count} rows`)
  }

  function unfit(found: string): RepriseError {
    const message = `${tensorFile}: expected the rows of the tokens in ${tokenizerFile}, got ${found}; take both files from one model`
    return new RepriseError('invalid-option', message)
  }
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    const expected = `expected a folder with ${staticModelFiles.join(' and ')}`
    const message = `${file}: ${expected}, but this file cannot be read (${messageOf(error)}); name the folder of a model2vec model`
    throw new RepriseError('invalid-option', message, { cause: error })
  }
}

function embeddingsOf(tensors: ReadonlyMap<string, Tensor>, file: string): Tensor {
  const named = tensors.get('embeddings')
  if (named !== undefined) return named
  const [only, ...others] = [...tensors.values()].filter(({ shape }) => shape.length === 2)
  if (only !== undefined && others.length === 0) return only
  const message = `${file}: expected a tensor embeddings, got ${[...tensors.keys()].join(', ') || 'none'}; choose a model2vec model`
  throw new RepriseError('invalid-option', message)
}

/** A list of numbers, one a token; undefined when the model has none of that name. */
function numbersOf(tensors: ReadonlyMap<string, Tensor>, name: string, file: string): Float64Array | undefined {
  const tensor = tensors.get(name)
  if (tensor === undefined) return undefined
  const length = tensor.shape.reduce((product, size) => product * size, 1)
  const numbers = new Float64Array(length)
  // Weights may come as a column; then each row is one number.
  const column = { ...tensor, shape: [length, 1] }
  if (tensor.dtype === 'I64' || tensor.dtype === 'I32') return integersOf(tensor)
  const rows = embeddingRows(column, `${file} (${name})`)
  for (let row = 0; row < length; row++) rows.addTo(numbers.subarray(row, row + 1), row, 1)
  return numbers
}

function integersOf({ dtype, bytes: { buffer, byteOffset, length } }: Tensor): Float64Array {
  if (dtype === 'I32') return Float64Array.from(new Int32Array(buffer, byteOffset, length / 4))
  return Float64Array.from(new BigInt64Array(buffer, byteOffset, length / 8), Number)
}
