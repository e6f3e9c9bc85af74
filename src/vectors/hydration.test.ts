import { afterEach, describe, expect, it, vi } from 'vitest'
import { type FakeStoredVectors, fakeStoredVectors, inAnHour } from '../../test/support/fake-stored-vectors.ts'
import type { Event } from '../core/events.ts'
import { type LocalVectors, type LocalVectorsOptions, localVectors } from './local.ts'

const opened: LocalVectors[] = []

function open(vectors: FakeStoredVectors, options: LocalVectorsOptions = {}): LocalVectors {
  const index = localVectors({ vectors, hydrateWithinMs: 60_000, ...options })
  opened.push(index)
  return index
}

afterEach(async () => {
  vi.useRealTimers()
  await Promise.all(opened.splice(0).map((index) => index.close()))
})

/** Somewhere on a circle; those with whole numbers from 0 to 60 are clearly apart. */
function at(place: number): Float32Array {
  return Float32Array.of(Math.cos(place / 10), Math.sin(place / 10))
}

/** Waits to be opened. */
class Door {
  readonly #opened: Promise<void>
  open: () => void = () => undefined

  constructor() {
    this.#opened = new Promise((resolve) => {
      this.open = resolve
    })
  }

  pass(): Promise<void> {
    return this.#opened
  }
}

async function keys(index: LocalVectors, place = 0): Promise<string[]> {
  return (await index.nearest('p', at(place), -1, 100)).map(({ key }) => key)
}

