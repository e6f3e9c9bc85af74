import fc, { type Scheduler } from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Cache, createCache } from '../../src/cache.ts'
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
 * Law 10 under all orders in which things can happen: several programs run at the same time in two processes on one
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

/** An answer is the number of its making, and asks for a tag of its own where the making's number says so. */
const numbered: Kind<Request, string> = {
  ...textKind,
  model: () => 'gpt-4.1',
  likeness: ({ text }) => ({ text, within: null })
}
const owning: Kind<Request, string> = { ...numbered, tags: (answer) => ownTags(Number(answer)) }

function ownTags(number: number): readonly string[] {
  return number % 2 === 0 ? ['own'] : []
}

type Step =
  | { readonly ask: (typeof texts)[number]; readonly tags: readonly string[]; readonly mode: Mode; readonly failing: boolean }
  | { readonly invalidate: Selection }
  | { readonly later: true }

interface Program {
  /** Of which process. */
  readonly process: 0 | 1
  readonly steps: readonly Step[]
}

const arbitraryTags = fc.subarray([...tags], { maxLength: 2 })
const arbitraryMode = fc.oneof(
  { weight: 6, arbitrary: fc.constant(defaultMode) },
  { weight: 1, arbitrary: fc.constant<Mode>({ noCache: true }) },
  { weight: 1, arbitrary: fc.constant<Mode>({ exactOnly: true }) }
)
const arbitraryAsk = fc.record({
  ask: fc.constantFrom(...texts),
  tags: arbitraryTags,
  mode: arbitraryMode,
  failing: fc.integer({ min: 0, max: 5 }).map((number) => number === 0)
})
const key = (text: string): string => keyOf(numbered, { text }, [])
const arbitrarySelection: fc.Arbitrary<Selection> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...tags, 'own').map((tag) => ({ tag })) },
  { weight: 2, arbitrary: fc.constantFrom(...texts).map((text) => ({ key: key(text) })) },
  fc.constantFrom(...texts).map((text) => ({ prefix: key(text).slice(0, 20) })),
  fc.constantFrom(...texts).map((text) => ({ pattern: `*${key(text).slice(-8)}` })),
  fc.constantFrom<Selection>({ model: 'gpt-4.1' }, { kind: 'text' }, { all: true })
)
const arbitraryStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: arbitraryAsk },
  { weight: 3, arbitrary: arbitrarySelection.map((invalidate) => ({ invalidate })) },
  { weight: 1, arbitrary: fc.constant({ later: true } as const) }
)
const narrowStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      ask: fc.constant(texts[0]),
      tags: fc.subarray(['red', 'green'], { maxLength: 1 }),
      mode: fc.constant(defaultMode),
      failing: fc.constant(false)
    })
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Selection>({ tag: 'red' }, { tag: 'green' }, { key: key(texts[0]) }).map((invalidate) => ({ invalidate }))
  }
)
const narrowPrograms: fc.Arbitrary<readonly Program[]> = fc.array(
  fc.record({ process: fc.constant<0 | 1>(0), steps: fc.array(narrowStep, { minLength: 1, maxLength: 4 }) }),
  { minLength: 2, maxLength: 5 }
)
const arbitraryPrograms: fc.Arbitrary<readonly Program[]> = fc.array(
  fc.record({
    process: fc.constantFrom<0 | 1>(0, 0, 1),
    steps: fc.array(arbitraryStep, { minLength: 1, maxLength: 5 })
  }),
  { minLength: 2, maxLength: 4 }
)

/** What has happened, by a clock that counts. */
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
  readonly layer: string
}
interface Invalidated {
  readonly begunAt: number
  readonly endedAt: number
  readonly selection: Selection
}

/** Two processes on one store, and notes of what they did. */
class World {
  readonly store = new StepwiseStore()
  readonly events: Event[] = []
  readonly made: Made[] = []
  readonly answered: Answered[] = []
  readonly invalidated: Invalidated[] = []
  asks = 0
  readonly #scheduler: Scheduler
  readonly #kind: Kind<Request, string>
  readonly #caches: Cache[] = []
  readonly #handlers: PeekingHandler<Request, string>[] = []
  #clock = 0

  constructor(scheduler: Scheduler, kind: Kind<Request, string>) {
    this.#scheduler = scheduler
    this.#kind = kind
  }

