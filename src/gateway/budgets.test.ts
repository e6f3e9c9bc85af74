import { describe, expect, it } from 'vitest'
import { adminStand } from '../../test/support/admin-stand.ts'
import type { BudgetStatus } from '../router/budget.ts'
import { budgeting } from './budgets.ts'

const month: BudgetStatus = {
  name: 'team',
  of: 'alice',
  period: 'month',
  limitUsd: 10,
  spentUsd: 0.1 + 0.2,
  reservedUsd: 1e-10,
  remainingUsd: -0.000_000_000_04,
  resetsAtMs: Date.UTC(2030, 1, 1),
  unpriced: 2
}

describe('GET /budgets', () => {
  it('says where each stands, in numbers and times that people read', async () => {
    const { of: _of, resetsAtMs: _resets, ...rest } = month
    const total: BudgetStatus = { ...rest, name: 'all', period: 'total', limitUsd: Number.POSITIVE_INFINITY }
    const status = async (): Promise<readonly BudgetStatus[]> => [month, total]
    const stand = await adminStand([budgeting({ status })])
    const response = await fetch(`${stand.url}/budgets`)
    const shown = {
      name: 'team',
      of: 'alice',
      period: 'month',
      limitUsd: 10,
      spentUsd: 0.3,
      reservedUsd: 0,
      remainingUsd: 0,
      resetsAt: '2030-02-01T00:00:00.000Z',
      unpriced: 2
    }
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.text()).toBe(
      JSON.stringify({
        budgets: [shown, { ...shown, name: 'all', of: null, period: 'total', limitUsd: null, resetsAt: null }]
      })
    )
    await stand.close()
  })

  it('is not to be posted to', async () => {
    const stand = await adminStand([budgeting({ status: async () => [] })])
    expect(await stand.ask('POST', '/budgets')).toMatchObject({
      status: 404,
      body: { code: 'not-found', message: 'expected GET /budgets, got POST /budgets' }
    })
    await stand.close()
  })
})
