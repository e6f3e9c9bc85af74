import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChaosStore } from '../../test/support/chaos-store.ts'
import type { Event } from '../core/events.ts'
import { memoryStore } from '../stores/memory.ts'
import { createSeal } from '../stores/seal.ts'
import type { Selector, SetOptions, Store } from '../stores/store.ts'
import { Fleet, type FleetOptions, type FleetSum } from './fleet.ts'
import type { Snapshot } from './snapshot.ts'
import { Statistics } from './statistics.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** A process's own way to the shared store: it can fail before it has done something, or after. */
class LossyStore extends ChaosStore {
  /** What becomes of the next writes. */
  readonly failures: ('before' | 'after' | 'never')[] = []
  /** Told of each record that is written. */
  landed: (key: string, value: Uint8Array) => void = () => {}

  override async set(key: string, value: Uint8Array, options: SetOptions) {
    return this.#lossy(async () => {
      const deletions = await super.set(key, value, options)
      this.landed(key, value)
      return deletions
    })
  }

  override async replace(
    key: string,
    value: Uint8Array,
    tags: readonly string[],
    beginning: Uint8Array,
    since: number
  ) {
    return this.#lossy(async () => {
      const isReplaced = await super.replace(key, value, tags, beginning, since)
      if (isReplaced) this.landed(key, value)
      return isReplaced
    })
  }

  override async delete(selector: Selector, deleted?: (key: string) => void) {
    return this.#lossy(() => super.delete(selector, deleted))
  }

  /** The same store, with failures of its own. */
  sharing(other: LossyStore): this {
    const { values, leases, deletions, now } = other
    return Object.assign(this, { values, leases, deletions, now })
  }

  async #lossy<Result>(write: () => Promise<Result>): Promise<Result> {
    const failure = this.failures.shift() ?? 'never'
    if (failure === 'before') throw new Error('nothing was written')
    const result = await write()
    if (failure === 'after') throw new Error('nobody knows')
    return result
  }
}

/** A process: what it counts, and its part in the sum. */
interface Process {
  readonly store: Store
  readonly statistics: Statistics
  readonly fleet: Fleet
  readonly events: Event[]
  count(hits?: number): void
  sum(): Promise<FleetSum>
}

const processes: Process[] = []
let nowMs: number
let store: LossyStore

beforeEach(() => {
  nowMs = Date.UTC(2026, 0, 1)
  store = new LossyStore()
  store.now = () => nowMs
})
afterEach(async () => {
  store.failures.length = 0
  for (const { fleet } of processes.splice(0)) await fleet.close()
})

function start(shared: Store = store, options: FleetOptions = {}): Process {
  const now = (): number => nowMs
  const statistics = new Statistics({ now })
  const events: Event[] = []
  const fleet = new Fleet(shared, statistics, {
    // Only when a test says so.
    writeEveryMs: 1e9,
    now,
    observe: (event) => events.push(event),
    ...options
  })
  const process: Process = {
    store: shared,
    statistics,
    fleet,
    events,
    count(hits = 1) {
      for (let count = 0; count < hits; count++) {
        statistics.note({ type: 'looked-up', layer: 'exact', kind: 'llm' })
        statistics.note({ type: 'hit', layer: 'exact', kind: 'llm', key: 'llm:m:1', stale: false, tookMs: 0.1 })
        statistics.note({
          type: 'answered',
          kind: 'llm',
          model: 'gpt-4o',
          outcome: 'hit',
          layer: 'exact',
          tookMs: 0.25,
          tags: ['team:a'],
          tenant: undefined,
          origin: { layer: 'exact', key: 'llm:m:1', savedUsd: 0.25, tookMs: 1000.25 }
        })
      }
    },
    sum: () => fleet.sum(statistics.snapshot())
  }
  processes.push(process)
  return process
}

/** The hits in a sum, as each of the places where they are counted has them. */
function hitsIn({ layers, kinds, models, tags, top }: Snapshot): number {
  const places = [
    layers['llm']?.hits ?? 0,
    layers['llm']?.lookups ?? 0,
    layers['llm']?.hitLatency.counts.reduce((sum, count) => sum + count, 0) ?? 0,
    kinds['llm']?.outcomes['hit'] ?? 0,
    models['gpt-4o']?.hits ?? 0,
    (models['gpt-4o']?.savedUsd ?? 0) * 4,
    tags['team:a']?.requests ?? 0,
    top.reduce((sum, { hits }) => sum + hits, 0)
  ]
  expect(new Set(places).size, `the same everywhere: ${places.join(' ')}`).toBe(1)
  return places[0] ?? Number.NaN
}

