import { RepriseError } from '../core/errors.ts'
import type { Observe } from '../core/events.ts'
import type { FreshnessOf } from '../core/freshness.ts'
import type { Embedder } from '../embedders/embedder.ts'
import { memoize, type VectorMemory } from '../embedders/memoize.ts'
import { type OpenEmbedderOptions, openEmbedder } from '../embedders/open.ts'
import type { GuardLevel } from '../guards/guard.ts'
import { openGuards } from '../guards/open.ts'
import type { Entries } from '../stores/entries.ts'
import { vectorKind } from '../stores/namespace.ts'
import type { Store } from '../stores/store.ts'
import { openVectors } from '../vectors/open.ts'
import type { VectorIndex } from '../vectors/vector-index.ts'
import { MeaningSearch } from './meaning-search.ts'
import { Meanings } from './meanings.ts'
import type { Verifier } from './verifier.ts'

export interface OpenMeaningOptions {
  /**
   * Answers requests that mean the same as a stored one: `static:FOLDER_OR_NAME`, `local[:MODEL]`, `openai:MODEL`,
   * `voyage:MODEL`, or an embedder of your own. Default: none, and then only identical requests are answered.
   */
  readonly embedder?: string | Embedder
  /** Addresses, keys and folders for an embedder that is named by a text. */
  readonly embedding?: OpenEmbedderOptions
  /** The cosine from which on two texts may mean the same, above 0 and at most 1. Default: the embedder's own. */
  readonly minSimilarity?: number
  /**
   * When everybody who could answer has failed, the most similar answer from this cosine on is served, marked as such,
   * unless a guard or the verifier refutes it. Default: none is.
   */
  readonly lastResortSimilarity?: number
  /** What is looked at beside similarity. Default: `standard`. */
  readonly guards?: GuardLevel
  /** Decides where similarity alone does not, after the guards; it has failed when it does not answer. Default: none. */
  readonly verifier?: Verifier
  /** From this similarity on the verifier need not be asked. Default: it is asked for all. */
  readonly verifyBelow?: number
  /** Where neighbours are looked for: in this process, in Redis 8 Vector Sets, or in an index of your own. Default: `local`. */
  readonly vectors?: 'local' | 'redis' | VectorIndex
  /** The most that vectors may take in this process, in bytes. Default: 1 GiB. */
  readonly maxVectorBytes?: number
  /** Texts above this are compared exactly only, in UTF-16 units. Default: 1,000. */
  readonly maxTextLength?: number
  /** The longest that embedding a text may hold a request up, in milliseconds. Default: 1,000. */
  readonly embedderDeadlineMs?: number
}

/** Opens what finds entries by meaning; undefined without an embedder. @throws RepriseError `invalid-option` */
export async function openMeaningSearch(
  options: OpenMeaningOptions,
  {
    store,
    entries,
    freshnessOf,
    observe
  }: { store: Store; entries: Entries; freshnessOf: FreshnessOf; observe: Observe }
): Promise<MeaningSearch | undefined> {
  const {
    embedder: wanted,
    minSimilarity,
    lastResortSimilarity,
    verifyBelow,
    guards = 'standard',
    vectors = 'local'
  } = options
  if (wanted === undefined) return undefined
  checkSimilarity('minSimilarity', minSimilarity)
  checkSimilarity('verifyBelow', verifyBelow)
  checkSimilarity('lastResortSimilarity', lastResortSimilarity)
  const opened = typeof wanted === 'string' ? await openEmbedder(wanted, options.embedding) : wanted
  const index = typeof vectors === 'string' ? await openIndex(vectors, store, entries, options, observe) : vectors
  const { maxTextLength, embedderDeadlineMs: deadlineMs, verifier } = options
  const meanings = new Meanings({
    embedder: memoize(opened, rememberIn(entries, opened, freshnessOf)),
    probed: opened,
    observe,
    ...(maxTextLength === undefined ? {} : { maxTextLength }),
    ...(deadlineMs === undefined ? {} : { deadlineMs })
  })
  return new MeaningSearch({
    meanings,
    index,
    guards: openGuards(guards),
    observe,
    ...(minSimilarity === undefined ? {} : { minSimilarity }),
    ...(lastResortSimilarity === undefined ? {} : { lastResortSimilarity }),
    ...(verifier === undefined ? {} : { verifier }),
    ...(verifyBelow === undefined ? {} : { verifyBelow })
  })
}

function openIndex(
  spec: 'local' | 'redis',
  store: Store,
  { vectors }: Entries,
  { maxVectorBytes }: OpenMeaningOptions,
  observe: Observe
): Promise<VectorIndex> {
  const redis = spec === 'redis' ? store.redis : undefined
  return openVectors(spec, {
    observe,
    ...(vectors === undefined ? {} : { vectors }),
    ...(redis === undefined ? {} : { redis }),
    ...(maxVectorBytes === undefined ? {} : { maxBytes: maxVectorBytes })
  })
}

/** Keeps the vectors of known texts with the entries: as long as answers are kept, and never failing for the store's sake. */
function rememberIn(entries: Entries, { model }: Embedder, freshnessOf: FreshnessOf): VectorMemory {
  const kind = vectorKind
  return {
    async get(key) {
      return (await entries.get(`${kind}:${key}`))?.body
    },
    async set(key, bytes) {
      const storedAtMs = Date.now()
      const expiresAtMs = storedAtMs + freshnessOf(kind, model).ttlMs
      const times = { storedAtMs, freshUntilMs: expiresAtMs, expiresAtMs }
      await entries.put({ key: `${kind}:${key}`, kind, model, ...times, tags: [], body: bytes }, { layer: 'semantic' })
    }
  }
}

function checkSimilarity(name: string, value: number | undefined): void {
  if (value === undefined || (value > 0 && value <= 1)) return
  throw new RepriseError('invalid-option', `${name}: expected a cosine above 0 and at most 1, got ${value}`)
}
