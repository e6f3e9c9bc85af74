/** What stands for a text of which nothing is known: it is like no other. */
export const noVector = new Float32Array(0)

/** Numbers as a vector of length one; an empty one when they have no direction, or are no numbers. */
export function unitVector(values: ArrayLike<number>): Float32Array {
  // By the largest first, so that no square is too large or too small for a double.
  let largest = 0
  for (let index = 0; index < values.length; index++) {
    const size = Math.abs(values[index] as number)
    if (!(size < Number.POSITIVE_INFINITY)) return noVector
    if (size > largest) largest = size
  }
  if (largest === 0) return noVector
  let squares = 0
  for (let index = 0; index < values.length; index++) squares += ((values[index] as number) / largest) ** 2
  const length = Math.sqrt(squares)
  const unit = new Float32Array(values.length)
  for (let index = 0; index < values.length; index++) unit[index] = (values[index] as number) / largest / length
  return unit
}
