import type { CacheOptions } from '../cache.ts'
import { RepriseError } from '../core/errors.ts'
import { checkList, checkNumber, checkObject, checkText } from '../router/check.ts'
import type { ProviderOptions, RouteOptions, RouterOptions } from '../router/router-options.ts'

/** One provider and the model it is asked for. */
export interface CachedProvider extends ProviderOptions {
  /** How it is called in answers and errors. Default: its kind, with a number where there are several: `openai-2`. */
  readonly name?: string
  readonly model: string
  /** Its share of the draw where `strategy` is `loadbalance`, from 0 on; 0: only when the others have failed. Default: 1. */
  readonly weight?: number
}

export interface CachedRouterOptions
  extends Omit<CacheOptions, 'deadlineMs'>,
    Pick<RouterOptions, 'unknownPrice'>,
    Pick<RouteOptions, 'strategy' | 'retry' | 'fallbackOn' | 'deadlineMs' | 'breaker' | 'storeFallbacks'> {
  /** Who is asked, and who next when one fails. At least one. */
  readonly providers: readonly CachedProvider[]
  /**
   * What may be spent in all, in US dollars, by all who share the store and the namespace: in a store that lasts, by
   * runs before this one too. A hit is free. Default: no limit.
   */
  readonly initialBudget?: number
  /**
   * Prompts asked at a temperature above it are neither looked up nor stored; one that is asked without a temperature
   * counts as 1, which is what the providers take then. Default: no limit.
   */
  readonly maxTemperature?: number
  /** The longest that one call to the store may hold a request up, in milliseconds. Default: 50. */
  readonly storeDeadlineMs?: number
}

/** What a cached router is made of. */
export interface CachedRouterParts {
  readonly cacheOptions: CacheOptions
  readonly routerOptions: RouterOptions
  readonly maxTemperature: number | undefined
  /** What prompts ask for that name no model. */
  readonly usualModel: string
  /** The providers' own. */
  readonly models: ReadonlySet<string>
  /** The field that limits an answer. */
  readonly limitField: 'max_completion_tokens' | 'max_tokens'
}

/** In errors, and in the store. */
const budgetName = 'initialBudget'

/** What prompts ask for where it is drawn by lot who answers. */
const anyModel = 'default'

/** Reads the options. @throws RepriseError `invalid-option` naming what was wrong, expected and got */
export function readOptions(options: CachedRouterOptions): CachedRouterParts {
  checkObject(options, 'options of createCachedRouter', Object.keys(optionNames))
  const { providers, initialBudget, maxTemperature, unknownPrice, storeDeadlineMs, ...rest } = options
  const { strategy, retry, fallbackOn, deadlineMs, breaker, storeFallbacks, ...cacheOptions } = rest
  const named = readProviders(providers)
  checkBudget(initialBudget)
  if (maxTemperature !== undefined) checkNumber(maxTemperature, 'maxTemperature', 0)
  const rules = { strategy, retry, fallbackOn, deadlineMs, breaker, storeFallbacks }
  const [first] = named
  const usualModel = strategy === 'loadbalance' || first === undefined ? anyModel : first.model
  const models = new Set(named.map(({ model }) => model))
  return {
    cacheOptions: { ...cacheOptions, ...(storeDeadlineMs === undefined ? {} : { deadlineMs: storeDeadlineMs }) },
    routerOptions: {
      providers: Object.fromEntries(named.map(({ name, model: _model, weight: _weight, ...own }) => [name, own])),
      routes: [...new Set([usualModel, ...models])].map((model) => ({
        model,
        targets: targetsOf(model, named, usualModel, strategy),
        ...(withoutUndefined(rules) satisfies Partial<RouteOptions>)
      })),
      ...(initialBudget === undefined ? {} : { budgets: [{ name: budgetName, limitUsd: initialBudget }] }),
      ...(unknownPrice === undefined ? {} : { unknownPrice })
    },
    maxTemperature,
    usualModel,
    models,
    // OpenAI's models of today take no other; what is only compatible often knows no other than the older one.
    limitField: /^(openai|azure|anthropic)$/.test(kindOf(first)) ? 'max_completion_tokens' : 'max_tokens'
  }
}

type NamedProvider = CachedProvider & { readonly name: string }

/** Whoever names a model gets it where it is to be had, and the others' only then; a prompt begins as they are listed. */
function targetsOf(
  asked: string,
  providers: readonly NamedProvider[],
  usualModel: string,
  strategy: RouteOptions['strategy']
): RouteOptions['targets'] {
  const own = providers.filter(({ model }) => model === asked)
  const others = providers.filter(({ model }) => model !== asked)
  const listed = asked === usualModel ? providers : [...own, ...others]
  return listed.map(({ name, model, weight }) => ({
    provider: name,
    model,
    ...(weight === undefined ? {} : { weight }),
    ...(strategy === 'loadbalance' && asked !== usualModel ? { order: model === asked ? 0 : 1 } : {})
  }))
}

