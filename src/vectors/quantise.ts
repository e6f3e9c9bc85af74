/**
 * Vectors as integers, for the kernel. A vector x of length 1 becomes codes c and a scale s with x close to s * c: the
 * scale is the largest component's share of the largest code, so that all of a code's range is used. What is lost is
 * the error e = x - s * c, whose length is kept, for it bounds what the codes can say of a similarity. With codes p, q
 * for vectors a, b:
 *
 *   a.b - p.q = (a - p).b + p.(b - q), hence |a.b - p.q| <= |ea| * |b| + |p| * |eb| <= |ea| + (1 + |ea|) * |eb|
 *
 * by Cauchy-Schwarz. For a row of 384 components |eb| is about 0.008, and the difference some 0.0005 in truth; for a query,
 * whose codes have 16 bits, |ea| is next to nothing.
 */
export interface Quantised {
  readonly scale: number
  /** The length of what was lost. */
  readonly error: number
}

const mostOfRow = 127

/** What rounding to 32-bit floats adds to a similarity, generously. */
const rounding = 2e-6

/** Writes the codes of a vector of this length as 8-bit integers. */
export function quantiseRow(vector: Float32Array, length: number, codes: Int8Array, at: number): Quantised {
  return quantise(vector, length, mostOfRow, codes, at)
}

/** Writes the codes of a vector of this length as 16-bit integers, small enough for sums with a row's codes to fit into 32 bits. */
export function quantiseQuery(vector: Float32Array, length: number, codes: Int16Array): Quantised {
  return quantise(vector, length, Math.min(32767, Math.floor((2 ** 31 - 1) / (128 * vector.length))), codes, 0)
}

/** The most that the codes' similarity of a query and a row can be wrong by. */
export function errorBound(queryError: number, rowError: number): number {
  return queryError + (1 + queryError) * rowError + rounding
}

function quantise(
  vector: Float32Array,
  length: number,
  most: number,
  codes: Int8Array | Int16Array,
  at: number
): Quantised {
  let largest = 0
  for (let index = 0; index < vector.length; index++) {
    const value = Math.abs(vector[index] ?? 0)
    if (value > largest) largest = value
  }
  const step = largest / most
  const perStep = most / largest
  let squares = 0
  for (let index = 0; index < vector.length; index++) {
    const value = vector[index] ?? 0
    const code = Math.round(value * perStep)
    codes[at + index] = code
    const lost = value - code * step
    squares += lost * lost
  }
  return { scale: step / length, error: Math.sqrt(squares) / length }
}
