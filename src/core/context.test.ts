import { describe, expect, it } from 'vitest'
import { type CallOptions, contextOf } from './context.ts'
import { ignore } from './events.ts'

describe('the context of a call', () => {
  it('says what the call says, and keeps tenants apart', () => {
    const own = { ttlMs: 1, staleWhileRevalidateMs: 2, graceMs: 3, eagerRefresh: 0.5, tags: ['t'], tenant: 'a' }
    expect(contextOf({ ...own, scope: ['s'] }, ignore)).toMatchObject({ ...own, scope: ['tenant', 'a', 's'] })
    expect(Object.keys(contextOf({}, ignore)).sort()).toEqual(['caller', 'mode', 'observe', 'scope', 'tags'])
  })

  it('may be listened to by any number of calls when nobody said when to give up', async () => {
    const warnings: Error[] = []
    const warn = (warning: Error): number => warnings.push(warning)
    process.on('warning', warn)
    const listeners = Array.from({ length: 50 }, () => () => {})
    const { signal } = contextOf({}, ignore).caller
    for (const listener of listeners) signal.addEventListener('abort', listener)
    await new Promise((resolve) => setImmediate(resolve))
    for (const listener of listeners) signal.removeEventListener('abort', listener)
    process.off('warning', warn)
    expect(warnings).toEqual([])
  })

  it.each<[CallOptions, string]>([
    [{ staleWhileRevalidateMs: -1 }, 'staleWhileRevalidateMs: expected a number of milliseconds from 0 on, got -1'],
    [{ graceMs: Number.NaN }, 'graceMs: expected a number of milliseconds from 0 on, got NaN'],
    [{ eagerRefresh: 0 }, 'eagerRefresh: expected a share above 0 and below 1, or 1 for never, got 0']
  ])('is refused for %j', (options, message) => {
    expect(() => contextOf(options, ignore)).toThrow(message)
  })
})
