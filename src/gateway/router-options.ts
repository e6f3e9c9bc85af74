import type { ProviderOptions, RouterOptions } from '../router/router-options.ts'
import type { GatewayOptions } from './gateway-options.ts'

/**
 * Whom a gateway asks: OpenAI and Anthropic, each with the caller's own credential unless the operator has given a key,
 * and whoever else is configured.
 */
export function routerOptions(options: GatewayOptions): RouterOptions {
  const { providers = {}, routes, budgets, unknownPrice } = options
  const { openai, anthropic, ...others } = providers
  return {
    providers: {
      // First, since a model without a route goes to the first that speaks its dialect.
      openai: usual('openai', openai, options.openaiUrl, options.openaiKey),
      anthropic: usual('anthropic', anthropic, options.anthropicUrl, options.anthropicKey),
      ...others
    },
    ...(routes === undefined ? {} : { routes }),
    ...(budgets === undefined ? {} : { budgets }),
    ...(unknownPrice === undefined ? {} : { unknownPrice })
  }
}

function usual(
  kind: 'openai' | 'anthropic',
  configured: ProviderOptions | undefined,
  url: string | undefined,
  key: string | undefined
): ProviderOptions {
  const own = configured?.key ?? key
  return {
    kind,
    ...(url === undefined ? {} : { url }),
    ...(own === undefined ? { passCredential: true } : { key: own }),
    ...configured
  }
}