  /** Which of the store's calls are lost, one after the other; none after the last. */
  async open(losses: readonly boolean[]): Promise<void> {
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
        eagerRefresh: 0.5,
        lastResortSimilarity: 0.9,
        observe: (event) => this.events.push(event)
      })
      this.#caches.push(cache)
      this.#handlers.push(cache.wrap(this.#kind, (request, context) => this.#make(request, context.tags)))
    }
    let calls = 0
    this.store.turn = async (step) => {
      await this.#turn(step)
      if (losses[calls++] === true) throw new Error(`lost: ${step}`)
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

  /** What an answer is known by to those who invalidate. */
  isSelected({ selection }: Invalidated, { text, tags }: Made, asked: readonly string[], number: number): boolean {
    const own = this.#kind === owning ? ownTags(number) : []
    return selects(selectorOf(selection), key(text), [...tags, ...own, ...asked])
  }

  /**
   * Whether the answer has been given the tags of a request that it answered before an invalidation. Perhaps not if one
   * of them had been invalidated before: the answer may be older than that, and is none of theirs then.
   */
  hasGivenItsTags(other: Answered, number: number, before: Invalidated): boolean {
    if (other.number !== number || other.answeredAt > before.begunAt) return false
    return !this.invalidated.some(
      ({ begunAt, selection }) =>
        'tag' in selection && other.tags.includes(selection.tag) && begunAt < other.answeredAt
    )
  }

  #turn(step: string): Promise<void> {
    return this.#scheduler.schedule(Promise.resolve(), step)
  }

  async #make({ text }: Request, tagged: readonly string[]) {
    const number = this.made.push({ at: this.#clock++, text, tags: [...tagged] }) - 1
    await this.#turn(`provider makes ${number}`)
    if (this.failing.has(number)) throw outage
    return { value: `${number}`, origin: { layer: 'provider', provider: 'p' } } as const
  }

  async #ask(process: 0 | 1, { ask, tags: tagged, mode }: Extract<Step, { ask: string }>): Promise<void> {
    const askedAt = this.#clock++
    this.asks += 1
    const context = makeContext({ tags: tagged, mode, observe: (event) => this.events.push(event) })
    try {
      const { value, origin } = await (this.#handlers[process] as PeekingHandler<Request, string>)({ text: ask }, context)
      const answer = { askedAt, answeredAt: this.#clock++, tags: tagged, number: Number(value), layer: origin.layer }
      this.answered.push(answer)
    } catch (error) {
      expect(error).toBe(outage)
    }
  }

  async #invalidate(process: 0 | 1, selection: Selection): Promise<void> {
    const begunAt = this.#clock++
    try {
      await this.#caches[process]?.invalidate(selection)
    } catch {
      // Whoever asked for it knows that it may not have been done.
      return
    }
    this.invalidated.push({ begunAt, endedAt: this.#clock++, selection })
  }

  readonly failing = new Set<number>()
}

const outage = new ProviderError('p', 503, {}, Buffer.from('{}'))

function selectorOf(selection: Selection): Selector {
  if ('kind' in selection) return { prefix: `${selection.kind}:` }
  return 'model' in selection ? { prefix: `text:${selection.model}:` } : selection
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => vi.useRealTimers())

/** Runs programs, and looks at what came of them. */
async function check(
  scheduler: Scheduler,
  kind: Kind<Request, string>,
  programs: readonly Program[],
  failing: readonly number[],
  losses: readonly boolean[]
): Promise<void> {
  vi.setSystemTime(1_800_000_000_000)
  const world = new World(scheduler, kind)
  await world.open(losses)
  for (const number of failing) world.failing.add(number)
  await scheduler.waitFor(Promise.all(programs.map((program) => world.run(program))))
  await scheduler.waitFor(world.close())
  for (const answer of world.answered) {
    const made = world.made[answer.number]
    if (made === undefined) throw new Error(`answered by ${answer.number}, which nobody has made`)
    for (const invalidated of world.invalidated) {
      const isBefore = made.at < invalidated.begunAt && invalidated.endedAt < answer.askedAt
      const others = losses.length > 0 ? [] : world.answered.filter((other) => world.hasGivenItsTags(other, answer.number, invalidated))
      const asked = [answer, ...others].flatMap(({ tags }) => tags)
      if (!isBefore || !world.isSelected(invalidated, made, asked, answer.number)) continue
      throw new Error(`${JSON.stringify({ answer, made, invalidated, all: world.invalidated, answers: world.answered, mades: world.made }, null, 1)}\n${JSON.stringify(programs)}\n${scheduler}`)
    }
  }
  expectOneOutcomeEach(world)
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

const runs = Number(process.env['REPRISE_SCHEDULES'] ?? 150)

describe('whatever the order in which things happen, nobody is answered by what was invalidated before they asked', () => {
  const arbitraryFailing = fc.uniqueArray(fc.nat(12), { maxLength: 4 })
  it.each([
    ['answers with the tags of their requests', numbered],
    ['answers with tags of their own', owning]
  ])('%s', async (_, kind) => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), arbitraryPrograms, arbitraryFailing, (scheduler, programs, failing) =>
        check(scheduler, kind, programs, failing, [])
      ),
      { numRuns: runs }
    )
  })

  it('narrow', async () => {
    const losses = fc.array(fc.integer({ min: 0, max: 7 }).map((number) => number === 0), { maxLength: 100 })
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), narrowPrograms, fc.oneof(fc.constant([]), losses), (scheduler, programs, lost) =>
        check(scheduler, numbered, programs, [], lost)
      ),
      { numRuns: runs * 10 }
    )
  })

  it('while the store loses calls, and answers to them', async () => {
    const arbitraryLosses = fc.array(fc.integer({ min: 0, max: 7 }).map((number) => number === 0), { maxLength: 200 })
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        arbitraryPrograms,
        arbitraryFailing,
        arbitraryLosses,
        (scheduler, programs, failing, losses) => check(scheduler, numbered, programs, failing, losses)
      ),
      { numRuns: runs }
    )
  })
})
