import type { Dispatcher } from 'undici'
import type { Handler } from '../core/handler.ts'
import type { Body } from '../wires/body.ts'
import type { WireRequest } from '../wires/wire-request.ts'

/** A provider at an address: a connection pool, and a handler at the end of the chain. */
export interface Provider {
  readonly name: string
  readonly baseUrl: string
  /** Whose prices it has where its address is not known: `openai`, `anthropic`, or its own name. */
  readonly pricesOf: string
  /** The names of the wires that it speaks. */
  readonly wires: readonly string[]
  readonly ask: Handler<WireRequest, Body>
  /** Sends anything to a path below the base URL, and hands the response over as it comes. */
  forward(path: string, options: ForwardOptions): Promise<Dispatcher.ResponseData>
  /** A caller's headers as this provider gets them: with the operator's credential, and the caller's only where that is meant. */
  withCredential(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>>
  /** The whole address of a path below the base URL: with the parameters that this provider wants, and the caller's credential among them only where that is meant. */
  urlOf(path: string): string
  close(): Promise<void>
}

export interface ForwardOptions {
  readonly method: Dispatcher.HttpMethod
  readonly headers: Readonly<Record<string, string>>
  readonly body: Dispatcher.DispatchOptions['body']
  readonly signal: AbortSignal
}