function readProviders(providers: unknown): readonly NamedProvider[] {
  const expected = "a list of at least one, such as [{ kind: 'openai', key: '...', model: 'gpt-4o-mini' }]"
  checkList(providers, 'providers', expected)
  const list = providers as readonly CachedProvider[]
  for (const [index, provider] of list.entries()) checkProvider(provider, `providers[${index}]`)
  const taken = new Set<string>()
  for (const { name } of list) {
    if (name === undefined) continue
    if (taken.has(name)) throw invalid(`providers: expected names that differ, got ${name} twice`)
    taken.add(name)
  }
  return list.map((provider) => {
    const name = provider.name ?? freeName(kindOf(provider), taken)
    taken.add(name)
    return { ...provider, name }
  })
}

function freeName(kind: string, taken: ReadonlySet<string>): string {
  let name = kind
  for (let number = 2; taken.has(name); number++) name = `${kind}-${number}`
  return name
}

/** Services that are known by their kind alone, and answer nobody who has no key. */
const needingKey: ReadonlySet<string> = new Set(['openai', 'anthropic', 'openrouter', 'groq', 'mistral', 'gemini'])

function checkProvider(provider: CachedProvider, where: string): void {
  checkObject(provider, where, Object.keys(providerFields))
  const { name, kind, url, key, passCredential, headers, model, weight } = provider
  if (name !== undefined) checkText(name, `${where}.name`, 'a name, or none for its kind')
  checkText(model, `${where}.model`, 'the name of the model it is asked for, such as gpt-4o-mini')
  if (weight !== undefined) checkNumber(weight, `${where}.weight`, 0)
  if (kind === undefined && url === undefined && name === undefined)
    throw invalid(
      `${where}: expected a kind such as openai or anthropic, or the url of something that speaks as OpenAI does, got neither`
    )
  const isWithoutKey = key === undefined && passCredential !== true && headers === undefined
  if (isWithoutKey && url === undefined && needingKey.has(kindOf(provider)))
    throw invalid(
      `${where}.key: expected the key for ${kindOf(provider)}, got none; give it one, or its own url where it needs none, ` +
        'or passCredential: true to send the keys of the SDKs that ask through completions.fetch'
    )
}

function kindOf(provider: Pick<CachedProvider, 'kind' | 'name'> | undefined): string {
  return provider?.kind ?? provider?.name ?? 'compatible'
}

function checkBudget(usd: unknown): void {
  if (usd === undefined || (typeof usd === 'number' && Number.isFinite(usd) && usd >= 0)) return
  const got = typeof usd === 'number' ? String(usd) : JSON.stringify(usd)
  throw invalid(`initialBudget: expected US dollars from 0 on, got ${got}; leave it out for no limit`)
}

function invalid(message: string): RepriseError {
  return new RepriseError('invalid-option', message)
}

function withoutUndefined<Fields extends object>(
  fields: Fields
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(known) as { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> }
}

/** A misspelt key or budget would be as good as none. The types see to it that none is missing here. */
const providerFields: Readonly<Record<keyof CachedProvider, true>> = {
  name: true,
  model: true,
  weight: true,
  kind: true,
  url: true,
  key: true,
  passCredential: true,
  headers: true,
  apiVersion: true,
  deployments: true,
  connectTimeoutMs: true,
  silenceTimeoutMs: true,
  concurrency: true,
  prices: true
}

const optionNames: Readonly<Record<keyof CachedRouterOptions, true>> = {
  providers: true,
  initialBudget: true,
  maxTemperature: true,
  strategy: true,
  retry: true,
  fallbackOn: true,
  deadlineMs: true,
  breaker: true,
  storeFallbacks: true,
  unknownPrice: true,
  store: true,
  storeDeadlineMs: true,
  namespace: true,
  maxBytes: true,
  prefix: true,
  username: true,
  password: true,
  ca: true,
  tls: true,
  ttl: true,
  staleWhileRevalidateMs: true,
  graceMs: true,
  eagerRefresh: true,
  jitter: true,
  adaptiveTtl: true,
  batch: true,
  embedder: true,
  embedding: true,
  minSimilarity: true,
  lastResortSimilarity: true,
  guards: true,
  verifier: true,
  verifyBelow: true,
  vectors: true,
  maxVectorBytes: true,
  maxTextLength: true,
  embedderDeadlineMs: true,
  switches: true,
  encryptionKeys: true,
  rememberRequests: true,
  statistics: true,
  shareStatistics: true,
  tellTexts: true,
  observe: true
}
