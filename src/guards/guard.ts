import type { GuardedText } from './guarded-text.ts'

/**
 * Says why two texts cannot mean the same, however near an embedding finds them: a pure function, symmetric, and
 * silent (undefined) when it is not sure. The reason is for people, and names what differs: `12 and 13`.
 */
export interface Guard {
  /** `numbers`, `negation`, `antonyms`, `names`, `question-word`, `substitution`, `narrowing`, `word-order`, `little-words` */
  readonly name: string
  /** Why not; undefined: nothing found. `a` is the text asked, `b` the one that was answered. */
  check(a: GuardedText, b: GuardedText): string | undefined
}

/**
 * `off`: similarity alone decides. `standard`: objects where the sentence is otherwise the same, and leaves rewordings to
 * the embedder. `strict`: objects to any word of content, number, question or order that differs.
 */
export type GuardLevel = 'off' | 'standard' | 'strict'

/** Who said no, and why. */
export interface Refutation {
  readonly by: string
  readonly reason: string
}