describe('reading a partition from the store', () => {
  it('begins with the first lookup, which waits for it', async () => {
    const stored = fakeStoredVectors()
    for (let place = 0; place < 20; place++) stored.setSilently('p', `${place}`, at(place))
    stored.setSilently('other', 'x', at(1))
    const index = open(stored)
    expect(stored.calls.read).toBe(0)
    expect(await index.nearest('p', at(7), 0.999, 1)).toEqual([{ key: '7', similarity: 1 }])
    expect(await index.nearest('p', at(8), 0.999, 1)).toEqual([{ key: '8', similarity: 1 }])
    expect(stored.calls.read).toBe(1)
    expect(index.usage()).toMatchObject({ vectors: 20, partitions: 1 })
  })

  it('begins with the first addition too', async () => {
    const stored = fakeStoredVectors()
    stored.setSilently('p', 'stored', at(0))
    stored.setSilently('p', 'added', at(1))
    const index = open(stored)
    await index.add('p', 'added', at(1), inAnHour)
    expect(stored.calls.read).toBe(1)
    expect(await keys(index)).toEqual(['stored', 'added'])
  })

  it('is waited for no longer than it may take, and goes on, while what is there is found', async () => {
    const door = new Door()
    const stored = fakeStoredVectors({
      perBatch: 10,
      beforeBatch: (_, batch) => (batch === 1 ? door.pass() : undefined)
    })
    for (let place = 0; place < 20; place++) stored.setSilently('p', `${place}`, at(place))
    const index = open(stored, { hydrateWithinMs: 20 })
    expect((await keys(index)).length).toBe(10)
    // The time is over for this one: it does not wait at all.
    let hasWaited = false
    setImmediate(() => {
      hasWaited = true
    })
    expect((await keys(index)).length).toBe(10)
    expect(hasWaited).toBe(false)
    door.open()
    await vi.waitFor(async () => expect((await keys(index)).length).toBe(20))
    expect(stored.calls.read).toBe(1)
  })

  it('leaves alone what was added, replaced or removed since it began', async () => {
    const door = new Door()
    // What is given after the door was read before it.
    const stored = fakeStoredVectors({ beforeBatch: () => door.pass() })
    for (const key of ['kept', 'removed', 'replaced']) stored.setSilently('p', key, at(5))
    const index = open(stored)
    const waiting = keys(index)
    stored.delete('p', 'removed')
    await index.remove('p', ['removed'])
    stored.setSilently('p', 'replaced', at(20))
    await index.add('p', 'replaced', at(20), inAnHour + 5000)
    door.open()
    expect(await waiting).toEqual(['kept', 'replaced'])
    expect(index.usage().vectors).toBe(2)
    expect(await index.nearest('p', at(20), 0.99, 1)).toEqual([{ key: 'replaced', similarity: 1 }])
  })

  it('skips what has expired and what is no vector, or not of the others’ length', async () => {
    const stored = fakeStoredVectors()
    stored.setSilently('p', 'good', at(1))
    stored.setBytes('p', 'empty', new Uint8Array(0))
    stored.setBytes('p', 'torn', new Uint8Array(7))
    stored.setBytes('p', 'zero', new Uint8Array(8))
    stored.setBytes('p', 'junk', Uint8Array.of(255, 255, 255, 255, 1, 2, 3, 4))
    stored.setSilently('p', 'wide', Float32Array.of(0.6, 0.8, 0))
    stored.setSilently('p', 'expired', at(1), Date.now() - 1)
    const index = open(stored)
    expect(await keys(index)).toEqual(['good'])
    expect(index.usage().vectors).toBe(1)
  })

  it('reports that it failed, uses what it has read, and tries again after a second', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const events: Event[] = []
    let isBroken = true
    const stored = fakeStoredVectors({
      perBatch: 10,
      beforeBatch(_, batch) {
        if (batch === 1 && isBroken) throw new Error('the disk is on fire')
      }
    })
    for (let place = 0; place < 20; place++) stored.setSilently('p', `${place}`, at(place))
    const index = open(stored, { observe: (event) => events.push(event) })
    expect((await keys(index)).length).toBe(10)
    expect(events).toMatchObject([
      { type: 'failed', part: 'vectors', operation: 'read', error: { message: 'the disk is on fire' } }
    ])
    isBroken = false
    vi.advanceTimersByTime(999)
    expect((await keys(index)).length).toBe(10)
    expect(stored.calls.read).toBe(1)
    vi.advanceTimersByTime(1)
    expect((await keys(index)).length).toBe(20)
    expect(stored.calls.read).toBe(2)
    expect(events.length).toBe(1)
  })

  it('gives up on a store that gives nothing any more', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const events: Event[] = []
    const stored = fakeStoredVectors({ beforeBatch: () => new Promise(() => undefined) })
    const index = open(stored, { observe: (event) => events.push(event) })
    const waiting = keys(index)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await waiting).toEqual([])
    expect(events).toMatchObject([{ operation: 'read', error: { code: 'store-timeout' } }])
  })

  it('does not hold the event loop, however many there are', async () => {
    const stored = fakeStoredVectors({ perBatch: 5000 })
    const vector = new Float32Array(384).fill(1 / Math.sqrt(384))
    for (let key = 0; key < 5000; key++) stored.setSilently('p', `${key}`, vector)
    const index = open(stored)
    let turns = 0
    let isReading = true
    const done = index.nearest('p', vector, 0.9, 1).then(() => {
      isReading = false
    })
    while (isReading) {
      turns += 1
      await new Promise((resolve) => setImmediate(resolve))
    }
    await done
    // In one piece it would be one or two.
    expect(turns).toBeGreaterThan(3)
  })

  it('ends when the index is closed', async () => {
    const door = new Door()
    let batches = 0
    const stored = fakeStoredVectors({
      perBatch: 1,
      beforeBatch() {
        batches += 1
        return door.pass()
      }
    })
    for (let place = 0; place < 20; place++) stored.setSilently('p', `${place}`, at(place))
    const index = open(stored)
    const waiting = keys(index)
    await index.close()
    door.open()
    expect(await waiting).toEqual([])
    expect(batches).toBe(1)
    expect(index.usage()).toEqual({ vectors: 0, partitions: 0, bytes: 0 })
    expect(stored.listeners.size).toBe(0)
  })
})

