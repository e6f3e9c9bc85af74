import { beforeEach, describe, expect, it } from 'vitest'
import { type Cache, createCache } from '../../src/cache.ts'
import type { Context, PeekingHandler } from '../../src/core/handler.ts'
import type { Kind } from '../../src/core/kind.ts'
import { HandProvider, makeContext, settle, textKind } from '../support/ask.ts'
import { ChaosStore } from '../support/chaos-store.ts'
import { StepwiseStore } from '../support/stepwise-store.ts'

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

/** Holds the store's calls of one kind up until they are let go. */
function holding(operation: string): () => void {
  let letGo = (): void => {}
  const held = new Promise<void>((resolve) => (letGo = resolve))
  store.chaos = (each) => (each === operation ? held : undefined)
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

  it('gives those who come after an invalidation nothing that it found in the store while that went on', async () => {
    const stepwise = new StepwiseStore()
    const doors = new Map<string, () => void>()
    const hold = (step: string): Promise<void> => new Promise((open) => doors.set(step, open))
    const held = new Set<string>()
    stepwise.turn = async (step) => {
      if (held.delete(step)) await hold(step)
    }
    cache = await createCache({ store: stepwise, deadlineMs: 600_000 })
    ask = cache.wrap(modelled, provider.ask)
    const first = asking({ tags: ['made for'] })
    await settle()
    held.add('mark')
    const late = asking({ tags: ['t'] })
    await settle()
    provider.asked[0]?.answer('before')
    await first
    // The deletion has its number, and the answer is still there.
    held.add('delete')
    const invalidating = cache.invalidate({ tag: 'made for' })
    await settle()
    // Found, and given its tag; word of that is on its way.
    held.add('replace, back')
    doors.get('mark')?.()
    await settle()
    doors.get('delete')?.()
    expect(await invalidating).toBe(1)
    const later = asking()
    await settle()
    doors.get('replace, back')?.()
    expect((await late).value).toBe('before')
    await settle()
    provider.asked[1]?.answer('after')
    expect((await later).value).toBe('after')
  })

  it('is not shared with those who come after the tag of who began it was invalidated, though they bear none', async () => {
    const first = asking({ tags: ['t'] })
    await settle()
    await cache.invalidate({ tag: 't' })
    const second = asking()
    await settle()
    expect(provider.asked).toHaveLength(2)
    provider.asked[0]?.answer('before')
    provider.asked[1]?.answer('after')
    expect([(await first).value, (await second).value]).toEqual(['before', 'after'])
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
