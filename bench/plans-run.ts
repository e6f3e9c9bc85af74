import { setTimeout as delay } from 'node:timers/promises'
import { type Cache, type CacheOptions, createCache } from '../src/cache.ts'
import type { Completion } from '../src/completions.ts'
import type { Answer, Origin } from '../src/core/answer.ts'
import type { CallOptions } from '../src/core/context.ts'
import type { Event } from '../src/core/events.ts'
import type { PeekingHandler } from '../src/core/handler.ts'
import { isObject, type JsonObject } from '../src/core/json.ts'
import { type Documents, documentTag, type RetrievalRequest } from '../src/core/retrieval-kind.ts'
import { cachedAsk } from '../src/plans/cached-ask.ts'
import type { Atom } from '../src/plans/plan.ts'
import { Template } from '../src/plans/template.ts'
import { WaveExecutor } from '../src/plans/wave-executor.ts'
import { createRouter } from '../src/router/open.ts'
import type { Router } from '../src/router/router.ts'
import { openStore } from '../src/stores/open.ts'
import type { Store } from '../src/stores/store.ts'
import { Library } from './plans-library.ts'
import { type PlanModel, refIn } from './plans-model.ts'
import { prose } from './plans-prose.ts'
import type { PlannedAtom, Revision, Workload } from './plans-workload.ts'

export const model = 'gpt-4o-mini'
/** How many of the provider's calls are under way at a time. */
export const concurrency = 8
/** From a query to what it has found, in milliseconds of a real search. */
export const searchMs = 120

const systemPrompt = [
  'You develop services together with a team. Answer in English or in code, and go by the material that you are given.',
  prose('house rules', 950)
].join('\n')

/** How one run is made. */
export interface Setting {
  readonly name: string
  readonly options: CacheOptions
  readonly providerUrl: string
  readonly workload: Workload
  readonly planModel: PlanModel
  /** How many times faster than real everything that is simulated goes. */
  readonly scale: number
  /** How many plans are run at a time. */
  readonly sideBySide: number
}

/** What an atom was told. */
export interface Told {
  readonly revision: Revision
  readonly atom: PlannedAtom
  readonly origin: Origin
  readonly text: string
  /** What the answer is known by. */
  readonly ref: string | undefined
  /** What would have been right for the prompt that was sent; another one than the atom's where an input was wrong. */
  readonly rightForPrompt: string
}

/** What a search has found. */
export interface Searched {
  readonly query: string
  readonly layer: string
  readonly isRight: boolean
}

export interface PlansRun {
  readonly name: string
  readonly tookMs: number
  readonly told: readonly Told[]
  readonly searched: readonly Searched[]
  /** Of the provider, as the router has seen them. */
  readonly calls: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly costUsd: number
  /** What the cache's own statistics say was spent. */
  readonly statedUsd: number
  readonly statedHitRate: number
  readonly searches: number
  /** How long each lookup took, by layer and outcome, and each write, in milliseconds. */
  readonly latencies: ReadonlyMap<string, readonly number[]>
  /** Combined calls: how many prompts each had, and how many of them were asked again alone. */
  readonly batches: readonly { readonly size: number; readonly alone: number }[]
  readonly failures: readonly string[]
}

/** Runs all plans, revision by revision and each wave by wave, on a cache that is empty at first. */
export async function runPlans(setting: Setting): Promise<PlansRun> {
  const { name, options, providerUrl, workload, planModel, scale, sideBySide } = setting
  const latencies = new Map<string, number[]>()
  const batches: { size: number; alone: number }[] = []
  const failures: string[] = []
  function note(what: string, tookMs: number): void {
    const known = latencies.get(what)
    if (known === undefined) latencies.set(what, [tookMs])
    else known.push(tookMs)
  }
  function observe(event: Event): void {
    if (event.type === 'hit' || event.type === 'miss') note(`${event.kind} ${event.layer} ${event.type}`, event.tookMs)
    if (event.type === 'batched') batches.push(event)
    if (event.type === 'failed') failures.push(`${event.part} ${event.operation}: ${event.error.message}`)
  }
  const { store = 'memory:' } = options
  const opened = typeof store === 'string' ? await openStore(store, options) : store
  const cache = await createCache({ ...options, store: timed(opened, note), observe })
  const paid = { calls: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 }
  const router = counting(
    createRouter({ providers: { openai: { url: providerUrl, key: 'sk-bench', concurrency } } }),
    paid
  )
  const completions = cache.completions(router)
  const library = new Library()
  let searches = 0
  const search = cache.retrievals(async ({ query }) => {
    searches += 1
    await delay(searchMs / scale)
    const { subject = '', ofCase = '' } = workload.searches.get(query) ?? {}
    return { value: library.find(subject, ofCase), origin: { layer: 'provider' } }
  })
  const told: Told[] = []
  const searched: Searched[] = []
  async function develop(revision: Revision): Promise<void> {
    const executor = new WaveExecutor({
      batch: options.batch !== undefined,
      async ask(request, signal) {
        const atom = atomOf(revision, request.atom)
        const documents = await found(atom, { cache, search, library, workload, searched })
        async function chat(body: object, own?: CallOptions): Promise<Completion> {
          const completion = await completions.chat(body, own)
          told.push(toldOf(revision, atom, body as JsonObject, completion))
          return completion
        }
        return cachedAsk({ ...completions, chat })({ ...request, body: withDocuments(request.body, documents) }, signal)
      }
    })
    const { failed, skipped, end } = await executor.run({
      id: revision.id,
      sharing: 'shared',
      atoms: revision.atoms.map(planAtom)
    })
    if (failed + skipped > 0 || end !== 'finished') failures.push(`${revision.id}: ${end}, ${failed} failed`)
  }
  const startedAt = performance.now()
  // A round: one revision of each service. Its documents have changed before it begins.
  for (const number of new Set(workload.revisions.map((revision) => revision.number))) {
    const round = workload.revisions.filter((revision) => revision.number === number)
    for (const id of round.flatMap(({ edited }) => edited)) {
      library.edit(id)
      await cache.invalidate({ tag: documentTag(id) })
    }
    await eachOf(round, sideBySide, develop)
  }
  const tookMs = performance.now() - startedAt
  const { spent, combined_hit_rate: statedHitRate } = await cache.statistics()
  await cache.close()
  await router.close()
  return {
    name,
    tookMs,
    told,
    searched,
    ...paid,
    statedUsd: spent.usd,
    statedHitRate,
    searches,
    latencies,
    batches,
    failures
  }

  function toldOf(revision: Revision, atom: PlannedAtom, body: JsonObject, { body: answer, origin }: Completion): Told {
    const text = textIn(answer)
    return { revision, atom, origin, text, ref: refIn(text), rightForPrompt: planModel.refOf(atom.text, body) }
  }
}

