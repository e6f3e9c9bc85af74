import type { Answer } from '../core/answer.ts'
import type { Context, Layer } from '../core/handler.ts'
import { keyOf } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'
import type { Entries } from '../stores/entries.ts'
import type { Entry } from '../stores/entry.ts'
import { answerFrom, serves } from './lookup.ts'
import type { MeaningSearch } from './meaning-search.ts'
import type { Meaning } from './meanings.ts'

/** How many neighbours are asked for at first, and how many at most when the nearest are gone or refused. */
const fewNeighbours = 4
const mostNeighbours = 64

/** A verifier costs about as much as a call; further down the list it only has less likely ones to say no to. */
const mostVerified = 2

/**
 * Answers a request that means the same as a stored one, the most similar first: a match is a pointer, and one whose
 * entry has gone is taken out and the next best tried. What is new is stored further down, by `keep`; what was found
 * here never is.
 */
export function semantic<Request extends object, Result>(
  kind: Kind<Request, Result>,
  entries: Entries,
  search: MeaningSearch,
  now: () => number = Date.now
): Layer<Request, Result> {
  async function lookUp(request: Request, context: Context): Promise<Answer<Result> | undefined> {
    const meaning = await search.meanings.of(kind, request, context.scope)
    if ('reason' in meaning) {
      // That the embedder failed is told by an event of its own, and the lookup has missed.
      if (meaning.reason !== 'embedder-failed') {
        context.observe({ type: 'bypass', layer: 'semantic', kind: kind.name, reason: meaning.reason })
        return undefined
      }
    } else {
      const found = await find(meaning, context)
      if (found !== undefined) return found
    }
    context.observe({ type: 'miss', layer: 'semantic', kind: kind.name, key: keyOf(kind, request, context.scope) })
    return undefined
  }

  async function find(meaning: Meaning, context: Context): Promise<Answer<Result> | undefined> {
    const refuted = new Set<string>()
    let verified = 0
    for (let count = fewNeighbours; count <= mostNeighbours; count *= 4) {
      const matches = await search.nearest(meaning, search.minSimilarity, count)
      const gone: string[] = []
      for (const match of matches) {
        const { key, similarity } = match
        if (refuted.has(key)) continue
        const entry = await entries.find(key)
        // While the store does not answer nobody knows, and a pointer that was thrown away is not found again.
        if (entry === 'unknown') return undefined
        if (entry === undefined) gone.push(key)
        if (entry === undefined || !serves(entry, context.mode, now())) continue
        let refutation = search.refute(meaning, entry)
        if (refutation === undefined && search.isDoubtful(match)) {
          if (verified === mostVerified) return undefined
          verified += 1
          refutation = await search.verify(meaning, entry)
        }
        if (refutation === undefined) {
          search.forget(meaning, gone)
          return hit(entry, similarity, context)
        }
        refuted.add(key)
        context.observe({ type: 'refuted', layer: 'semantic', kind: kind.name, key, similarity, ...refutation })
      }
      search.forget(meaning, gone)
      if (matches.length < count) return undefined
    }
    return undefined
  }

  function hit(entry: Entry, similarity: number, context: Context): Answer<Result> {
    const { value, origin } = answerFrom(entry, kind, now())
    const { savedUsd, stale = false } = origin
    const saved = savedUsd === undefined ? {} : { savedUsd }
    const { key } = entry
    context.observe({ type: 'hit', layer: 'semantic', kind: kind.name, key, stale, similarity, ...saved })
    return { value, origin: { ...origin, layer: 'semantic', similarity } }
  }

  return {
    name: 'semantic',
    wrap(next) {
      return async function lookUpByMeaning(request, context) {
        const found = context.mode.noCache ? undefined : await lookUp(request, context)
        return found ?? next(request, context)
      }
    }
  }
}
