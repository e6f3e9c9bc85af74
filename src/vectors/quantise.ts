/**
 * Vectors as integers, for the kernel. A vector x of length 1 becomes codes c and a scale s with x close to s * c: the
 * scale is the largest component's share of the largest code, so that all of a code's range is used. What is lost is
 * the error e = x - s * c, whose length is kept, for it bounds what the codes can say of a similarity. With codes p, q
 * for vectors a, b:
 *
 *   a.b - p.q = (a - p).b + p.(b - q), hence |a.b - p.q| <= |ea| * |b| + |p| * |eb| <= |ea| + (1 + |ea|) * |eb|
 *
 * by Cauchy-Schwarz. The kernel bounds the codes' own product by a part of them in the same way, which adds nothing to
 * this: it finds exactly the rows that all of their codes find. For a row of 384 components |eb| is about 0.008, and the difference some 0.0005 in truth; for a query,
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

/** Where a row's codes are written: the first of them, and from `headLength` on the others. */
export interface RowPlace {
  readonly head: number
  readonly headLength: number
  readonly tail: number
}

export interface QuantisedRow extends Quantised {
  /** The length of the codes beyond the head, in quarters, rounded up: less than 2^16. */
  readonly tailLength: number
}

/** Writes the codes of a vector of this length as 8-bit integers. */
export function quantiseRow(vector: Float32Array, length: number, codes: Int8Array, place: RowPlace): QuantisedRow {
  const { head, headLength, tail } = place
  const largest = largestOf(vector)
  const perStep = mostOfRow / largest
  const step = largest / mostOfRow
  let lost = 0
  let squares = 0
  for (let index = 0; index < vector.length; index++) {
    const value = vector[index] ?? 0
    // To the nearest integer: whole numbers are quicker than Math.round, which has to do it for any number.
    const code = ((value * perStep + 128.5) | 0) - 128
    const difference = value - code * step
    lost += difference * difference
    if (index < headLength) codes[head + index] = code
    else {
      codes[tail + index - headLength] = code
      squares += code * code
    }
  }
  return { scale: step / length, error: Math.sqrt(lost) / length, tailLength: Math.ceil(Math.sqrt(squares) * 4) }
}

/** Writes the codes of a vector of this length as 16-bit integers, small enough for sums with a row's codes to fit into 32 bits. */
export function quantiseQuery(vector: Float32Array, length: number, codes: Int16Array): Quantised {
  const most = Math.min(32767, Math.floor((2 ** 31 - 1) / (128 * vector.length)))
  const largest = largestOf(vector)
  const perStep = most / largest
  const step = largest / most
  let lost = 0
  for (let index = 0; index < vector.length; index++) {
    const value = vector[index] ?? 0
    const code = Math.round(value * perStep)
    codes[index] = code
    const difference = value - code * step
    lost += difference * difference
  }
  return { scale: step / length, error: Math.sqrt(lost) / length }
}

/**
 * What the length of a row's tail is multiplied by for the most that the product of both tails can be: the length of a
 * query's codes from an index on, in quarters, and more than rounding to 32-bit floats takes away.
 */
export function tailFactorOf(codes: Int16Array, from: number): number {
  let squares = 0
  for (let index = from; index < codes.length; index++) {
    const code = codes[index] ?? 0
    squares += code * code
  }
  return Math.fround((Math.sqrt(squares) / 4) * (1 + 2 ** -20))
}

/** The most that the codes' similarity of a query and a row can be wrong by. */
export function errorBound(queryError: number, rowError: number): number {
  return queryError + (1 + queryError) * rowError + rounding
}

function largestOf(vector: Float32Array): number {
  let largest = 0
  for (let index = 0; index < vector.length; index++) {
    const value = Math.abs(vector[index] ?? 0)
    if (value > largest) largest = value
  }
  return largest
}
