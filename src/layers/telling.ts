import type { Answer, Origin } from '../core/answer.ts'
import type { Answered, Outcome } from '../core/events.ts'
import type { Context, PeekingHandler, Timing } from '../core/handler.ts'
import type { Kind } from '../core/kind.ts'

export interface TellingOptions {
  /** Whether the kind is there: what is switched off is not told of. */
  readonly isOn: () => boolean
  /** Tells the callers' words too. Default: false. */
  readonly texts?: boolean
}

/** Tells what has become of each request, once: `answered`. */
export function telling<Request extends object, Result>(
  kind: Kind<Request, Result>,
  handler: PeekingHandler<Request, Result>,
  { isOn, texts = false }: TellingOptions
): PeekingHandler<Request, Result> {
  function tell(
    request: Request,
    context: Context,
    tookMs: number,
    outcome: Outcome,
    origin: Origin | undefined,
    error?: unknown
  ): void {
    const answered: Answered = {
      type: 'answered',
      kind: kind.name,
      model: kind.model(request),
      outcome,
      layer: origin?.layer,
      tookMs,
      tags: context.tags,
      tenant: context.tenant,
      origin,
      error
    }
    const text = texts ? kind.likeness?.(request)?.text : undefined
    context.observe(text === undefined ? answered : { ...answered, text })
  }

  /** One for all: nothing else happens while something is peeked at. */
  const timing: Timing = { tookMs: 0 }

  async function handle(request: Request, context: Context): Promise<Answer<Result>> {
    if (!isOn()) return handler(request, context)
    const startedMs = performance.now()
    let answer: Answer<Result>
    try {
      answer = await handler(request, context)
    } catch (error) {
      tell(request, context, performance.now() - startedMs, 'failed', undefined, error)
      throw error
    }
    tell(request, context, performance.now() - startedMs, outcomeOf(answer.origin), answer.origin)
    return answer
  }

  return Object.assign(handle, {
    peek(request: Request, context: Context): Answer<Result> | undefined {
      timing.tookMs = 0
      const answer = handler.peek(request, context, timing)
      if (answer !== undefined) tell(request, context, timing.tookMs, 'hit', answer.origin)
      return answer
    }
  })
}

function outcomeOf({ bypass, rescued, layer, joined }: Origin): Outcome {
  if (bypass !== undefined) return 'bypass'
  if (rescued) return 'rescued'
  if (joined) return 'joined'
  return layer === 'provider' ? 'miss' : 'hit'
}
