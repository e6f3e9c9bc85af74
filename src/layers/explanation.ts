import type { Context } from '../core/handler.ts'
import { keyOf } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'
import type { GuardLevel, Refutation } from '../guards/guard.ts'
import { openGuards } from '../guards/open.ts'
import type { Entries } from '../stores/entries.ts'
import { serves, servesMeanwhile } from './lookup.ts'
import type { MeaningSearch } from './meaning-search.ts'
import type { Meaning } from './meanings.ts'
import type { Switches } from './switches.ts'
import { wordsThatDiffer } from './words-that-differ.ts'

/** Why a request would be answered from the cache, or not. Nothing is asked, stored or counted for it. */
export interface Explanation {
  /** What would happen now: `exact`, `semantic`, `miss`, or `bypass`. */
  readonly outcome: 'exact' | 'semantic' | 'miss' | 'bypass'
  /** In a sentence. */
  readonly reason: string
  /** The key of an identical request's entry; absent when none can be made. */
  readonly key?: string
  /** What is compared by meaning; absent when nothing is. */
  readonly text?: string
  /** Which entries it is compared with: those that are the same in everything else. */
  readonly partition?: string
  readonly minSimilarity?: number
  /** The nearest entries, the most similar first, those below `minSimilarity` too. */
  readonly nearest: readonly Neighbour[]
  /** The similarity of the best match that each level of guards lets through: a `minSimilarity` up to this would have hit. */
  readonly wouldHitAt: { readonly [Level in GuardLevel]?: number }
}

export interface Neighbour {
  readonly key: string
  readonly text: string
  /** Cosine in [-1, 1]. */
  readonly similarity: number
  readonly ageMs: number
  /** Too old for the request otherwise. */
  readonly fresh: boolean
  /** Which words only one of the two texts has. */
  readonly differs: { readonly asked: readonly string[]; readonly answered: readonly string[] }
  /** The guard that refuses it. */
  readonly refuted?: Refutation
  /** Near enough, and for the verifier to decide: it was not asked. */
  readonly doubtful?: true
}

const neighbourCount = 5
const levels: readonly GuardLevel[] = ['off', 'standard', 'strict']

/** What the layers have to go by. */
export interface ExplanationMeans {
  readonly entries: Entries
  readonly search?: MeaningSearch | undefined
  /** Default: all on. */
  readonly switches?: Pick<Switches, 'isOn'>
  readonly now?: () => number
}

/** Explains what the layers would make of a request, with the layers' own means. */
export async function explain<Request extends object>(
  kind: Kind<Request, unknown>,
  request: Request,
  context: Pick<Context, 'scope' | 'mode'>,
  { entries, switches, now = Date.now, ...means }: ExplanationMeans
): Promise<Explanation> {
  if (switches?.isOn(kind.name) === false) return none('bypass', 'it is not cached at all: switched off')
  const search = switches?.isOn('semantic') === false ? undefined : means.search
  const bypass = context.mode.noStore ? 'no-store' : kind.bypass(request)
  if (bypass !== undefined) return none('bypass', `it is not cached at all: ${bypass}`)
  let key: string
  try {
    key = keyOf(kind, request, context.scope)
  } catch (error) {
    if (error instanceof RangeError) return none('bypass', 'it is nested too deep to make a key of')
    throw error
  }
  const isLookedUp = !context.mode.noCache && switches?.isOn('exact') !== false
  const entry = isLookedUp ? await entries.get(key) : undefined
  const isKnown = entry !== undefined && (serves(entry, context.mode, now()) || servesMeanwhile(entry, context, now()))
  const identical = isKnown
    ? 'an identical request has been answered'
    : switches?.isOn('exact') === false
      ? 'identical requests are not looked up: exact is switched off'
      : entry === undefined
        ? 'no identical request has been answered'
        : 'an identical request has been answered, too long ago'
  const outcome = isKnown ? 'exact' : 'miss'
  if (search === undefined)
    return {
      ...none(
        outcome,
        `${identical}; ${means.search === undefined ? 'without an embedder nothing else is compared' : 'nothing is compared by meaning: semantic is switched off'}`
      ),
      key
    }

  const meaning = await search.meanings.of(kind, request, context.scope)
  if ('reason' in meaning) return { ...none(outcome, `${identical}; nothing is compared: ${why(meaning.reason)}`), key }
  const nearest = await neighbours(meaning)
  const best = nearest.find(
    ({ similarity, refuted, fresh }) => fresh && refuted === undefined && similarity >= search.minSimilarity
  )
  const { text, partition } = meaning
  return {
    outcome: isKnown ? 'exact' : best === undefined ? 'miss' : 'semantic',
    reason: `${identical}; ${reasonOf(nearest, best, search.minSimilarity)}`,
    key,
    text,
    partition,
    minSimilarity: search.minSimilarity,
    nearest,
    wouldHitAt: wouldHitAt(text, nearest)
  }

  async function neighbours(of: Meaning): Promise<readonly Neighbour[]> {
    const { minSimilarity } = search as MeaningSearch
    const found: Neighbour[] = []
    for (const match of (await search?.nearest(of, -1, neighbourCount)) ?? []) {
      const near = await entries.get(match.key)
      if (near?.text === undefined) continue
      const refuted = search?.refute(of, near)
      const isDoubtful =
        match.similarity >= minSimilarity && refuted === undefined && search?.isDoubtful(match) === true
      found.push({
        key: match.key,
        text: near.text,
        similarity: match.similarity,
        ageMs: Math.max(0, now() - near.storedAtMs),
        fresh: serves(near, context.mode, now()),
        differs: wordsThatDiffer(of.text, near.text),
        ...(refuted === undefined ? {} : { refuted }),
        ...(isDoubtful ? { doubtful: true } : {})
      })
    }
    return found
  }
}

function none(outcome: 'exact' | 'miss' | 'bypass', reason: string): Explanation {
  return { outcome, reason, nearest: [], wouldHitAt: {} }
}

function why(reason: string): string {
  const sentences: Readonly<Record<string, string>> = {
    'exact-only': 'only an identical request may have its answer (tools, images, or no last turn of the user)',
    'too-long': 'its text is longer than what is compared by meaning',
    'unknown-words': 'the embedder knows none of its words',
    'embedder-failed': 'the embedder does not answer'
  }
  return sentences[reason] ?? reason
}

function reasonOf(nearest: readonly Neighbour[], best: Neighbour | undefined, minSimilarity: number): string {
  if (best !== undefined) {
    const verdict = best.doubtful ? ', if the verifier agrees' : ''
    return `${JSON.stringify(best.text)} means the same, at ${best.similarity.toFixed(4)}${verdict}`
  }
  const first = nearest[0]
  if (first === undefined) return 'nothing is stored that is the same in everything but its wording'
  const near = `the nearest, ${JSON.stringify(first.text)}, is at ${first.similarity.toFixed(4)}`
  if (first.similarity < minSimilarity) return `${near}, and ${minSimilarity} is asked for`
  if (first.refuted !== undefined)
    return `${near}, and the guard ${first.refuted.by} refuses it: ${first.refuted.reason}`
  return `${near}, and is too old`
}

function wouldHitAt(text: string, nearest: readonly Neighbour[]): Explanation['wouldHitAt'] {
  const found: { [Level in GuardLevel]?: number } = {}
  for (const level of levels) {
    const guards = openGuards(level)
    const best = nearest.find((neighbour) => neighbour.fresh && guards(text, neighbour.text) === undefined)
    if (best !== undefined) found[level] = best.similarity
  }
  return found
}
