import { calcPrice, findProvider } from '@pydantic/genai-prices'
import { LRUCache } from 'lru-cache'
import type { Usage } from '../core/kind.ts'

/** What one call cost, in US dollars; undefined when the model's price is not known. Never 0 for want of knowledge. */
export type PriceOf = (model: string, usage: Usage, provider: ProviderHint) => number | undefined

/** Where the model was asked: the same name may cost differently elsewhere. */
export interface ProviderHint {
  /** The provider's base URL; one that the table knows decides. */
  readonly url: string
  /** Whose models it offers otherwise: `openai`, `anthropic`. */
  readonly name: string
}

/** What an operator pays, by model; `*` stands for any run of characters, and the first pattern that fits decides. */
export type PriceTable = Readonly<Record<string, PriceRow>>

/** In US dollars for a million tokens. */
export interface PriceRow {
  readonly input: number
  readonly output: number
  /** Of tokens read from the provider's prompt cache. Default: `input`. */
  readonly cachedInput?: number
  /** Of tokens written to it. Default: `input`. */
  readonly cacheWrite?: number
  /** Of tokens spent on thinking. Default: `output`. */
  readonly reasoning?: number
  /** What a batch costs beside a single call, as a factor. Default: 0.5. */
  readonly batch?: number
}

/** Prices from the table of the package genai-prices, as of the installed version. */
export function listPrices(): PriceOf {
  const providers = new LRUCache<string, { id: string | undefined }>({ max: 100 })

  function providerAt(url: string): string | undefined {
    let known = providers.get(url)
    if (known === undefined) {
      known = { id: findProvider({ providerApiUrl: url })?.id }
      providers.set(url, known)
    }
    return known.id
  }

  return function priceOf(model, usage, provider) {
    const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteTokens = 0 } = usage
    const tokens = {
      input_tokens: inputTokens,
      output_tokens: outputTokens,
      ...(cachedInputTokens > 0 ? { cache_read_tokens: cachedInputTokens } : {}),
      ...(cacheWriteTokens > 0 ? { cache_write_tokens: cacheWriteTokens } : {})
    }
    try {
      return calcPrice(tokens, model, { providerId: providerAt(provider.url) ?? provider.name })?.total_price
    } catch {
      // A usage that the table cannot price (more cached than read, say) has no known price.
      return undefined
    }
  }
}
