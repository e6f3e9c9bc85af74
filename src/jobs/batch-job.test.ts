import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import { RepriseError } from '../core/errors.ts'
import type { BatchApi, BatchResult, BatchState } from '../providers/batch-api.ts'
import { BatchJob } from './batch-job.ts'
import { BatchJobState } from './batch-job-state.ts'
import type { BatchItem, BatchReport } from './batch-report.ts'

let folder: TemporaryFolder
let file: string

beforeEach(() => {
  folder = temporaryFolder()
  file = join(folder.path, 'x.batches')
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
  folder.remove()
})

type Fate = 'answer' | 'error' | 'expire'

/** What a provider does at one call: `late` fails after it has taken effect, `kill` and `late kill` end the process. */
type Whim = 'well' | '429' | '500' | '404' | 'lost' | 'late' | 'kill' | 'late kill'

interface World {
  readonly fates: readonly Fate[]
  /** What each call meets, in order; afterwards all is well. */
  readonly whims: readonly Whim[]
  /** Where each reading of results breaks off: after so many lines, with an error or as if that were all. */
  readonly cuts: readonly { readonly after: number; readonly isTold: boolean }[]
  /** How long each batch takes, in milliseconds. */
  readonly tookMs: readonly number[]
  /** What becomes of whole batches. */
  readonly ends: readonly ('done' | 'cancelled' | 'expired')[]
  /** By what each batch's results are put in another order. */
  readonly turn: number
  readonly noise: boolean
  readonly dialect: 'openai' | 'anthropic'
  readonly models: number
  readonly maxRequests: number
}

interface Held {
  readonly id: string
  readonly name: string
  readonly model: string
  readonly ids: readonly string[]
  readonly bodies: readonly string[]
  readonly endsAtMs: number
  readonly end: World['ends'][number]
  readonly dialect: 'openai' | 'anthropic'
}

function failure(status: number): RepriseError {
  return new RepriseError('provider-malformed', `answered ${status}`, {
    status,
    retryable: status === 429 || status >= 500
  })
}

/** A provider and a store that outlive the processes, and answer each request with itself. */
class FakeWorld {
  readonly paid = new Map<string, number>()
  readonly stored = new Map<string, string>()
  readonly world: World
  isKilled = false
  #calls = 0
  #reads = 0
  readonly #held: Held[] = []

  constructor(world: World) {
    this.world = world
  }

