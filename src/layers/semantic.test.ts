import { beforeEach, describe, expect, it, vi } from 'vitest'
import { HandProvider, makeContext, settle, textKind } from '../../test/support/ask.ts'
import { ChaosStore } from '../../test/support/chaos-store.ts'
import { WordsEmbedder } from '../../test/support/words-embedder.ts'
import { type Cache, type CacheOptions, createCache } from '../cache.ts'
import type { Answer } from '../core/answer.ts'
import type { Event } from '../core/events.ts'
import type { Context, Handler } from '../core/handler.ts'
import type { Kind } from '../core/kind.ts'
import type { Match, VectorIndex } from '../vectors/vector-index.ts'

interface Alike {
  readonly text: string
  readonly within?: string
}

const alikeKind: Kind<Alike, string> = {
  ...textKind,
  name: 'alike',
  identity: ({ text, within = '' }) => [text, within],
  likeness: ({ text, within = '' }) => (text.startsWith('exactly') ? undefined : { text, within })
}

let embedder: WordsEmbedder
let provider: HandProvider
let store: ChaosStore
let cache: Cache
let ask: Handler<Alike, string>

async function open(options: CacheOptions = {}): Promise<void> {
  cache = await createCache({ store, embedder, ...options })
  ask = cache.wrap(alikeKind, provider.ask as Handler<Alike, string>)
}

beforeEach(async () => {
  embedder = new WordsEmbedder()
  provider = new HandProvider()
  store = new ChaosStore()
  await open()
})

/** Asks; if the provider is asked, it answers `answer`. */
async function asking(text: string, answer = 'new', own: Partial<Context> & { within?: string } = {}) {
  const { within, ...context } = own
  const before = provider.asked.length
  const made = makeContext(context)
  const promise: Promise<Answer<string>> = ask(within === undefined ? { text } : { text, within }, made)
  let isOver = false
  promise.then(
    () => (isOver = true),
    () => (isOver = true)
  )
  while (!isOver && provider.asked.length === before) await settle()
  provider.asked[before]?.answer(answer)
  return { answer: await promise, events: made.events, paid: provider.asked.length > before }
}

function outcomes(events: readonly Event[]): string[] {
  return events.flatMap((event) =>
    event.type === 'hit' || event.type === 'miss' || event.type === 'bypass' ? [`${event.layer} ${event.type}`] : []
  )
}

