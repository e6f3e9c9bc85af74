import type { Answer } from '../core/answer.ts'
import type { Batching, Doubtful } from '../core/batching.ts'
import { RepriseError } from '../core/errors.ts'
import type { Observe } from '../core/events.ts'
import type { Caller, Context, Handler } from '../core/handler.ts'
import { defaultMode } from '../core/mode.ts'

/** How long the first waits, in milliseconds, and how many do not wait any longer. */
export interface BatchLimits {
  readonly windowMs: number
  readonly size: number
}

export interface BatchListener {
  /** Nobody may join any more; perhaps called again. */
  closed(): void
  /** They have been asked together; whether that has spared a call. Not called when all have left. */
  ended(isOfUse: boolean): void
}

/**
 * Requests of one group: they wait to be asked together, are asked, and each gets what belongs to it. Whoever leaves is
 * answered at once, and nobody else hears of it; the call is aborted when the last one has left, never before.
 * The timer keeps the process alive: there is always somebody who waits for it.
 */
export class BatchWindow<Request, Result> {
  readonly #kind: string
  readonly #batching: Batching<Request, Result>
  readonly #next: Handler<Request, Result>
  readonly #size: number
  readonly #listener: BatchListener
  /** Those who still wait for their answer, in the order in which they came. */
  readonly #members = new Set<Member<Request, Result>>()
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(
    kind: string,
    batching: Batching<Request, Result>,
    next: Handler<Request, Result>,
    { windowMs, size }: BatchLimits,
    listener: BatchListener
  ) {
    this.#kind = kind
    this.#batching = batching
    this.#next = next
    this.#size = size
    this.#listener = listener
    this.#timer = setTimeout(() => this.#go(), windowMs)
  }

  /** Joins those who wait, with a caller who has not gone. */
  join(request: Request, context: Context): Promise<Answer<Result>> {
    return new Promise((resolve, reject) => {
      const { signal } = context.caller
      const leave = (): void => this.#leave(member, gone(signal))
      const member: Member<Request, Result> = {
        request,
        context,
        resolve,
        reject,
        land: () => signal.removeEventListener('abort', leave)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#members.add(member)
      if (this.#members.size === this.#size) this.#go()
    })
  }

  #leave(member: Member<Request, Result>, reason: RepriseError): void {
    if (!this.#land(member, () => member.reject(reason)) || this.#members.size > 0) return
    this.#close()
    this.#controller.abort(reason)
  }

  #go(): void {
    this.#close()
    const [first, ...others] = this.#members
    if (first === undefined) return
    if (others.length === 0) this.#askAlone(first)
    else this.#askTogether([first, ...others]).catch((error: unknown) => this.#fail(error))
  }

  async #askTogether(members: Several<Member<Request, Result>>): Promise<void> {
    const [{ context: first }] = members
    const combined = this.#attempt('combine', first, () =>
      this.#batching.combine(members.map(({ request }) => request))
    )
    if (combined === undefined) {
      for (const member of members) this.#askAlone(member)
      return
    }
    const answer = await this.#call(combined.request, members)
    const parts = answer && this.#attempt('split', first, () => combined.split(answer))
    const alone: [member: Member<Request, Result>, wastedUsd: number | undefined][] = []
    let told = 0
    const reasons = new Set<string>()
    for (const [place, member] of members.entries()) {
      if (!this.#members.has(member)) continue
      const part = parts === undefined ? failed : (parts[place] ?? missing)
      if ('answer' in part) {
        const { value, origin } = part.answer
        told += 1
        this.#land(member, () => member.resolve({ value, origin: { ...origin, batched: members.length } }))
      } else {
        reasons.add(part.doubt)
        alone.push([member, part.costUsd])
      }
    }
    const { length: size } = members
    // With one who was told and others who are asked again it has only made the others wait.
    if (told + alone.length > 0) this.#listener.ended(told > 1 || alone.length === 0)
    first.observe({
      type: 'batched',
      layer: 'batch',
      kind: this.#kind,
      size,
      alone: alone.length,
      reasons: [...reasons]
    })
    for (const [member, wastedUsd] of alone) this.#askAlone(member, wastedUsd)
  }

  /** What is said to all of them; undefined when nobody said anything. */
  async #call(request: Request, members: Several<Member<Request, Result>>): Promise<Answer<Result> | undefined> {
    try {
      return await this.#next(request, contextOf(members, this.#controller))
    } catch {
      // It has been told of below, and each of them finds out whether it is true of himself.
      return undefined
    }
  }

  /** As if there had been no others, but for what was spent in vain. */
  async #askAlone(member: Member<Request, Result>, wastedUsd?: number): Promise<void> {
    if (!this.#members.has(member)) return
    try {
      const answer = await this.#next(member.request, member.context)
      const { value, origin } = answer
      this.#land(member, () =>
        member.resolve(wastedUsd === undefined ? answer : { value, origin: { ...origin, wastedUsd } })
      )
    } catch (error) {
      this.#land(member, () => member.reject(error))
    }
  }

  /** Neither combining nor splitting throws. If it does, nobody must suffer from it. */
  #attempt<Outcome>(operation: string, { observe }: Context, run: () => Outcome): Outcome | undefined {
    try {
      return run()
    } catch (error) {
      tellFailed(this.#kind, operation, error, observe)
      return undefined
    }
  }

  /** An observer has thrown, which it must not: nobody is left waiting for it. */
  #fail(error: unknown): void {
    for (const member of this.#members) this.#land(member, () => member.reject(error))
  }

  /** Once for each member: whoever has left has been told so. */
  #land(member: Member<Request, Result>, settle: () => void): boolean {
    if (!this.#members.delete(member)) return false
    member.land()
    settle()
    return true
  }

  #close(): void {
    clearTimeout(this.#timer)
    this.#listener.closed()
  }
}

interface Member<Request, Result> {
  readonly request: Request
  readonly context: Context
  readonly resolve: (answer: Answer<Result>) => void
  readonly reject: (error: unknown) => void
  /** Takes the member's listener away. */
  readonly land: () => void
}

type Several<Item> = readonly [Item, ...Item[]]

const failed: Doubtful = { doubt: 'failed' }
const missing: Doubtful = { doubt: 'missing' }

/** What one is told whose caller has gone. */
export function gone({ reason: cause }: AbortSignal): RepriseError {
  return new RepriseError('aborted', 'the caller has gone', { cause })
}

/** Tells of what a batching has thrown. */
export function tellFailed(kind: string, operation: string, thrown: unknown, observe: Observe): void {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  observe({ type: 'failed', part: 'batch', operation, error, kind })
}

/**
 * A context of the call's own. What happens on its way is told to the first of them only: it happens once, and whoever
 * counts it listens to all of them.
 */
function contextOf<Request, Result>(members: Several<Member<Request, Result>>, caller: Caller): Context {
  const [{ context }] = members
  const { scope, tenant, spare, observe } = context
  return {
    scope,
    mode: defaultMode,
    tags: [...new Set(members.flatMap(({ context: { tags } }) => tags))],
    caller,
    observe,
    ...(tenant === undefined ? {} : { tenant }),
    ...(spare === undefined ? {} : { spare })
  }
}
