import type { Answer, Origin } from '../core/answer.ts'
import { ignore } from '../core/events.ts'
import { type FreshnessOf, ownFreshness } from '../core/freshness.ts'
import type { Context, Layer } from '../core/handler.ts'
import { canonical, keyOf } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'
import { vectorBytes } from '../core/vector-bytes.ts'
import { adaptedTtlMs, type Lesson, windowsFrom } from '../core/windows.ts'
import type { Entries } from '../stores/entries.ts'
import type { Entry } from '../stores/entry.ts'
import { recordKey } from '../stores/namespace.ts'
import { readAnswer, serves, usableUntilMs } from './lookup.ts'
import type { MeaningSearch } from './meaning-search.ts'
import type { Meaning } from './meanings.ts'
import { notInCache } from './not-in-cache.ts'
import type { Switches } from './switches.ts'

export interface KeepOptions {
  /** How long an answer may be used, and for what, where its call does not say. */
  readonly freshnessOf: FreshnessOf
  /** Makes what is stored findable by its meaning too. */
  readonly search?: MeaningSearch | undefined
  /** Which layers are there. Default: all. */
  readonly switches?: Pick<Switches, 'isOn'>
  /** Keeps what was asked beside each answer, so that it can be asked anew when that has expired. Default: false. */
  readonly rememberRequests?: boolean
  readonly now?: () => number
  /** Gives a number from 0 on and below 1. */
  readonly random?: () => number
}

/**
 * Stores what a provider has just answered, before the call returns: whoever has an answer finds it again.
 * Stands below single flight, so that storing belongs to the call and not to one of those who share it.
 */
