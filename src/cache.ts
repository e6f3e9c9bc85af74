import { type Completions, completions } from './completions.ts'
import type { Origin } from './core/answer.ts'
import { type CallOptions, contextOf } from './core/context.ts'
import { ignore, type Observe } from './core/events.ts'
import { type FreshnessDefaults, freshnessRules, ownFreshness, type Ttl } from './core/freshness.ts'
import { type Context, compose, type Handler, type PeekingHandler } from './core/handler.ts'
import type { Json } from './core/json.ts'
import { keyOf } from './core/key.ts'
import type { Kind } from './core/kind.ts'
import { defaultMode, type Mode } from './core/mode.ts'
import { type Documents, type RetrievalRequest, retrievalKind } from './core/retrieval-kind.ts'
import type { Tally } from './core/tally.ts'
import { type ValueRequest, valueKind } from './core/value-kind.ts'
import { windowsFrom } from './core/windows.ts'
import { exact } from './layers/exact.ts'
import { type Explanation, explain } from './layers/explanation.ts'
import { gate } from './layers/gate.ts'
import { keep } from './layers/keep.ts'
import type { MeaningSearch } from './layers/meaning-search.ts'
import { type OpenMeaningOptions, openMeaningSearch } from './layers/open.ts'
import { Refresher } from './layers/refresher.ts'
import { semantic } from './layers/semantic.ts'
import { singleFlight } from './layers/single-flight.ts'
import { switchable } from './layers/switchable.ts'
import { Switches, type SwitchSettings } from './layers/switches.ts'
import type { Router } from './router/router.ts'
import { Entries } from './stores/entries.ts'
import { type OpenStoreOptions, openStore } from './stores/open.ts'
import type { Selector, Store } from './stores/store.ts'
import type { LlmKindOptions } from './wires/llm-kind.ts'

export interface CacheOptions extends OpenStoreOptions, OpenMeaningOptions, FreshnessDefaults {
  /** `memory:`, `embedded:FOLDER`, `redis://...`, `rediss://...`, or a store of your own. Default: `memory:`. */
  readonly store?: string | Store
  /** Keeps applications apart that share a store. Default: `default`. */
  readonly namespace?: string
  /**
   * How long an answer stays fresh, and what may become of it then: by kind and by model, where they differ. A hit never
   * extends it. Default: 24 h.
   */
  readonly ttl?: Ttl
  /**
   * Layers (`exact`, `semantic`, `single-flight`), kinds (`llm`, `embedding`, `retrieval`, `value`) and all of it
   * (`cache`), on or off; what is off here can be switched on here only. Default: all on.
   */
  readonly switches?: SwitchSettings
  /** The longest that one call to the store may hold a request up, in milliseconds. Default: 50. */
  readonly deadlineMs?: number
  /** Told what happens. */
  readonly observe?: Observe
}

export interface Cached<Value> {
  readonly value: Value
  /** True when the value was not computed for this call. */
  readonly cacheHit: boolean
  readonly origin: Origin
}

export interface Cache {
  /** Puts the layers before a handler of any kind. */
  wrap<Request extends object, Result>(
    kind: Kind<Request, Result>,
    last: Handler<Request, Result>
  ): PeekingHandler<Request, Result>
  /**
   * Puts the layers before a search: an exact hit asks neither embedder nor search, one by meaning only the embedder.
   * What is found is tagged `document:<id>` by what it holds, and lives an hour unless `ttl` says otherwise.
   */
  retrievals(last: Handler<RetrievalRequest, Documents>): PeekingHandler<RetrievalRequest, Documents>
  /** Puts the layers before a router: completions in three dialects, and a `fetch` for official SDKs. */
  completions(router: Router, options?: LlmKindOptions): Completions
  /** What a handler made by `wrap` is called with: what the call says of itself, observed as the cache is. */
  contextOf(options?: CallOptions): Context
  /** The value under `key`; undefined when there is none. Never fails for the store's sake. */
  get(key: string, options?: Pick<CallOptions, 'scope' | 'tenant'>): Promise<Json | undefined>
  /** Stores a value; false when the store could not take it. */
  set(key: string, value: Json, options?: CallOptions): Promise<boolean>
  /** The value under `key`, computed and stored when there is none. Callers at the same time share one computation. */
  getOrSet<Value extends Json>(
    key: string,
    compute: () => Value | Promise<Value>,
    options?: CallOptions
  ): Promise<Cached<Value>>
  /** Deletes entries of any kind; returns how many went. Throws when the store cannot do it. */
  invalidate(selector: Selector): Promise<number>
  /** Layers and kinds that are switched while processes run; all that share the store follow within a second. */
  readonly switches: Pick<Switches, 'isOn' | 'set' | 'states'>
  /** Counts in the store: for budgets. */
  readonly tally: Tally
  /** `up`, `down`, or `read-only`. Requests are answered in any case. */
  readonly state: 'up' | 'down' | 'read-only'
  readonly storeName: string
  /** Says why a request would be answered from the cache, or not. Nothing is asked, stored or counted for it. */
  explain<Request extends object, Result>(
    kind: Kind<Request, Result>,
    request: Request,
    options?: Pick<CallOptions, 'scope'> & { readonly mode?: Mode }
  ): Promise<Explanation>
  /** What answers by meaning; undefined without an embedder. */
  readonly embedder: { readonly name: string; readonly model: string; readonly minSimilarity: number } | undefined
  /** Aborts what is asked in the background, waits for what is being written, and closes the store. */
  close(): Promise<void>
}

