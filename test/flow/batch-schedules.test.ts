import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Answer } from '../../src/core/answer.ts'
import { RepriseError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/events.ts'
import { freshnessRules } from '../../src/core/freshness.ts'
import { type Context, compose, type Handler, type Layer } from '../../src/core/handler.ts'
import { batch } from '../../src/layers/batch.ts'
import { exact } from '../../src/layers/exact.ts'
import { keep } from '../../src/layers/keep.ts'
import { Refresher } from '../../src/layers/refresher.ts'
import { Entries } from '../../src/stores/entries.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { makeContext, textKind } from '../support/ask.ts'
import { askedIn, textBatching, toldAll } from '../support/text-batching.ts'

/*
 * Requests that arrive, leave, and are answered or not, at any time: by a clock that only goes on when nothing is left to
 * be done. What each caller got, and when, is then held against what was asked, and against what was said.
 */

type Request = { readonly text: string }

/** One request: when it comes, what it is like, and how long its caller waits, if not for ever. */
interface Arrival {
  readonly atMs: number
  /** `none` has no group. */
  readonly colour: string
  readonly context: Partial<Context>
  readonly streams: boolean
  readonly waitsMs: number | undefined
}

/** What comes of a call. */
interface Saying {
  readonly tookMs: number
  readonly fails: boolean
  /** Of a combined call: the answer cannot be split. */
  readonly garbles: boolean
  /** Of a combined call: of its parts, in their order, those that are not told. */
  readonly parts: readonly ('told' | 'missing' | 'mixed')[]
}

interface Plan {
  readonly windowMs: number
  readonly size: number
  readonly on: boolean
  readonly arrivals: readonly Arrival[]
  /** Of the combined calls and of the single ones, one after the other; all is well after the last. */
  readonly together: readonly Saying[]
  readonly alone: readonly Saying[]
}

const mostly = <Value>(usual: Value, ...others: Value[]): fc.Arbitrary<Value> =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(usual) }, { weight: 2, arbitrary: fc.constantFrom(...others) })

/** Moments that often coincide. */
const time = (most: number): fc.Arbitrary<number> => fc.nat(most / 5).map((fives) => fives * 5)

/** The fake clock takes 0 for 1 now and then. */
const soon = (most: number): fc.Arbitrary<number> => time(most).map((ms) => ms + 5)

const arrival: fc.Arbitrary<Arrival> = fc.record({
  atMs: time(120),
  colour: mostly('red', 'blue', 'none'),
  context: fc
    .record({
      scope: mostly<readonly string[]>([], ['other']),
      tenant: mostly<string | undefined>(undefined, 'a', 'b'),
      spare: mostly<true | undefined>(undefined, true),
      tags: mostly<readonly string[]>([], ['t']),
      batch: mostly<boolean | undefined>(undefined, true, false)
    })
    .map((context) => Object.fromEntries(Object.entries(context).filter(([, value]) => value !== undefined))),
  streams: mostly(false, false, false, true),
  waitsMs: fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: time(150) })
})

/** Many of one group, so that batches are full, parts many and callers gone in the middle of it. */
const crowded = arrival.map((each): Arrival => ({ ...each, colour: 'red', context: { batch: true }, streams: false }))

/** All of them soon there, and soon gone. */
const hasty = fc
  .record({ each: crowded, atMs: time(30), waitsMs: time(90) })
  .map(({ each, ...times }): Arrival => ({ ...each, ...times }))

const saying: fc.Arbitrary<Saying> = fc.record({
  tookMs: soon(80),
  fails: mostly(false, true),
  garbles: mostly(false, false, true),
  parts: fc.array(mostly<Saying['parts'][number]>('told', 'missing', 'mixed'), { maxLength: 6, size: 'max' })
})
const allWell: Saying = { tookMs: 10, fails: false, garbles: false, parts: [] }

const arbitraryPlan: fc.Arbitrary<Plan> = fc.record({
  windowMs: soon(50),
  size: fc.integer({ min: 2, max: 6 }),
  on: mostly(true, false),
  arrivals: fc
    .oneof(
      fc.array(arrival, { maxLength: 14, size: 'max' }),
      fc.array(crowded, { minLength: 6, maxLength: 14, size: 'max' }),
      fc.array(hasty, { minLength: 3, maxLength: 8, size: 'max' })
    )
    .map((all) => all.toSorted((a, b) => a.atMs - b.atMs)),
  together: fc.array(saying, { maxLength: 6, size: 'max' }),
  alone: fc.array(saying, { maxLength: 14, size: 'max' })
})

/** One call, and which arrivals were asked in it. */
interface Call {
  readonly step: number
  readonly atMs: number
  readonly members: readonly number[]
  readonly together: boolean
  readonly saying: Saying
  readonly context: Context
  /** What a failing one has failed with. */
  readonly error: Error
  /** When it was aborted, in steps. */
  abortedAt: number | undefined
}

