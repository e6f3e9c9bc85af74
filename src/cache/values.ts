import type { Answer, Origin } from '../core/answer.ts'
import type { CallOptions } from '../core/context.ts'
import { type FreshnessOf, ownFreshness } from '../core/freshness.ts'
import type { Context, Handler } from '../core/handler.ts'
import type { Json } from '../core/json.ts'
import { keyOf } from '../core/key.ts'
import { type ValueRequest, valueKind } from '../core/value-kind.ts'
import { windowsFrom } from '../core/windows.ts'
import type { Entries } from '../stores/entries.ts'
import type { Entry } from '../stores/entry.ts'

export interface Cached<Value> {
  readonly value: Value
  /** True when the value was not computed for this call. */
  readonly cacheHit: boolean
  readonly origin: Origin
}

export interface ValuesTools {
  readonly entries: Entries
  readonly freshnessOf: FreshnessOf
  /** Whether values are kept at present. */
  readonly isOn: () => boolean
  readonly contextOf: (options?: CallOptions) => Context
  /** Puts the layers before what computes a value. */
  readonly ask: Handler<ValueRequest, Json>
}

/** Asks for nothing but the key. */
function valueRequest(key: string): ValueRequest {
  return { key, compute: () => null }
}

/** Values under keys of the caller's own. */
export class Values {
  readonly #tools: ValuesTools

  constructor(tools: ValuesTools) {
    this.#tools = tools
  }

  async get(key: string, options: Pick<CallOptions, 'scope' | 'tenant'> = {}): Promise<Json | undefined> {
    const { entries, isOn, contextOf } = this.#tools
    const { scope, observe } = contextOf(options)
    if (!isOn()) return undefined
    const startedMs = performance.now()
    const lookup = { layer: 'exact', kind: valueKind.name } as const
    observe({ type: 'looked-up', ...lookup })
    const entryKey = keyOf(valueKind, valueRequest(key), scope)
    const found = await entries.get(entryKey)
    const entry = isFresh(found) ? found : undefined
    const told = { ...lookup, key: entryKey, tookMs: performance.now() - startedMs }
    observe(entry === undefined ? { type: 'miss', ...told } : { type: 'hit', stale: false, ...told })
    return entry && valueKind.decode(entry.body)
  }

  // Not through the layers: two callers who set a key at the same time have two values, and must not share one.
  async set(key: string, value: Json, options: CallOptions = {}): Promise<boolean> {
    const { entries, isOn, contextOf, freshnessOf } = this.#tools
    const { scope, tags, ...own } = contextOf(options)
    // What is set is not an answer that was asked anew: there is nothing for its time to live to follow.
    const freshness = { ...ownFreshness(own, freshnessOf(valueKind.name, key)), adaptive: undefined }
    if (!(freshness.ttlMs > 0) || !isOn()) return false
    const mark = await entries.mark()
    if (mark === undefined) return false
    const storedAtMs = Date.now()
    const entryKey = keyOf(valueKind, valueRequest(key), scope)
    const windows = windowsFrom(storedAtMs, freshness)
    const entry: Entry = {
      key: entryKey,
      kind: valueKind.name,
      storedAtMs,
      ...windows,
      tags,
      mark,
      body: valueKind.encode(value)
    }
    return entries.put(entry, { since: mark })
  }

  async getOrSet<Value extends Json>(
    key: string,
    compute: () => Value | Promise<Value>,
    options: CallOptions = {}
  ): Promise<Cached<Value>> {
    const { ask, contextOf } = this.#tools
    const { value, origin }: Answer<Json> = await ask({ key, compute }, contextOf(options))
    return { value: value as Value, cacheHit: origin.layer !== 'provider' || origin.joined === true, origin }
  }
}

function isFresh(entry: Entry | undefined): boolean {
  return entry !== undefined && entry.freshUntilMs > Date.now()
}
