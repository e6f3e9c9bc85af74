import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChaosStore } from '../../test/support/chaos-store.ts'
import type { Event } from '../core/events.ts'
import { Entries } from '../stores/entries.ts'
import { memoryStore } from '../stores/memory.ts'
import type { Lease, Store } from '../stores/store.ts'
import { Switches, type SwitchesOptions, switchNamed } from './switches.ts'

const key = ':switches:default'

/** A store that can be made to fail, with leases. */
class LeasingStore extends ChaosStore {
  #held = false

  override async lease(): Promise<Lease | undefined> {
    if (this.#held) return undefined
    this.#held = true
    return {
      renew: async () => true,
      release: async () => {
        this.#held = false
      }
    }
  }
}

/** One process's switches, and what they tell. */
interface Process {
  readonly switches: Switches
  readonly events: Event[]
  /** Resolves when the event has been told, or was before. */
  told(wanted: Partial<Record<string, unknown>>): Promise<void>
}

const processes: Process[] = []
const stores: Store[] = []

function makeProcess(store: Store, options: SwitchesOptions = {}): Process {
  const events: Event[] = []
  const listeners: (() => void)[] = []
  const switches = new Switches(store, {
    ...options,
    observe: (event) => {
      events.push(event)
      for (const listen of listeners.splice(0)) listen()
    }
  })
  const process: Process = {
    switches,
    events,
    async told(wanted) {
      const isThere = (): boolean =>
        events.some((event) => Object.entries(wanted).every(([name, value]) => Reflect.get(event, name) === value))
      while (!isThere()) await new Promise<void>((resolve) => listeners.push(resolve))
    }
  }
  processes.push(process)
  return process
}

async function started(store: Store, options: SwitchesOptions = {}): Promise<Process> {
  const process = makeProcess(store, options)
  await process.switches.start()
  return process
}

let store: LeasingStore

beforeEach(() => {
  store = new LeasingStore()
})
afterEach(async () => {
  for (const { switches } of processes.splice(0)) switches.close()
  for (const opened of stores.splice(0)) await opened.close()
})

function makeMemory(): Store {
  const opened = sharedMemory()
  stores.push(opened)
  return opened
}

describe('switches', () => {
  it('are on unless somebody says otherwise, names that are no switches too', () => {
    const { switches } = makeProcess(store)
    expect(['cache', 'exact', 'rag', 'a-kind-of-mine', 'constructor'].map((name) => switches.isOn(name))).toEqual(
      new Array(5).fill(true)
    )
    expect(switches.states()['semantic']).toEqual({ on: true, by: 'default' })
  })

  it('are off where the configuration says so, and each says by whom', () => {
    const { switches, events } = makeProcess(store, { switches: { semantic: false, exact: true } })
    expect([switches.isOn('semantic'), switches.isOn('exact'), switches.isOn('llm')]).toEqual([false, true, true])
    expect(switches.states()).toMatchObject({
      semantic: { on: false, by: 'configuration' },
      exact: { on: true, by: 'configuration' },
      llm: { on: true, by: 'default' }
    })
    expect(events).toEqual([])
  })

  it('are all off with the cache, and each as it was when the cache is on again', async () => {
    const { switches } = await started(makeMemory(), { switches: { llm: false } })
    await switches.set('cache', false)
    expect(['cache', 'exact', 'llm', 'a-kind-of-mine'].map((name) => switches.isOn(name))).toEqual(
      new Array(4).fill(false)
    )
    expect(switches.states().exact.on).toBe(true)
    await switches.set('cache', true)
    expect(['cache', 'exact', 'llm'].map((name) => switches.isOn(name))).toEqual([true, true, false])
  })

  it('know retrieval as rag too, and of the two names in a configuration the one that is off', async () => {
    const { switches, events } = await started(makeMemory())
    await switches.set('rag', false)
    expect([switches.isOn('retrieval'), switches.isOn('rag')]).toEqual([false, false])
    expect(events).toEqual([{ type: 'switched', layer: 'retrieval', on: false }])
    expect(makeProcess(store, { switches: { rag: false, retrieval: true } }).switches.isOn('retrieval')).toBe(false)
    expect([switchNamed('rag'), switchNamed('exact'), switchNamed('toString')]).toEqual([
      'retrieval',
      'exact',
      undefined
    ])
  })

  it('refuse what is no switch, and what is neither on nor off', async () => {
    const unknown = { exactly: false } as unknown as SwitchesOptions
    expect(() => makeProcess(store, { switches: unknown as object })).toThrow(/expected one of cache, llm.*"exactly"/)
    const unclear = { exact: 'off' } as unknown as object
    expect(() => makeProcess(store, { switches: unclear })).toThrow('exact: expected true or false, got "off"')
    const { switches } = await started(makeMemory())
    await expect(switches.set('exactly' as 'exact', false)).rejects.toMatchObject({ code: 'invalid-option' })
  })

  it('stay off where the configuration says off, and say so to whoever wants them on', async () => {
    const shared = makeMemory()
    const strict = await started(shared, { switches: { exact: false } })
    const open = await started(shared)
    await expect(strict.switches.set('exact', true)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('exact=off')
    })
    // What is said elsewhere does not change it either.
    await open.switches.set('exact', true)
    await open.switches.set('semantic', false)
    await strict.told({ type: 'switched', layer: 'semantic' })
    expect([strict.switches.isOn('exact'), open.switches.isOn('exact')]).toEqual([false, true])
    // And off is said to all.
    await strict.switches.set('exact', false)
    await open.told({ type: 'switched', layer: 'exact', on: false })
  })

  it('are off at run time where the configuration says on, until somebody switches them on', async () => {
    const { switches } = await started(makeMemory(), { switches: { exact: true } })
    await switches.set('exact', false)
    expect(switches.states().exact).toEqual({ on: false, by: 'runtime' })
    await switches.set('exact', true)
    expect(switches.states().exact).toEqual({ on: true, by: 'runtime' })
  })

  it('tell of a change once in each process', async () => {
    const shared = makeMemory()
    const [one, two] = [await started(shared), await started(shared)]
    await one.switches.set('semantic', false)
    await one.switches.set('semantic', false)
    await two.told({ layer: 'semantic', on: false })
    await two.switches.set('semantic', true)
    await one.told({ layer: 'semantic', on: true })
    const both = [
      { type: 'switched', layer: 'semantic', on: false },
      { type: 'switched', layer: 'semantic', on: true }
    ]
    expect([one.events, two.events]).toEqual([both, both])
  })

  it('lose no change when many are made at once', async () => {
    const shared = makeMemory()
    const all = await Promise.all([1, 2, 3].map(() => started(shared)))
    const names = ['llm', 'embedding', 'value', 'exact', 'semantic', 'single-flight'] as const
    await Promise.all(names.map((name, at) => all[at % 3]?.switches.set(name, false)))
    const { switches } = await started(shared)
    expect(names.map((name) => switches.isOn(name))).toEqual(names.map(() => false))
  })

  it('are those of their namespace, and out of reach of what is invalidated', async () => {
    const shared = makeMemory()
    const { switches } = await started(shared)
    await switches.set('exact', false)
    const entries = new Entries(shared)
    await entries.invalidate({ all: true })
    await entries.invalidate({ pattern: '*' })
    await entries.invalidate({ prefix: '' })
    expect(await shared.get(key)).toBeDefined()
    expect((await started(shared)).switches.isOn('exact')).toBe(false)
    expect((await started(shared, { namespace: 'another' })).switches.isOn('exact')).toBe(true)
  })

  it('leave names alone that only another version knows', async () => {
    const shared = makeMemory()
    const foreign = { batch: { on: false, atMs: 5 } }
    await shared.set(key, Buffer.from(JSON.stringify(foreign)), { ttlMs: 60_000, tags: [] })
    const { switches } = await started(shared)
    await switches.set('exact', false)
    expect(JSON.parse(String(await shared.get(key)))).toMatchObject(foreign)
  })

  it('go by the later word where clocks differ', async () => {
    const shared = makeMemory()
    const ahead = await started(shared, { now: () => 9_000_000_000_000 })
    const behind = await started(shared, { now: () => 1 })
    await ahead.switches.set('exact', false)
    await behind.switches.set('exact', true)
    expect(behind.switches.isOn('exact')).toBe(true)
    await ahead.told({ layer: 'exact', on: true })
  })
})