async function hitsSeenBy(process: Process): Promise<number> {
  return hitsIn((await process.sum()).snapshot)
}

function recordKeys(): string[] {
  return [...store.values.keys()].filter((key) => key.startsWith(':statistics:default:'))
}

const retiredKey = ':statistics:default:retired'

describe('a fleet', () => {
  it('sums up what all have written, and what the one who is asked has counted since', async () => {
    const [one, two, three] = [start(), start(), start()]
    for (const [hits, process] of [one, two, three].entries()) process.count(hits + 1)
    for (const { fleet } of [one, two, three]) await fleet.write()
    two.count(10)
    expect(await Promise.all([one, two, three].map(hitsSeenBy))).toEqual([6, 16, 6])
    const sum = await two.sum()
    expect([sum.processes, sum.snapshot.processes, sum.complete]).toEqual([3, 3, true])
  })

  it('keeps its records out of reach of invalidation, under a tag of their own, for 400 days', async () => {
    const one = start()
    one.count()
    await one.fleet.write()
    const [key = ''] = recordKeys()
    expect(key).toMatch(/^:statistics:default:[0-9a-f-]{36}$/)
    expect(store.values.get(key)).toMatchObject({
      tags: [':statistics:default'],
      expiresAtMs: nowMs + 400 * 24 * hourMs
    })
    await store.delete({ prefix: 'default:' })
    await store.delete({ tag: 'default:team:a' })
    expect(JSON.parse(Buffer.from(store.values.get(key)?.value ?? []).toString())).toMatchObject({
      state: 'live',
      snapshot: { version: 1, processes: 1 }
    })
  })

  it('does not see other namespaces', async () => {
    const [one, other] = [start(), start(store, { namespace: 'other' })]
    for (const process of [one, other]) {
      process.count()
      await process.fleet.write()
    }
    expect(await hitsSeenBy(one)).toBe(1)
  })

  it('writes by itself, and a last time at the end', async () => {
    const written = new Promise<void>((resolve) => {
      store.landed = () => resolve()
    })
    const one = start(store, { writeEveryMs: 1 })
    one.count()
    await written
    one.count()
    await one.fleet.close()
    expect(await hitsSeenBy(start())).toBe(2)
  })

  it('writes nothing again that has not changed, but for saying every ten minutes that it is there', async () => {
    const one = start()
    one.count()
    await one.fleet.write()
    const writes = (): number => store.calls.filter((call) => /^(set|replace) :statistics/.test(call)).length
    expect(writes()).toBe(1)
    nowMs += 9 * minuteMs
    await one.fleet.write()
    expect(writes()).toBe(1)
    nowMs += minuteMs
    await one.fleet.write()
    expect(writes()).toBe(2)
  })

  it('leaves nothing behind of a process that has counted nothing', async () => {
    const one = start()
    await one.fleet.close()
    expect(recordKeys()).toEqual([])
  })

  it('knows how many are running', async () => {
    const [one, two, three] = [start(), start(), start()]
    for (const process of [one, two, three]) {
      process.count()
      await process.fleet.write()
    }
    await two.fleet.close()
    expect((await one.sum()).processes).toBe(2)
    nowMs += 30 * minuteMs
    expect((await one.sum()).processes).toBe(1)
    expect(await hitsSeenBy(one)).toBe(3)
  })

  it('has nobody to share with in a memory of its own', async () => {
    const memory = memoryStore()
    const one = start(memory)
    one.count()
    await one.fleet.write()
    await one.fleet.fold()
    const own = one.statistics.snapshot()
    expect(await one.fleet.sum(own)).toEqual({ snapshot: own, processes: 1, complete: true })
    expect(await memory.size()).toMatchObject({ entries: 0 })
    await memory.close()
  })

  it('tells its own counts alone while the store is down, and says so; and writes when it is back', async () => {
    const [one, two] = [start(), start()]
    for (const process of [one, two]) {
      process.count()
      await process.fleet.write()
    }
    store.chaos = () => {
      throw new Error('down')
    }
    one.count(5)
    await one.fleet.write()
    await one.fleet.fold()
    const sum = await one.sum()
    expect([hitsIn(sum.snapshot), sum.processes, sum.complete]).toEqual([6, 1, false])
    expect(one.events).toContainEqual(expect.objectContaining({ type: 'failed', part: 'statistics' }))
    store.chaos = () => {}
    await one.fleet.write()
    expect(await hitsSeenBy(two)).toBe(7)
  })

  it('closes although the store is down', async () => {
    const one = start()
    one.count()
    store.chaos = () => {
      throw new Error('down')
    }
    await one.fleet.close()
  })

  it('seals what it writes, and does not count what it cannot open', async () => {
    const key = (id: string) => createSeal([{ id, key: randomBytes(32) }])
    const [ours, theirs] = [key('ours'), key('theirs')]
    const [one, two, stranger] = [ours, ours, theirs].map((seal) => start(store, { seal })) as [
      Process,
      Process,
      Process
    ]
    for (const process of [one, two, stranger]) {
      process.count()
      await process.fleet.write()
    }
    for (const { value } of store.values.values()) expect(Buffer.from(value).toString()).not.toContain('gpt-4o')
    const sum = await one.sum()
    expect([hitsIn(sum.snapshot), sum.complete]).toEqual([2, false])
    await one.sum()
    // Once, however often it is asked.
    expect(one.events.filter(({ type }) => type === 'failed')).toHaveLength(1)
    // What is folded is sealed too, and what cannot be opened is left alone.
    nowMs += 2 * hourMs
    await one.fleet.fold()
    expect(await hitsSeenBy(one)).toBe(2)
    expect(Buffer.from(store.values.get(retiredKey)?.value ?? []).toString()).not.toContain('gpt-4o')
    expect(await hitsSeenBy(stranger)).toBe(1)
  })
})

