import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { BudgetStatus } from '../router/budget.ts'
import { answerBudgets } from './budgets.ts'

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
    const server = createServer((request, response) => {
      answerBudgets({ status }, request, response, request.url ?? '').catch(() => response.destroy())
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/budgets`)
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
    server.close()
  })

  it.each([
    ['POST', '/budgets'],
    ['GET', '/budgets/team']
  ])('is not %s %s', async (method, path) => {
    const status = async (): Promise<readonly BudgetStatus[]> => []
    const request = { method } as IncomingMessage
    await expect(answerBudgets({ status }, request, {} as ServerResponse, path)).rejects.toMatchObject({
      code: 'not-found',
      message: `expected GET /budgets, got ${method} ${path}`
    })
  })
})
