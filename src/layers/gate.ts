import type { Answer } from '../core/answer.ts'
import type { Context, Handler, Layer } from '../core/handler.ts'
import { type Identifying, keyOf } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'
import { notInCache } from './not-in-cache.ts'

/**
 * Leads a request that must not be cached around all layers, straight to `last`: because its caller said so
 * (`no-store`), its kind does, or no key can be made of it. Or because its kind is switched off: then the cache is not
 * there, and nobody counts what passes. A request that allows no answer but the cache's has none in either case.
 */
export function gate<Request extends object, Result>(
  kind: Kind<Request, Result>,
  last: Handler<Request, Result>,
  isOn: (name: string) => boolean = () => true
): Layer<Request, Result> {
  async function leadAround(request: Request, context: Context, bypass: string): Promise<Answer<Result>> {
    if (context.mode.onlyIfCached) throw notInCache(bypass)
    const { value, origin } = await last(request, telling(bypass, context))
    return { value, origin: { ...origin, bypass, stored: false } }
  }

  return {
    name: 'gate',
    wrap(next) {
      return async function gateRequest(request, context) {
        if (!isOn(kind.name)) return leadAround(request, context, 'switched-off')
        const reason = context.mode.noStore
          ? 'no-store'
          : (kind.bypass(request) ?? unkeyable(kind, request, context.scope))
        if (reason === undefined) return next(request, context)
        if (isOn('exact')) {
          context.observe({ type: 'looked-up', layer: 'exact', kind: kind.name })
          context.observe({ type: 'bypass', layer: 'exact', kind: kind.name, reason })
        }
        return leadAround(request, context, reason)
      }
    }
  }
}

/** Whoever hears a stream is told with its first event, and not by the answer only. */
function telling(bypass: string, context: Context): Context {
  const { onDelta } = context
  if (onDelta === undefined) return context
  let begun = false
  return {
    ...context,
    onDelta(delta) {
      onDelta(begun ? delta : { ...delta, bypass })
      begun = true
    }
  }
}

function unkeyable<Request extends object>(
  kind: Identifying<Request>,
  request: Request,
  scope: readonly string[]
): string | undefined {
  try {
    keyOf(kind, request, scope)
    return undefined
  } catch (error) {
    // A value nested deeper than the stack can walk. The provider may still take it.
    if (error instanceof RangeError) return 'too-deep'
    throw error
  }
}