describe('switches of a store that fails', () => {
  const down = (): never => {
    throw new Error('the disk is on fire')
  }

  it('reject with its error when it cannot be written, and have switched nothing', async () => {
    const { switches, events } = await started(store)
    store.chaos = (operation) => (operation === 'set' ? down() : undefined)
    // Also when the store is left out after failures, what it said is told.
    for (let time = 0; time < 7; time++) {
      await expect(switches.set('exact', false)).rejects.toThrow('the disk is on fire')
    }
    expect(switches.isOn('exact')).toBe(true)
    expect(events).toContainEqual(expect.objectContaining({ type: 'opened', part: 'switches-writes' }))
  })

  it('reject when it does not answer in time', async () => {
    const { switches } = await started(store, { deadlineMs: 20 })
    store.chaos = (operation) => (operation === 'set' ? new Promise<void>(() => {}) : undefined)
    await expect(switches.set('exact', false)).rejects.toMatchObject({ code: 'store-timeout' })
  })

  it('stay as they were last known, and follow again when it is back', async () => {
    const [one, two] = [await started(store), await started(store)]
    await one.switches.set('exact', false)
    await two.told({ layer: 'exact' })
    store.chaos = down
    await two.told({ type: 'opened', part: 'switches' })
    expect(two.switches.isOn('exact')).toBe(false)
    store.chaos = () => {}
    await two.told({ type: 'closed', part: 'switches' })
    await one.told({ type: 'closed', part: 'switches' })
    await one.switches.set('exact', true)
    await two.told({ layer: 'exact', on: true })
  })

  it('wait at the start for a store that is just connecting, in silence', async () => {
    const before = await started(store)
    await before.switches.set('exact', false)
    let failing = 3
    store.chaos = () => {
      if (failing-- > 0) down()
    }
    const { switches, events } = await started(store)
    expect([switches.isOn('exact'), events]).toEqual([false, [{ type: 'switched', layer: 'exact', on: false }]])
  })

  it('start without a store that hangs, and learn later', async () => {
    let free = (): void => {}
    const hanging = new Promise<void>((resolve) => {
      free = resolve
    })
    store.values.set(key, {
      value: Buffer.from('{"exact":{"on":false,"atMs":1}}'),
      expiresAtMs: Number.POSITIVE_INFINITY,
      tags: []
    })
    store.chaos = () => hanging
    const { switches, told } = await started(store)
    expect(switches.isOn('exact')).toBe(true)
    free()
    await told({ layer: 'exact', on: false })
  })

  it('write again what has gone from the store', async () => {
    const [one, two] = [await started(store), await started(store)]
    await one.switches.set('exact', false)
    await two.told({ layer: 'exact' })
    one.switches.close()
    store.values.delete(key)
    await expect.poll(() => store.values.has(key), { interval: 20, timeout: 10_000 }).toBe(true)
    expect((await started(store)).switches.isOn('exact')).toBe(false)
    expect(two.switches.isOn('exact')).toBe(false)
  })

  it('do not believe a record that is corrupt, tell of it once, and write it anew', async () => {
    const { switches, events, told } = await started(store)
    await switches.set('exact', false)
    const corrupt = { value: Buffer.from('{"exact":{"on":tru'), expiresAtMs: Number.POSITIVE_INFINITY, tags: [] }
    store.values.set(key, corrupt)
    await told({ type: 'failed', operation: 'decode' })
    await expect.poll(() => store.values.get(key) !== corrupt, { interval: 20, timeout: 10_000 }).toBe(true)
    expect(switches.isOn('exact')).toBe(false)
    expect((await started(store)).switches.isOn('exact')).toBe(false)
    expect(events.filter(({ type }) => type === 'switched').length).toBe(1)
  })

  it('tell once of a record that is corrupt and that they know nothing better than', async () => {
    store.values.set(key, { value: Buffer.from('[]'), expiresAtMs: Number.POSITIVE_INFINITY, tags: [] })
    const { events, switches } = await started(store)
    await expect.poll(() => store.calls.length, { interval: 20, timeout: 10_000 }).toBeGreaterThan(3)
    expect(events).toMatchObject([{ type: 'failed', part: 'switches', operation: 'decode' }])
    expect(switches.isOn('exact')).toBe(true)
  })

  it('wait for whoever is switching, and go on when it has died', async () => {
    const shared = makeMemory()
    const { switches } = await started(shared)
    await shared.lease(key, 200)
    await switches.set('exact', false)
    expect(switches.isOn('exact')).toBe(false)
  })

  it('do nothing more once they are closed', async () => {
    const { switches } = await started(store)
    switches.close()
    const before = store.calls.length
    await expect(switches.set('exact', false)).rejects.toMatchObject({ code: 'store-closed' })
    expect(store.calls.length).toBe(before)
  })
})

/** As if another process could see it. */
function sharedMemory(): Store {
  return Object.assign(memoryStore(), { ownProcessOnly: false })
}
