import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FakeStoredVectors, fakeStoredVectors } from '../../test/support/fake-stored-vectors.ts'
import { Breaker } from '../core/breaker.ts'
import { type Event, ignore } from '../core/events.ts'
import type { StoredVector, StoredVectors } from '../core/stored-vectors.ts'
import { Entries } from './entries.ts'
import { EntriesVectors } from './entries-vectors.ts'
import type { Entry } from './entry.ts'
import { memoryStore } from './memory.ts'
import { createSeal, type Seal, sealWithin } from './seal.ts'
import type { Store } from './store.ts'

function entry(key: string): Entry {
  const nowMs = Date.now()
  return {
    key,
    kind: 'llm',
    storedAtMs: nowMs,
    freshUntilMs: nowMs + 60_000,
    expiresAtMs: nowMs + 60_000,
    tags: ['tag'],
    text: 'a question',
    body: Buffer.from('an answer')
  }
}

function vector(text: string, partition = 'partition') {
  return { vector: { partition, bytes: Buffer.from(text) } }
}

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString()

async function read(vectors: StoredVectors | undefined, partition: string): Promise<StoredVector[]> {
  const all: StoredVector[] = []
  for await (const batch of vectors?.read(partition) ?? []) all.push(...batch)
  return all
}

describe('the vectors of a namespace', () => {
  let store: Store
  let mine: Entries
  let theirs: Entries

  beforeEach(() => {
    store = memoryStore()
    mine = new Entries(store, { namespace: 'mine' })
    theirs = new Entries(store, { namespace: 'theirs' })
  })
  afterEach(() => store.close())

  it('are stored with entries, and found by the keys and partitions they were given with', async () => {
    expect(await mine.put(entry('a'), vector('1'))).toBe(true)
    expect(text(await mine.vectors?.get('partition', 'a'))).toBe('1')
    expect(text(mine.vectors?.peek?.('partition', 'a'))).toBe('1')
    const [found, ...others] = await read(mine.vectors, 'partition')
    expect(others).toEqual([])
    expect([found?.key, text(found?.bytes)]).toEqual(['a', '1'])
    expect(Math.abs((found?.expiresAtMs ?? 0) - Date.now() - 60_000)).toBeLessThan(5000)
    expect((await mine.get('a'))?.text).toBe('a question')
  })

  it('go with their entries when those are invalidated or stored without', async () => {
    for (const selector of [{ key: 'a' }, { tag: 'tag' }, { prefix: '' }, { pattern: '*' }, { all: true }] as const) {
      await mine.put(entry('a'), vector('1'))
      expect(await mine.invalidate(selector)).toBe(1)
      expect(await mine.vectors?.get('partition', 'a')).toBeUndefined()
    }
    await mine.put(entry('a'), vector('1'))
    await mine.put(entry('a'))
    expect(await read(mine.vectors, 'partition')).toEqual([])
  })

  it('are not seen, read or heard of in another', async () => {
    const told: string[] = []
    const listener = { stored: (partition: string, key: string) => void told.push(`${partition} ${key}`), lost() {} }
    const stop = mine.vectors?.follow(listener)
    await theirs.put(entry('a'), vector('theirs'))
    expect(await mine.vectors?.get('partition', 'a')).toBeUndefined()
    expect(mine.vectors?.peek?.('partition', 'a')).toBeUndefined()
    expect(await read(mine.vectors, 'partition')).toEqual([])
    await mine.put(entry('a'), vector('mine'))
    await mine.put(entry('b'), vector('mine', 'other'))
    expect(told).toEqual(['partition a', 'other b'])
    expect(await theirs.invalidate({ all: true })).toBe(1)
    expect((await read(mine.vectors, 'partition')).map(({ key }) => key)).toEqual(['a'])
    stop?.()
    await mine.put(entry('c'), vector('mine'))
    expect(told).toHaveLength(2)
  })

  it('fail when they are peeked at or asked for in a store that is closed, rather than not being there', async () => {
    await store.close()
    expect(() => mine.vectors?.peek?.('partition', 'a')).toThrow(expect.objectContaining({ code: 'store-closed' }))
    await expect(mine.vectors?.get('partition', 'a')).rejects.toMatchObject({ code: 'store-closed' })
  })
})