describe('folding', () => {
  it('adds up in one record what has ended, or has been silent for an hour, and nothing is lost', async () => {
    const [one, ended, killed, running] = [start(), start(), start(), start()]
    for (const process of [one, ended, killed, running]) {
      process.count()
      await process.fleet.write()
    }
    await ended.fleet.close()
    nowMs += 59 * minuteMs
    await running.fleet.write()
    await one.fleet.write()
    expect(recordKeys()).toHaveLength(4)
    await one.fleet.fold()
    // `killed` may still be there.
    expect(recordKeys()).toHaveLength(4)
    expect(recordKeys()).toContain(retiredKey)
    nowMs += minuteMs
    await one.fleet.fold()
    expect(recordKeys()).toHaveLength(3)
    expect(await Promise.all([one, running, start()].map(hitsSeenBy))).toEqual([4, 4, 4])
    expect((await one.sum()).snapshot.processes).toBe(4)
  })

  it('keeps what was folded before', async () => {
    const one = start()
    for (let round = 1; round <= 3; round++) {
      const other = start()
      other.count()
      await other.fleet.close()
      await one.fleet.fold()
      expect(recordKeys()).toEqual([retiredKey])
      expect(await hitsSeenBy(one)).toBe(round)
    }
  })

  it('counts nothing twice when it dies before what it has folded is deleted, and the next one deletes it', async () => {
    const [one, killed] = [start(), start()]
    killed.count(3)
    await killed.fleet.write()
    nowMs += 2 * hourMs
    // The record is closed, the sum is written, and then nothing more.
    store.failures.push('never', 'never', 'before')
    await one.fleet.fold()
    expect(recordKeys()).toHaveLength(2)
    expect(await hitsSeenBy(one)).toBe(3)
    store.leases.clear()
    await start().fleet.fold()
    expect(recordKeys()).toEqual([retiredKey])
    expect(await hitsSeenBy(one)).toBe(3)
  })

  it.each(['before', 'after'] as const)(
    'loses nothing when the sum is not known to be written (%s)',
    async (failure) => {
      const [one, killed] = [start(), start()]
      killed.count(3)
      await killed.fleet.write()
      nowMs += 2 * hourMs
      store.failures.push('never', failure)
      await one.fleet.fold()
      expect(await hitsSeenBy(one)).toBe(3)
      await one.fleet.fold()
      expect(recordKeys()).toEqual([retiredKey])
      expect(await hitsSeenBy(one)).toBe(3)
    }
  )

  it('is done by one at a time, and its lease lost does no harm', async () => {
    const [one, two, killed] = [start(), start(), start()]
    killed.count(3)
    await killed.fleet.write()
    nowMs += 2 * hourMs
    await Promise.all([one.fleet.fold(), two.fleet.fold()])
    expect(await hitsSeenBy(one)).toBe(3)
    // Somebody else folds while this one has read the sum and not yet written it.
    const [late, later] = [start(), start()]
    late.count()
    await late.fleet.close()
    later.count()
    let hasCut = false
    store.chaos = async (operation) => {
      if (operation !== 'replace' || hasCut) return
      hasCut = true
      store.leases.clear()
      await later.fleet.close()
      await two.fleet.fold()
    }
    await one.fleet.fold()
    store.chaos = () => {}
    expect(hasCut).toBe(true)
    expect(await hitsSeenBy(one)).toBe(5)
  })

  it('does not keep the names of all that ever were: models beyond a thousand come together as `other`', async () => {
    const one = start()
    for (let round = 0; round < 6; round++) {
      const other = start()
      for (let place = 0; place < 200; place++) {
        const answer = { kind: 'llm', outcome: 'miss', layer: 'provider', tookMs: 1, tenant: undefined } as const
        other.statistics.note({
          type: 'answered',
          ...answer,
          model: `model-${round}-${place}`,
          tags: [`a:${round}-${place}`, `b:${round}-${place}`],
          origin: { layer: 'provider', costUsd: 0.25 }
        })
      }
      await other.fleet.close()
    }
    await one.fleet.fold()
    const { models, tags, kinds } = (await one.sum()).snapshot
    expect(Object.keys(models)).toHaveLength(1001)
    expect(models['other']).toMatchObject({ requests: 200, misses: 200, costUsd: 50 })
    expect(Object.keys(tags)).toHaveLength(2000)
    expect(kinds['llm']?.outcomes['miss']).toBe(1200)
  })

  it('knows a thousand ids, and a process that comes back later than that is not counted twice', async () => {
    const [one, sleeper] = [start(), start()]
    sleeper.count(3)
    await sleeper.fleet.write()
    nowMs += 2 * hourMs
    await one.fleet.fold()
    for (let round = 0; round < 1001; round++) {
      const other = start()
      other.count()
      await other.fleet.close()
    }
    await one.fleet.fold()
    expect(recordKeys()).toEqual([retiredKey])
    sleeper.count(2)
    await sleeper.fleet.write()
    expect(await hitsSeenBy(one)).toBe(1001 + 5)
  })

  it('leaves a sum alone that it cannot read', async () => {
    const [one, killed] = [start(), start()]
    killed.count()
    await killed.fleet.write()
    nowMs += 2 * hourMs
    await store.set(retiredKey, Buffer.from('{"revision":1,"of":"another version"}'), { ttlMs: hourMs, tags: [] })
    await one.fleet.fold()
    expect(Buffer.from(store.values.get(retiredKey)?.value ?? []).toString()).toContain('another version')
    expect((await one.sum()).complete).toBe(false)
  })
})

