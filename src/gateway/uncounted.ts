import type { IncomingMessage } from 'node:http'
import { readControls } from '../doors/controls.ts'
import type { TenantOf } from '../doors/tenant.ts'
import type { Budgets } from '../router/budget.ts'

/** Lets a request pass that the gateway does not read, or rejects. */
export type UncountedGuard = (request: IncomingMessage, path: string, provider: string) => Promise<void> | undefined

/** What only looks, or is free. */
const harmless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS'])
const free: ReadonlySet<string> = new Set(['/messages/count_tokens', '/moderations'])

/**
 * Keeps budgets from being gone round: what is handed to a provider unread, on the operator's account (`onAccount`: the
 * providers that have a key of the operator's), costs what nobody here can tell, and so is treated like a call whose
 * price is not known.
 */
export function uncountedGuard(budgets: Budgets, onAccount: ReadonlySet<string>, tenantOf: TenantOf): UncountedGuard {
  return function check(request, path, provider) {
    if (budgets.isEmpty || !onAccount.has(provider)) return undefined
    const isSocket = request.headers.upgrade !== undefined
    if (!isSocket && (harmless.has(request.method ?? 'GET') || free.has(path))) return undefined
    const { tags } = readControls(request.headers)
    return budgets
      .reserve({ tenant: tenantOf(request.headers), tags, model: undefined }, undefined)
      .then((reservation) => reservation.settle(undefined))
  }
}
