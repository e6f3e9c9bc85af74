import { describe, expect, it } from 'vitest'
import { AllProvidersFailedError } from '../core/all-providers-failed-error.ts'
import { ProviderError, RepriseError } from '../core/errors.ts'
import { OverBudgetError } from '../core/over-budget-error.ts'
import { askedInVain } from './asked-in-vain.ts'

const spent = { budget: 'b', limitUsd: 1, spentUsd: 1, reservedUsd: 0, estimateUsd: 0.1 }

describe('askedInVain', () => {
  it.each([
    [
      new ProviderError('openai', 429, { 'retry-after': '2' }, Buffer.from('{"error":{"message":"slow down"}}')),
      { status: 429, message: 'openai answered 429: slow down', mayPass: true, retryAfterMs: 2000, concernsAll: true }
    ],
    [
      new ProviderError('openai', 401, {}, Buffer.from('who are you?')),
      { status: 401, message: 'openai answered 401: who are you?', mayPass: false, concernsAll: true }
    ],
    [
      new ProviderError('openai', 400, {}, Buffer.from('{}')),
      { status: 400, message: 'openai answered 400: {}', mayPass: false, concernsAll: false }
    ],
    [
      new RepriseError('price-unknown', 'what is it?'),
      { status: 403, message: 'what is it?', mayPass: false, concernsAll: false }
    ],
    [new RepriseError('provider-timeout', 'slow'), { status: 504, message: 'slow', mayPass: true, concernsAll: true }],
    [
      new AllProvidersFailedError('m', [{ target: 'a/m', reason: 'cannot', final: true }]),
      { status: 502, message: expect.any(String), mayPass: false, concernsAll: false }
    ]
  ])('knows what %s comes to', (error, expected) => {
    expect(askedInVain(error, 0)).toEqual({ ok: false, ...expected })
  })

  it('waits for a budget that begins anew, and for no other', () => {
    expect(askedInVain(new OverBudgetError({ ...spent, resetsAtMs: 5000 }, 0))).toMatchObject({
      mayPass: true,
      retryAfterMs: 5000,
      concernsAll: true
    })
    expect(askedInVain(new OverBudgetError({ ...spent, resetsAtMs: undefined }, 0))).toMatchObject({ mayPass: false })
  })

  it.each([new RepriseError('invalid-option', 'x'), new RepriseError('store-closed', 'x'), new TypeError('x'), 'x'])(
    'leaves %s to be thrown',
    (error) => {
      expect(askedInVain(error)).toBeUndefined()
    }
  )
})
