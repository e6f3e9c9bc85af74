import { describe, expect, it } from 'vitest'
import { Limiter } from './limiter.ts'

const { signal } = new AbortController()

describe('a limiter', () => {
  it('lets as many in as it may without a promise, and the others in the order they came', async () => {
    const limiter = new Limiter(2)
    expect(limiter.enter(signal, 1000)).toBeUndefined()
    expect(limiter.enter(signal, 1000)).toBeUndefined()
    const order: number[] = []
    const third = limiter.enter(signal, 10_000)?.then(() => order.push(3))
    const fourth = limiter.enter(signal, 10_000)?.then(() => order.push(4))
    expect(third).toBeDefined()
    limiter.leave()
    limiter.leave()
    await Promise.all([third, fourth])
    expect(order).toEqual([3, 4])
    expect(limiter.enter(signal, 0)).toBeDefined()
  })

  it('lets nobody slip in before those who wait', async () => {
    const limiter = new Limiter(1)
    limiter.enter(signal, 0)
    const waiting = limiter.enter(signal, 10_000)
    limiter.leave()
    expect(limiter.enter(signal, 0)).toBeInstanceOf(Promise)
    expect(await waiting).toBe(true)
  })

  it('turns away who has waited long enough, and gives its turn to the next', async () => {
    const limiter = new Limiter(1)
    limiter.enter(signal, 0)
    const impatient = limiter.enter(signal, 1)
    const patient = limiter.enter(signal, 10_000)
    expect(await impatient).toBe(false)
    limiter.leave()
    expect(await patient).toBe(true)
    limiter.leave()
    expect(limiter.enter(signal, 0)).toBeUndefined()
  })

  it('lets go of a caller who has gone, before or while it waits', async () => {
    const limiter = new Limiter(1)
    limiter.enter(signal, 0)
    const caller = new AbortController()
    const waiting = limiter.enter(caller.signal, 10_000)
    caller.abort()
    expect(await waiting).toBe(false)
    expect(await limiter.enter(caller.signal, 10_000)).toBe(false)
    limiter.leave()
    expect(limiter.enter(signal, 0)).toBeUndefined()
  })
})
