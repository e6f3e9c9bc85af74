import type { CacheOptions } from './cache/cache-options.ts'
import { Inventory } from './cache/inventory.ts'
import { type Cached, Values } from './cache/values.ts'
import { type Completions, completions } from './completions.ts'
import type { Together } from './core/batching.ts'
import { type CallOptions, contextOf } from './core/context.ts'
import { RepriseError } from './core/errors.ts'
import { type Event, ignore, type Observe } from './core/events.ts'
import { freshnessRules } from './core/freshness.ts'
import { type Context, compose, type Handler, type PeekingHandler, type Timing } from './core/handler.ts'
import type { Json } from './core/json.ts'
import type { Kind } from './core/kind.ts'
import { defaultMode, type Mode } from './core/mode.ts'
import { type Documents, type RetrievalRequest, retrievalKind } from './core/retrieval-kind.ts'
import type { Selection } from './core/selection.ts'
import type { Tally } from './core/tally.ts'
import { type ValueRequest, valueKind } from './core/value-kind.ts'
import { batch, checkedBatchOptions } from './layers/batch.ts'
import { exact } from './layers/exact.ts'
import { type Explanation, explain } from './layers/explanation.ts'
import { gate } from './layers/gate.ts'
import { keep } from './layers/keep.ts'
import type { MeaningSearch } from './layers/meaning-search.ts'
import { openMeaningSearch } from './layers/open.ts'
import { Refresher } from './layers/refresher.ts'
import { semantic } from './layers/semantic.ts'
import { singleFlight } from './layers/single-flight.ts'
import { switchable } from './layers/switchable.ts'
import { Switches } from './layers/switches.ts'
import { telling } from './layers/telling.ts'
import { Fleet } from './metrics/fleet.ts'
import { type Report, report } from './metrics/report.ts'
import { Statistics } from './metrics/statistics.ts'
import type { Router } from './router/router.ts'
import { Entries } from './stores/entries.ts'
import { openStore } from './stores/open.ts'
import { createSeal, parseSealKeys, type Seal } from './stores/seal.ts'
import type { StoreSize } from './stores/store.ts'
import type { LlmKindOptions } from './wires/llm-kind.ts'

export type { CacheOptions } from './cache/cache-options.ts'
export type { Cached } from './cache/values.ts'

