import { calcPrice, findProvider, type ModelInfo, type ModelPrice } from '@pydantic/genai-prices'
import { LRUCache } from 'lru-cache'
import { isObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'
import { patternMatcher } from '../core/pattern.ts'
import { checkNumber, checkObject, checkText, unexpected } from './check.ts'

/** What one call cost, in US dollars; undefined when the model's price is not known. Never 0 for want of knowledge. */
export type PriceOf = (
  model: string,
  usage: Usage,
  provider: ProviderHint,
  options?: PriceOptions
) => number | undefined

/** Where the model was asked: the same name may cost differently elsewhere. */
export interface ProviderHint {
  /** The provider's base URL; one that the table knows decides. */
  readonly url: string
  /** Whose models it offers otherwise: `openai`, `anthropic`. */
  readonly name: string
}

export interface PriceOptions {
  /** It was asked through the provider's interface for batches. Default: false. */
  readonly batch?: boolean
  /** Another name of the model, for a table of the operator's own: the first pattern that fits either decides. */
  readonly alias?: string
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

/** Models come from callers: the prices of as many are remembered, and of none with a longer name. */
const maxRemembered = 1000
const longestRemembered = 256

/**
 * Prices from an operator's table, and from `list` for models that it does not have.
 * @throws RepriseError `invalid-option` naming the model, what was expected and got; `where` says whose table it is
 */
export function pricesWith(table: PriceTable | undefined, list: PriceOf, where = 'prices'): PriceOf {
  if (table === undefined) return list
  if (!isObject(table)) throw unexpected(where, 'models and their prices', table)
  const rows = Object.entries(table).map(([pattern, row]) => {
    const place = `${where}.${pattern}`
    checkText(pattern, where, 'the names of models')
    checkObject(row, place, rowFields)
    for (const field of rowFields) {
      if (field === 'input' || field === 'output' || row[field] !== undefined)
        checkNumber(row[field], `${place}.${field}`, 0)
    }
    return { fits: patternMatcher(pattern), row }
  })
  const known = new LRUCache<string, { readonly row: PriceRow | undefined }>({ max: maxRemembered })

  return function priceOf(model, usage, provider, options) {
    const { alias = model } = options ?? {}
    const name = alias === model ? model : `${model}\n${alias}`
    const { row } = recalled(known, name, () => ({ row: rows.find(({ fits }) => fits(model) || fits(alias))?.row }))
    if (row === undefined) return list(model, usage, provider, options)
    const usd = priceAt(row, usage)
    return usd === undefined || options?.batch !== true ? usd : usd * (row.batch ?? 0.5)
  }
}

const rowFields: readonly (keyof PriceRow)[] = ['input', 'output', 'cachedInput', 'cacheWrite', 'reasoning', 'batch']

/**
 * Providers of the list whose interface for batches costs half of a single call, as their price lists say; the package
 * itself has no prices of batches. What a batch costs elsewhere is not known.
 */
const halving: ReadonlySet<string> = new Set(['openai', 'azure', 'anthropic', 'google', 'mistral', 'groq'])

/**
 * Prices from the table of the package genai-prices, as of the installed version. Of a batch, only where the provider
 * is known to charge half for it.
 */
export function listPrices(): PriceOf {
  const providers = new LRUCache<string, { readonly id: string | undefined }>({ max: maxRemembered })
  const listings = new LRUCache<string, Listing>({ max: maxRemembered })

  function providerAt(url: string): string | undefined {
    return recalled(providers, url, () => ({ id: findProvider({ providerApiUrl: url })?.id })).id
  }

  function listingOf(model: string, provider: string): Listing {
    const name = `${provider} ${model}`
    const known = recalled(listings, name, () => lookUp(model, provider))
    if (known.untilMs > Date.now()) return known
    listings.delete(name)
    return recalled(listings, name, () => lookUp(model, provider))
  }

  return function priceOf(model, usage, provider, { batch = false } = {}) {
    const { price, halves } = listingOf(model, providerAt(provider.url) ?? provider.name)
    if (price === undefined || (batch && !halves)) return undefined
    const usd = priceAt(rowFor(price, usage.inputTokens), usage)
    return usd === undefined || !batch ? usd : usd / 2
  }
}

/** What the list says of a model at a provider, and until when. Looking it up takes some 20 us, a call much less. */
interface Listing {
  readonly price: ModelPrice | undefined
  readonly halves: boolean
  readonly untilMs: number
}

function lookUp(model: string, provider: string): Listing {
  const nowMs = Date.now()
  try {
    const found = calcPrice({ input_tokens: 0, output_tokens: 0 }, model, { providerId: provider })
    if (found === null) return { price: undefined, halves: false, untilMs: Number.POSITIVE_INFINITY }
    return {
      price: isKnown(found.model_price, model) ? found.model_price : undefined,
      halves: halving.has(found.provider.id),
      untilMs: changesAt(found.model, nowMs)
    }
  } catch {
    // A row that the package cannot make sense of has no known price.
    return { price: undefined, halves: false, untilMs: Number.POSITIVE_INFINITY }
  }
}

/** An empty row may mean that a model is free or that nobody knows; only the name can tell then. */
function isKnown(price: ModelPrice, model: string): boolean {
  return Object.keys(price).length === 0 ? model.endsWith(':free') : price['input_mtok'] !== undefined
}

/** Some prices change on a date, which is a midnight in UTC, and some twice a day: those are looked up each time. */
function changesAt({ prices }: ModelInfo, nowMs: number): number {
  if (!Array.isArray(prices)) return Number.POSITIVE_INFINITY
  const dayMs = 86_400_000
  const isByDate = prices.every(({ constraint }) => constraint === undefined || constraint.type === 'start_date')
  return isByDate ? (Math.floor(nowMs / dayMs) + 1) * dayMs : nowMs
}

/** The row that holds for a prompt of so many tokens, in the units of the package: what has tiers costs more beyond some. */
function rowFor(price: ModelPrice, inputTokens: number): DetailedRow {
  const at = (unit: string): number | undefined => {
    const found = price[unit]
    if (found === undefined || typeof found === 'number') return found
    const reached = found.tiers.filter(({ start }) => inputTokens > start)
    return reached.length === 0
      ? found.base
      : reached.reduce((one, other) => (other.start > one.start ? other : one)).price
  }
  return {
    input: at('input_mtok') ?? 0,
    // What has no price for output, embeddings for one, has none.
    output: at('output_mtok') ?? 0,
    cachedInput: at('cache_read_mtok'),
    cacheWrite: at('cache_write_mtok'),
    reasoning: at('output_reasoning_mtok'),
    call: (at('requests_kcount') ?? 0) / 1000
  }
}

/** A row, and what the package knows beyond it. */
interface DetailedRow {
  readonly input: number
  readonly output: number
  readonly cachedInput?: number | undefined
  readonly cacheWrite?: number | undefined
  readonly reasoning?: number | undefined
  /** In US dollars for each call. */
  readonly call?: number
}

/** What so many tokens cost; undefined for a usage that contradicts itself: more of a part than of the whole. */
function priceAt(row: DetailedRow, usage: Usage): number | undefined {
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0 } = usage
  const { input, output, cachedInput = input, cacheWrite = input, reasoning = output, call = 0 } = row
  const plain = inputTokens - cachedInputTokens - cacheWriteTokens
  const said = outputTokens - reasoningTokens
  if (!(plain >= 0 && said >= 0)) return undefined
  const millionths =
    plain * input +
    cachedInputTokens * cachedInput +
    cacheWriteTokens * cacheWrite +
    said * output +
    reasoningTokens * reasoning
  return millionths / 1e6 + call
}

function recalled<Value extends object>(cache: LRUCache<string, Value>, name: string, make: () => Value): Value {
  const known = cache.get(name)
  if (known !== undefined) return known
  const made = make()
  if (name.length <= longestRemembered) cache.set(name, made)
  return made
}
