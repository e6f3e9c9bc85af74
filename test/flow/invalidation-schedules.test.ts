import fc, { type Scheduler } from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Cache, createCache } from '../../src/cache.ts'
import type { Answer } from '../../src/core/answer.ts'
import { ProviderError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/events.ts'
import type { PeekingHandler } from '../../src/core/handler.ts'
import { keyOf } from '../../src/core/key.ts'
import type { Kind } from '../../src/core/kind.ts'
import { defaultMode, type Mode } from '../../src/core/mode.ts'
import type { Selection } from '../../src/core/selection.ts'
import { selects } from '../../src/stores/selects.ts'
import type { Selector } from '../../src/stores/store.ts'
import { makeContext, textKind } from '../support/ask.ts'
import { StepwiseStore } from '../support/stepwise-store.ts'
import { WordsEmbedder } from '../support/words-embedder.ts'

/*
 * Law 10 under all orders in which things can happen. Several programs run at the same time in two processes on one
 * store, and each step of theirs (a call's way to the store, its way back, a provider's answer, a text's embedding)
 * happens when the scheduler says so. What each request was answered by is then held against every invalidation that
 * had ended before the request was made.
 */

interface Request {
  readonly text: string
}

/** The first two mean the same. */
const texts = ['How do I reset my password?', 'How can I reset my passwords?', 'Where is Paris?'] as const
const tags = ['red', 'green', 'blue'] as const

/** An answer is the number of its making. */
const numbered: Kind<Request, string> = {
  ...textKind,
  model: () => 'gpt-4.1',
  likeness: ({ text }) => ({ text, within: null })
}
/** Here every second one has a tag of its own. */
const owning: Kind<Request, string> = { ...numbered, tags: (answer) => ownTags(Number(answer)) }

function ownTags(number: number): readonly string[] {
  return number % 2 === 0 ? ['own'] : []
}

const keyOfText = (text: string): string => keyOf(numbered, { text }, [])

interface Ask {
  readonly ask: string
  readonly tags: readonly string[]
  readonly mode: Mode
}
type Step = Ask | { readonly invalidate: Selection } | { readonly later: true }

/** What is done in a process, one after the other. */
interface Program {
  readonly process: 0 | 1
  readonly steps: readonly Step[]
}

interface Plan {
  readonly kind: Kind<Request, string>
  readonly programs: readonly Program[]
  /** The numbers of the answers that are not made: their provider fails. */
  readonly failing: readonly number[]
  /** Which steps of the store's fail, one after the other; none after the last. */
  readonly losses: readonly boolean[]
}

const mostly = <Value>(usual: Value, ...others: Value[]): fc.Arbitrary<Value> =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, { weight: 2, arbitrary: fc.constantFrom(...others) })

const askAnything: fc.Arbitrary<Step> = fc.record({
  ask: fc.constantFrom(...texts),
  tags: fc.subarray([...tags], { maxLength: 2 }),
  mode: mostly<Mode>(defaultMode, { noCache: true }, { exactOnly: true })
})
const invalidateAnything: fc.Arbitrary<Step> = fc
  .oneof(
    { weight: 4, arbitrary: fc.constantFrom(...tags, 'own').map((tag): Selection => ({ tag })) },
    { weight: 2, arbitrary: fc.constantFrom(...texts).map((text): Selection => ({ key: keyOfText(text) })) },
    fc.constantFrom(...texts).map((text): Selection => ({ prefix: keyOfText(text).slice(0, 20) })),
    fc.constantFrom(...texts).map((text): Selection => ({ pattern: `*${keyOfText(text).slice(-8)}` })),
    fc.constantFrom<Selection>({ model: 'gpt-4.1' }, { kind: 'text' }, { all: true })
  )
  .map((invalidate) => ({ invalidate }))
const anything = fc.oneof(
  { weight: 6, arbitrary: askAnything },
  { weight: 3, arbitrary: invalidateAnything },
  { weight: 1, arbitrary: fc.constant<Step>({ later: true }) }
)

/** All about one entry: what seldom happens elsewhere happens here all the time. */
const crowded = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .subarray(['red', 'green'], { maxLength: 1 })
      .map((own): Step => ({ ask: texts[0], tags: own, mode: defaultMode }))
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom<Selection>({ tag: 'red' }, { tag: 'green' }, { key: keyOfText(texts[0]) })
      .map((invalidate): Step => ({ invalidate }))
  }
)

