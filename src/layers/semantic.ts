import type { Answer } from '../core/answer.ts'
import type { Context, Layer } from '../core/handler.ts'
import { keyOf } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'
import type { Entries } from '../stores/entries.ts'
import type { Entry } from '../stores/entry.ts'
import { readAnswer, rescues, serves } from './lookup.ts'
import type { MeaningSearch } from './meaning-search.ts'
import type { Meaning } from './meanings.ts'
import { rescue } from './rescue.ts'

/** How many neighbours are asked for at first, and how many at most when the nearest are gone or refused. */
const fewNeighbours = 4
const mostNeighbours = 64

/** A verifier costs about as much as a call; further down the list it only has less likely ones to say no to. */
const mostVerified = 2

export interface SemanticOptions {
  /** Whether a similar answer may still be served when everything below has failed, which may be long after. Default: yes. */
  readonly isOn?: () => boolean
  readonly now?: () => number
}

/**
 * Answers a request that means the same as a stored one, the most similar first: a match is a pointer, and one whose
 * entry has gone is taken out and the next best tried. What is new is stored further down, by `keep`; what was found
 * here never is.
 */
export function semantic<Request extends object, Result>(
  kind: Kind<Request, Result>,
  entries: Entries,
  search: MeaningSearch,
  { isOn = () => true, now = Date.now }: SemanticOptions = {}
): Layer<Request, Result> {
  async function lookUp(request: Request, context: Context, refuted: Set<string>): Promise<Answer<Result> | undefined> {
    const startedMs = performance.now()
    context.observe({ type: 'looked-up', layer: 'semantic', kind: kind.name })
    const { noCache, exactOnly } = context.mode
    if (noCache || exactOnly) {
      const reason = noCache ? 'no-cache' : 'exact-only'
      context.observe({ type: 'bypass', layer: 'semantic', kind: kind.name, reason })
      return undefined
    }
    const meaning = await search.meanings.of(kind, request, context.scope)
    if ('reason' in meaning) {
      // That the embedder failed is told by an event of its own, and the lookup has missed.
      if (meaning.reason !== 'embedder-failed') {
        context.observe({ type: 'bypass', layer: 'semantic', kind: kind.name, reason: meaning.reason })
        return undefined
      }
    } else {
      const serving = (entry: Entry): boolean => serves(entry, context.mode, now())
      const found = await find(meaning, context, { minSimilarity: search.minSimilarity, serving, refuted })
      const answer = found && hit(found, context, startedMs)
      if (answer !== undefined) return answer
    }
    const key = keyOf(kind, request, context.scope)
    context.observe({ type: 'miss', layer: 'semantic', kind: kind.name, key, tookMs: performance.now() - startedMs })
    return undefined
  }

  /** The most similar entry that may serve and that nobody refutes. */
  async function find(meaning: Meaning, context: Context, wanted: Wanted): Promise<Found | undefined> {
    const { refuted } = wanted
    let verified = 0
    for (let count = fewNeighbours; count <= mostNeighbours; count *= 4) {
      const matches = await search.nearest(meaning, wanted.minSimilarity, count)
      const gone: string[] = []
      for (const match of matches) {
        const { key, similarity } = match
        if (refuted.has(key)) continue
        const entry = await entries.find(key)
        // While the store does not answer nobody knows, and a pointer that was thrown away is not found again.
        if (entry === 'unknown') return undefined
        if (entry === undefined) gone.push(key)
        if (entry === undefined || !wanted.serving(entry)) continue
        let refutation = search.refute(meaning, entry)
        if (refutation === undefined && search.isDoubtful(match)) {
          if (verified === mostVerified) return undefined
          verified += 1
          refutation = await search.verify(meaning, entry)
        }
        if (refutation === undefined) {
          const its = await entries.claim(entry, context.tags)
          // Invalidated for one of the request's tags, since it was made; or another has taken its place.
          if (its === undefined || !wanted.serving(its)) continue
          search.forget(meaning, gone)
          return { entry: its, similarity }
        }
        refuted.add(key)
        // Those further away are refused by the same guard, mostly: one says what there is to say of the lookup.
        if (refuted.size > 1) continue
        const texts = { text: meaning.text, ...(entry.text === undefined ? {} : { entryText: entry.text }) }
        context.observe({
          type: 'refuted',
          layer: 'semantic',
          kind: kind.name,
          key,
          similarity,
          ...refutation,
          ...texts
        })
      }
      search.forget(meaning, gone)
      if (matches.length < count) return undefined
    }
    return undefined
  }

  function hit({ entry, similarity }: Found, context: Context, startedMs: number): Answer<Result> | undefined {
    const answer = readAnswer(entry, kind, now(), context.observe)
    if (answer === undefined) return undefined
    const { value, origin } = answer
    const { savedUsd, stale = false } = origin
    const saved = savedUsd === undefined ? {} : { savedUsd }
    const { key } = entry
    const tookMs = performance.now() - startedMs
    context.observe({ type: 'hit', layer: 'semantic', kind: kind.name, key, stale, similarity, tookMs, ...saved })
    return { value, origin: { ...origin, layer: 'semantic', similarity } }
  }

  /** When nobody can answer: what is the most like it, at a similarity that would not do otherwise, and not refuted. */
  async function lastResort(
    minSimilarity: number,
    request: Request,
    context: Context,
    refuted: Set<string>
  ): Promise<Answer<Result> | undefined> {
    if (!isOn()) return undefined
    const meaning = await search.meanings.of(kind, request, context.scope)
    if ('reason' in meaning) return undefined
    const serving = (entry: Entry): boolean => rescues(entry, context, now())
    const found = await find(meaning, context, { minSimilarity, serving, refuted })
    if (found === undefined) return undefined
    const { entry, similarity } = found
    const answer = readAnswer(entry, kind, now(), context.observe)
    if (answer === undefined) return undefined
    const { value, origin } = answer
    const { savedUsd } = origin
    const saved = savedUsd === undefined ? {} : { savedUsd }
    context.observe({ type: 'rescued', layer: 'semantic', kind: kind.name, key: entry.key, similarity, ...saved })
    return { value, origin: { ...origin, layer: 'semantic', similarity, rescued: true, lastResort: true } }
  }

  return {
    name: 'semantic',
    wrap(next) {
      return async function lookUpByMeaning(request, context) {
        const { mode, spare } = context
        // Who has been refuted once is not asked about again.
        const refuted = new Set<string>()
        const found = await lookUp(request, context, refuted)
        if (found !== undefined) return found
        const { lastResortSimilarity } = search
        // An identical request's older answer goes before one to a similar request.
        if (lastResortSimilarity === undefined || mode.noCache || mode.exactOnly || spare) return next(request, context)
        return rescue(next, request, context, () => lastResort(lastResortSimilarity, request, context, refuted))
      }
    }
  }
}

/** Which entries are looked for. */
interface Wanted {
  readonly minSimilarity: number
  serving(entry: Entry): boolean
  /** The keys of those that somebody has said no to; more may be added. */
  readonly refuted: Set<string>
}

interface Found {
  readonly entry: Entry
  readonly similarity: number
}
