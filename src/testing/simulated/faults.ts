import type { Json } from '../../core/json.ts'
import type { Spoiling } from './completion.ts'

/**
 * What goes wrong with a request.
 * - `{ status, headers, body }`: refused; without a body, with what the dialect says of such a status.
 * - `hang`: accepted, and never answered.
 * - `cut`, `{ cut: events }`: the connection dies in mid-stream, after 3 or so many events; a plain answer as by `cut-plain`.
 * - `cut-plain`: the connection dies when half of the announced body has been sent; a stream as by `cut`.
 * - `malformed`: 200 with JSON that breaks off; in a stream, one such event among good ones.
 * - `stream-error`: 200, and after 3 events the dialect's error event; plain, a 500 (or, from responses, 200 with status failed).
 * - `truncate`, `filter`, `empty`: an answer that is broken off, filtered, or has no content.
 * - `none`: nothing, so that faults can be given with gaps.
 */
export type Fault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: Json }
  | { readonly cut: number }
  | 'hang'
  | 'cut'
  | 'cut-plain'
  | 'malformed'
  | 'stream-error'
  | Spoiling
  | 'none'

/** After how many events a stream goes wrong. */
export const goodEvents = 3

/** The faults that are still to come, in order. */
export class FaultQueue {
  readonly #next: Fault[] = []
  #every: Fault = 'none'

  add(...faults: readonly (Fault | { readonly every: Fault })[]): void {
    for (const fault of faults) {
      if (typeof fault === 'object' && 'every' in fault) this.#every = fault.every
      else this.#next.push(fault)
    }
  }

  /** The fault that the next request meets. */
  take(): Fault {
    return this.#next.shift() ?? this.#every
  }

  clear(): void {
    this.#next.length = 0
    this.#every = 'none'
  }
}

/** How the fault spoils the answer itself, when it does. */
export function spoilingOf(fault: Fault): Spoiling | undefined {
  return fault === 'truncate' || fault === 'empty' || fault === 'filter' ? fault : undefined
}

/** After how many events the fault breaks a stream off; undefined when it does not. */
export function cutAfter(fault: Fault): number | undefined {
  if (typeof fault === 'object') return 'cut' in fault ? fault.cut : undefined
  return fault === 'cut' || fault === 'cut-plain' ? goodEvents : undefined
}
