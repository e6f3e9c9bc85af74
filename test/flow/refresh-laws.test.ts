import { EventEmitter, once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createCache } from '../../src/cache.ts'
import type { Event } from '../../src/core/events.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})

afterEach(() => {
  vi.useRealTimers()
})

/** A cache whose `refreshed` events can be waited for. */
async function watched() {
  const told = new EventEmitter()
  const observe = (event: Event): void => {
    if (event.type === 'refreshed') told.emit('refreshed', event)
  }
  const cache = await createCache({ ttl: '1h', staleWhileRevalidateMs: 3_600_000, observe })
  return { cache, refreshed: () => once(told, 'refreshed') }
}

describe('what is asked anew in the background', () => {
  it('does not bring back what was invalidated meanwhile (law 10)', async () => {
    const { cache, refreshed } = await watched()
    const own = { tags: ['t'], ttlMs: 1 }
    await cache.getOrSet('k', () => 1, own)
    vi.setSystemTime(Date.now() + 10)
    let answer = (_value: number): void => {}
    let ask = (): void => {}
    const isAsked = new Promise<void>((resolve) => {
      ask = resolve
    })
    const over = refreshed()
    const stale = await cache.getOrSet(
      'k',
      () => {
        ask()
        return new Promise<number>((resolve) => {
          answer = resolve
        })
      },
      own
    )
    expect(stale.value).toBe(1)
    await isAsked
    expect(await cache.invalidate({ tag: 't' })).toBe(1)
    answer(2)
    const [event] = (await over) as [Event]
    expect(event).toMatchObject({ type: 'refreshed', ok: false })
    expect(await cache.get('k')).toBeUndefined()
    await cache.close()
  })

  it('goes with the tags of whoever stored it, and of whom it has answered', async () => {
    const { cache, refreshed } = await watched()
    await cache.getOrSet('k', () => 0, { tags: ['mine'], ttlMs: 1 })
    for (let time = 1; time <= 3; time++) {
      vi.setSystemTime(Date.now() + 10)
      const over = refreshed()
      await cache.getOrSet('k', () => time, { tags: [`trace:${time}`], ttlMs: 1 })
      await over
    }
    expect(await cache.invalidate({ tag: 'trace:1' }, { dryRun: true })).toBe(1)
    expect(await cache.invalidate({ tag: 'mine' })).toBe(1)
    await cache.close()
  })
})