describe('the vectors of a store', () => {
  const vectors: StoredVectors = {
    get: () => new Promise(() => {}),
    async *read() {},
    follow: () => () => {}
  }
  const hanging: Store = { ...stub(), vectors }

  it('that hangs are waited for no longer than the deadline, once', async () => {
    const events: Event[] = []
    const entries = new Entries(hanging, { deadlineMs: 5, observe: (event) => events.push(event) })
    await expect(entries.vectors?.get('partition', 'a')).rejects.toMatchObject({ code: 'store-timeout' })
    expect(entries.state).toBe('down')
    await expect(entries.vectors?.get('partition', 'a')).rejects.toMatchObject({ code: 'store-unavailable' })
    expect(events.map(({ type }) => type)).toEqual(['failed', 'opened'])
    await entries.close()
  })

  it('that has something to wait for cannot be peeked at', () => {
    expect(new Entries(hanging).vectors?.peek).toBeUndefined()
  })

  it('that keeps none are none', () => {
    expect(new Entries(stub()).vectors).toBeUndefined()
  })
})

describe('sealed vectors', () => {
  const seal = createSeal([{ id: 'one', key: new Uint8Array(32).fill(1) }])
  let store: FakeStoredVectors

  beforeEach(() => {
    store = fakeStoredVectors()
  })

  function vectorsOf(namespace: string, own: Seal | undefined): EntriesVectors {
    const reads = new Breaker({ part: 'store', deadlineMs: 1000, observe: ignore, probe: async () => undefined })
    return new EntriesVectors(store, namespace, reads, own && sealWithin(own, namespace))
  }

  /** What can be had of a vector, by each way that there is. */
  async function found(vectors: EntriesVectors, partition: string, key: string): Promise<string[]> {
    const all = (await read(vectors, partition)).filter((one) => one.key === key)
    const ways = [await vectors.get(partition, key), vectors.peek?.(partition, key), all[0]?.bytes]
    return ways.map((bytes) => (bytes === undefined ? 'none' : text(bytes)))
  }

  it('are opened where they are read, and hidden where they lie', async () => {
    const mine = vectorsOf('mine:', seal)
    const bytes = mine.seal('partition', 'a', Buffer.from('a meaning'))
    store.setBytes('mine:partition', 'mine:a', bytes)
    expect(text(bytes)).not.toContain('meaning')
    expect(await found(mine, 'partition', 'a')).toEqual(['a meaning', 'a meaning', 'a meaning'])
  })

  it('are not there for another entry, in another partition, or in another namespace', async () => {
    const mine = vectorsOf('mine:', seal)
    const bytes = mine.seal('partition', 'a', Buffer.from('a meaning'))
    store.setBytes('mine:partition', 'mine:b', bytes)
    store.setBytes('mine:other', 'mine:a', bytes)
    store.setBytes('theirs:partition', 'theirs:a', bytes)
    expect(await found(mine, 'partition', 'b')).toEqual(['none', 'none', 'none'])
    expect(await found(mine, 'other', 'a')).toEqual(['none', 'none', 'none'])
    expect(await found(vectorsOf('theirs:', seal), 'partition', 'a')).toEqual(['none', 'none', 'none'])
  })

  it('are not there when they are not sealed, or harmed, or sealed under a key that is not known', async () => {
    const mine = vectorsOf('mine:', seal)
    const bytes = mine.seal('partition', 'a', Buffer.from('a meaning'))
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
    const other = vectorsOf('mine:', createSeal([{ id: 'two', key: new Uint8Array(32).fill(2) }]))
    for (const stored of [bytes, Buffer.from('a meaning'), other.seal('partition', 'a', Buffer.from('a meaning'))]) {
      store.setBytes('mine:partition', 'mine:a', stored)
      expect(await found(mine, 'partition', 'a')).toEqual(['none', 'none', 'none'])
    }
  })

  it('do not keep others of their batch from being read', async () => {
    const mine = vectorsOf('mine:', seal)
    for (const key of ['a', 'b', 'c']) {
      const bytes = Buffer.from(key)
      store.setBytes('mine:partition', `mine:${key}`, key === 'b' ? bytes : mine.seal('partition', key, bytes))
    }
    expect((await read(mine, 'partition')).map(({ key }) => key)).toEqual(['a', 'c'])
  })

  it('are what they are without a seal', () => {
    const bytes = Buffer.from('a meaning')
    expect(vectorsOf('mine:', undefined).seal('partition', 'a', bytes)).toBe(bytes)
  })
})

/** A store in which there is nothing. */
function stub(): Store {
  return {
    name: 'stub',
    get: async () => undefined,
    set: async () => undefined,
    replace: async () => false,
    mark: async () => 0,
    deletedSince: async () => ({ mark: 0, selectors: [] }),
    async *keys() {},
    size: async () => ({}),
    delete: async () => 0,
    increment: async () => 0,
    lease: async () => undefined,
    close: async () => {}
  }
}
