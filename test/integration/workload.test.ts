import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { prompts, type Request } from '../../examples/demo/prompts.ts'
import { type Step, workload } from '../../examples/demo/workload.ts'
import { simulatedProvider } from '../../src/testing/simulated-provider.ts'

function identity({ endpoint, body }: Request): string {
  return JSON.stringify([endpoint, body])
}

function shareOfRepeats(steps: readonly Step[]): number {
  return 1 - new Set(steps.map(identity)).size / steps.length
}

describe('the workload', () => {
  it('has 60 prompts and 84 requests, no two alike', () => {
    const requests = prompts.flatMap((prompt) => [prompt.request, ...prompt.rephrased])
    expect(prompts).toHaveLength(60)
    expect(requests).toHaveLength(84)
    expect(new Set(requests.map(identity)).size).toBe(84)
  })

  it('is a day of 240 steps, 65 % of which repeat an earlier one, whatever the seed', () => {
    for (const seed of [1, 2, 3, 99]) {
      const steps = workload(seed)
      expect(steps).toHaveLength(240)
      expect(shareOfRepeats(steps)).toBeCloseTo(0.65, 2)
    }
  })

  it('is the same for the same seed, and another for another', () => {
    expect(workload(7)).toEqual(workload(7))
    expect(workload()).toEqual(workload(1))
    expect(workload(7)).not.toEqual(workload(8))
  })

  it('mixes clients, endpoints and ways of delivery', () => {
    const steps = workload()
    expect(new Set(steps.map((step) => step.endpoint))).toEqual(
      new Set(['chat', 'responses', 'messages', 'embeddings'])
    )
    const streams = steps.filter((step) => step.stream).length
    expect(streams).toBeGreaterThan(60)
    expect(streams).toBeLessThan(140)
    expect(steps.some((step) => step.endpoint === 'embeddings' && step.stream)).toBe(false)
  })

  it('asks in other words only what was asked before', () => {
    for (const seed of [1, 2, 3]) {
      const order = workload(seed).map(identity)
      for (const { request, rephrased } of prompts) {
        for (const other of rephrased)
          expect(order.indexOf(identity(other))).toBeGreaterThan(order.indexOf(identity(request)))
      }
    }
  })

  it('is understood by the provider, every request of it', async () => {
    const provider = await simulatedProvider()
    const openai = new OpenAI({ apiKey: 'key', baseURL: provider.openaiUrl, maxRetries: 0 })
    const anthropic = new Anthropic({ apiKey: 'key', baseURL: provider.anthropicUrl, maxRetries: 0 })
    const ask = async ({ endpoint, body }: Request): Promise<unknown> => {
      if (endpoint === 'chat') return openai.chat.completions.create(body)
      if (endpoint === 'responses') return openai.responses.create(body)
      return endpoint === 'messages' ? anthropic.messages.create(body) : openai.embeddings.create(body)
    }
    for (const { request, rephrased } of prompts) for (const one of [request, ...rephrased]) await ask(one)
    expect(provider.count()).toBe(84)
    expect(provider.calls.filter((call) => call.outcome !== 'answered')).toEqual([])
    await provider.close()
  })
})
