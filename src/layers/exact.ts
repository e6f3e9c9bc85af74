import type { Answer } from '../core/answer.ts'
import type { Context, Handler, Layer, PeekingHandler } from '../core/handler.ts'
import { keyOf } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'
import type { Mode } from '../core/mode.ts'
import type { Entries } from '../stores/entries.ts'
import type { Entry } from '../stores/entry.ts'
import { answerFrom, isDue, serves, servesInNeed, servesMeanwhile } from './lookup.ts'
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

  /** The answer, when the entry may give it without anybody being asked first. */
  function answerAtOnce(entry: Entry, request: Request, context: Context): Answer<Result> | undefined {
    const at = now()
    if (!serves(entry, context.mode, at) && !servesMeanwhile(entry, context, at)) return undefined
    if (refresher !== undefined && isDue(entry, context, at) && refresher.mayRefresh(entry.key)) {
      refresh(refresher, entry, request, context)
    }
    return hit(entry, context, at)
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
    const { onDelta: _told, spare: _waits, ...asked } = context
    return { ...asked, mode: refreshing, tags: tagsOf(entry), refreshes: entry.storedAtMs, caller, observe }
  }

  /**
   * The tags that the entry was stored with, by which whoever stored it means to find it again; but for those of the old
   * answer's own making. Not those of the request: each that is served would add its own, without end.
   */
  function tagsOf({ tags, body }: Entry): readonly string[] {
    const own = tags.length === 0 ? undefined : kind.tags?.(kind.decode(body))
    return own === undefined ? tags : tags.filter((tag) => !own.includes(tag))
  }

  function hit(entry: Entry, context: Context, at: number): Answer<Result> {
    const answer = answerFrom(entry, kind, at)
    const { savedUsd, stale = false } = answer.origin
    const saved = savedUsd === undefined ? {} : { savedUsd }
    context.observe({ type: 'hit', layer: 'exact', kind: kind.name, key: entry.key, stale, ...saved })
    return answer
  }

  /** Not a hit: the lookup has missed, and said so. */
  function rescued(entry: Entry, context: Context, at: number): Answer<Result> {
    const answer = answerFrom(entry, kind, at)
    const { savedUsd } = answer.origin
    const saved = savedUsd === undefined ? {} : { savedUsd }
    context.observe({ type: 'rescued', layer: 'exact', kind: kind.name, key: entry.key, ...saved })
    return answer
  }

  return {
    name: 'exact',
    peek(request, context) {
      if (context.mode.noCache) return undefined
      const entry = entries.peek(keyOf(kind, request, context.scope))
      return entry === undefined ? undefined : answerAtOnce(entry, request, context)
    },
    wrap(next) {
      below = next
      return async function lookUp(request, context) {
        const key = keyOf(kind, request, context.scope)
        const entry = context.mode.noCache ? undefined : await entries.get(key)
        const known = entry === undefined ? undefined : answerAtOnce(entry, request, context)
        if (known !== undefined) return known

        context.observe({ type: 'miss', layer: 'exact', kind: kind.name, key })
        if (entry === undefined || !servesInNeed(entry, context, now())) return next(request, context)
        return rescue(next, request, { ...context, spare: true }, () => {
          const at = now()
          return isOn() && servesInNeed(entry, context, at) ? rescued(entry, context, at) : undefined
        })
      }
    }
  }
}
