import type { Answer } from '../core/answer.ts'
import { ignore } from '../core/events.ts'
import type { Context, Handler, Layer, PeekingHandler } from '../core/handler.ts'
import { keyOf } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'
import type { Mode } from '../core/mode.ts'
import type { Entries } from '../stores/entries.ts'
import type { Entry } from '../stores/entry.ts'
import { isDue, readAnswer, serves, servesInNeed, servesMeanwhile } from './lookup.ts'
import type { BackgroundCaller, Refresher } from './refresher.ts'
import { rescue } from './rescue.ts'

export interface ExactOptions {
  /** Asks anew for what is due. Default: nobody does. */
  readonly refresher?: Refresher
  /** Whether an older answer may still be served when everything below has failed, which may be long after. Default: yes. */
  readonly isOn?: () => boolean
  readonly now?: () => number
}

/** Past what is stored, and into it. */
const refreshing: Mode = Object.freeze({ noCache: true })

/**
 * Answers an identical request from the store: with an entry that is fresh, or with one that is stale and asked anew
 * meanwhile. When everything below fails, an entry that is stale and within its grace answers all the same. What is new
 * is stored further down, by `keep`.
 */
export function exact<Request extends object, Result>(
  kind: Kind<Request, Result>,
  entries: Entries,
  { refresher, isOn = () => true, now = Date.now }: ExactOptions = {}
): Layer<Request, Result> & Pick<PeekingHandler<Request, Result>, 'peek'> {
  /** Whom an entry is asked anew of; known when the layer stands before somebody. */
  let below: Handler<Request, Result> | undefined

  /** Whether the entry may answer without anybody being asked first. */
  function mayAnswer(entry: Entry, context: Context, at: number): boolean {
    return serves(entry, context.mode, at) || servesMeanwhile(entry, context, at)
  }

  /** A hit: asks for the entry anew behind the caller's back where that is due. */
  function serve(
    answer: Answer<Result>,
    entry: Entry,
    request: Request,
    context: Context,
    at: number,
    tookMs: number
  ): Answer<Result> {
    if (refresher !== undefined && isDue(entry, context, at) && refresher.mayRefresh(entry.key)) {
      refresh(refresher, entry, request, context)
    }
    const { key } = entry
    const { savedUsd, stale = false } = answer.origin
    context.observe(
      savedUsd === undefined
        ? { type: 'hit', layer: 'exact', kind: kind.name, key, stale, tookMs }
        : { type: 'hit', layer: 'exact', kind: kind.name, key, stale, tookMs, savedUsd }
    )
    return answer
  }

  // A function of its own, so that a hit with nothing to ask for makes no closure.
  function refresh(by: Refresher, entry: Entry, request: Request, context: Context): void {
    const ask = below
    // What its caller does not want stored would be asked for in vain.
    if (ask === undefined || context.ttlMs === 0) return
    by.refresh(entry, (background) => ask(request, backgroundContext(entry, context, background)))
  }

  /** As the request would be made, but for whom, and how. */
  function backgroundContext(entry: Entry, context: Context, { caller, observe }: BackgroundCaller): Context {
    // Not its `spare`: nobody waits. Not its `onDelta`: whoever it told has had another answer.
    // Not its `mark`: it is asked later than it was looked up.
    const { onDelta: _told, spare: _waits, mark: _before, ...asked } = context
    return { ...asked, mode: refreshing, tags: tagsOf(entry), caller, observe }
  }

  /**
   * The tags that the entry was stored with, by which whoever stored it means to find it again; but for those of the old
   * answer's own making. Not those of the request: each that is served would add its own, without end.
   */
  function tagsOf({ tags, body }: Entry): readonly string[] {
    const own = tags.length === 0 ? undefined : kind.tags?.(kind.decode(body))
    return own === undefined ? tags : tags.filter((tag) => !own.includes(tag))
  }

  /** Not a hit: the lookup has missed, and said so. */
  function rescued(entry: Entry, context: Context, at: number): Answer<Result> | undefined {
    const answer = readAnswer(entry, kind, at, context.observe)
    if (answer === undefined) return undefined
    const { savedUsd } = answer.origin
    const saved = savedUsd === undefined ? {} : { savedUsd }
    context.observe({ type: 'rescued', layer: 'exact', kind: kind.name, key: entry.key, ...saved })
    return { value: answer.value, origin: { ...answer.origin, rescued: true } }
  }

  /** What the entry may still do for the request when everything below has failed, unless it has gone meanwhile. */
  async function inNeed({ key }: Entry, context: Context): Promise<Answer<Result> | undefined> {
    if (!isOn()) return undefined
    const entry = await entries.get(key)
    const its = entry && (await entries.claim(entry, context.tags))
    const at = now()
    return its !== undefined && servesInNeed(its, context, at) ? rescued(its, context, at) : undefined
  }

  return {
    name: 'exact',
    peek(request, context, timing) {
      if (context.mode.noCache) return undefined
      const startedMs = performance.now()
      const at = now()
      const entry = entries.peek(keyOf(kind, request, context.scope), at)
      if (entry === undefined || !bears(entry, context.tags)) return undefined
      if (!mayAnswer(entry, context, at)) return undefined
      // One that cannot be read is told of on the long way.
      const answer = readAnswer(entry, kind, at, ignore)
      if (answer === undefined) return undefined
      const tookMs = performance.now() - startedMs
      if (timing !== undefined) timing.tookMs = tookMs
      context.observe({ type: 'looked-up', layer: 'exact', kind: kind.name })
      return serve(answer, entry, request, context, at, tookMs)
    },
    wrap(next) {
      below = next
      return async function lookUp(request, context) {
        const startedMs = performance.now()
        const { tags, mode } = context
        context.observe({ type: 'looked-up', layer: 'exact', kind: kind.name })
        if (mode.noCache) {
          context.observe({ type: 'bypass', layer: 'exact', kind: kind.name, reason: 'no-cache' })
          return next(request, context)
        }
        const key = keyOf(kind, request, context.scope)
        // What need not be waited for is had without a promise, a timer and a turn.
        const peeked = entries.peek(key)
        const found = peeked ?? (await entries.get(key))
        const entry = found === undefined || bears(found, tags) ? found : await entries.claim(found, tags)
        const at = now()
        if (entry !== undefined && mayAnswer(entry, context, at)) {
          const answer = readAnswer(entry, kind, at, context.observe)
          if (answer !== undefined) return serve(answer, entry, request, context, at, performance.now() - startedMs)
        }
        context.observe({ type: 'miss', layer: 'exact', kind: kind.name, key, tookMs: performance.now() - startedMs })
        if (entry === undefined || !servesInNeed(entry, context, now())) return next(request, context)
        return rescue(next, request, { ...context, spare: true }, () => inNeed(entry, context))
      }
    }
  }
}

/** Whether the entry goes with all of these tags. */
function bears(entry: Entry, tags: readonly string[]): boolean {
  for (const tag of tags) if (!entry.tags.includes(tag)) return false
  return true
}
