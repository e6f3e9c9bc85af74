import type { Pair } from './pairs.ts'

export interface SampleOptions {
  /** The most pairs to take. Default: all. */
  readonly limit?: number
  /** As many pairs of the same meaning as of another, however many there are of each. Default: as they come. */
  readonly isBalanced?: boolean
  /** The same seed takes the same pairs. Default: 1. */
  readonly seed?: number
}

/** Takes some of the pairs, by chance and yet always the same ones; they stay in their order. */
export function sample(pairs: readonly Pair[], options: SampleOptions = {}): readonly Pair[] {
  const { limit = pairs.length, isBalanced = false, seed = 1 } = options
  if (!isBalanced && limit >= pairs.length) return pairs
  const places = shuffled(
    pairs.map((_, place) => place),
    seed
  )
  if (!isBalanced) return inOrder(places.slice(0, limit), pairs)
  const same = places.filter((place) => pairs[place]?.same === true)
  const different = places.filter((place) => pairs[place]?.same === false)
  const each = Math.min(same.length, different.length, Math.floor(limit / 2))
  return inOrder([...same.slice(0, each), ...different.slice(0, each)], pairs)
}

/** The items in an order that follows from the seed. */
export function shuffled<Item>(items: readonly Item[], seed: number): Item[] {
  const random = generator(seed)
  const places = items.map((item) => ({ item, place: random() }))
  return places.sort((left, right) => left.place - right.place).map(({ item }) => item)
}

/**
 * Numbers in (0, 1) that follow from a seed.
 * Source: the minimal standard generator, S. K. Park and K. W. Miller, "Random number generators: good ones are hard
 * to find", Communications of the ACM 31 (1988), with the multiplier that they recommended in 1993.
 */
function generator(seed: number): () => number {
  const modulus = 2 ** 31 - 1
  let state = (Math.abs(Math.trunc(seed)) % (modulus - 1)) + 1
  const next = (): number => {
    state = (state * 48_271) % modulus
    return state / modulus
  }
  // The first numbers of neighbouring seeds are neighbours themselves.
  for (let spent = 0; spent < 10; spent++) next()
  return next
}

function inOrder(places: readonly number[], pairs: readonly Pair[]): readonly Pair[] {
  return places
    .toSorted((left, right) => left - right)
    .flatMap((place) => {
      const pair = pairs[place]
      return pair === undefined ? [] : [pair]
    })
}
