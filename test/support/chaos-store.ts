import type { Lease, Selector, SetOptions, Store } from '../../src/stores/store.ts'

/** What may be done to a store's call before it happens. */
export type Chaos = (operation: 'get' | 'set' | 'delete' | 'lease') => Promise<void> | void

/** A store that can be made to fail, hang or lie. Keeps time by `now`, so that tests need not wait. */
export class ChaosStore implements Store {
  readonly name = 'chaos'
  readonly values = new Map<string, { value: Uint8Array; expiresAtMs: number; tags: readonly string[] }>()
  readonly leases = new Map<string, { expiresAtMs: number }>()
  readonly calls: string[] = []
  chaos: Chaos = () => {}
  now: () => number = Date.now

  async get(key: string): Promise<Uint8Array | undefined> {
    this.calls.push(`get ${key}`)
    await this.chaos('get')
    const found = this.values.get(key)
    return found === undefined || found.expiresAtMs <= this.now() ? undefined : found.value
  }

  async set(key: string, value: Uint8Array, { ttlMs, tags }: SetOptions): Promise<void> {
    this.calls.push(`set ${key}`)
    await this.chaos('set')
    this.values.set(key, { value: Uint8Array.from(value), expiresAtMs: this.now() + ttlMs, tags })
  }

  async delete(selector: Selector): Promise<number> {
    this.calls.push(`delete ${JSON.stringify(selector)}`)
    await this.chaos('delete')
    const going = [...this.values].filter(([key, { tags }]) =>
      'key' in selector
        ? key === selector.key
        : 'prefix' in selector
          ? key.startsWith(selector.prefix)
          : 'tag' in selector && tags.includes(selector.tag)
    )
    for (const [key] of going) this.values.delete(key)
    return going.length
  }

  async increment(): Promise<number | undefined> {
    throw new Error('not in these tests')
  }

  async lease(key: string, ttlMs: number): Promise<Lease | undefined> {
    this.calls.push(`lease ${key}`)
    await this.chaos('lease')
    const isHeld = (): boolean => (this.leases.get(key)?.expiresAtMs ?? 0) > this.now()
    if (isHeld()) return undefined
    const lease = { expiresAtMs: this.now() + ttlMs }
    this.leases.set(key, lease)
    return {
      renew: async (againMs) => {
        if (this.leases.get(key) !== lease || !isHeld()) return false
        lease.expiresAtMs = this.now() + againMs
        return true
      },
      release: async () => {
        if (this.leases.get(key) === lease) this.leases.delete(key)
      }
    }
  }

  async close(): Promise<void> {
    this.calls.push('close')
  }
}
