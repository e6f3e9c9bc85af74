import { RepriseError } from '../core/errors.ts'

/**
 * Refuses what is no least similarity.
 * @throws RepriseError `invalid-option`
 */
export function checkMinSimilarity(minSimilarity: number): number {
  if (minSimilarity > 0 && minSimilarity <= 1) return minSimilarity
  throw new RepriseError(
    'invalid-option',
    `minSimilarity: expected a cosine above 0 and at most 1, got ${minSimilarity}`
  )
}

/** What is known of a model, by a pattern that its name has. */
export type KnownSimilarities = readonly (readonly [name: RegExp, minSimilarity: number])[]

/** For a model of which nothing is known: so near to 1 that little but the same words in another order comes that near. */
const carefulMinSimilarity = 0.96

/** The least similarity for a model by its name, with or without its maker and its tag. */
export function minSimilarityFor(model: string, known: KnownSimilarities): number {
  return known.find(([name]) => name.test(model))?.[1] ?? carefulMinSimilarity
}