function atomOf({ id, atoms }: Revision, wanted: string): PlannedAtom {
  const atom = atoms.find((each) => each.id === wanted)
  if (atom === undefined) throw new Error(`${id}: no atom ${wanted}`)
  return atom
}

interface Finding {
  readonly cache: Cache
  readonly search: PeekingHandler<RetrievalRequest, Documents>
  readonly library: Library
  readonly workload: Workload
  readonly searched: Searched[]
}

/** The texts of the documents that an atom goes by. */
async function found(
  { query }: PlannedAtom,
  { cache, search, library, workload, searched }: Finding
): Promise<readonly string[]> {
  if (query === undefined) return []
  const request: RetrievalRequest = { query, collection: 'library', topK: 2 }
  const { value, origin } = await search(request, cache.contextOf())
  const { subject = '', ofCase = '' } = workload.searches.get(query) ?? {}
  const isRight = JSON.stringify(value) === JSON.stringify(library.find(subject, ofCase))
  searched.push({ query, layer: origin.layer, isRight })
  return value.map((document) => (isObject(document) ? String(document['text']) : ''))
}

/** What is gone by stands before the question, each in a part of its own: only the question is compared by meaning. */
function planAtom({ id, needs, text }: PlannedAtom): Atom {
  const given = needs.map((need) => ({ type: 'text', text: new Template(['', need, '']) }))
  const content = [...given, { type: 'text', text }]
  const messages = [
    { role: 'system', content: systemPrompt },
    { role: 'user', content }
  ]
  return { id, needs, path: '/v1/chat/completions', body: { model, temperature: 0, messages }, tags: [] }
}

/** The request with documents before all else that it goes by. */
function withDocuments(body: JsonObject, documents: readonly string[]): JsonObject {
  if (documents.length === 0) return body
  const [system = null, user = null] = Array.isArray(body['messages']) ? body['messages'] : []
  if (!isObject(user) || !Array.isArray(user['content'])) throw new Error('a request without parts')
  const parts = documents.map((text) => ({ type: 'text', text }))
  return { ...body, messages: [system, { ...user, content: [...parts, ...user['content']] }] }
}

/** So many at a time, in order. */
async function eachOf<Item>(items: readonly Item[], count: number, work: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items]
  async function worker(): Promise<void> {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: count }, worker))
}

function textIn(answer: JsonObject): string {
  const { choices } = answer as { choices?: readonly { readonly message?: { readonly content?: string } }[] }
  return choices?.[0]?.message?.content ?? ''
}

interface Paid {
  calls: number
  inputTokens: number
  outputTokens: number
  costUsd: number
}

/** Counts what is asked of the provider and what that costs, whether or not the cache looks. */
function counting(router: Router, paid: Paid): Router {
  return {
    ...router,
    async ask(request, context): Promise<Answer<Awaited<ReturnType<Router['ask']>>['value']>> {
      const answer = await router.ask(request, context)
      const { usage, costUsd } = answer.origin
      if (usage === undefined || costUsd === undefined) throw new Error('an answer without usage or price')
      paid.calls += 1
      paid.inputTokens += usage.inputTokens
      paid.outputTokens += usage.outputTokens
      paid.costUsd += costUsd
      return answer
    }
  }
}

/** Takes the time of each write. */
function timed(store: Store, note: (what: string, tookMs: number) => void): Store {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      if (name !== 'set') return member.bind(target)
      return async (...given: unknown[]) => {
        const startedMs = performance.now()
        const result: unknown = await member.apply(target, given)
        note('store write', performance.now() - startedMs)
        return result
      }
    }
  })
}