function programsOf(step: fc.Arbitrary<Step>, process: fc.Arbitrary<0 | 1>): fc.Arbitrary<readonly Program[]> {
  const steps = fc.array(step, { minLength: 1, maxLength: 4 })
  return fc.array(fc.record({ process, steps }), { minLength: 2, maxLength: 5 })
}

const inTwo = fc.constantFrom<0 | 1>(0, 0, 1)
const failing = fc.uniqueArray(fc.nat(12), { maxLength: 4 })
const losses = fc.array(mostly(false, true), { maxLength: 200 })
const none = fc.constant([])

interface Made {
  readonly at: number
  readonly text: string
  readonly tags: readonly string[]
}
interface Answered {
  readonly askedAt: number
  readonly answeredAt: number
  readonly tags: readonly string[]
  readonly number: number
}
interface Invalidated {
  readonly begunAt: number
  readonly endedAt: number
  readonly selection: Selection
}

const outage = new ProviderError('p', 503, {}, Buffer.from('{}'))

/** Two processes on one store, and notes of what they did, by a clock that counts. */
class World {
  readonly events: Event[] = []
  readonly made: Made[] = []
  readonly answered: Answered[] = []
  readonly invalidated: Invalidated[] = []
  asks = 0
  readonly store = new StepwiseStore()
  readonly #scheduler: Scheduler
  readonly #plan: Plan
  readonly #caches: Cache[] = []
  readonly #handlers: PeekingHandler<Request, string>[] = []
  #clock = 0

  constructor(scheduler: Scheduler, plan: Plan) {
    this.#scheduler = scheduler
    this.#plan = plan
  }