/** What has become of a request. */
interface Outcome {
  readonly step: number
  readonly atMs: number
  readonly answer: Answer<string> | undefined
  readonly error: unknown
}

/** Runs a plan, and takes notes: by the fake clock, and by steps, which tell apart what happens at the same time. */
class World {
  readonly calls: Call[] = []
  readonly outcomes: Outcome[][] = []
  readonly callers: AbortController[] = []
  readonly events: Event[] = []
  /** When each caller has left, in steps. */
  readonly left: (number | undefined)[] = []
  readonly plan: Plan
  readonly textOf: (arrival: number) => string
  #step = 0
  #startMs = 0
  #together = 0
  #alone = 0

  constructor(plan: Plan, textOf: (arrival: number) => string) {
    this.plan = plan
    this.textOf = textOf
  }

  get nowMs(): number {
    return Date.now() - this.#startMs
  }

  /** Makes all requests, and lets time pass until nothing is left that could happen. */
  async run(layers: readonly Layer<Request, string>[]): Promise<Handler<Request, string>> {
    const ask = compose(layers, this.#ask)
    this.#startMs = Date.now()
    for (const [number, { atMs, waitsMs }] of this.plan.arrivals.entries()) {
      this.callers[number] = new AbortController()
      this.outcomes[number] = []
      setTimeout(() => this.#arrive(number, ask), atMs)
      if (waitsMs !== undefined) setTimeout(() => this.#leave(number), atMs + waitsMs)
    }
    await vi.runAllTimersAsync()
    return ask
  }

  #arrive(number: number, ask: Handler<Request, string>): void {
    const caller = this.callers[number]
    const { context, streams } = this.plan.arrivals[number] ?? {}
    if (caller === undefined) throw new Error('nobody waits')
    const own = makeContext({
      ...context,
      caller,
      observe: (event) => this.events.push(event),
      ...(streams ? { onDelta: () => {} } : {})
    })
    const note = (answer: Answer<string> | undefined, error?: unknown): void => {
      this.outcomes[number]?.push({ step: this.#step++, atMs: this.nowMs, answer, error })
    }
    ask({ text: this.textOf(number) }, own).then(
      (answer) => note(answer),
      (error: unknown) => note(undefined, error)
    )
  }

  #leave(number: number): void {
    this.left[number] = this.#step++
    this.callers[number]?.abort(`${number} has left`)
  }

  readonly #ask: Handler<Request, string> = ({ text }, context) => {
    const asked = askedIn(text)
    const together = asked !== undefined
    const saying = (together ? this.plan.together[this.#together++] : this.plan.alone[this.#alone++]) ?? allWell
    const texts = asked?.map(([, each]) => each) ?? [text]
    const call: Call = {
      step: this.#step++,
      atMs: this.nowMs,
      members: texts.map((each) => Number(each.split('#')[1])),
      together,
      saying,
      context,
      error: new Error(`call ${this.calls.length} has failed`),
      abortedAt: undefined
    }
    this.calls.push(call)
    return new Promise((resolve, reject) => {
      const { signal } = context.caller
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', abort)
        this.#step++
        if (saying.fails) reject(call.error)
        else resolve({ value: this.#say(text, saying), origin: { layer: 'provider', costUsd: 1 } })
      }, saying.tookMs)
      const abort = (): void => {
        call.abortedAt = this.#step++
        clearTimeout(timer)
        reject(signal.reason)
      }
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort, { once: true })
    })
  }

  #say(text: string, { garbles, parts }: Saying): string {
    if (askedIn(text) === undefined) return `alone ${text}`
    if (garbles) return 'unsplittable'
    return toldAll(text, (each, place) => {
      const part = parts[place] ?? 'told'
      return part === 'told' ? `together ${each}` : part === 'missing' ? undefined : { doubt: part }
    })
  }
}

/** Each text says whose it is. */
const ownText = (plan: Plan) => (number: number) => `${plan.arrivals[number]?.colour}: how many? #${number}`

const layersOf = ({ windowMs, size, on }: Plan): readonly Layer<Request, string>[] => [
  batch(textKind, textBatching(), { on, windowMs, size, patience: Number.POSITIVE_INFINITY })
]

/** Everything that must be the same of those who are asked together; undefined of one who must be asked alone. */
function groupOf({ colour, context, streams }: Arrival, on: boolean): string | undefined {
  const { scope, tenant, spare, tags, batch: wanted = on } = context
  return wanted && !streams && colour !== 'none' ? JSON.stringify({ colour, scope, tenant, spare, tags }) : undefined
}

/** Holds what came of one request against what was asked, and what was said. */
function expectOwnOutcome(
  { plan, calls, outcomes, callers, left, textOf }: World,
  number: number,
  arrived: Arrival
): void {
  const mine = calls.filter(({ members }) => members.includes(number))
  const [inBatch, ...moreBatches] = mine.filter(({ together }) => together)
  const [alone, ...moreAlone] = mine.filter(({ together }) => !together)
  const [outcome, ...moreOutcomes] = outcomes[number] ?? []
  if (outcome === undefined) throw new Error(`${number} was never answered`)
  expect([moreOutcomes, moreBatches, moreAlone], 'each once').toEqual([[], [], []])

  const leftAt = left[number]
  const { answer, error } = outcome
  // Whoever has left before a call began is not asked in it.
  for (const { step } of mine) expect(leftAt === undefined || step < leftAt).toBe(true)
  const text = textOf(number)
  if (answer !== undefined) {
    expect(leftAt === undefined || outcome.step < leftAt, 'answered before it left').toBe(true)
    expect(answer.value).toBe(answer.origin.batched === undefined ? `alone ${text}` : `together ${text}`)
    expect(answer.origin.batched).toBe(alone === undefined ? inBatch?.members.length : undefined)
    expect((alone ?? inBatch)?.saying.fails).toBe(false)
  } else if (leftAt !== undefined && leftAt < outcome.step) {
    // Nobody who has left waits for anything.
    expect(outcome.atMs).toBe(arrived.atMs + (arrived.waitsMs ?? 0))
    if (groupOf(arrived, plan.on) !== undefined) {
      expect(error).toBeInstanceOf(RepriseError)
      expect(error).toMatchObject({ code: 'aborted', cause: `${number} has left` })
    }
  } else {
    expect(error, 'its own').toBe(alone?.error)
    expect(alone?.saying.fails).toBe(true)
  }
  if (alone !== undefined) expect(alone.context.caller, 'its own context').toBe(callers[number])

  // Nobody waits for longer than the window and the calls.
  const windowMs = groupOf(arrived, plan.on) === undefined ? 0 : plan.windowMs
  const calledMs = (inBatch?.saying.tookMs ?? 0) + (alone?.saying.tookMs ?? 0)
  expect(outcome.atMs - arrived.atMs).toBeLessThanOrEqual(windowMs + calledMs)
  if (groupOf(arrived, plan.on) === undefined) {
    expect(inBatch).toBeUndefined()
    if (leftAt === undefined) expect(alone?.atMs).toBe(arrived.atMs)
  }
}

/** Holds a combined call against who could be in it, and who had left. */
function expectWholeBatch({ plan, calls, left, events }: World, call: Call): void {
  const { members, saying, context, abortedAt } = call
  const { arrivals, size, windowMs, on } = plan
  const ofWhom = members.map((number) => arrivals[number]).filter((each) => each !== undefined)
  expect(members.length).toBeGreaterThanOrEqual(2)
  expect(members.length).toBeLessThanOrEqual(size)
  const groups = new Set(ofWhom.map((each) => groupOf(each, on)))
  expect([...groups]).toEqual([expect.any(String)])
  // Below it is seen whose call it is.
  const { scope, tenant, spare, tags } = context
  expect({ scope, tenant, spare, tags }).toEqual({ scope: [], tags: [], ...pick(ofWhom[0]?.context) })
  const waitedMs = call.atMs - Math.min(...ofWhom.map(({ atMs }) => atMs))
  expect(waitedMs).toBeLessThanOrEqual(windowMs)

  // It is aborted as soon as all have left, and for nothing else.
  const allLeft = members.every((number) => left[number] !== undefined)
  const lastLeft = Math.max(...members.map((number) => left[number] ?? Number.POSITIVE_INFINITY))
  if (abortedAt !== undefined) expect(abortedAt).toBe(lastLeft + 1)
  else if (allLeft) {
    const endMs = call.atMs + saying.tookMs
    expect(ofWhom.some(({ atMs, waitsMs = 0 }) => atMs + waitsMs >= endMs)).toBe(true)
  }

  const place = calls.filter(({ together }) => together).indexOf(call)
  const told = events.filter((event) => event.type === 'batched')
  expect(told).toHaveLength(calls.filter(({ together }) => together).length)
  expect(told.reduce((sum, event) => sum + event.size, 0)).toBe(
    calls.reduce((sum, each) => sum + (each.together ? each.members.length : 0), 0)
  )
  expect(told[place]).toMatchObject({ layer: 'batch', kind: 'text' })
}

function pick({ scope = [], tenant, spare, tags = [] }: Partial<Context> = {}): Partial<Context> {
  return { scope, tags, ...(tenant === undefined ? {} : { tenant }), ...(spare === undefined ? {} : { spare }) }
}

/** Those who were in a batch and asked alone afterwards are those of whom it is told. */
function expectAllToldOf({ calls, events }: World): void {
  const inBatches = new Set(calls.flatMap(({ together, members }) => (together ? members : [])))
  const again = calls.filter(({ together, members: [only] }) => !together && only !== undefined && inBatches.has(only))
  const told = events.filter((event) => event.type === 'batched').reduce((sum, event) => sum + event.alone, 0)
  expect(told).toBe(again.length)
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
})
afterEach(() => vi.useRealTimers())

describe('whatever the order in which requests come, leave and are answered', () => {
  it('each gets its own answer or its own error, once and in time, and nothing is left behind', async () => {
    const seen = { together: 0, again: 0, leftInCall: 0, aborted: 0, full: 0 }
    await fc.assert(
      fc.asyncProperty(arbitraryPlan, async (plan) => {
        const world = new World(plan, ownText(plan))
        const ask = await world.run(layersOf(plan))
        for (const [number, each] of plan.arrivals.entries()) expectOwnOutcome(world, number, each)
        for (const call of world.calls) if (call.together) expectWholeBatch(world, call)
        expectAllToldOf(world)
        expect(vi.getTimerCount()).toBe(0)
        for (const { signal } of world.callers) expect(getEventListeners(signal, 'abort')).toHaveLength(0)
        await expectNoGroupLeft(plan, ask, world)

        for (const { together, members, abortedAt } of world.calls) {
          if (!together) continue
          seen.together += 1
          if (members.length === plan.size) seen.full += 1
          if (abortedAt !== undefined) seen.aborted += 1
          else if (members.some((number) => world.outcomes[number]?.[0]?.answer === undefined)) seen.leftInCall += 1
        }
        seen.again += world.events.reduce((sum, event) => sum + (event.type === 'batched' ? event.alone : 0), 0)
      }),
      { numRuns: 1000 }
    )
    // Of a schedule in which nothing happens all of this would be true.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(40)
  }, 240_000)

  it('each answer is stored under its own key, and found again', async () => {
    let stored = 0
    await fc.assert(
      fc.asyncProperty(arbitraryPlan, fc.infiniteStream(fc.nat(9)), async (plan, numbers) => {
        const entries = new Entries(memoryStore(), { deadlineMs: 600_000 })
        const refresher = new Refresher(entries)
        const freshnessOf = freshnessRules('24h')
        // Several may ask the same.
        const same = plan.arrivals.map(() => numbers.next().value ?? 0)
        const textOf = (number: number): string => `${plan.arrivals[number]?.colour}: how many? #${same[number]}`
        const above = [
          exact(textKind, entries, { refresher, isOn: () => true }),
          keep(textKind, entries, { freshnessOf })
        ]
        const world = new World(plan, textOf)
        await world.run([...above, ...layersOf(plan)])

        const nobody = vi.fn<Handler<Request, string>>(() => Promise.reject(new Error('not found again')))
        const find = compose(above, nobody)
        for (const [number, { context }] of plan.arrivals.entries()) {
          const [outcome, ...more] = world.outcomes[number] ?? []
          expect(outcome, `${number} was never answered`).toBeDefined()
          expect(more).toEqual([])
          if (outcome?.answer === undefined) continue
          const text = textOf(number)
          expect(wordsOf(outcome.answer.value)).toBe(text)
          if (outcome.answer.origin.layer === 'provider') expect(outcome.answer.origin.stored).toBe(true)
          const { scope = [] } = context
          const again = await find({ text }, makeContext({ scope }))
          expect(again.origin.layer).toBe('exact')
          expect(wordsOf(again.value)).toBe(text)
          stored += outcome.answer.origin.batched === undefined ? 0 : 1
        }
        await refresher.close()
        await entries.close()
      }),
      { numRuns: 1000 }
    )
    expect(stored).toBeGreaterThan(500)
  }, 240_000)
})

/** One more of each group: nobody waits any more whom it could meet, nor has a window remained open. */
async function expectNoGroupLeft(plan: Plan, ask: Handler<Request, string>, world: World): Promise<void> {
  const { length } = world.calls
  const late = plan.arrivals.filter((each) => groupOf(each, plan.on) !== undefined)
  const groups = new Map(late.map((each) => [groupOf(each, plan.on), each]))
  const answers = Array.from(groups.values(), ({ colour, context }, place) =>
    ask({ text: `${colour}: late #${1000 + place}` }, makeContext(context)).catch(() => undefined)
  )
  expect(world.calls).toHaveLength(length)
  expect(vi.getTimerCount()).toBe(groups.size)
  await vi.runAllTimersAsync()
  await Promise.all(answers)
  expect(world.calls.slice(length).every(({ together }) => !together)).toBe(true)
  expect(world.calls).toHaveLength(length + groups.size)
  world.calls.splice(length)
}

/** What was asked, of an answer. */
function wordsOf(value: string): string {
  return value.slice(value.indexOf(' ') + 1)
}