describe('a process that was taken for one that has ended', () => {
  it('goes on under another id from what was folded', async () => {
    const [one, sleeper] = [start(), start()]
    sleeper.count(3)
    await sleeper.fleet.write()
    nowMs += 2 * hourMs
    await one.fleet.fold()
    sleeper.count(2)
    expect(await hitsSeenBy(sleeper)).toBe(5)
    await sleeper.fleet.write()
    expect(await Promise.all([one, sleeper].map(hitsSeenBy))).toEqual([5, 5])
    expect((await one.sum()).snapshot.processes).toBe(2)
    // And again.
    nowMs += 2 * hourMs
    await one.fleet.fold()
    sleeper.count(4)
    await sleeper.fleet.write()
    expect(await Promise.all([one, sleeper, start()].map(hitsSeenBy))).toEqual([9, 9, 9])
  })

  it('finds out when it writes, too', async () => {
    const [one, sleeper] = [start(), start()]
    sleeper.count(3)
    await sleeper.fleet.write()
    nowMs += 2 * hourMs
    await one.fleet.fold()
    sleeper.count(2)
    await sleeper.fleet.close()
    expect(await hitsSeenBy(one)).toBe(5)
  })

  it('is right about a write of which nobody knew whether it had arrived', async () => {
    for (const failure of ['before', 'after'] as const) {
      const [one, sleeper] = [start(), start()]
      const before = await hitsSeenBy(one)
      sleeper.count(3)
      await sleeper.fleet.write()
      sleeper.count(4)
      store.failures.push(failure)
      await sleeper.fleet.write()
      nowMs += 2 * hourMs
      await one.fleet.fold()
      sleeper.count(1)
      await sleeper.fleet.write()
      expect(await Promise.all([one, sleeper].map(hitsSeenBy))).toEqual([before + 8, before + 8])
      await sleeper.fleet.close()
    }
  })

  it('sees its record closed before it is folded, when the one who closed it has died', async () => {
    const [one, sleeper] = [start(), start()]
    sleeper.count(3)
    await sleeper.fleet.write()
    nowMs += 2 * hourMs
    store.failures.push('never', 'before')
    await one.fleet.fold()
    sleeper.count(2)
    await sleeper.fleet.write()
    expect(await Promise.all([one, sleeper].map(hitsSeenBy))).toEqual([5, 5])
  })

  it('writes all of it anew when its record was lost and not folded', async () => {
    const [one, other] = [start(), start()]
    other.count(3)
    await other.fleet.write()
    store.values.clear()
    other.count(1)
    await other.fleet.write()
    expect(await hitsSeenBy(one)).toBe(4)
  })
})

