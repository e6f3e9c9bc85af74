import type { Delta } from '../core/handler.ts'
import type { JsonObject } from '../core/json.ts'

/** Carries requests of one dialect to a provider of another, and its answers back. Keeps no state between calls. */
export interface Crossing {
  /** The name of the wire that the caller speaks. */
  readonly from: string
  /** The name of the wire that the provider speaks. */
  readonly to: string
  /** The request in the provider's dialect, for one of its models, streaming if the caller's does; or why there is none. */
  request(request: JsonObject, model: string): Crossed
  /**
   * The provider's plain answer as the caller's dialect has it. `request` is the caller's.
   * @throws RepriseError `provider-malformed` when it is none
   */
  answer(answer: JsonObject, request: JsonObject): JsonObject
  /** Carries one stream over, event by event; folding what comes out gives what `answer` gives for the folded input. */
  stream(request: JsonObject): StreamCrossing
}

export type Crossed =
  | { readonly request: JsonObject; readonly unsuitable?: undefined }
  /** What cannot be carried over: `the field logprobs has no counterpart`. */
  | { readonly request?: undefined; readonly unsuitable: string }

export interface StreamCrossing {
  /**
   * What the caller is to be told once the provider has said `delta`. An event that cannot be read ends the stream with
   * an error: an answer with a hole in it must not look whole.
   */
  add(delta: Delta): readonly Delta[]
  /** What is still to be told when the provider's stream has closed: some say nothing at its end. */
  end(): readonly Delta[]
}
