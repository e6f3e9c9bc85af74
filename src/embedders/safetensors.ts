import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject } from '../core/json.ts'

/** One tensor of a file: its numbers as they are stored. */
export interface Tensor {
  /** `F32`, `F16`, `BF16`, `I8`, `I64`, ...: as the format calls it. */
  readonly dtype: string
  readonly shape: readonly number[]
  /** Little-endian, one number after the other, and begins where any typed array can. */
  readonly bytes: Uint8Array
}

/** How many bytes a number takes. Types that are not here are kept out: nobody reads them. */
const widths: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1
}

/** The format's own bound on the header. */
const mostHeaderBytes = 100_000_000
const lengthBytes = 8

/**
 * The tensors of a safetensors file: 8 bytes that give the length of a JSON header, the header (name, dtype, shape,
 * offsets), and the numbers. `file` names the file in errors.
 * @throws RepriseError `invalid-option` when the file is no safetensors file, or is damaged
 */
export function readSafetensors(bytes: Uint8Array, file: string): ReadonlyMap<string, Tensor> {
  const dataStart = endOfHeader(bytes, file)
  const header = readHeader(bytes.subarray(lengthBytes, dataStart), file)
  const data = bytes.subarray(dataStart)
  const tensors = new Map<string, Tensor>()
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue
    tensors.set(name, readTensor(name, entry, data, file))
  }
  return tensors
}

function endOfHeader(bytes: Uint8Array, file: string): number {
  if (bytes.length < lengthBytes) throw damaged(file, `it has only ${bytes.length} bytes`)
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(0, true)
  const most = Math.min(mostHeaderBytes, bytes.length - lengthBytes)
  if (length > BigInt(most)) throw damaged(file, `its header claims ${length} bytes, and ${most} can be`)
  return lengthBytes + Number(length)
}

function readHeader(bytes: Uint8Array, file: string): Readonly<Record<string, unknown>> {
  let header: unknown
  try {
    header = JSON.parse(Buffer.from(bytes).toString())
  } catch (error) {
    throw damaged(file, `its header is no JSON: ${messageOf(error)}`)
  }
  if (!isObject(header)) throw damaged(file, 'its header is no JSON object')
  return header
}

function readTensor(name: string, entry: unknown, data: Uint8Array, file: string): Tensor {
  const { dtype, shape, data_offsets: offsets } = isObject(entry) ? entry : {}
  if (typeof dtype !== 'string' || !areCounts(shape) || !areCounts(offsets) || offsets.length !== 2)
    throw damaged(file, `the tensor ${JSON.stringify(name)} is not described as it should be`)
  const [begin = 0, end = 0] = offsets
  const width = widths[dtype]
  const expected = width === undefined ? end - begin : shape.reduce((product, size) => product * size, width)
  if (begin > end || end > data.length || end - begin !== expected) {
    const is = `the tensor ${JSON.stringify(name)} is ${dtype} [${shape}] in bytes ${begin} to ${end}`
    throw damaged(file, `${is}, and there are ${data.length}`)
  }
  const slice = data.subarray(begin, end)
  // A typed array begins at a multiple of its width; a tensor may not, and is then moved.
  return { dtype, shape, bytes: slice.byteOffset % (width ?? 1) === 0 ? slice : new Uint8Array(slice) }
}

function areCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0)
}

function damaged(file: string, why: string): RepriseError {
  return new RepriseError(
    'invalid-option',
    `${file}: expected a safetensors file, but ${why}; fetch the model's file again`
  )
}