describe('at whatever moment', () => {
  /** Runs `other` at one moment after the other of what `work` asks of its store. */
  async function atEachMoment(
    work: (one: Process, own: LossyStore) => Promise<unknown>,
    other: (one: Process) => Promise<unknown> | undefined
  ): Promise<void> {
    for (let moment = 0, isOver = false; !isOver; moment++) {
      const own = new LossyStore()
      own.now = () => nowMs
      const one = start(own)
      let count = 0
      own.chaos = async () => {
        if (count++ === moment) await other(one)
      }
      await work(one, own)
      isOver = count <= moment
    }
  }

  it('others fold, a sum has all of it once', async () => {
    await atEachMoment(
      async (one, own) => {
        const prepared = own.chaos
        own.chaos = () => {}
        const folded = start(own)
        folded.count(3)
        await folded.fleet.write()
        await one.fleet.write()
        nowMs += 2 * hourMs
        one.count(2)
        own.chaos = prepared
        expect(await hitsSeenBy(one)).toBe(5)
      },
      async (one) => {
        const folder = start(new LossyStore().sharing(one.store as LossyStore))
        await folder.fleet.fold()
      }
    )
  })

  it('a process finds out that it was folded, its sum has all of it once', async () => {
    await atEachMoment(
      async (one, own) => {
        const prepared = own.chaos
        own.chaos = () => {}
        one.count(3)
        await one.fleet.write()
        nowMs += 2 * hourMs
        one.count(2)
        await start(new LossyStore().sharing(own)).fleet.fold()
        own.chaos = prepared
        expect(await hitsSeenBy(one)).toBe(5)
        own.chaos = () => {}
        await one.fleet.write()
        expect(await hitsSeenBy(start(own))).toBe(5)
      },
      (one) => {
        void one.fleet.write()
        return undefined
      }
    )
  })

  it('others fold a process that writes, nothing is lost', async () => {
    await atEachMoment(
      async (one, own) => {
        const prepared = own.chaos
        own.chaos = () => {}
        one.count(3)
        await one.fleet.write()
        nowMs += 2 * hourMs
        one.count(2)
        own.chaos = prepared
        await one.fleet.write()
        own.chaos = () => {}
        expect(await hitsSeenBy(start(own))).toBe(5)
      },
      async (one) => {
        const folder = start(new LossyStore().sharing(one.store as LossyStore))
        await folder.fleet.fold()
      }
    )
  })
})

describe('others who delete meanwhile', () => {
  it('do not keep a process from writing', async () => {
    const one = start()
    one.count()
    await one.fleet.write()
    one.count()
    let times = 0
    store.chaos = (operation) => {
      if (operation !== 'replace' || times++ > 3) return
      store.deletions.push({ mark: (store.deletions.at(-1)?.mark ?? Date.now() * 1000) + 1, selector: { tag: 'a' } })
    }
    await one.fleet.write()
    expect(times).toBeGreaterThan(3)
    expect(await hitsSeenBy(start())).toBe(2)
  })
})

