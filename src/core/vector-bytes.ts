import { endianness } from 'node:os'

const isLittleEndian = endianness() === 'LE'

/** How far a unit vector's length may be from 1. */
const tolerance = 1e-3

/** A vector as stores keep it: 32-bit floats, little-endian. */
export function vectorBytes(vector: Float32Array): Uint8Array {
  const bytes = new Uint8Array(vector.length * 4)
  bytes.set(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength))
  return isLittleEndian ? bytes : swapped(bytes)
}

/**
 * The vector that bytes of a store are; undefined when they are none: empty, no multiple of four, or no finite unit
 * vector (its length more than 0.001 from 1). May share memory with the bytes.
 */
export function vectorOf(bytes: Uint8Array): Float32Array | undefined {
  if (bytes.length === 0 || bytes.length % 4 !== 0) return undefined
  const own = isLittleEndian ? bytes : swapped(Uint8Array.from(bytes))
  // Floats can only be looked at where a multiple of four begins.
  const aligned = own.byteOffset % 4 === 0 ? own : Uint8Array.from(own)
  const vector = new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4)
  return lengthOf(vector) === undefined ? undefined : vector
}

/** The length of a unit vector, which is 1 within 0.001; undefined for anything else. */
export function lengthOf(vector: Float32Array): number | undefined {
  let squares = 0
  for (let index = 0; index < vector.length; index++) {
    const value = vector[index] ?? 0
    squares += value * value
  }
  const length = Math.sqrt(squares)
  // Written so that what is not a number fails too.
  return Math.abs(length - 1) <= tolerance ? length : undefined
}

/** The cosine of two vectors of one length, which are unit vectors as exactly as 32-bit floats can be. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let product = 0
  let squaresOfA = 0
  let squaresOfB = 0
  for (let index = 0; index < a.length; index++) {
    const x = a[index] ?? 0
    const y = b[index] ?? 0
    product += x * y
    squaresOfA += x * x
    squaresOfB += y * y
  }
  return Math.max(-1, Math.min(1, product / Math.sqrt(squaresOfA * squaresOfB)))
}

function swapped(bytes: Uint8Array): Uint8Array {
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).swap32()
  return bytes
}
