import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import type { Event } from '../../src/core/events.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../../src/gateway/gateway.ts'
import { type SimulatedProvider, simulatedProvider } from '../../src/testing/simulated-provider.ts'

/**
 * `openai` and `anthropic` get each caller's own key. `south`, which speaks OpenAI's dialect, and `claude`, which speaks
 * Anthropic's, have keys of their own.
 */
export const fleetNames = ['openai', 'south', 'anthropic', 'claude'] as const

export type FleetName = (typeof fleetNames)[number]

/** Four simulated providers, a gateway before them, and official clients of it. */
export interface Fleet {
  readonly providers: Readonly<Record<FleetName, SimulatedProvider>>
  readonly gateway: Gateway
  readonly events: Event[]
  /** Clients that do not retry, so that a test sees what happened. */
  openai(apiKey?: string): OpenAI
  anthropic(apiKey?: string): Anthropic
  /** How often each provider was asked, those left out that were not. */
  asked(): Partial<Record<FleetName, number>>
  /** All that has reached a provider: headers, addresses and bodies, as one text. */
  heard(name: FleetName): string
  close(): Promise<void>
}

/** Starts all on free ports. `own` says more of the providers than where they are. */
export async function makeFleet(
  { providers: own = {}, ...options }: GatewayOptions = {},
  providerOptions: (name: FleetName) => Parameters<typeof simulatedProvider>[0] = () => ({})
): Promise<Fleet> {
  const [openai, south, anthropic, claude] = await Promise.all([
    simulatedProvider(providerOptions('openai')),
    simulatedProvider(providerOptions('south')),
    simulatedProvider(providerOptions('anthropic')),
    simulatedProvider(providerOptions('claude'))
  ])
  const providers = { openai, south, anthropic, claude }
  const events: Event[] = []
  const closeProviders = () => Promise.all(Object.values(providers).map((provider) => provider.close()))
  const gateway = await startGateway({
    port: 0,
    openaiUrl: openai.openaiUrl,
    anthropicUrl: anthropic.anthropicUrl,
    providers: {
      ...own,
      south: { url: south.openaiUrl, key: 'sk-south', ...own['south'] },
      claude: { kind: 'anthropic', url: claude.anthropicUrl, key: 'sk-claude', ...own['claude'] }
    },
    observe: (event) => events.push(event),
    ...options
  }).catch(async (error: unknown) => {
    await closeProviders()
    throw error
  })
  return {
    providers,
    gateway,
    events,
    openai: (apiKey = 'sk-alice') => new OpenAI({ apiKey, baseURL: `${gateway.url}/v1`, ...quietly }),
    anthropic: (apiKey = 'sk-alice') => new Anthropic({ apiKey, baseURL: gateway.url, ...quietly }),
    asked: () =>
      Object.fromEntries(
        fleetNames.map((name) => [name, providers[name].count()] as const).filter(([, count]) => count > 0)
      ),
    heard: (name) => JSON.stringify(providers[name].calls.map(({ headers, path, body }) => [headers, path, body])),
    async close() {
      await gateway.close(0)
      await closeProviders()
    }
  }
}

/** What goes wrong is thrown all the same. */
const quietly = { maxRetries: 0, logLevel: 'off' } as const

/** The headers of a response in which the gateway says who answered. */
export function marks(headers: Headers): Record<string, string | null> {
  return {
    layer: headers.get('x-reprise-layer'),
    provider: headers.get('x-reprise-provider'),
    fallback: headers.get('x-reprise-fallback')
  }
}