describe('the semantic layer', () => {
  it('answers what means the same, and says how similar it is', async () => {
    await asking('How do I reset my password?', 'so')
    const { answer, events, paid } = await asking('How can I reset my passwords please?')
    expect(paid).toBe(false)
    expect(answer.value).toBe('so')
    expect(answer.origin).toMatchObject({ layer: 'semantic', savedUsd: 0.5, provider: 'hand' })
    expect(answer.origin.similarity).toBeGreaterThan(0.9)
    expect(answer.origin.similarity).toBeLessThan(1)
    expect(outcomes(events)).toEqual(['exact miss', 'semantic hit'])
  })

  it('is asked after the exact layer only, and says one outcome', async () => {
    const first = await asking('How do I reset my password?', 'so')
    expect(outcomes(first.events)).toEqual(['exact miss', 'semantic miss'])
    const again = await asking('How do I reset my password?')
    expect(outcomes(again.events)).toEqual(['exact hit'])
    expect(embedder.asked).toHaveLength(1)
  })

  it('misses below the least similarity', async () => {
    await asking('How do I reset my password?', 'so')
    expect((await asking('How do I bake bread?')).paid).toBe(true)
  })

  it('takes the least similarity that it is given', async () => {
    await open({ minSimilarity: 0.9999 })
    await asking('How do I reset my password?', 'so')
    expect((await asking('How can I reset my password please?')).paid).toBe(true)
  })

  it('takes the most similar, not the first that is similar enough', async () => {
    await open({ minSimilarity: 0.5, guards: 'off' })
    await asking('reset password router home', 'far')
    await asking('reset password router office', 'near', { mode: { noCache: true } })
    const { answer } = await asking('reset passwords router office please')
    expect(answer.value).toBe('near')
  })

  it('lets a guard refuse what is similar, and tells why', async () => {
    await asking('How do I install version 12 of the very same package on the very same machine?', 'twelve')
    const { paid, events } = await asking(
      'How do I install version 13 of the very same package on the very same machine?'
    )
    expect(paid).toBe(true)
    const refuted = events.find((event) => event.type === 'refuted')
    expect(refuted).toMatchObject({ layer: 'semantic', by: 'numbers' })
    expect(outcomes(events)).toEqual(['exact miss', 'semantic miss'])
  })

  it('tries the next best when a guard has refused the best', async () => {
    await open({ minSimilarity: 0.5 })
    await asking('How do I install version 13 of the package?', 'thirteen')
    await asking('How can I install version 12 of this very package?', 'twelve', { mode: { noCache: true } })
    const { answer } = await asking('How do I install version 12 of the package?', 'asked')
    expect(answer.value).toBe('twelve')
  })

  it('looks beyond many that a guard refuses', async () => {
    await open({ minSimilarity: 0.5 })
    const noCache = { mode: { noCache: true } } as const
    for (let version = 20; version < 40; version++) {
      await asking(`How do I install version ${version} of the package?`, String(version), noCache)
    }
    await asking('How can I install version 12 of this very package?', 'twelve', noCache)
    expect((await asking('How do I install version 12 of the package?')).answer.value).toBe('twelve')
  })

  it('compares nothing that its kind keeps exact, that is too long, or that has no words', async () => {
    await open({ maxTextLength: 30 })
    for (const [text, reason] of [
      ['exactly this', 'exact-only'],
      ['a text that has more than thirty characters', 'too-long'],
      ['!!!', 'unknown-words']
    ] as const) {
      const { events } = await asking(text)
      expect(events).toContainEqual({ type: 'bypass', layer: 'semantic', kind: 'alike', reason })
    }
  })

  it('reads nothing and stores all the same under no-cache', async () => {
    await asking('How do I reset my password?', 'old')
    const fresh = await asking('How can I reset my password?', 'new', { mode: { noCache: true } })
    expect(fresh.paid).toBe(true)
    expect((await asking('How should I reset my password?')).answer.value).toMatch(/old|new/)
  })

  it('answers under only-if-cached, or says that there is nothing', async () => {
    await asking('How do I reset my password?', 'so')
    const onlyIfCached = { mode: { onlyIfCached: true } } as const
    expect((await asking('How can I reset my password?', 'new', onlyIfCached)).answer.value).toBe('so')
    await expect(asking('What is new?', 'new', onlyIfCached)).rejects.toMatchObject({ code: 'only-if-cached' })
  })

  it('gives nothing that is older than its caller takes', async () => {
    await asking('How do I reset my password?', 'old')
    await new Promise((resolve) => setTimeout(resolve, 5))
    const { paid } = await asking('How can I reset my password?', 'new', { mode: { maxAgeMs: 1 } })
    expect(paid).toBe(true)
  })

  it('is not there without an embedder', async () => {
    const bare = await createCache({ store: new ChaosStore() })
    expect(bare.embedder).toBeUndefined()
    ask = bare.wrap(alikeKind, provider.ask as Handler<Alike, string>)
    await asking('How do I reset my password?', 'so')
    expect(outcomes((await asking('How can I reset my password?')).events)).toEqual(['exact miss'])
  })

  it('closes the embedder with the cache', async () => {
    await cache.close()
    expect(embedder.closed).toBe(true)
  })
})

describe('a verifier', () => {
  const same = 'How do I reset my password?'
  const other = 'How can I reset my password?'

  it('lets a match through when it says yes, and is told both texts', async () => {
    const asked: string[][] = []
    await open({ verifier: { name: 'hand', verify: async (...texts) => asked.push(texts) > 0 } })
    await asking(same, 'so')
    expect((await asking(other)).answer.value).toBe('so')
    expect(asked).toEqual([[other, same]])
  })

  it.each([
    ['says no', async () => false],
    ['fails', async () => Promise.reject(new Error('no judge'))],
    ['never answers', () => new Promise<boolean>(() => {})]
  ])('keeps a match back when it %s', async (_, verify) => {
    await open({ verifier: { name: 'hand', verify, deadlineMs: 20 } })
    await asking(same, 'so')
    const before = provider.asked.length
    const made = makeContext()
    const promise = ask({ text: other }, made)
    while (provider.asked.length === before) await settle()
    provider.asked[before]?.answer('new')
    expect((await promise).value).toBe('new')
    expect(made.events).toContainEqual(expect.objectContaining({ type: 'refuted', by: 'verifier' }))
  })

  it('may be an object of a class, and is asked again when it is back', async () => {
    class Slow {
      readonly name = 'slow'
      readonly deadlineMs = 20
      #asked = 0
      verify(): Promise<boolean> {
        this.#asked += 1
        return this.#asked === 1 ? new Promise(() => {}) : Promise.resolve(true)
      }
    }
    const seen: Event[] = []
    await open({ verifier: new Slow(), observe: (event) => seen.push(event) })
    await asking(same, 'so')
    // An answer that is not stored, so that it is not found instead.
    expect((await asking(other, '')).paid).toBe(true)
    await vi.waitUntil(() => seen.some(({ type }) => type === 'closed'), { timeout: 5000 })
    expect((await asking(other)).answer.value).toBe('so')
  })

  it('is not asked where similarity leaves no doubt', async () => {
    await open({
      verifyBelow: 0.9,
      verifier: { name: 'hand', verify: () => Promise.reject(new Error('not to be asked')) }
    })
    await asking(same, 'so')
    expect((await asking(other)).answer.value).toBe('so')
  })
})

