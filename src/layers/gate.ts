import type { Answer } from '../core/answer.ts'
import type { Handler, Layer } from '../core/handler.ts'
import { type Identifying, keyOf } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'

/**
 * Leads a request that must not be cached around all layers, straight to `last`: because its caller said so
 * (`no-store`), its kind does, or no key can be made of it. Or because its kind is switched off: then the cache is not
 * there, and nobody counts what passes.
 */
export function gate<Request extends object, Result>(
  kind: Kind<Request, Result>,
  last: Handler<Request, Result>,
  isOn: () => boolean = () => true
): Layer<Request, Result> {
  return {
    name: 'gate',
    wrap(next) {
      return async function gateRequest(request, context) {
        if (!isOn()) return asBypassed(await last(request, context), 'switched-off')
        const reason = context.mode.noStore
          ? 'no-store'
          : (kind.bypass(request) ?? unkeyable(kind, request, context.scope))
        if (reason === undefined) return next(request, context)
        context.observe({ type: 'bypass', layer: 'exact', kind: kind.name, reason })
        return asBypassed(await last(request, context), reason)
      }
    }
  }
}

function asBypassed<Result>({ value, origin }: Answer<Result>, bypass: string): Answer<Result> {
  return { value, origin: { ...origin, bypass, stored: false } }
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
