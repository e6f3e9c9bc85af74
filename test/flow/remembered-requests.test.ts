import { beforeEach, describe, expect, it } from 'vitest'
import { type Cache, createCache } from '../../src/cache.ts'
import type { Answer } from '../../src/core/answer.ts'
import type { Context, PeekingHandler } from '../../src/core/handler.ts'
import type { Kind } from '../../src/core/kind.ts'
import type { Selection } from '../../src/core/selection.ts'
import { HandProvider, makeContext, settle, textKind } from '../support/ask.ts'
import { ChaosStore } from '../support/chaos-store.ts'

const recorded: Kind<{ text: string }, string> = { ...textKind, model: () => 'gpt-4.1', record: ({ text }) => text }

let store: ChaosStore
let provider: HandProvider
let cache: Cache
let ask: PeekingHandler<{ text: string }, string>

beforeEach(async () => {
  store = new ChaosStore()
  provider = new HandProvider()
  cache = await createCache({ store, deadlineMs: 10_000, rememberRequests: true })
  ask = cache.wrap(recorded, provider.ask)
})

async function asking(text: string, own: Partial<Context> = {}): Promise<Answer<string>> {
  const before = provider.asked.length
  const promise = ask({ text }, makeContext(own))
  await settle()
  provider.asked[before]?.answer('an answer')
  return promise
}

describe('a request that is kept beside its answer', () => {
  // It holds somebody's words: whoever invalidates the answer means them too.
  it.each<[string, number, (entry: string) => Selection]>([
    ['tag', 1, () => ({ tag: 't' })],
    ['tag of another whom the answer was given to', 1, () => ({ tag: 'later' })],
    ['key', 1, (entry) => ({ key: entry })],
    ['prefix', 1, (entry) => ({ prefix: entry.slice(0, 30) })],
    ['prefix, the whole key', 1, (entry) => ({ prefix: entry })],
    ['pattern', 2, () => ({ pattern: 'text:*' })],
    ['pattern of the key’s end', 1, (entry) => ({ pattern: `*${entry.slice(-10)}` })],
    ['pattern that is the key', 1, (entry) => ({ pattern: entry })],
    ['pattern of one character', 1, (entry) => ({ pattern: `${entry.slice(0, -1)}?` })],
    ['model', 2, () => ({ model: 'gpt-4.1' })],
    ['kind', 2, () => ({ kind: 'text' })],
    ['all', 2, () => ({ all: true })]
  ])('goes with it, by %s, and is not counted', async (_, count, of) => {
    const { origin } = await asking('a', { tags: ['t'] })
    await asking('a', { tags: ['later'] })
    await asking('b', { tags: ['other'] })
    expect(store.values.size).toBe(4)
    const selection = of(origin.key ?? '')
    expect(await cache.invalidate(selection, { dryRun: true })).toBe(count)
    expect(await cache.invalidate(selection)).toBe(count)
    expect([...store.values.keys()].filter((key) => key.includes(origin.key ?? ''))).toEqual([])
    expect(store.values.size).toBe(4 - 2 * count)
  })

  it('is asked anew with the tags of all whom its answer was given to', async () => {
    const { origin } = await asking('a', { tags: ['t'] })
    await asking('a', { tags: ['later'] })
    expect(await cache.inventory.recorded(origin.key ?? '')).toMatchObject({ record: 'a', tags: ['t', 'later'] })
  })

  it('has no answer that is given a tag without it', async () => {
    await asking('a', { tags: ['t'] })
    let replaces = 0
    store.chaos = (operation) => {
      if (operation === 'replace' && replaces++ === 0) throw new Error('lost')
    }
    expect((await asking('a', { tags: ['later'] })).value).toBe('an answer')
    expect(await cache.invalidate({ tag: 'later' }, { dryRun: true })).toBe(0)
    await asking('a', { tags: ['later'] })
    expect(await cache.invalidate({ tag: 'later' })).toBe(1)
    expect(store.values.size).toBe(0)
  })
})