describe('the semantic layer in trouble (law 6)', () => {
  it('goes on without an embedder that fails', async () => {
    embedder.chaos = () => Promise.reject(new Error('no model'))
    const { answer, events } = await asking('How do I reset my password?', 'so')
    expect(answer.value).toBe('so')
    expect(outcomes(events)).toEqual(['exact miss', 'semantic miss'])
  })

  it('embeds a request anew that it failed to embed before', async () => {
    await asking('How do I reset my password?', 'so')
    const request = { text: 'How can I reset my password?' }
    embedder.chaos = () => Promise.reject(new Error('no model'))
    const failed = ask(request, makeContext({ mode: { onlyIfCached: true } }))
    await expect(failed).rejects.toMatchObject({ code: 'only-if-cached' })
    embedder.chaos = () => {}
    expect((await ask(request, makeContext({ mode: { onlyIfCached: true } }))).value).toBe('so')
  })

  it('waits for a hanging embedder once, and leaves it out until it is back', async () => {
    const seen: Event[] = []
    await open({ embedderDeadlineMs: 20, observe: (event) => seen.push(event) })
    let hangs = true
    embedder.chaos = () => (hangs ? new Promise<void>(() => {}) : undefined)
    const first = ask({ text: 'How do I reset my password?' }, makeContext())
    while (provider.asked.length === 0) await settle()
    provider.asked[0]?.answer('so')
    expect((await first).value).toBe('so')
    expect(seen).toContainEqual(expect.objectContaining({ type: 'opened', part: 'embedder' }))
    const calls = embedder.asked.length
    expect((await asking('What is new?', 'much')).answer.value).toBe('much')
    expect(embedder.asked).toHaveLength(calls)
    hangs = false
    while (!seen.some(({ type }) => type === 'closed')) await new Promise((resolve) => setTimeout(resolve, 10))
    await asking('How do I boil an egg?', 'eight minutes')
    expect((await asking('How can I boil an egg?')).answer.value).toBe('eight minutes')
  })

  it.each(['fails', 'hangs'])('misses when the index %s, and stores the answer', async (how) => {
    const trouble = (): Promise<never> =>
      how === 'fails' ? Promise.reject(new Error('no index')) : new Promise<never>(() => {})
    const vectors: VectorIndex = {
      name: 'broken',
      readsStore: false,
      add: trouble,
      nearest: trouble,
      remove: trouble,
      close: async () => {}
    }
    await open({ vectors })
    const answers: string[] = []
    for (const text of ['How do I reset my password?', 'How can I reset my password?']) {
      const before = provider.asked.length
      const promise = ask({ text }, makeContext())
      while (provider.asked.length === before) await settle()
      provider.asked[before]?.answer(text)
      answers.push((await promise).value)
    }
    expect(answers).toEqual(['How do I reset my password?', 'How can I reset my password?'])
    expect((await asking('How do I reset my password?')).answer.origin.layer).toBe('exact')
  })

  it('looks further when all of the nearest have gone, and takes their pointers out', async () => {
    const removed: string[] = []
    const gone = Array.from({ length: 4 }, (_, index) => `alike::gone${index}`)
    let known: Match[] = []
    const vectors: VectorIndex = {
      name: 'hand',
      readsStore: false,
      add: async (_partition, key) => {
        known = [...gone.map((each) => ({ key: each, similarity: 1 })), { key, similarity: 0.95 }]
      },
      nearest: async (_partition, _vector, _minSimilarity, count) => known.slice(0, count),
      remove: async (_partition, keys) => {
        removed.push(...keys)
        known = known.filter(({ key }) => !keys.includes(key))
      },
      close: async () => {}
    }
    await open({ vectors })
    await asking('How do I reset my password?', 'so')
    expect((await asking('How can I reset my password?')).answer.value).toBe('so')
    expect(removed.sort()).toEqual(gone)
  })
})

describe('the semantic layer while the store is in trouble', () => {
  it('keeps its pointers, and follows them again when the store is back', async () => {
    await asking('How do I reset my password?', 'so')
    let fails = true
    store.chaos = (operation) => (fails && operation === 'get' ? Promise.reject(new Error('no store')) : undefined)
    // An answer that is not stored, so that it is not found instead.
    expect((await asking('How can I reset my password?', '')).paid).toBe(true)
    fails = false
    const { answer } = await asking('How can I reset my passwords?')
    expect(answer.origin.layer).toBe('semantic')
    expect(answer.value).toBe('so')
  })
})

describe('what is remembered of texts', () => {
  it('spares the embedder a text that it knows, in another process too', async () => {
    embedder = new WordsEmbedder({ isCheap: false })
    await open()
    await asking('How do I reset my password?', 'so')
    expect(embedder.asked).toHaveLength(1)
    await open()
    await asking('How do I reset my password?', 'so', { within: 'elsewhere' })
    expect(embedder.asked).toHaveLength(1)
  })
})
