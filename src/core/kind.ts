import type { Json } from './json.ts'

/** What a layer must know of a request, without knowing language models. */
export interface Kind<Request, Result> {
  /** `llm`, `embedding`, `rag`, or your own: part of each key. */
  readonly name: string
  /** Everything that can change the answer. Equal identity, same answer. */
  identity(request: Request): Json
  /**
   * What `identity` is read from, when that is an object of the kind's own: the same object, the same identity, and
   * the key may be kept with it. Default: the key is made of the request each time it is another object.
   */
  subject?(request: Request): Subject
  /** Why this request must not be cached at all; undefined when it may. */
  bypass(request: Request): string | undefined
  /** The model asked for; undefined where there is none. */
  model(request: Request): string | undefined
  /**
   * What of the request may be compared by meaning, and what must be the same for that; undefined: nothing, only an
   * identical request gets the answer. Default: nothing.
   */
  likeness?(request: Request): Likeness | undefined
  /** Tags that the answer itself asks for, beside those of its request: `document:<id>` of what was found. */
  tags?(result: Result): readonly string[]
  /** True for an answer that is complete: not truncated, filtered, empty or an error. */
  storable(result: Result): boolean
  /**
   * What an answer says, without what is new each time (identifiers, dates): tells whether asking again has brought
   * anything new. Default: the encoded bytes.
   */
  substance?(result: Result): Json
  /** Tokens, for cost and savings. */
  usage(result: Result): Usage | undefined
  /**
   * The request as JSON from which it could be made again, without anybody's credential; for those who re-ask what has
   * expired. Default: it cannot be.
   */
  record?(request: Request): Json
  encode(result: Result): Uint8Array
  decode(bytes: Uint8Array): Result
}

/** Where a key may be kept once it has been made. */
export interface Subject {
  knownKey?: KnownKey | undefined
}

/** A key, and what it was made for. */
export interface KnownKey {
  readonly kind: string
  readonly scope: readonly string[]
  readonly key: string
}

/** Tokens of one call, as its provider counted them. */
export interface Usage {
  /** All tokens of the prompt, those read from or written to a prompt cache included. */
  readonly inputTokens: number
  readonly outputTokens: number
  /** The part of `outputTokens` that was spent on thinking. */
  readonly reasoningTokens?: number
  /** The part of `inputTokens` that the provider read from its prompt cache. */
  readonly cachedInputTokens?: number
  /** The part of `inputTokens` that the provider wrote to its prompt cache. */
  readonly cacheWriteTokens?: number
}

/** Alike: `text` means the same, and `within` is the same: model, system prompt, history, tools, parameters. */
export interface Likeness {
  readonly text: string
  readonly within: Json
}
