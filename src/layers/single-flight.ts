import type { Answer } from '../core/answer.ts'
import { RepriseError } from '../core/errors.ts'
import type { Context, Delta, Layer } from '../core/handler.ts'
import { keyOf } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'
import { modeText } from '../core/mode.ts'
import type { Entries } from '../stores/entries.ts'
import { readAnswer, serves } from './lookup.ts'

/**
 * Lets identical requests that are in flight at the same time share one call.
 * Nobody owns the call: it goes on while one passenger is left, and is aborted when the last has gone.
 * A passenger who comes late to a stream gets what has been said so far, and streams along from there.
 */
export function singleFlight<Request extends object, Result>(
  kind: Kind<Request, Result>,
  entries: Pick<Entries, 'mark' | 'invalidations' | 'isInvalidated' | 'get' | 'claim'>
): Layer<Request, Result> {
  const flights = new Map<string, Flight<Result>>()

  /**
   * Whether one whose request came later may share a call. Not when what it answers has been invalidated after it began:
   * nobody who asks after that may get its answer.
   */
  async function mayShare(flight: Flight<Result>, key: string, { tags }: Context): Promise<boolean> {
    // Which tags of its own the answer will have nobody knows yet.
    const hasOwnTags = kind.tags !== undefined
    return !(await entries.isInvalidated(flight.mark, key, [...flight.tags, ...tags], hasOwnTags))
  }

  /**
   * What a shared call has found in the store was not made for the call: whether it may answer others too each finds out
   * for himself. Undefined when it may not, or has gone.
   */
  async function lookUp(key: string, { tags, mode, observe }: Context): Promise<Answer<Result> | undefined> {
    const entry = await entries.get(key)
    const its = entry && (await entries.claim(entry, tags))
    const now = Date.now()
    return its !== undefined && serves(its, mode, now) ? readAnswer(its, kind, now, observe) : undefined
  }

  /** Whether nothing at all has been invalidated between a flight's beginning and the request with that mark. */
  function isOfSameMark(flight: Flight<Result>, mark: number | undefined): boolean {
    // While the store does not say, at least what this process has invalidated is known.
    return flight.mark === mark && (mark !== undefined || flight.invalidations === entries.invalidations)
  }

  return {
    name: 'single-flight',
    wrap(next) {
      function start(id: string, request: Request, context: Context): Flight<Result> {
        const flight: Flight<Result> = new Flight(
          context,
          entries.invalidations,
          (own) => next(request, own),
          () => {
            if (flights.get(id) === flight) flights.delete(id)
          }
        )
        flights.set(id, flight)
        return flight
      }

      async function ride(
        flight: Flight<Result>,
        key: string,
        request: Request,
        context: Context,
        asked: Context
      ): Promise<Answer<Result>> {
        context.observe({ type: 'joined', layer: 'single-flight', kind: kind.name, key })
        let answer: Answer<Result>
        try {
          answer = await flight.board(context)
        } catch (error) {
          // A stream that could not be gathered is of no use to one who wants the whole; the streaming ones have had it.
          const isOthers = error instanceof RepriseError && error.code === 'provider-malformed'
          if (isOthers && flight.streams && context.onDelta === undefined) return shareCall(request, asked)
          throw error
        }
        if (answer.origin.layer !== 'provider') return (await lookUp(key, context)) ?? shareCall(request, asked)
        // What has answered a request goes with its tags.
        if (answer.origin.stored && !context.tags.every((tag) => flight.tags.includes(tag))) await lookUp(key, context)
        return asJoined(answer)
      }

      async function shareCall(request: Request, asked: Context): Promise<Answer<Result>> {
        const key = keyOf(kind, request, asked.scope)
        const id = key + modeText(asked.mode)
        const mark = asked.mark ?? (await entries.mark())
        const context = mark === undefined ? asked : { ...asked, mark }
        let flight = flights.get(id)
        // Nothing is waited for between the last look and boarding: else two would begin, or one board what has landed.
        while (flight !== undefined && !isOfSameMark(flight, mark)) {
          const may = await mayShare(flight, key, context)
          if (flights.get(id) === flight) {
            if (may) break
            flights.delete(id)
          }
          flight = flights.get(id)
        }
        if (flight === undefined) return start(id, request, context).board(context)
        return ride(flight, key, request, context, asked)
      }

      return shareCall
    }
  }
}

