import type { Handler } from '../core/handler.ts'
import type { PriceOf, ProviderHint } from './prices.ts'

/** A handler whose answers say what they cost, as far as the price is known. */
export function priced<Request, Result>(
  handler: Handler<Request, Result>,
  priceOf: PriceOf,
  hint: ProviderHint
): Handler<Request, Result> {
  return async function askPriced(request, context) {
    const { value, origin } = await handler(request, context)
    const { model, usage } = origin
    const costUsd = model === undefined || usage === undefined ? undefined : priceOf(model, usage, hint)
    return { value, origin: costUsd === undefined ? origin : { ...origin, costUsd } }
  }
}
