import type { Json, JsonObject } from '../../core/json.ts'
import type { Making } from './making.ts'

/** What a request was sent to. `other` is each path below /v1 that nobody here knows. */
export type EndpointName =
  | 'chat'
  | 'responses'
  | 'messages'
  | 'count-tokens'
  | 'embeddings'
  | 'models'
  | 'files'
  | 'batches'
  | 'message-batches'
  | 'other'

/** Whose words are spoken: for errors, headers and credentials. */
export type DialectName = 'openai' | 'anthropic'

/** What the simulated model is asked. */
export interface Question {
  readonly endpoint: 'chat' | 'responses' | 'messages'
  readonly model: string
  /** The text of the last user turn; empty when it holds none. */
  readonly lastUserText: string
  readonly body: JsonObject
  /** Which of the `n` choices is asked for, from 0. */
  readonly choice: number
}

/** What the simulated model says. */
export interface Reply {
  readonly text?: string
  readonly refusal?: string
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: Json }[]
  /** What it thinks before it speaks: shown where the dialect shows it, counted in any case. */
  readonly reasoning?: string
  /** Default: `tool_calls` when there are some, else `stop`. */
  readonly finish?: Finish
  /** Tokens to report. Default: counted. */
  readonly usage?: { readonly input: number; readonly output: number }
}

type Finish = 'stop' | 'length' | 'tool_calls' | 'content_filter'

/** A reply as it leaves the model: cut where the request's limits cut it, and counted. */
export interface Completion {
  /** Empty when nothing was said. */
  readonly text: string
  readonly refusal: string | undefined
  readonly toolCalls: readonly CompletedCall[]
  readonly reasoning: string
  readonly finish: Finish
  /** The stop sequence that ended the text. */
  readonly stopSequence: string | undefined
  readonly reasoningTokens: number
  readonly outputTokens: number
  /** The tokens of the prompt, when the reply says how many there were. */
  readonly inputTokens: number | undefined
}

export interface CompletedCall {
  readonly name: string
  /** JSON text, or free text for a tool without a schema. Broken off when the limit fell into it. */
  readonly arguments: string
  readonly free: boolean
}

/** What is wrong with a request, in the words of its dialect. */
export interface Problem {
  readonly message: string
  readonly param: string | null
  readonly code: string | null
  /** Default: 400. */
  readonly status?: number
}

/** One server-sent event. */
export interface StreamEvent {
  readonly event?: string
  readonly data: string
  /** How many generated tokens it carries: what the pace of the stream is made of. */
  readonly tokens: number
}

/** A complete answer, and the stream that says the same. */
export interface Spoken {
  readonly body: JsonObject
  readonly outputTokens: number
  events(): Iterable<StreamEvent>
  /** What a plain request is told, with status 200, when the model breaks down; undefined: it is refused with 500. */
  readonly failed?: JsonObject
  /** What is sent when the model breaks down in mid-stream, after `sent` events. */
  failure(sent: number): readonly StreamEvent[]
}

/** What a request asks for, apart from its dialect's way of saying so. */
export interface Wishes {
  readonly lastUserText: string
  readonly tools: readonly Tool[]
  readonly toolChoice: 'auto' | 'none' | 'required'
  /** The one tool that must be called. */
  readonly toolNamed?: string
  readonly parallelTools: boolean
  /** The last turn is the result of a tool: the model is to speak, not to call it again. */
  readonly answersTool: boolean
  /** `text`, `json` (any object), or the JSON schema that the answer must match. */
  readonly format: 'text' | 'json' | JsonObject
  readonly reasoning: boolean
  /** The most tokens the answer may have, reasoning included. */
  readonly maxTokens?: number
  readonly stops: readonly string[]
  /** How many choices. */
  readonly choices: number
}

export interface Tool {
  readonly name: string
  /** The JSON schema of its arguments; undefined for a tool that takes free text. */
  readonly schema: Json | undefined
}

/** How exactly a request is looked at. */
export interface Terms {
  /** Fields that the provider does not know are refused, as the real ones do. */
  readonly strict: boolean
  /** The version of the API, where the dialect has such: `2023-06-01`. */
  readonly version: string
}

/** An endpoint at which a model answers. Nothing here keeps state between requests. */
export interface Endpoint {
  readonly name: 'chat' | 'responses' | 'messages'
  /** What is wrong with the body. */
  check(body: JsonObject, terms: Terms): Problem | undefined
  wishes(body: JsonObject): Wishes
  speak(body: JsonObject, completions: readonly Completion[], making: Making): Spoken
}