describe('whatever happens', () => {
  const processCount = 3
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant({ does: 'count' as const }) },
    { weight: 6, arbitrary: fc.constant({ does: 'write' as const }) },
    { weight: 4, arbitrary: fc.constant({ does: 'fold' as const }) },
    { weight: 3, arbitrary: fc.constant({ does: 'sum' as const }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constantFrom('kill' as const, 'close' as const) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        does: fc.constant('fail' as const),
        after: fc.nat({ max: 3 }),
        how: fc.constantFrom('before' as const, 'after' as const)
      })
    }
  )
  /** What each of the processes does at the same time, after a while. */
  const round = fc.record({
    minutes: fc.constantFrom(0, 0, 5, 61, 600),
    steps: fc.array(fc.array(step, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: processCount })
  })

  it('the sum is what all have counted: nothing twice, and nothing lost that was written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(round, { maxLength: 40 }), async (scheduler, rounds) => {
        const shared = new LossyStore()
        const alive = Array.from({ length: processCount }, () => new Lossy(shared, scheduler))
        const dead: Lossy[] = []
        /** What the living have counted, and what the dead have written. */
        function all(): number {
          const living = alive.reduce((sum, { counted }) => sum + counted, 0)
          return dead.reduce((sum, one) => sum + one.written(), living)
        }

        async function act(
          one: Lossy,
          { does, ...how }: (typeof rounds)[number]['steps'][number][number]
        ): Promise<void> {
          const { fleet } = one.process
          if (does === 'count') one.count()
          if (does === 'write') await fleet.write()
          if (does === 'fold') await fleet.fold()
          if (does === 'sum') {
            const least = [...dead, ...alive].reduce((sum, each) => sum + each.written(), 0)
            const { snapshot, complete } = await one.process.sum()
            expect(hitsIn(snapshot)).toBeLessThanOrEqual(
              [...dead, ...alive].reduce((sum, each) => sum + each.counted, 0)
            )
            if (complete) expect(hitsIn(snapshot)).toBeGreaterThanOrEqual(least)
          }
          if (does === 'close') await fleet.close()
          if ('how' in how) one.store.failures.push(...new Array<'never'>(how.after).fill('never'), how.how)
          // With it goes what it has not written.
          if ((does === 'close' || does === 'kill') && alive.includes(one)) {
            dead.push(one)
            alive[alive.indexOf(one)] = new Lossy(shared, scheduler)
          }
        }

        for (const { minutes, steps } of rounds) {
          nowMs += minutes * minuteMs
          const acting = [...alive]
          await scheduler.waitFor(
            Promise.all(acting.flatMap((one, place) => (steps[place] ?? []).map((each) => act(one, each))))
          )
        }
        // Probes that have begun meanwhile.
        await scheduler.waitIdle()
        for (const { store } of [...dead, ...alive]) {
          store.chaos = () => {}
          store.failures.length = 0
        }
        for (const one of alive) {
          await one.isBack()
          await one.process.fleet.write()
        }
        const seen: number[] = []
        for (const { process } of alive) seen.push(await hitsSeenBy(process))
        expect(seen).toEqual(seen.map(all))
      }),
      { numRuns: 200 }
    )
  })

  /** A process whose store fails by itself, and who knows what of it was written. */
  class Lossy {
    readonly store: LossyStore
    readonly process: Process
    counted = 0
    /** By record, the hits that lie in it; those that others have made are theirs. */
    readonly #written = new Map<string, number>()

    constructor(shared: LossyStore, scheduler: fc.Scheduler) {
      this.store = new LossyStore().sharing(shared)
      this.store.now = () => nowMs
      this.store.chaos = () => scheduler.schedule(Promise.resolve())
      this.store.landed = (key, value) => {
        const { state, snapshot } = JSON.parse(Buffer.from(value).toString())
        const isOwn = this.#written.has(key) || (state !== undefined && !known.has(key))
        known.add(key)
        if (isOwn) this.#written.set(key, snapshot.layers.llm?.hits ?? 0)
      }
      this.process = start(this.store)
    }

    count(): void {
      this.process.count()
      this.counted += 1
    }

    written(): number {
      return [...this.#written.values()].reduce((sum, hits) => sum + hits, 0)
    }

    /** After failures in a row the store is left out until it has been looked at again. */
    async isBack(): Promise<void> {
      const { events } = this.process
      const last = (): Event | undefined => events.findLast(({ type }) => type === 'opened' || type === 'closed')
      while (last()?.type === 'opened') await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  const known = new Set<string>()
})
