import type { Answer } from '../../src/core/answer.ts'
import type { Event } from '../../src/core/events.ts'
import type { Context, Delta, Handler, Layer } from '../../src/core/handler.ts'
import type { Kind } from '../../src/core/kind.ts'
import { defaultMode } from '../../src/core/mode.ts'

/** A kind of plain texts, so that the flow can be tested without a wire. An answer of `''` is not fit to be stored. */
export const textKind: Kind<{ text: string }, string> = {
  name: 'text',
  identity: ({ text }) => text,
  bypass: ({ text }) => (text.startsWith('volatile') ? 'volatile' : undefined),
  model: () => undefined,
  storable: (result) => result !== '',
  usage: () => undefined,
  encode: (result) => Buffer.from(result),
  decode: (bytes) => Buffer.from(bytes).toString()
}

/** A context as a door would make it, and what was observed through it. */
export function makeContext(
  own: Partial<Context> = {}
): Context & { readonly events: Event[]; readonly deltas: Delta[] } {
  const events: Event[] = []
  const deltas: Delta[] = []
  return {
    scope: [],
    mode: defaultMode,
    tags: [],
    caller: new AbortController(),
    observe: (event) => events.push(event),
    ...own,
    events,
    deltas
  }
}

/** A provider whose answers the test gives by hand, in the order they were asked. */
export class HandProvider {
  readonly asked: { text: string; context: Context; answer(value: string): void; fail(error: Error): void }[] = []

  readonly ask: Handler<{ text: string }, string> = ({ text }, context) =>
    new Promise<Answer<string>>((resolve, reject) => {
      context.caller.signal.addEventListener('abort', () => reject(context.caller.signal.reason))
      this.asked.push({
        text,
        context,
        answer: (value) => resolve({ value, origin: { layer: 'provider', provider: 'hand', costUsd: 0.5 } }),
        fail: reject
      })
    })
}

/** Lets everything happen that can happen without time passing. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** One layer before one handler. */
export function stand<Request, Result>(
  layer: Layer<Request, Result>,
  last: Handler<Request, Result>
): Handler<Request, Result> {
  return layer.wrap(last)
}

/** What single flight asks of entries of which none is ever stored, nor invalidated. */
export const neverInvalidated = {
  mark: async () => 1,
  invalidations: 0,
  isInvalidated: async () => false,
  get: async () => undefined,
  claim: async () => undefined
}
