import { beforeEach, describe, expect, it } from 'vitest'
import { type Cache, createCache } from '../../src/cache.ts'
import type { Answer } from '../../src/core/answer.ts'
import type { Context, Handler } from '../../src/core/handler.ts'
import type { Json } from '../../src/core/json.ts'
import type { Kind } from '../../src/core/kind.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { Store } from '../../src/stores/store.ts'
import { HandProvider, makeContext, settle, textKind } from '../support/ask.ts'
import { WordsEmbedder } from '../support/words-embedder.ts'

interface Alike {
  readonly text: string
  readonly within: Json
}

const alikeKind: Kind<Alike, string> = {
  ...textKind,
  name: 'alike',
  identity: ({ text, within }) => [text, within],
  likeness: ({ text, within }) => ({ text, within })
}

const password = 'How do I reset my password?'
const alike = 'How can I reset my passwords?'
const alikeToo = 'How should I change my password please?'

let store: Store
let provider: HandProvider
let cache: Cache
let ask: Handler<Alike, string>

beforeEach(async () => {
  store = memoryStore()
  provider = new HandProvider()
  await open(new WordsEmbedder())
})

async function open(embedder: WordsEmbedder): Promise<void> {
  cache = await createCache({ store, embedder })
  ask = cache.wrap(alikeKind, provider.ask as Handler<Alike, string>)
}

/** Asks; if the provider is asked, it answers with the text it was asked. */
async function asking(text: string, within: Json = 'here', own: Partial<Context> = {}): Promise<Answer<string>> {
  const before = provider.asked.length
  const promise = ask({ text, within }, makeContext(own))
  await settle()
  provider.asked[before]?.answer(text)
  return promise
}

describe('law 1: semantic hits never breed semantic hits', () => {
  it('stores nothing for a hit by meaning', async () => {
    await asking(password)
    expect((await asking(alike)).origin.layer).toBe('semantic')
    expect(await cache.invalidate({ all: true })).toBe(1)
  })

  it('finds what a provider answered each time, not what was found before', async () => {
    await asking(password)
    const [second, third] = [await asking(alike), await asking(alikeToo)]
    expect([second.origin.key, third.origin.key]).toEqual(Array(2).fill((await asking(password)).origin.key))
  })
})

describe('law 4: alike means the same in everything but the wording of the last turn', () => {
  it('compares within the same only: what surrounds the text, scope, embedder', async () => {
    await asking(password, { system: 'a', temperature: 0 }, { scope: ['alice'] })
    const elsewhere: [Json, string[]][] = [
      [{ system: 'b', temperature: 0 }, ['alice']],
      [{ system: 'a', temperature: 0.1 }, ['alice']],
      [{ system: 'a' }, ['alice']],
      [{ system: 'a', temperature: 0, tools: [] }, ['alice']],
      [{ system: 'a', temperature: 0 }, ['bob']],
      [{ system: 'a', temperature: 0 }, ['alice', 'narrower']],
      [{ system: 'a', temperature: 0 }, []]
    ]
    for (const [within, scope] of elsewhere) {
      expect((await asking(alike, within, { scope })).origin.layer, JSON.stringify([within, scope])).toBe('provider')
    }
    const here = await asking(alikeToo, { temperature: 0, system: 'a' }, { scope: ['alice'] })
    expect(here.origin.layer).toBe('semantic')
  })

  it('keeps scopes apart when the very same object is asked for two of them', async () => {
    const paraphrase = { text: alike, within: 'here' }
    await asking(password, 'here', { scope: ['alice'] })
    expect((await ask(paraphrase, makeContext({ scope: ['alice'] }))).origin.layer).toBe('semantic')
    const forBob = ask(paraphrase, makeContext({ scope: ['bob'] }))
    await settle()
    expect(provider.asked).toHaveLength(2)
    provider.asked[1]?.answer('for Bob')
    expect((await forBob).value).toBe('for Bob')
    expect((await asking(alikeToo, 'here', { scope: ['bob'] })).value).toBe('for Bob')
    expect((await asking(alikeToo, 'here', { scope: ['alice'] })).value).toBe(password)
  })

  it('never compares the vectors of different models', async () => {
    await asking(password)
    await open(new WordsEmbedder({ model: 'words-2' }))
    expect((await asking(alike)).origin.layer).toBe('provider')
    await open(new WordsEmbedder())
    expect((await asking(alikeToo)).value).toBe(password)
  })
})

describe('law 5: a match is a pointer', () => {
  it('goes with its entry, and the next best is tried', async () => {
    const first = await asking(password)
    const { key = '' } = first.origin
    await asking(alike, 'here', { mode: { noCache: true } })
    expect(await cache.invalidate({ key })).toBe(1)
    const answer = await asking(password, 'here', { mode: { onlyIfCached: true } })
    expect(answer.value).toBe(alike)
  })

  it.each(['key', 'tag', 'prefix', 'pattern', 'all'] as const)(
    'is served no more once its entry was invalidated by %s',
    async (by) => {
      const { origin } = await asking(password, 'here', { tags: ['masterplan:42'] })
      expect((await asking(alike)).origin.layer).toBe('semantic')
      const { key = '' } = origin
      const selectors = {
        key: { key },
        tag: { tag: 'masterplan:42' },
        prefix: { prefix: 'alike:' },
        pattern: { pattern: 'alike:*' },
        all: { all: true }
      } as const
      expect(await cache.invalidate(selectors[by])).toBe(1)
      expect((await asking(alikeToo)).origin.layer).toBe('provider')
    }
  )

  it('is served no more once its entry has expired', async () => {
    await asking(password, 'here', { ttlMs: 30 })
    expect((await asking(alike)).origin.layer).toBe('semantic')
    await new Promise((resolve) => setTimeout(resolve, 40))
    expect((await asking(alikeToo)).origin.layer).toBe('provider')
  })

  it('is served no more once its entry was evicted', async () => {
    store = memoryStore({ maxBytes: 20_000 })
    await open(new WordsEmbedder())
    await asking(password)
    for (let index = 0; index < 100; index++) await asking(`filler number ${index}`, `elsewhere ${index}`)
    expect((await asking(alike)).origin.layer).toBe('provider')
  })
})
