import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { type Gateway, type GatewayOptions, startGateway } from '../../src/gateway/gateway.ts'
import { type SimulatedProvider, simulatedProvider } from '../../src/testing/simulated-provider.ts'

/** A simulated provider, a gateway before it, and official clients of both. */
export interface Stand {
  readonly provider: SimulatedProvider
  readonly gateway: Gateway
  openai(apiKey?: string): OpenAI
  anthropic(apiKey?: string): Anthropic
  close(): Promise<void>
}

/** Starts both on free ports. Clients do not retry, so that a test sees what happened. */
export async function makeStand(
  options: GatewayOptions = {},
  providerOptions: Parameters<typeof simulatedProvider>[0] = {}
): Promise<Stand> {
  const provider = await simulatedProvider(providerOptions)
  return makeGateway(options, provider)
}

/** Another gateway before the same provider. */
export async function makeGateway(options: GatewayOptions, provider: SimulatedProvider): Promise<Stand> {
  const gateway = await startGateway({
    port: 0,
    openaiUrl: provider.openaiUrl,
    anthropicUrl: provider.anthropicUrl,
    ...options
  })
  return {
    provider,
    gateway,
    openai: (apiKey = 'sk-alice') => new OpenAI({ apiKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 }),
    anthropic: (apiKey = 'sk-alice') => new Anthropic({ apiKey, baseURL: gateway.url, maxRetries: 0 }),
    async close() {
      await gateway.close(0)
      await provider.close()
    }
  }
}