describe('following the store', () => {
  it('takes in what others store in a partition that is used, and only there', async () => {
    for (const peeks of [true, false]) {
      const stored = fakeStoredVectors({ peeks })
      const index = open(stored)
      expect(await keys(index)).toEqual([])
      const { get, peek } = stored.calls
      for (let place = 0; place < 60; place++) stored.set('p', `${place}`, at(place))
      stored.set('unused', 'x', at(0))
      await vi.waitFor(async () => expect((await keys(index)).length).toBe(60))
      expect(index.usage()).toMatchObject({ vectors: 60, partitions: 1 })
      expect(stored.calls.get + stored.calls.peek).toBeGreaterThan(get + peek)
      expect(stored.calls.read).toBe(1)
    }
  })

  it('fetches nothing that was added here, whether the store or the caller comes first', async () => {
    const stored = fakeStoredVectors()
    const index = open(stored)
    await keys(index)
    stored.set('p', 'told first', at(1), inAnHour)
    await index.add('p', 'told first', at(1), inAnHour + 3)
    await index.add('p', 'added first', at(2), inAnHour + 3)
    stored.set('p', 'added first', at(2), inAnHour)
    stored.set('p', 'other', at(3), inAnHour)
    await vi.waitFor(() => expect(index.usage().vectors).toBe(3))
    expect(stored.calls).toMatchObject({ get: 0, peek: 1 })
  })

  it('fetches what was replaced, and takes out what has gone again', async () => {
    const stored = fakeStoredVectors()
    const index = open(stored)
    stored.setSilently('p', 'a', at(1))
    stored.setSilently('p', 'b', at(2))
    expect(await keys(index)).toEqual(['a', 'b'])
    stored.set('p', 'a', at(20), inAnHour + 5000)
    stored.set('p', 'b', at(2), inAnHour + 5000)
    stored.delete('p', 'b')
    await vi.waitFor(() => expect(index.usage().vectors).toBe(1))
    expect(await index.nearest('p', at(20), 0.99, 1)).toEqual([{ key: 'a', similarity: 1 }])
  })

  it('does not let a batch that was read before undo what it was told', async () => {
    const door = new Door()
    const stored = fakeStoredVectors({ beforeBatch: () => door.pass() })
    stored.setSilently('p', 'a', at(1))
    const index = open(stored)
    const waiting = keys(index)
    stored.set('p', 'a', at(20), inAnHour + 5000)
    await vi.waitFor(() => expect(index.usage().vectors).toBe(1))
    door.open()
    expect(await waiting).toEqual(['a'])
    expect(await index.nearest('p', at(20), 0.99, 1)).toEqual([{ key: 'a', similarity: 1 }])
  })

  it('reads partitions again when something was missed, keeping what is there', async () => {
    const stored = fakeStoredVectors()
    stored.setSilently('p', 'a', at(0))
    const index = open(stored)
    expect(await keys(index)).toEqual(['a'])
    stored.setSilently('p', 'b', at(1))
    expect(await keys(index)).toEqual(['a'])
    stored.lose()
    expect(index.usage().vectors).toBe(1)
    expect(await keys(index)).toEqual(['a', 'b'])
    expect(stored.calls.read).toBe(2)
  })

  it('reads once more when something was missed while reading', async () => {
    const door = new Door()
    const stored = fakeStoredVectors({ beforeBatch: () => door.pass() })
    stored.setSilently('p', 'a', at(0))
    const index = open(stored)
    const waiting = keys(index)
    stored.setSilently('p', 'b', at(1))
    stored.lose()
    door.open()
    expect(await waiting).toEqual(['a'])
    expect(await keys(index)).toEqual(['a', 'b'])
    expect(stored.calls.read).toBe(2)
  })

  it('reads a partition again when a vector could not be fetched, and says so', async () => {
    const events: Event[] = []
    const stored = fakeStoredVectors({ peeks: false })
    const index = open(stored, { observe: (event) => events.push(event) })
    await keys(index)
    stored.failure = new Error('gone for a moment')
    stored.set('p', 'a', at(0))
    await vi.waitFor(() => expect(events).toMatchObject([{ operation: 'follow', error: stored.failure }]))
    stored.failure = undefined
    expect(await keys(index)).toEqual(['a'])
    expect(stored.calls.read).toBe(2)
  })

  it('reads a partition again rather than fetch thousands one by one', async () => {
    const stored = fakeStoredVectors()
    const index = open(stored)
    await keys(index)
    for (let key = 0; key <= 10_000; key++) stored.set('p', `${key}`, at(key % 60))
    await index.nearest('p', at(0), 0.999, 1)
    expect(stored.calls.read).toBe(2)
    expect(index.usage().vectors).toBe(10_001)
  })
})