export interface Cache {
  /** Puts the layers before a handler of any kind; with a `together`, also that which asks several in one call. */
  wrap<Request extends object, Result>(
    kind: Kind<Request, Result>,
    last: Handler<Request, Result>,
    together?: Together<Request, Result>
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
  /**
   * Puts nothing before a handler but what stores its answers: for answers that somebody has already. Neither looked up
   * nor counted; `origin.stored` says whether it was done. An answer counts as asked for when the context's `mark` was
   * read: what has been invalidated since is refused. Without one, as asked for now.
   */
  keeping<Request extends object, Result>(
    kind: Kind<Request, Result>,
    last: Handler<Request, Result>
  ): Handler<Request, Result>
  /**
   * Deletes entries of any kind, exact and by meaning alike; returns how many went, or, with `dryRun`, how many would go.
   * What is being asked for meanwhile is not stored, and whoever asks from then on does not get it.
   * @throws RepriseError when the store cannot do it
   */
  invalidate(selection: Selection, options?: InvalidateOptions): Promise<number>
  /**
   * What to read before somebody is asked for an answer that is stored by `keeping` later, also by another process: a
   * whole number that grows with each deletion. Undefined when the store cannot say.
   */
  mark(): Promise<number | undefined>
  /** What is in it. */
  readonly inventory: Inventory
  /** How much is in the store, all namespaces together. */
  size(): Promise<StoreSize>
  /** What has happened: in this process since it began, or in all that share the store and their statistics. */
  statistics(options?: StatisticsOptions): Promise<Report>
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

export interface InvalidateOptions {
  /** Counts what would go, and leaves it there. Default: false. */
  readonly dryRun?: boolean
}

export interface StatisticsOptions {
  /** Default: `process`. */
  readonly scope?: 'process' | 'fleet'
  /** With what names callers' things: tags, entries, texts that were near to one. Default: true. */
  readonly full?: boolean
}

/**
 * Opens a cache. The order of the layers stands here: gate, exact, semantic, single flight, keep, batch.
 * @throws RepriseError `invalid-option` when the store cannot be opened as asked.
 */
export async function createCache(options: CacheOptions = {}): Promise<Cache> {
  const { store = 'memory:', observe: listen = ignore, statistics = new Statistics(), tellTexts = false } = options
  function observe(event: Event): void {
    statistics.note(event)
    listen(event)
  }
  checkedBatchOptions(options.batch)
  const freshnessOf = freshnessRules(options.ttl, options)
  const seal = sealOf(options)
  const opened = typeof store === 'string' ? await openStore(store, options) : store
  const entries = new Entries(opened, {
    observe,
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    ...(options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs }),
    ...(seal === undefined ? {} : { seal })
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
  const fleet =
    options.shareStatistics === true
      ? new Fleet(opened, statistics, {
          observe,
          ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
          ...(seal === undefined ? {} : { seal })
        })
      : undefined
  const { rememberRequests = false } = options

  function wrap<Request extends object, Result>(
    kind: Kind<Request, Result>,
    last: Handler<Request, Result>,
    together?: Together<Request, Result>
  ): PeekingHandler<Request, Result> {
    /** Whether the layer is there for this kind. */
    const isOn = (layer: string): boolean => switches.isOn(kind.name) && switches.isOn(layer)
    entries.know(kind.name)
    const exactIsOn = (): boolean => isOn('exact')
    const semanticIsOn = (): boolean => isOn('semantic')
    const lookUp = switchable(exact(kind, entries, { refresher, isOn: exactIsOn }), exactIsOn)
    // A kind that never says what is alike has nothing to be compared.
    const alike = kind.likeness === undefined ? undefined : meaningSearch
    const byMeaning =
      alike === undefined ? [] : [switchable(semantic(kind, entries, alike, { isOn: semanticIsOn }), semanticIsOn)]
    const sharing = switchable(singleFlight(kind, entries), () => isOn('single-flight'))
    const storing = keep(kind, entries, { freshnessOf, search: alike, switches: { isOn }, rememberRequests })
    const batching =
      together === undefined
        ? []
        : [switchable(batch(kind, together.batching, { ...options.batch, ...together }), () => isOn('batch'))]
    const handler = compose([gate(kind, last, isOn), lookUp, ...byMeaning, sharing, storing, ...batching], last)
    const peeking = Object.assign(handler, {
      peek(request: Request, context: Context, timing?: Timing) {
        if (!isOn(kind.name) || context.mode.noStore || kind.bypass(request) !== undefined) return undefined
        try {
          return lookUp.peek(request, context, timing)
        } catch {
          // What went wrong is found out, and told, on the long way.
          return undefined
        }
      }
    })
    return telling(kind, peeking, { isOn: () => switches.isOn(kind.name), texts: tellTexts })
  }

  const contextFor = (callOptions: CallOptions = {}): Context => contextOf(callOptions, observe)
  const values = new Values({
    entries,
    freshnessOf,
    isOn: () => switches.isOn(valueKind.name) && switches.isOn('exact'),
    contextOf: contextFor,
    ask: wrap<ValueRequest, Json>(valueKind, async ({ compute }) => ({
      value: await compute(),
      origin: { layer: 'provider' }
    }))
  })
  const inventory = new Inventory(entries)

  return {
    wrap,
    keeping(kind, last) {
      const isOn = (layer: string): boolean => switches.isOn(kind.name) && switches.isOn(layer)
      const search = kind.likeness === undefined ? undefined : meaningSearch
      const storing = keep(kind, entries, { freshnessOf, search, switches: { isOn }, rememberRequests })
      const untold = compose([gate(kind, last, isOn), storing], last)
      return (request, context) => untold(request, { ...context, mode: asGiven, observe: onlyStored(context.observe) })
    },
    retrievals: (last) => wrap(retrievalKind, last),
    contextOf: contextFor,
    get: (key, callOptions) => values.get(key, callOptions),
    set: (key, value, callOptions) => values.set(key, value, callOptions),
    getOrSet: (key, compute, callOptions) => values.getOrSet(key, compute, callOptions),
    completions(router, completionOptions) {
      router.budgets.countIn(entries)
      return completions({ wrap, contextOf: contextFor }, router, completionOptions)
    },
    switches,
    tally: entries,
    invalidate: (selection, { dryRun = false } = {}) =>
      dryRun ? inventory.count(selection) : entries.invalidate(selection),
    mark: () => entries.mark(),
    inventory,
    size: () => entries.size(),
    async statistics({ scope = 'process', full = true } = {}) {
      const own = statistics.snapshot()
      if (scope === 'process' || fleet === undefined) return report(own, { scope, full })
      const { snapshot } = await fleet.sum(own)
      return report(snapshot, { scope, full })
    },
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
      await fleet?.close()
      await meaningSearch?.close()
      await entries.close()
    }
  }
}

/** @throws RepriseError `invalid-option` */
function sealOf({ encryptionKeys, vectors }: CacheOptions): Seal | undefined {
  if (encryptionKeys === undefined) return undefined
  if (vectors === 'redis') {
    throw new RepriseError(
      'invalid-option',
      "encryptionKeys: Redis Vector Sets hold vectors that the server must be able to read; use vectors: 'local' with them"
    )
  }
  return createSeal(parseSealKeys(encryptionKeys))
}

/** Past what is stored, and into it. */
const asGiven: Mode = Object.freeze({ noCache: true })

/** Nothing is looked up, and nobody has asked: that something was stored is all there is to tell. */
function onlyStored(observe: Observe): Observe {
  return (event) => {
    if (event.type !== 'looked-up' && event.type !== 'bypass') observe(event)
  }
}

function described({ meanings: { embedder }, minSimilarity }: MeaningSearch): Cache['embedder'] {
  return { name: embedder.name, model: embedder.model, minSimilarity }
}
