import { RepriseError } from '../core/errors.ts'
import type { Tensor } from './safetensors.ts'

/** The rows of a static model, one a token, kept as narrow as they are stored. */
export interface EmbeddingRows {
  readonly count: number
  readonly dimensions: number
  /** Adds a row, times its weight, to a sum. */
  addTo(sum: Float64Array, row: number, weight: number): void
}

type Numbers = Float64Array | Float32Array | Int8Array | Uint16Array

/**
 * Reads a two-dimensional tensor as rows. Numbers of 16 bits stay what they are, and are looked up in a table of all
 * 65,536 when they are used: a row is seldom used, and a model has many.
 *
 * Whole numbers of 8 bits (`I8`) stand for themselves. model2vec makes them by dividing the whole matrix by one number,
 * its largest absolute value / 127, and does not store that number: a sum's direction does not depend on it.
 * @throws RepriseError `invalid-option` for another shape or type
 */
export function embeddingRows(tensor: Tensor, file: string): EmbeddingRows {
  const { shape, dtype } = tensor
  const [count = 0, dimensions = 0] = shape
  if (shape.length !== 2 || count === 0 || dimensions === 0) {
    const message = `${file}: expected embeddings in rows and columns, got the shape [${shape}]; choose a model2vec model`
    throw new RepriseError('invalid-option', message)
  }
  const stored = numbersOf(tensor)
  if (stored === undefined) {
    const message = `${file}: expected embeddings of type F64, F32, F16, BF16 or I8, got ${dtype}; save the model anew in one of them`
    throw new RepriseError('invalid-option', message)
  }
  const { numbers, table } = stored
  return { count, dimensions, addTo: table === undefined ? addPlainly : addByTable }

  function addPlainly(sum: Float64Array, row: number, weight: number): void {
    const start = row * dimensions
    for (let index = 0; index < dimensions; index++)
      sum[index] = (sum[index] as number) + (numbers[start + index] as number) * weight
  }

  function addByTable(sum: Float64Array, row: number, weight: number): void {
    const values = table as Float32Array
    const start = row * dimensions
    for (let index = 0; index < dimensions; index++)
      sum[index] = (sum[index] as number) + (values[numbers[start + index] as number] as number) * weight
  }
}

function numbersOf({ dtype, bytes }: Tensor): { numbers: Numbers; table?: Float32Array } | undefined {
  const { buffer, byteOffset, length } = bytes
  switch (dtype) {
    case 'F64':
      return { numbers: new Float64Array(buffer, byteOffset, length / 8) }
    case 'F32':
      return { numbers: new Float32Array(buffer, byteOffset, length / 4) }
    case 'F16':
      return { numbers: new Uint16Array(buffer, byteOffset, length / 2), table: halfFloats() }
    case 'BF16':
      return { numbers: new Uint16Array(buffer, byteOffset, length / 2), table: brainFloats() }
    case 'I8':
      return { numbers: new Int8Array(buffer, byteOffset, length) }
    default:
      return undefined
  }
}

let halfFloatTable: Float32Array | undefined
let brainFloatTable: Float32Array | undefined

/** What each of the 65,536 half-precision numbers of IEEE 754 is. */
function halfFloats(): Float32Array {
  halfFloatTable ??= Float32Array.from({ length: 65_536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = (bits >> 10) & 0x1f
    const fraction = bits & 0x3ff
    if (exponent === 0) return sign * fraction * 2 ** -24
    if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  })
  return halfFloatTable
}

/** What each of the 65,536 bfloat16 numbers is: the upper half of a 32-bit float. */
function brainFloats(): Float32Array {
  brainFloatTable ??= new Float32Array(Uint32Array.from({ length: 65_536 }, (_, bits) => bits * 65_536).buffer)
  return brainFloatTable
}
