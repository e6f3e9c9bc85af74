/** Pseudo-random numbers in [0, 1) that are the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The vector's direction, at length 1. */
export function unit(numbers: Iterable<number>): Float32Array {
  const vector = Float32Array.from(numbers)
  const length = Math.hypot(...vector)
  return vector.map((number) => number / length)
}

/** A direction of which none is likelier than another. */
export function randomUnit(random: () => number, dimensions: number): Float32Array {
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return unit(Array.from({ length: dimensions }, normal))
}

/** A vector at a given cosine to another. */
export function near(vector: Float32Array, similarity: number, random: () => number): Float32Array {
  const other = randomUnit(random, vector.length)
  const along = cosine(vector, other)
  const across = unit(other.map((number, index) => number - along * (vector[index] ?? 0)))
  const aside = Math.sqrt(1 - similarity ** 2)
  return unit(vector.map((number, index) => similarity * number + aside * (across[index] ?? 0)))
}

export function cosine(one: Float32Array, other: Float32Array): number {
  return one.reduce((sum, number, index) => sum + number * (other[index] ?? 0), 0)
}
