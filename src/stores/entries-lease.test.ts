import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { settle } from '../../test/support/ask.ts'
import { ChaosStore } from '../../test/support/chaos-store.ts'
import { Entries } from './entries.ts'
import type { Lease } from './store.ts'

let store: ChaosStore
let entries: Entries

beforeEach(() => {
  store = new ChaosStore()
  entries = new Entries(store, { deadlineMs: 20 })
})

afterEach(() => entries.close())

describe('a lease', () => {
  it('is held by one, within its namespace, until it is let go', async () => {
    const lease = (await entries.lease('k', 1000)) as Lease
    expect([...store.leases.keys()]).toEqual(['default:k'])
    expect(await entries.lease('k', 1000)).toBeUndefined()
    await lease.release()
    expect(await entries.lease('k', 1000)).toBeTypeOf('object')
  })

  it('is unknown when the store cannot say, and nothing is thrown', async () => {
    store.chaos = () => Promise.reject(new Error('ECONNREFUSED'))
    expect(await entries.lease('k', 1000)).toBe('unknown')
  })

  it('is let go when it comes too late for anybody to hold it', async () => {
    let answer = (): void => {}
    store.chaos = () => new Promise<void>((resolve) => (answer = resolve))
    expect(await entries.lease('k', 1000)).toBe('unknown')
    answer()
    await settle()
    expect(store.calls).toContain('lease default:k')
    expect(store.leases.size).toBe(0)
  })

  it('is unknown without asking while the store is left out', async () => {
    store.chaos = () => new Promise<void>(() => {})
    await entries.lease('k', 1000)
    const asked = store.calls.length
    expect(await entries.lease('other', 1000)).toBe('unknown')
    expect(store.calls.slice(asked)).toEqual([])
  })
})