/** Asks for nothing but the key. */
function valueRequest(key: string): ValueRequest {
  return { key, compute: () => null }
}

/**
 * Opens a cache. The order of the layers stands here: gate, exact, semantic, single flight, keep.
 * @throws RepriseError `invalid-option` when the store cannot be opened as asked.
 */
export async function createCache(options: CacheOptions = {}): Promise<Cache> {
  const { store = 'memory:', observe = ignore } = options
  const freshnessOf = freshnessRules(options.ttl, options)
  const opened = typeof store === 'string' ? await openStore(store, options) : store
  const entries = new Entries(opened, {
    observe,
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    ...(options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs })
  })
  const meaningSearch = await openMeaningSearch(options, { store: opened, entries, freshnessOf, observe }).catch(
    async (error: unknown) => {
      await entries.close()
      throw error
    }
  )
  const refresher = new Refresher(entries, { observe })
  const switches = new Switches(opened, {
    observe,
    ...(options.switches === undefined ? {} : { switches: options.switches }),
    ...(options.namespace === undefined ? {} : { namespace: options.namespace })
  })
  await switches.start()

  function wrap<Request extends object, Result>(
    kind: Kind<Request, Result>,
    last: Handler<Request, Result>
  ): PeekingHandler<Request, Result> {
    /** Whether the layer is there for this kind. */
    const isOn = (layer: string): boolean => switches.isOn(kind.name) && switches.isOn(layer)
    const exactIsOn = (): boolean => isOn('exact')
    const semanticIsOn = (): boolean => isOn('semantic')
    const lookUp = switchable(exact(kind, entries, { refresher, isOn: exactIsOn }), exactIsOn)
    // A kind that never says what is alike has nothing to be compared.
    const alike = kind.likeness === undefined ? undefined : meaningSearch
    const byMeaning =
      alike === undefined ? [] : [switchable(semantic(kind, entries, alike, { isOn: semanticIsOn }), semanticIsOn)]
    const sharing = switchable(singleFlight(kind), () => isOn('single-flight'))
    const storing = keep(kind, entries, { freshnessOf, search: alike, switches: { isOn } })
    const handler = compose([gate(kind, last, isOn), lookUp, ...byMeaning, sharing, storing], last)
    return Object.assign(handler, {
      peek(request: Request, context: Context) {
        if (!isOn(kind.name) || context.mode.noStore || kind.bypass(request) !== undefined) return undefined
        try {
          return lookUp.peek(request, context)
        } catch {
          // What went wrong is found out, and told, on the long way.
          return undefined
        }
      }
    })
  }

  const values = wrap<ValueRequest, Json>(valueKind, async ({ compute }) => ({
    value: await compute(),
    origin: { layer: 'provider' }
  }))

  const holdsValues = (): boolean => switches.isOn(valueKind.name) && switches.isOn('exact')
  const contextFor = (callOptions: CallOptions = {}): Context => contextOf(callOptions, observe)

  return {
    wrap,
    retrievals: (last) => wrap(retrievalKind, last),
    contextOf: contextFor,
    async get(key, callOptions = {}) {
      const { scope } = contextOf(callOptions, observe)
      if (!holdsValues()) return undefined
      const entry = await entries.get(keyOf(valueKind, valueRequest(key), scope))
      if (entry === undefined || entry.freshUntilMs <= Date.now()) return undefined
      return valueKind.decode(entry.body)
    },
    // Not through the layers: two callers who set a key at the same time have two values, and must not share one.
    async set(key, value, callOptions = {}) {
      const { scope, tags, ...own } = contextOf(callOptions, observe)
      const configured = freshnessOf(valueKind.name, key)
      // What is set is not an answer that was asked anew: there is nothing for its time to live to follow.
      const freshness = { ...ownFreshness(own, configured), adaptive: undefined }
      if (!(freshness.ttlMs > 0) || !holdsValues()) return false
      const storedAtMs = Date.now()
      const entryKey = keyOf(valueKind, valueRequest(key), scope)
      const body = valueKind.encode(value)
      const windows = windowsFrom(storedAtMs, freshness)
      return entries.put({ key: entryKey, kind: valueKind.name, storedAtMs, ...windows, tags, body })
    },
    async getOrSet<Value extends Json>(
      key: string,
      compute: () => Value | Promise<Value>,
      callOptions: CallOptions = {}
    ) {
      const { value, origin } = await values({ key, compute }, contextOf(callOptions, observe))
      return { value: value as Value, cacheHit: origin.layer !== 'provider' || origin.joined === true, origin }
    },
    completions(router, completionOptions) {
      router.budgets.countIn(entries)
      return completions({ wrap, contextOf: contextFor }, router, completionOptions)
    },
    switches,
    tally: entries,
    invalidate: (selector) => entries.invalidate(selector),
    get state() {
      return entries.state
    },
    storeName: entries.storeName,
    explain: (kind, request, { scope = [], mode = defaultMode } = {}) =>
      explain(
        kind,
        request,
        { scope, mode },
        { entries, switches, search: kind.likeness === undefined ? undefined : meaningSearch }
      ),
    embedder: meaningSearch === undefined ? undefined : described(meaningSearch),
    async close() {
      await refresher.close()
      switches.close()
      await meaningSearch?.close()
      await entries.close()
    }
  }
}

function described({ meanings: { embedder }, minSimilarity }: MeaningSearch): Cache['embedder'] {
  return { name: embedder.name, model: embedder.model, minSimilarity }
}