  /** What a process does that was killed: nothing any more. */
  async #never(): Promise<never> {
    this.isKilled = true
    return new Promise<never>(() => {})
  }

  async meet<Result>(effect: () => Result, isKnown404 = false): Promise<Result> {
    const whim = this.world.whims[this.#calls++] ?? 'well'
    if (whim === 'kill') return this.#never()
    if (whim === '429' || whim === '500') throw failure(Number(whim))
    if (whim === '404' && isKnown404) throw failure(404)
    if (whim === 'lost') throw new RepriseError('provider-unreachable', 'no answer')
    const result = effect()
    if (whim === 'late kill') return this.#never()
    if (whim === 'late') throw failure(502)
    return result
  }

  #stateOf({ id, endsAtMs, ids, end }: Held): BatchState {
    const isOver = Date.now() >= endsAtMs
    const fates = ids.map((_, place) => this.#fateOf({ ids, end } as Held, place))
    return {
      id,
      isOver,
      done: isOver ? fates.filter((fate) => fate === 'answer').length : 0,
      failed: 0,
      results: isOver ? [id] : [],
      ...(isOver && end !== 'done' ? { problem: end } : {})
    }
  }

  #fateOf({ ids, end }: Held, place: number): Fate {
    const fate = this.world.fates[(place + ids.length) % this.world.fates.length] ?? 'answer'
    return end === 'done' || place % 2 === 0 ? fate : 'expire'
  }

  #resultsOf(held: Held): BatchResult[] {
    const lines = held.ids.flatMap((customId, place): BatchResult[] => {
      const fate = this.#fateOf(held, place)
      const answer = { to: held.bodies[place] ?? '' }
      if (fate === 'answer')
        return this.world.noise
          ? [
              { customId, answer },
              { customId, answer }
            ]
          : [{ customId, answer }]
      // A batch that has expired may not even name what has.
      return this.world.noise && fate === 'expire' ? [] : [{ customId, problem: fate }]
    })
    if (this.world.noise) {
      lines.push({ customId: `${held.name}-${held.ids.length}`, answer: { to: 'nobody' } })
      lines.push({ customId: `${held.name}-01`, answer: { to: 'nobody' } })
      lines.push({ customId: 'r-0', answer: { to: 'nobody' } }, { customId: `${held.name}-`, problem: 'nobody' })
      lines.unshift({ customId: held.ids[0] ?? '', problem: 'first an error, then an answer' })
    }
    const at = lines.length === 0 ? 0 : this.world.turn % lines.length
    return [...lines.slice(at), ...lines.slice(0, at)]
  }

  api(dialect: 'openai' | 'anthropic'): BatchApi {
    const world = this
    const own = (): Held[] => world.#held.filter((held) => held.dialect === dialect)
    const known = (id: string): Held => {
      const held = own().find((one) => one.id === id)
      if (held === undefined) throw failure(404)
      return held
    }
    return {
      dialect,
      maxRequests: this.world.maxRequests,
      maxBytes: 1_000_000,
      lineOf: ({ customId, body }) => Buffer.from(`${customId} ${body.toString()}`),
      newest: () => world.meet(() => own().at(-1)?.id),
      submit: (name, _path, lines) =>
        world.meet(() => {
          const texts = lines.map((line) => line.toString())
          const bodies = texts.map((text) => text.slice(text.indexOf(' ') + 1))
          const index = world.#held.length
          const held: Held = {
            id: `batch_${index}`,
            name,
            model: '',
            ids: texts.map((text) => text.slice(0, text.indexOf(' '))),
            bodies,
            endsAtMs: Date.now() + (world.world.tookMs[index] ?? 0),
            end: world.world.ends[index] ?? 'done',
            dialect
          }
          world.#held.push(held)
          for (const [place, body] of bodies.entries()) {
            if (world.#fateOf(held, place) === 'answer') world.paid.set(body, (world.paid.get(body) ?? 0) + 1)
          }
          return world.#stateOf(held)
        }),
      find: ({ name, count, after, others }) =>
        world.meet(() => {
          const all = own()
          const later = all.slice(after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1)
          const alike = later.filter(({ id, ids }) => !others.has(id) && ids.length === count)
          const found = later.find((held) => held.name === name)
          if (dialect === 'openai') return found === undefined ? undefined : world.#stateOf(found)
          // Who has made it is known when it has ended.
          if (found !== undefined && Date.now() >= found.endsAtMs) return world.#stateOf(found)
          return alike.some(({ endsAtMs }) => Date.now() < endsAtMs) ? 'perhaps' : undefined
        }),
      look: (id) => world.meet(() => world.#stateOf(known(id)), true),
      async *results({ id }) {
        const lines = await world.meet(() => world.#resultsOf(known(id)), true)
        const cut = world.world.cuts[world.#reads++]
        for (const [index, line] of lines.entries()) {
          if (index === cut?.after) {
            if (cut.isTold) throw new RepriseError('provider-unreachable', 'broken off')
            return
          }
          yield line
        }
      }
    }
  }
}

function itemsOf({ fates, dialect, models }: World): BatchItem[] {
  return fates.map((_, index) => ({
    dialect,
    path: '/v1/x',
    model: `m${index % models}`,
    body: Buffer.from(`question ${index}`),
    digest: `d${index}`
  }))
}

const mark = 5

/** A process with the job, until it ends or is killed; undefined: killed. */
async function live(fake: FakeWorld, items: readonly BatchItem[]): Promise<BatchReport | undefined> {
  fake.isKilled = false
  const state = BatchJobState.open(file, 'p')
  const job = new BatchJob<BatchItem>({
    items,
    apis: { openai: fake.api('openai'), anthropic: fake.api('anthropic') },
    state,
    lacking: (some) => fake.meet(() => ({ items: some.filter(({ body }) => !fake.stored.has(body.toString())), mark })),
    store: (answers, of) =>
      fake.meet(() => {
        expect(of).toBe(mark)
        for (const { item, answer } of answers) {
          expect(answer['to']).toBe(item.body.toString())
          fake.stored.set(item.body.toString(), String(answer['to']))
        }
        return { costUsd: 0, unpriced: 0, refused: new Map() }
      }),
    tell() {},
    print() {},
    signal: new AbortController().signal
  })
  let report: BatchReport | undefined
  let error: unknown
  let isOver = false
  job.run().then(
    (value) => {
      report = value
      isOver = true
    },
    (reason: unknown) => {
      error = reason
      isOver = true
    }
  )
  for (let turns = 0; !isOver && !fake.isKilled; turns++) {
    // Two days of a provider that answers in hours: whoever has not ended by then never does.
    if (turns > 20_000) throw new Error('the job does not end')
    await vi.advanceTimersByTimeAsync(10_000)
  }
  if (fake.isKilled) {
    // The file is left as it is, and a lock of a process that is no more.
    const text = readFileSync(file, 'utf8')
    state.close()
    writeFileSync(file, text)
    writeFileSync(`${file}.lock`, `4194305 ${hostname()}\n`)
    return undefined
  }
  state.close()
  // What the caller's own functions throw goes through; a run of the same command goes on.
  if (error !== undefined) {
    expect(error).toBeInstanceOf(RepriseError)
    return undefined
  }
  return report
}

const whim: fc.Arbitrary<Whim> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Whim>('well') },
  { weight: 6, arbitrary: fc.constantFrom<Whim>('429', '500', '404', 'lost', 'late', 'kill', 'late kill') }
)

const world: fc.Arbitrary<World> = fc.record({
  fates: fc.array(fc.constantFrom<Fate>('answer', 'answer', 'answer', 'error', 'expire'), {
    minLength: 1,
    maxLength: 12
  }),
  // A batch of which it is said twice that it is not there has gone.
  whims: fc
    .array(whim, { maxLength: 30 })
    .map((all) => all.map((one, at) => (all.indexOf('404') < at && one === '404' ? 'well' : one))),
  cuts: fc.array(fc.record({ after: fc.nat(6), isTold: fc.boolean() }), { maxLength: 3 }),
  tookMs: fc.array(fc.constantFrom(0, 500, 40_000, 7_200_000), { maxLength: 8 }),
  ends: fc.array(fc.constantFrom('done', 'done', 'cancelled', 'expired'), { maxLength: 8 }),
  turn: fc.nat(20),
  noise: fc.boolean(),
  dialect: fc.constantFrom('openai', 'anthropic'),
  models: fc.integer({ min: 1, max: 3 }),
  maxRequests: fc.integer({ min: 1, max: 5 })
})

/** The last attempt to submit takes effect, and is told as a failure: after each, it is looked for twice. */
const takenAtLast: World = {
  fates: ['answer'],
  whims: ['well', 'well', '500', 'well', 'well', '500', 'well', 'well', '500', 'well', 'well', 'late'],
  cuts: [],
  tookMs: [],
  ends: [],
  turn: 0,
  noise: false,
  dialect: 'openai',
  models: 1,
  maxRequests: 1
}

describe('BatchJob', { timeout: 120_000 }, () => {
  it('pays for each request at most once and stores each answer under its own, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(world, async (some) => {
        rmSync(file, { force: true })
        rmSync(`${file}.lock`, { force: true })
        const fake = new FakeWorld(some)
        const items = itemsOf(some)
        let report: BatchReport | undefined
        // Each death takes a whim, and so does each error.
        for (let lives = 0; report === undefined; lives++) {
          expect(lives).toBeLessThanOrEqual(some.whims.length)
          report = await live(fake, items)
        }
        expect(report.isOver).toBe(true)
        expect([existsSync(file), existsSync(`${file}.lock`)]).toEqual([false, false])
        expect([...fake.paid].filter(([, times]) => times > 1)).toEqual([])
        for (const [question, answer] of fake.stored) expect(answer).toBe(question)
        // What was paid for is there.
        expect([...fake.paid.keys()].filter((question) => !fake.stored.has(question))).toEqual([])
      }),
      { numRuns: 300, examples: [[takenAtLast]] }
    )
  })
})
