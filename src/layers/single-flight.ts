import type { Answer } from '../core/answer.ts'
import { RepriseError } from '../core/errors.ts'
import type { Context, Delta, Layer } from '../core/handler.ts'
import { keyOf } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'
import { modeText } from '../core/mode.ts'

/**
 * Lets identical requests that are in flight at the same time share one call.
 * Nobody owns the call: it goes on while one passenger is left, and is aborted when the last has gone.
 * A passenger who comes late to a stream gets what has been said so far, and streams along from there.
 */
export function singleFlight<Request extends object, Result>(kind: Kind<Request, Result>): Layer<Request, Result> {
  const flights = new Map<string, Flight<Result>>()
  return {
    name: 'single-flight',
    wrap(next) {
      return function shareCall(request: Request, context: Context): Promise<Answer<Result>> {
        const key = keyOf(kind, request, context.scope)
        const id = key + modeText(context.mode)
        let flight = flights.get(id)
        if (flight === undefined) {
          const started: Flight<Result> = new Flight(
            context,
            (own) => next(request, own),
            () => {
              if (flights.get(id) === started) flights.delete(id)
            }
          )
          flight = started
          flights.set(id, flight)
          return flight.board(context)
        }
        context.observe({ type: 'joined', layer: 'single-flight', kind: kind.name, key })
        const joined = flight.board(context).then(asJoined)
        // A stream that could not be gathered is of no use to one who wants the whole; the streaming ones have had it.
        if (context.onDelta !== undefined || !flight.streams) return joined
        return joined.catch((error: unknown) => {
          if (error instanceof RepriseError && error.code === 'provider-malformed') return shareCall(request, context)
          throw error
        })
      }
    }
  }
}

/** One call and all who wait for it. */
class Flight<Result> {
  readonly streams: boolean
  readonly #passengers = new Set<Passenger<Result>>()
  readonly #deltas: Delta[] = []
  readonly #leave: () => void
  #controller: AbortController | undefined
  #watching = false

  /** Starts the call. `leave` is called once, when nobody may board any more. */
  constructor(first: Context, call: (context: Context) => Promise<Answer<Result>>, leave: () => void) {
    this.streams = first.onDelta !== undefined
    this.#leave = leave
    // A tick later, so that the one who starts the call has boarded before it can end.
    queueMicrotask(() => {
      call(this.#contextOf(first)).then(
        (answer) => this.#land((passenger) => passenger.resolve(answer)),
        (error: unknown) => this.#land((passenger) => passenger.reject(error))
      )
    })
    // Whoever is still aboard by then will be for a while: from now on it matters when they leave.
    // A hit has landed before, and is spared the listeners.
    setImmediate(() => {
      for (const passenger of this.#passengers) this.#watch(passenger)
      this.#watching = true
    })
  }

  /** The call's own context: made as the first passenger asked, ended by none of them alone. */
  #contextOf({ scope, mode, tags, ttlMs, observe }: Context): Context {
    const flight = this
    return {
      scope,
      mode,
      tags,
      observe,
      get signal() {
        flight.#controller ??= new AbortController()
        return flight.#controller.signal
      },
      ...(ttlMs === undefined ? {} : { ttlMs }),
      ...(this.streams ? { onDelta: (delta: Delta) => this.#tell(delta) } : {})
    }
  }

  board(context: Context): Promise<Answer<Result>> {
    return new Promise((resolve, reject) => {
      const passenger: Passenger<Result> = { context, resolve, reject, land: undefined }
      this.#passengers.add(passenger)
      for (const delta of this.#deltas) tellOne(passenger, delta)
      if (this.#watching) this.#watch(passenger)
    })
  }

  #watch(passenger: Passenger<Result>): void {
    const { signal } = passenger.context
    const leaveEarly = (): void =>
      this.#disembark(passenger, new RepriseError('aborted', 'the caller has gone', { cause: signal.reason }))
    if (signal.aborted) {
      leaveEarly()
      return
    }
    signal.addEventListener('abort', leaveEarly, { once: true })
    passenger.land = () => signal.removeEventListener('abort', leaveEarly)
  }

  #tell(delta: Delta): void {
    this.#deltas.push(delta)
    for (const passenger of this.#passengers) tellOne(passenger, delta)
  }

  #disembark(passenger: Passenger<Result>, reason: Error): void {
    if (!this.#passengers.delete(passenger)) return
    passenger.land?.()
    passenger.reject(reason)
    if (this.#passengers.size > 0) return
    this.#leave()
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }

  #land(settle: (passenger: Passenger<Result>) => void): void {
    this.#leave()
    for (const passenger of this.#passengers) {
      passenger.land?.()
      settle(passenger)
    }
    this.#passengers.clear()
  }
}

interface Passenger<Result> {
  readonly context: Context
  readonly resolve: (answer: Answer<Result>) => void
  readonly reject: (error: unknown) => void
  /** Takes the passenger's listener away, once there is one. */
  land: (() => void) | undefined
}

/** One passenger's trouble with a delta must not reach the others. */
function tellOne({ context, reject }: Pick<Passenger<never>, 'context' | 'reject'>, delta: Delta): void {
  try {
    context.onDelta?.(delta)
  } catch (error) {
    reject(error)
  }
}

/** What the call cost was paid once: for those who joined it is saved. */
function asJoined<Result>({ value, origin: { costUsd, ...origin } }: Answer<Result>): Answer<Result> {
  return { value, origin: { ...origin, joined: true, ...(costUsd === undefined ? {} : { savedUsd: costUsd }) } }
}