  async open(): Promise<void> {
    for (const _ of [0, 1]) {
      const embedder = new WordsEmbedder()
      embedder.chaos = () => this.#turn('embed')
      const cache = await createCache({
        store: this.store,
        embedder,
        deadlineMs: 600_000,
        embedderDeadlineMs: 600_000,
        ttl: 60,
        graceMs: 3_600_000,
        staleWhileRevalidateMs: 600_000,
        lastResortSimilarity: 0.9,
        observe: (event) => this.events.push(event)
      })
      this.#caches.push(cache)
      this.#handlers.push(cache.wrap(this.#plan.kind, (request, context) => this.#make(request, context.tags)))
    }
    let calls = 0
    this.store.turn = async (step) => {
      await this.#turn(step)
      if (this.#plan.losses[calls++] === true) throw new Error(`lost: ${step}`)
    }
  }

  async run({ process, steps }: Program): Promise<void> {
    for (const step of steps) {
      await this.#turn('go on')
      if ('ask' in step) await this.#ask(process, step)
      else if ('invalidate' in step) await this.#invalidate(process, step.invalidate)
      else vi.setSystemTime(Date.now() + 61_000)
    }
  }

  async close(): Promise<void> {
    for (const cache of this.#caches) await cache.close()
  }

  #turn(step: string): Promise<void> {
    return this.#scheduler.schedule(Promise.resolve(), step)
  }

  async #make({ text }: Request, asked: readonly string[]): Promise<Answer<string>> {
    const number = this.made.push({ at: this.#clock++, text, tags: asked }) - 1
    for (const part of ['begins', 'goes on with', 'ends']) await this.#turn(`the provider ${part} ${number}`)
    if (this.#plan.failing.includes(number)) throw outage
    return { value: `${number}`, origin: { layer: 'provider', provider: 'p' } }
  }

  async #ask(process: 0 | 1, { ask, tags: asked, mode }: Ask): Promise<void> {
    const askedAt = this.#clock++
    this.asks += 1
    const context = makeContext({ tags: asked, mode, observe: (event) => this.events.push(event) })
    const answer = this.#handlers[process]?.({ text: ask }, context)
    // It fails only where it would have failed without a cache.
    const value = await answer?.then(
      (given) => given.value,
      (error: unknown) => {
        expect(error).toBe(outage)
        return undefined
      }
    )
    if (value !== undefined) {
      this.answered.push({ askedAt, answeredAt: this.#clock++, tags: asked, number: Number(value) })
    }
  }

  async #invalidate(process: 0 | 1, selection: Selection): Promise<void> {
    const begunAt = this.#clock++
    // Whoever hears that it has failed knows that it may not have been done.
    const count = await this.#caches[process]?.invalidate(selection).catch(() => undefined)
    if (count !== undefined) this.invalidated.push({ begunAt, endedAt: this.#clock++, selection })
  }
}

function selectorOf(selection: Selection): Selector {
  if ('kind' in selection) return { prefix: `${selection.kind}:` }
  return 'model' in selection ? { prefix: `text:${selection.model}:` } : selection
}

/** Runs the plan's programs, and holds what came of them against the laws. */
async function check(scheduler: Scheduler, plan: Plan): Promise<void> {
  vi.setSystemTime(1_800_000_000_000)
  const world = new World(scheduler, plan)
  await world.open()
  await scheduler.waitFor(Promise.all(plan.programs.map((program) => world.run(program))))
  await scheduler.waitFor(world.close())
  for (const answer of world.answered) {
    for (const invalidated of world.invalidated) expectSpared(world, plan, answer, invalidated)
  }
  expectOneOutcomeEach(world)
}

/** Law 10: nobody who asks after an invalidation is answered by what was begun before it and belongs to it. */
function expectSpared({ made, ...world }: World, plan: Plan, answer: Answered, invalidated: Invalidated): void {
  const { number } = answer
  const making = made[number]
  if (making === undefined) throw new Error(`answered by ${number}, which nobody has made`)
  if (making.at > invalidated.begunAt || invalidated.endedAt > answer.askedAt) return
  const own = plan.kind === owning ? ownTags(number) : []
  const given = tagsGiven(world, plan, number, invalidated)
  const all = [...making.tags, ...own, ...answer.tags, ...given]
  if (!selects(selectorOf(invalidated.selection), keyOfText(making.text), all)) return
  const what = { answer, making, given, invalidated }
  throw new Error(`answered by what was invalidated: ${JSON.stringify(what, undefined, 2)}`)
}

/**
 * The tags of those whom it had answered before the invalidation: they have been given to it. Perhaps not where one of
 * them had been invalidated before, for the answer may be older than that, and is none of theirs then; and not where the
 * store does not take them.
 */
function tagsGiven(
  { answered, invalidated }: Pick<World, 'answered' | 'invalidated'>,
  { losses: lost }: Plan,
  number: number,
  before: Invalidated
): readonly string[] {
  if (lost.length > 0) return []
  return answered
    .filter((other) => other.number === number && other.answeredAt < before.begunAt)
    .flatMap((other) => (wasInvalidatedBefore(other) ? [] : other.tags))

  function wasInvalidatedBefore({ tags: asked, answeredAt }: Answered): boolean {
    return invalidated.some(
      ({ selection, begunAt }) => 'tag' in selection && asked.includes(selection.tag) && begunAt < answeredAt
    )
  }
}

/** Law 12. */
function expectOneOutcomeEach({ events, asks }: World): void {
  const count = (type: string, layer: string): number =>
    events.filter((event) => event.type === type && 'layer' in event && event.layer === layer).length
  for (const layer of ['exact', 'semantic']) {
    const outcomes = count('hit', layer) + count('miss', layer) + count('bypass', layer)
    expect(count('looked-up', layer), layer).toBe(outcomes)
  }
  expect(events.filter(({ type }) => type === 'answered')).toHaveLength(asks)
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => vi.useRealTimers())

describe('whatever the order in which things happen, nobody is answered by what was invalidated before they asked', () => {
  const allOf = (kind: Kind<Request, string>): fc.Arbitrary<Plan> =>
    fc.record({ kind: fc.constant(kind), programs: programsOf(anything, inTwo), failing, losses: none })
  const inOne = fc.constant<0>(0)
  it.each<[string, number, fc.Arbitrary<Plan>]>([
    ['requests of all kinds in two processes, with failing providers', 120, allOf(numbered)],
    ['answers that have tags of their own', 120, allOf(owning)],
    [
      'many requests for one answer',
      400,
      fc.record({ kind: fc.constant(numbered), programs: programsOf(crowded, inOne), failing: none, losses: none })
    ],
    [
      'a store that loses calls, and answers to them',
      200,
      fc.record({
        kind: fc.constant(numbered),
        programs: fc.oneof(programsOf(anything, inTwo), programsOf(crowded, inOne)),
        failing,
        losses
      })
    ]
  ])('%s', async (_, numRuns, plan) => {
    await fc.assert(fc.asyncProperty(fc.scheduler(), plan, check), { numRuns })
  })
})
