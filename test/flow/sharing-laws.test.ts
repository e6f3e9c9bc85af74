import { beforeEach, describe, expect, it } from 'vitest'
import { type Cache, createCache } from '../../src/cache.ts'
import type { Context, PeekingHandler } from '../../src/core/handler.ts'
import type { Kind } from '../../src/core/kind.ts'
import { HandProvider, makeContext, settle, textKind } from '../support/ask.ts'
import { ChaosStore } from '../support/chaos-store.ts'

const modelled: Kind<{ text: string }, string> = { ...textKind, model: () => 'gpt-4.1' }

let store: ChaosStore
let provider: HandProvider
let cache: Cache
let ask: PeekingHandler<{ text: string }, string>

beforeEach(async () => {
  store = new ChaosStore()
  provider = new HandProvider()
  cache = await createCache({ store, deadlineMs: 10_000 })
  ask = cache.wrap(modelled, provider.ask)
})

const asking = (own: Partial<Context> = {}) => ask({ text: 'a' }, makeContext(own))

/** Holds a call of the store's up until it is let go. */
function holding(operation: string, skipped = 0): () => void {
  let letGo = (): void => {}
  const held = new Promise<void>((resolve) => (letGo = resolve))
  let calls = 0
  store.chaos = (each) => (each === operation && calls++ >= skipped ? held : undefined)
  return () => {
    store.chaos = () => {}
    letGo()
  }
}

describe('a call that several share', () => {
  it('stores an answer that goes with the tags of each of them', async () => {
    const answers = [asking({ tags: ['masterplan:1'] }), asking({ tags: ['masterplan:2'] }), asking()]
    await settle()
    expect(provider.asked).toHaveLength(1)
    provider.asked[0]?.answer('one')
    await Promise.all(answers)
    expect(await cache.invalidate({ tag: 'masterplan:2' }, { dryRun: true })).toBe(1)
    expect(await cache.invalidate({ tag: 'masterplan:1' })).toBe(1)
  })

  it('gives nobody what it has found in the store, and what was invalidated for their tag', async () => {
    const first = asking()
    await settle()
    // It has looked the answer up in vain, and is held up before it shares a call.
    const letGo = holding('mark')
    const late = asking()
    await settle()
    provider.asked[0]?.answer('before')
    await first
    await cache.invalidate({ tag: 't' })
    const tagged = asking({ tags: ['t'] })
    await settle()
    letGo()
    await settle()
    expect((await late).value).toBe('before')
    provider.asked[1]?.answer('after')
    expect((await tagged).value).toBe('after')
  })

  it('gives those who come after an invalidation nothing that it found in the store before', async () => {
    const first = asking()
    await settle()
    const letGoOfMark = holding('mark')
    const late = asking({ tags: ['t'] })
    await settle()
    provider.asked[0]?.answer('before')
    await first
    letGoOfMark()
    // It finds the answer now, and gives it its tag: that takes a while.
    const letGo = holding('replace')
    await settle()
    await cache.invalidate({ key: (await first).origin.key ?? '' })
    const later = asking()
    await settle()
    letGo()
    await settle()
    for (const { answer } of provider.asked.slice(1)) answer('after')
    expect((await later).value).toBe('after')
    await late
  })

  it('is not shared across an invalidation by this process while the store does not say what was deleted', async () => {
    store.chaos = (operation) => {
      if (operation === 'mark' || operation === 'deleted-since') throw new Error('no mark')
    }
    const first = asking({ tags: ['t'] })
    const same = asking({ tags: ['t'] })
    await settle()
    expect(provider.asked).toHaveLength(1)
    await cache.invalidate({ tag: 't' })
    const second = asking({ tags: ['t'] })
    await settle()
    expect(provider.asked).toHaveLength(2)
    provider.asked[0]?.answer('before')
    provider.asked[1]?.answer('after')
    expect([(await first).value, (await same).value, (await second).value]).toEqual(['before', 'before', 'after'])
  })
})