export function keep<Request extends object, Result>(
  kind: Kind<Request, Result>,
  entries: Entries,
  options: KeepOptions
): Layer<Request, Result> {
  const { freshnessOf, search, switches = allOn, now = Date.now, random = Math.random } = options

  async function store(
    key: string,
    answer: Answer<Result>,
    request: Request,
    context: Context,
    found: Entry | undefined,
    elapsedMs: number
  ): Promise<boolean> {
    // Only what a provider has just answered: never what another layer found.
    if (answer.origin.layer !== 'provider') return false
    const byMeaning = search !== undefined && switches.isOn('semantic') ? search : undefined
    // An entry is of use to either layer that looks entries up, and belongs to the first that is there.
    const layer = switches.isOn('exact') ? 'exact' : 'semantic'
    if (byMeaning === undefined && layer === 'semantic') return false
    const freshness = ownFreshness(context, freshnessOf(kind.name, kind.model(request)))
    // Without a mark nobody could say whether it has been invalidated meanwhile.
    const { mark } = context
    if (!(freshness.ttlMs > 0) || mark === undefined) return false
    const unfit = kind.storable(answer.value) ? unstorable(answer.origin) : 'unfit'
    if (unfit !== undefined) {
      context.observe({ type: 'refused', layer, kind: kind.name, key, reason: unfit })
      return false
    }
    const body = encode(answer.value, context)
    if (body === undefined) return false
    const said = await byMeaning?.meanings.of(kind, request, context.scope)
    const meaning = said === undefined || 'reason' in said ? undefined : said
    const text = meaning === undefined ? textOf(request) : meaning.text
    // Nobody would find it.
    if (meaning === undefined && layer === 'semantic') return false
    const { adaptive } = freshness
    const ttlMs =
      adaptive === undefined
        ? freshness.ttlMs
        : adaptedTtlMs(freshness.ttlMs, adaptive, await lessonOf(key, answer.value, body, context, found))
    const storedAtMs = now()
    const windows = windowsFrom(storedAtMs, { ...freshness, ttlMs }, random)
    // A search, or what computes a value, does not say how long it took.
    const { provider, model, fallback, usage, costUsd, tookMs = elapsedMs } = answer.origin
    const entry: Entry = {
      key,
      kind: kind.name,
      storedAtMs,
      ...windows,
      tags: [...context.tags, ...(kind.tags?.(answer.value) ?? [])],
      mark,
      body,
      ...(text === undefined ? {} : { text }),
      ...(provider === undefined ? {} : { provider }),
      ...(model === undefined ? {} : { model }),
      ...(fallback === undefined ? {} : { fallback }),
      ...(usage === undefined ? {} : { usage }),
      ...(costUsd === undefined ? {} : { costUsd }),
      tookMs
    }
    const partitioned = byMeaning?.readsStore === true && meaning !== undefined ? partitionedVector(meaning) : undefined
    // First: whoever claims the answer for other tags must find it.
    if (options.rememberRequests) await remember(entry, request, context, mark)
    const stored = await entries.put(entry, {
      layer,
      since: mark,
      observe: context.observe,
      ...(partitioned === undefined ? {} : { vector: partitioned })
    })
    if (!stored) return false
    if (byMeaning !== undefined && meaning !== undefined) await byMeaning.add(meaning, key, usableUntilMs(entry))
    return true
  }

  /** The caller's words, where they are not too many to be kept beside the answer. */
  function textOf(request: Request): string | undefined {
    const text = kind.likeness?.(request)?.text
    return text === undefined || text.length > longestText ? undefined : text
  }

  /** Keeps what was asked, for longer than the answer, and as long as nobody invalidates that. */
  async function remember(entry: Entry, request: Request, { scope, tenant }: Context, since: number): Promise<void> {
    const record = kind.record?.(request)
    if (record === undefined) return
    const { key, storedAtMs, tags } = entry
    const expiresAtMs = Math.max(entry.expiresAtMs, storedAtMs + requestsLastMs)
    const body = Buffer.from(JSON.stringify({ record, scope, tags, ...(tenant === undefined ? {} : { tenant }) }))
    const times = { storedAtMs, freshUntilMs: expiresAtMs, expiresAtMs }
    await entries.put({ key: recordKey(key), kind: 'request', ...times, tags, body }, { since, isAuxiliary: true })
  }

  /** What the answer before this one teaches, if there is one; `found` is what was looked up before the provider was asked. */
  async function lessonOf(
    key: string,
    value: Result,
    body: Uint8Array,
    { mode }: Context,
    found: Entry | undefined
  ): Promise<Lesson | undefined> {
    // Under no-cache nothing was looked up.
    const older = mode.noCache && switches.isOn('exact') ? await entries.get(key) : found
    return older && { ttlMs: older.freshUntilMs - older.storedAtMs, isSame: saysTheSame(older, value, body) }
  }

  function saysTheSame(older: Entry, value: Result, body: Uint8Array): boolean {
    if (kind.substance === undefined) return Buffer.compare(older.body, body) === 0
    try {
      return canonical(kind.substance(kind.decode(older.body))) === canonical(kind.substance(value))
    } catch {
      // Who cannot tell asks again sooner.
      return false
    }
  }

  function encode(value: Result, context: Context): Uint8Array | undefined {
    try {
      return kind.encode(value)
    } catch (error) {
      tellFailed('encode', error, context)
      return undefined
    }
  }

  function tellFailed(operation: string, error: unknown, { observe }: Context): void {
    const reason = error instanceof Error ? error : new Error(String(error))
    observe({ type: 'failed', part: 'exact', operation, error: reason, kind: kind.name })
  }

  return {
    name: 'keep',
    wrap(next) {
      return async function askAndKeep(request, asked) {
        const key = keyOf(kind, request, asked.scope)
        const { mode, tags } = asked
        // Another call may have stored the answer after this request had looked for it and before it got here.
        const looks = !mode.noCache && switches.isOn('exact')
        const [found, mark] = await Promise.all([looks ? entries.get(key) : undefined, asked.mark ?? entries.mark()])
        const entry = found && (await entries.claim(found, tags))
        // One that cannot be read has been told of by who looked it up first.
        const known =
          entry !== undefined && serves(entry, mode, now()) ? readAnswer(entry, kind, now(), ignore) : undefined
        if (known !== undefined) return known
        if (mode.onlyIfCached) throw notInCache()
        const context = mark === undefined || mark === asked.mark ? asked : { ...asked, mark }
        const startedMs = performance.now()
        const answer = await next(request, context)
        const elapsedMs = performance.now() - startedMs
        const stored = await store(key, answer, request, context, found, elapsedMs).catch((error: unknown) => {
          // Of the kind's own making: whoever has asked gets the answer all the same.
          tellFailed('store', error, context)
          return false
        })
        return { value: answer.value, origin: { ...answer.origin, key, stored } }
      }
    }
  }
}

/** Longer texts are not worth their place beside an answer. */
const longestText = 1000

/** A week: whoever was asked often is worth asking again for about so long. */
const requestsLastMs = 604_800_000

function partitionedVector({ partition, vector }: Meaning): { partition: string; bytes: Uint8Array } {
  return { partition, bytes: vectorBytes(vector) }
}

const allOn: Pick<Switches, 'isOn'> = { isOn: () => true }

/** Why an answer must not be stored, though there is nothing wrong with it. */
function unstorable({ storable, fallback }: Origin): string | undefined {
  if (storable !== false) return undefined
  return fallback ? 'fallback' : 'not-storable'
}
