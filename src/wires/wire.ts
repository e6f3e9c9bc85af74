import type { Delta } from '../core/handler.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'
import type { Dialect } from './dialect.ts'

/**
 * One provider dialect's endpoint that answers one request with one answer, plain or streaming.
 * Nothing here keeps state between requests, and no method changes the body it is given.
 */
export interface Wire {
  /** `openai-chat`, `openai-responses`, `anthropic-messages`. */
  readonly name: string
  readonly dialect: Dialect
  /** The endpoint's path below `/v1`: `/chat/completions`. */
  readonly path: string
  /** What is wrong with a request's body, so that no provider need be asked; undefined when nothing is. */
  check(request: JsonObject): Problem | undefined
  /** The request without what cannot change its answer. */
  identity(request: JsonObject): JsonObject
  /**
   * What of the request may be compared by meaning; undefined: nothing, only an identical request gets its answer.
   * Never throws. Two requests have the same text and the same rest only when their identity is the same.
   */
  likeness(request: JsonObject): WireLikeness | undefined
  /** How several requests are asked in one call; undefined: they are not. */
  readonly batching?: WireBatching
  /** Why the request must not be cached: its answer depends on something outside of it, or is not there yet. */
  bypass(request: JsonObject): string | undefined
  /** Fields of the request that its answer repeats although they do not change it: each caller must see its own. */
  readonly echoes: readonly string[]
  /** The request as the provider must see it, so that a streamed answer can be kept whole; undefined: as it is. */
  prepare(request: JsonObject): Preparation | undefined
  /** Gathers the events of the stream that answers `request` into the body that the provider would have answered plainly. */
  fold(request: JsonObject): Fold
  /** The events that the provider would have streamed for `answer`, for the caller who sent `request`. */
  unfold(answer: JsonObject, request: JsonObject): Iterable<Delta>
  /** True for a stream's last event, or one that says that it is over. */
  isEnd(delta: Delta): boolean
  /** Why the answer must not be stored (`truncated`, `filtered`, `empty`, `malformed`, `incomplete`, `failed`); undefined when it may. */
  unfit(answer: JsonObject): string | undefined
  usage(answer: JsonObject): Usage | undefined
  /**
   * What the answer says, without what is new each time it is given: identifiers, dates, tokens counted. Equal
   * substance, nothing new. What is not known to be new each time counts as said.
   */
  substance(answer: JsonObject): Json
}

/**
 * How the dialect asks several requests in one: those that have the same `likeness` but for the text, and are fit for it.
 * What is asked and how the parts are told apart is the same for all dialects, and stands elsewhere.
 */
export interface WireBatching {
  /**
   * Why the request must be asked alone (`stream`, `tools`, `format`, `choices`, `media`, ...); undefined: it may be one
   * of several. Whatever it does not know is a reason.
   */
  unfit(request: JsonObject): string | undefined
  /** Whether the model that is asked for answers by a JSON schema. Where nobody knows: no. */
  takesSchema(request: JsonObject): boolean
  /**
   * The request with that text in place of the wording of its last user turn, and room for the answers of so many; with
   * a schema, its answer is JSON that fits it.
   */
  combined(request: JsonObject, asked: CombinedText): JsonObject
  /** What a complete answer says: the text, or the JSON that was asked for; undefined for any other answer. */
  said(answer: JsonObject): string | undefined
  /**
   * The answer that says that text alone, with those tokens. Identifiers are the combined answer's with the part's own
   * added, so that no two answers have the same. What it repeats of its request is what `part.request` says.
   */
  part(answer: JsonObject, part: AnswerPart): JsonObject
}

export interface AnswerPart {
  readonly text: string
  readonly usage: Usage | undefined
  readonly id: string
  /** The one that it answers. */
  readonly request: JsonObject
}

export interface CombinedText {
  readonly text: string
  /** How many answers it is to have room for: limits on the tokens of an answer are for one. */
  readonly parts: number
  readonly schema?: JsonObject
}

/** Alike: `text`, the wording of the last user turn, means the same, and `within`, all the rest, is the same. */
export interface WireLikeness {
  /** As it was sent: nothing trimmed, no case folded. */
  readonly text: string
  /** The request's identity with null in place of the text. */
  readonly within: JsonObject
}

export interface Problem {
  readonly message: string
  /** The body's field that is wrong. */
  readonly field: string
}

/** What is added to a request, and how its caller is kept from noticing. */
export interface Preparation {
  /** Fields to set at the top level of the request. */
  readonly fields: JsonObject
  /** An event of the answer as the caller would have seen it; undefined: not at all. */
  view(delta: Delta): Delta | undefined
}

/** Gathers the events of one stream, in order. */
export interface Fold {
  /** Never throws: what it does not understand makes the answer unfit to be kept. */
  add(delta: Delta): void
  /** Called when the stream has ended. */
  end(): Folded
}

export type Folded =
  | { readonly answer: JsonObject; readonly unfit?: undefined }
  /** The stream cannot be kept: `truncated` (it broke off), `failed` (it carried an error), `unknown` (an event that nobody here can fold). */
  | { readonly answer?: undefined; readonly unfit: string }
