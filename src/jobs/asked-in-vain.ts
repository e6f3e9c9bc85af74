import { AllProvidersFailedError } from '../core/all-providers-failed-error.ts'
import { ProviderError, RepriseError } from '../core/errors.ts'
import { isObject } from '../core/json.ts'
import { retryAfterMs } from '../providers/retry-after.ts'
import type { AskedInVain } from './ask-all.ts'

/**
 * What a call of the library has thrown, as an answer that did not come; undefined for what is no failure of the one
 * call, and has to be thrown: a wrong option, a cache that was closed, a mistake of the program.
 */
export function askedInVain(error: unknown, nowMs: number = Date.now()): AskedInVain | undefined {
  if (error instanceof ProviderError) {
    const { status, headers, body, retryable, provider } = error
    const wait = retryAfterMs(headers, nowMs, status)
    const message = `${provider} answered ${status}: ${messageIn(Buffer.from(body).toString())}`
    return inVain(status, message, retryable, wait, true)
  }
  if (!(error instanceof RepriseError) || endsAll.has(error.code)) return undefined
  const { status, message, retryable, retryAfterMs: wait, code } = error
  // A price that is not known is that of one model, and a request that suits nobody is one request.
  const concernsAll = code !== 'price-unknown' && !(error instanceof AllProvidersFailedError && !retryable)
  return inVain(status, message, retryable || (code === 'over-budget' && wait !== undefined), wait, concernsAll)
}

const endsAll: ReadonlySet<string> = new Set([
  'invalid-option',
  'missing-dependency',
  'store-closed',
  'embedder-closed'
])

function inVain(
  status: number,
  message: string,
  mayPass: boolean,
  wait: number | undefined,
  mayConcernAll: boolean
): AskedInVain {
  return {
    ok: false,
    status,
    message,
    mayPass,
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
    concernsAll: mayConcernAll && (status === 401 || status === 403 || status === 429 || status >= 500)
  }
}

/** What a provider says, without what is around it. */
function messageIn(text: string): string {
  try {
    const value: unknown = JSON.parse(text)
    const error = isObject(value) ? value['error'] : undefined
    if (isObject(error) && typeof error['message'] === 'string') return error['message']
  } catch {
    // Said as it is, below.
  }
  return text.length > 300 ? `${text.slice(0, 300)}...` : text
}
