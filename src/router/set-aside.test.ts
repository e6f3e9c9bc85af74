import { describe, expect, it } from 'vitest'
import { makeContext } from '../../test/support/ask.ts'
import type { Answer } from '../core/answer.ts'
import { OverBudgetError } from '../core/over-budget-error.ts'
import { simulatedProvider } from '../testing/simulated-provider.ts'
import type { Body } from '../wires/body.ts'
import { openaiChat } from '../wires/openai-chat.ts'
import { WireContent } from '../wires/wire-request.ts'
import { createRouter } from './open.ts'
import type { Router } from './router.ts'

// A token of output costs a thousandth of a dollar, one of input nothing.
const prices = { '*': { input: 0, output: 1000 } }
const words = (count: number): string => Array.from({ length: count }, () => 'word').join(' ')

async function stand(limitUsd: number) {
  let under = 0
  let most = 0
  const provider = await simulatedProvider({
    async answer() {
      most = Math.max(most, ++under)
      await new Promise((resolve) => setTimeout(resolve, 20))
      under -= 1
      return { text: words(100) }
    }
  })
  const router = createRouter({
    providers: { openai: { url: provider.openaiUrl, key: 'sk', prices } },
    budgets: [{ name: 'all', limitUsd }]
  })
  return {
    provider,
    router,
    most: () => most,
    async close() {
      await router.close()
      await provider.close()
    }
  }
}

function ask(router: Router, text: string): Promise<Answer<Body>> {
  const body = { model: 'm', messages: [{ role: 'user', content: text }] }
  const content = new WireContent(openaiChat, Buffer.from(JSON.stringify(body)))
  return router.ask({ content, headers: {} }, makeContext())
}

describe('a budget that many calls of a model of which nothing is known come to at once', () => {
  it('is not exceeded, and used all the same: who does not fit waits for what others give back', async () => {
    const { router, provider, most, close } = await stand(6)
    const asked = await Promise.allSettled(Array.from({ length: 40 }, (_, at) => ask(router, `question ${at}`)))
    expect(asked.filter(({ status }) => status === 'rejected')).toEqual([])
    const [status] = await router.budgets.status()
    const paid = asked.flatMap((one) => (one.status === 'fulfilled' ? (one.value.origin.costUsd ?? 0) : []))
    expect(status?.spentUsd).toBeCloseTo(
      paid.reduce((sum, cost) => sum + cost, 0),
      9
    )
    expect(status?.spentUsd).toBeLessThanOrEqual(6)
    expect(provider.count()).toBe(40)
    // What is expected of the first, more than most need, leaves room for one.
    expect(most()).toBeGreaterThan(1)
    await close()
  })

  it('has room for one where more than a modest answer is left, and for none where less is', async () => {
    const enough = await stand(1.5)
    await ask(enough.router, 'hello')
    expect(enough.provider.count()).toBe(1)
    await enough.close()
    const little = await stand(0.5)
    await expect(ask(little.router, 'hello')).rejects.toBeInstanceOf(OverBudgetError)
    expect(little.provider.count()).toBe(0)
    await little.close()
  })
})