/** One call and all who wait for it. */
class Flight<Result> {
  readonly streams: boolean
  /** The store's mark before it began; undefined when the store could not say. */
  readonly mark: number | undefined
  /** How many invalidations of this process had ended by then. */
  readonly invalidations: number
  /** What its answer is stored with, beside tags of its own. */
  readonly tags: readonly string[]
  readonly #passengers = new Set<Passenger<Result>>()
  readonly #deltas: Delta[] = []
  readonly #controller = new AbortController()
  readonly #leave: () => void

  /** Starts the call. `leave` is called when nobody may board any more. */
  constructor(
    first: Context,
    invalidations: number,
    call: (context: Context) => Promise<Answer<Result>>,
    leave: () => void
  ) {
    this.streams = first.onDelta !== undefined
    this.mark = first.mark
    this.invalidations = invalidations
    this.tags = first.tags
    this.#leave = leave
    const own: Context = { ...first, caller: this.#controller }
    // Settles at the earliest when whoever started the call has boarded: a promise's callbacks never run at once.
    call(this.streams ? { ...own, onDelta: (delta) => this.#tell(delta) } : own).then(
      (answer) => this.#land((passenger) => passenger.resolve(answer)),
      (error: unknown) => this.#land((passenger) => passenger.reject(error))
    )
  }

  board({ caller: { signal }, onDelta }: Context): Promise<Answer<Result>> {
    return new Promise((resolve, reject) => {
      const leaveEarly = (): void =>
        this.#disembark(passenger, new RepriseError('aborted', 'the caller has gone', { cause: signal.reason }))
      const passenger: Passenger<Result> = {
        resolve,
        reject,
        onDelta,
        land: () => signal.removeEventListener('abort', leaveEarly)
      }
      this.#passengers.add(passenger)
      if (signal.aborted) {
        leaveEarly()
        return
      }
      signal.addEventListener('abort', leaveEarly, { once: true })
      for (const delta of this.#deltas) tellOne(passenger, delta)
    })
  }

  #tell(delta: Delta): void {
    this.#deltas.push(delta)
    for (const passenger of this.#passengers) tellOne(passenger, delta)
  }

  #disembark(passenger: Passenger<Result>, reason: Error): void {
    if (!this.#passengers.delete(passenger)) return
    passenger.land()
    passenger.reject(reason)
    if (this.#passengers.size > 0) return
    this.#leave()
    this.#controller.abort(reason)
  }

  #land(settle: (passenger: Passenger<Result>) => void): void {
    this.#leave()
    for (const passenger of this.#passengers) {
      passenger.land()
      settle(passenger)
    }
    this.#passengers.clear()
  }
}

interface Passenger<Result> {
  readonly resolve: (answer: Answer<Result>) => void
  readonly reject: (error: unknown) => void
  readonly onDelta: ((delta: Delta) => void) | undefined
  /** Takes the passenger's listener away. */
  readonly land: () => void
}

/** One passenger's trouble with a delta must not reach the others. */
function tellOne({ onDelta, reject }: Pick<Passenger<never>, 'onDelta' | 'reject'>, delta: Delta): void {
  try {
    onDelta?.(delta)
  } catch (error) {
    reject(error)
  }
}

/** What the call cost was paid once: for those who joined it is saved. */
function asJoined<Result>({ value, origin: { costUsd, ...origin } }: Answer<Result>): Answer<Result> {
  return { value, origin: { ...origin, joined: true, ...(costUsd === undefined ? {} : { savedUsd: costUsd }) } }
}
