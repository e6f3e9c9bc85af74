import { afterEach, describe, expect, it } from 'vitest'
import { ChaosStore } from '../../test/support/chaos-store.ts'
import type { Event } from '../core/events.ts'
import type { Tallied } from '../core/tally.ts'
import { Entries } from './entries.ts'
import { memoryStore } from './memory.ts'

const ttlMs = 60_000

/** A store that counts when it is told to. */
class CountingStore extends ChaosStore {
  readonly asked: { readonly resolve: (count: number | undefined) => void; readonly reject: (error: Error) => void }[] =
    []

  override increment(): Promise<number | undefined> {
    return new Promise((resolve, reject) => this.asked.push({ resolve, reject }))
  }
}

describe('the counts of a namespace', () => {
  const open: Entries[] = []

  function entriesOf(...options: ConstructorParameters<typeof Entries>): Entries {
    const entries = new Entries(...options)
    open.push(entries)
    return entries
  }

  afterEach(async () => {
    for (const entries of open.splice(0)) await entries.close()
  })

  it('are kept apart from those of another, and bounded', async () => {
    const store = memoryStore()
    const mine = entriesOf(store, { namespace: 'mine' })
    const theirs = entriesOf(store, { namespace: 'theirs' })
    expect(await mine.add('a', 3, { ttlMs })).toBe(3)
    expect(await theirs.add('a', 1, { ttlMs })).toBe(1)
    expect(await mine.add('a', 2, { ttlMs, atMost: 4 })).toBe('over')
    expect(await mine.add('a', 1, { ttlMs, atMost: 4 })).toBe(4)
    expect(await mine.add('a', 0, { ttlMs, atMost: 1 })).toBe(4)
  })

  it('are unknown when the store fails, which is told, and down when it is left out', async () => {
    const store = new CountingStore()
    store.chaos = () => {
      throw new Error('still broken')
    }
    const events: Event[] = []
    const entries = entriesOf(store, { observe: (event) => events.push(event) })
    for (let failure = 1; failure <= 5; failure++) {
      const adding = entries.add('a', 1, { ttlMs })
      store.asked.pop()?.reject(new Error(`failure ${failure}`))
      expect(await adding).toBe('unknown')
    }
    expect(
      events.map((event) => [event.type, 'part' in event && 'error' in event ? event.error?.message : undefined])
    ).toEqual([...[1, 2, 3, 4, 5].map((failure) => ['failed', `failure ${failure}`]), ['opened', 'failure 5']])
    expect(events[0]).toMatchObject({ part: 'store-counts', operation: 'increment' })
    expect(await entries.add('a', 1, { ttlMs })).toBe('down')
    expect(store.asked).toEqual([])
  })

  it('are counted on when the store has let a read wait in vain, and may take longer', async () => {
    const store = new CountingStore()
    store.chaos = () => new Promise(() => {})
    const entries = entriesOf(store, { deadlineMs: 5 })
    expect(await entries.get('a')).toBeUndefined()
    expect(entries.state).toBe('down')
    const adding = entries.add('a', 1, { ttlMs })
    store.asked.pop()?.resolve(1)
    expect(await adding).toBe(1)
  })

  it.each<[number | undefined, Tallied]>([
    [7, 7],
    [undefined, 'over']
  ])('tell late what came late: %j', async (count, expected) => {
    const store = new CountingStore()
    const entries = entriesOf(store, { deadlineMs: 5 })
    const late = new Promise<Tallied>((resolve) => {
      void entries.add('a', 1, { ttlMs, atMost: 9, onLate: resolve }).then((tallied) => {
        expect(tallied).toBe('unknown')
        store.asked.pop()?.resolve(count)
      })
    })
    expect(await late).toBe(expected)
  })

  it('tell nothing late of what fails late, and nothing of what came in time', async () => {
    const store = new CountingStore()
    const entries = entriesOf(store, { deadlineMs: 5 })
    const told: Tallied[] = []
    const options = { ttlMs, onLate: (tallied: Tallied) => void told.push(tallied) }
    const timely = entries.add('a', 1, options)
    store.asked.pop()?.resolve(1)
    expect(await timely).toBe(1)
    expect(await entries.add('a', 1, options)).toBe('unknown')
    store.asked.pop()?.reject(new Error('too late'))
    // Waits for what is being written.
    await entries.close()
    expect(told).toEqual([])
  })

  it('never throw, not even for what no store could keep', async () => {
    const entries = entriesOf(memoryStore())
    expect(await entries.add('', 0.5, { ttlMs })).toBe('unknown')
    expect(await entries.add('a', 1, { ttlMs: -1 })).toBe('unknown')
    await entries.close()
    expect(await entries.add('a', 1, { ttlMs })).toBe('unknown')
  })
})
