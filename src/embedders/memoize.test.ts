import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EmbeddingsServer, embeddingsServer } from '../../test/support/embeddings-server.ts'
import { embedderContract } from '../testing/embedder-contract.ts'
import type { Embedder } from './embedder.ts'
import { memoize, type VectorMemory } from './memoize.ts'
import { openaiEmbedder } from './openai.ts'

/** One call of the inner embedder, which the test answers. */
interface Call {
  readonly texts: readonly string[]
  readonly signal: AbortSignal | undefined
  answer(): void
  fail(error: Error): void
}

interface Stage {
  readonly inner: Embedder
  readonly calls: Call[]
  /** Resolves when the inner embedder has been called so often. */
  called(count: number): Promise<void>
}

/** An embedder that answers when the test says so, or at once. */
function stage({ atOnce = true, model = 'one', isCheap = false } = {}): Stage {
  const calls: Call[] = []
  const watching = new Set<() => void>()
  const inner: Embedder = {
    name: 'own',
    model,
    minSimilarity: 0.9,
    isCheap,
    embed: (texts, { signal } = {}) =>
      new Promise((resolve, reject) => {
        const call = { texts, signal, answer: () => resolve(texts.map(vectorOf)), fail: reject }
        signal?.addEventListener('abort', () => reject(signal.reason))
        calls.push(call)
        if (atOnce) call.answer()
        for (const watch of watching) watch()
      }),
    close: async () => {}
  }
  const called = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const watch = (): void => {
        if (calls.length >= count) resolve()
      }
      watching.add(watch)
      watch()
    })
  return { inner, calls, called }
}

function vectorOf(text: string): Float32Array {
  return Float32Array.of(Math.cos(text.length), Math.sin(text.length))
}

function memoryOf(): VectorMemory & { readonly held: Map<string, Uint8Array> } {
  const held = new Map<string, Uint8Array>()
  return {
    held,
    get: async (key) => held.get(key),
    set: async (key, bytes) => {
      held.set(key, bytes)
    }
  }
}

describe('memoize', () => {
  let server: EmbeddingsServer
  beforeAll(async () => {
    server = await embeddingsServer()
  })
  afterAll(() => server.close())

  describe('of an embedder over HTTP', () => {
    const open = (): Embedder => memoize(openaiEmbedder({ model: 'm', url: server.url }), memoryOf())
    for (const { name, run } of embedderContract(open)) it(name, run)
  })

  it('gives a cheap embedder back as it is', () => {
    const { inner } = stage({ isCheap: true })
    expect(memoize(inner, memoryOf())).toBe(inner)
  })

  it('is the embedder that it remembers for', async () => {
    const { inner } = stage()
    expect(memoize(inner)).toMatchObject({ name: 'own', model: 'one', minSimilarity: 0.9, isCheap: false })
  })

  it('embeds a text once, however often it comes', async () => {
    const { inner, calls } = stage()
    const embedder = memoize(inner)
    expect(await embedder.embed(['a', 'bb', 'a'])).toEqual(['a', 'bb', 'a'].map(vectorOf))
    expect(await embedder.embed(['bb', 'ccc'])).toEqual(['bb', 'ccc'].map(vectorOf))
    expect(calls.map(({ texts }) => texts)).toEqual([['a', 'bb'], ['ccc']])
  })

  it('embeds what several callers ask for at once in one call', async () => {
    const { inner, calls } = stage()
    const embedder = memoize(inner, memoryOf())
    const vectors = await Promise.all(['a', 'bb', 'ccc', 'a'].map((text) => embedder.embed([text])))
    expect(vectors.flat()).toEqual(['a', 'bb', 'ccc', 'a'].map(vectorOf))
    expect(calls.map(({ texts }) => texts)).toEqual([['a', 'bb', 'ccc']])
  })

  it('embeds what comes within the window in one call, a turn of the event loop later too', async () => {
    const { inner, calls } = stage()
    const embedder = memoize(inner, undefined, { windowMs: 600_000, batchSize: 2 })
    const first = embedder.embed(['a'])
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all([first, embedder.embed(['bb'])])
    expect(calls.map(({ texts }) => texts)).toEqual([['a', 'bb']])
  })

  it.each([0, 1])('takes a window of %i ms', async (windowMs) => {
    const { inner, calls } = stage()
    const embedder = memoize(inner, undefined, { windowMs })
    await Promise.all([embedder.embed(['a']), embedder.embed(['bb'])])
    expect(calls).toHaveLength(1)
  })

  it('does not wait for a batch that is full', async () => {
    const { inner, calls, called } = stage()
    const embedder = memoize(inner, undefined, { batchSize: 2, windowMs: 600_000 })
    const vectors = embedder.embed(['a', 'bb', 'ccc', 'dddd'])
    await called(2)
    expect(calls.map(({ texts }) => texts.length)).toEqual([2, 2])
    expect(await vectors).toEqual(['a', 'bb', 'ccc', 'dddd'].map(vectorOf))
  })

  it('lets a caller join a text that is being embedded', async () => {
    const { inner, calls, called } = stage({ atOnce: false })
    const embedder = memoize(inner)
    const first = embedder.embed(['a'])
    await called(1)
    const second = embedder.embed(['a'])
    calls[0]?.answer()
    expect(await Promise.all([first, second])).toEqual([[vectorOf('a')], [vectorOf('a')]])
    expect(calls).toHaveLength(1)
  })

  it('lets a caller go without the others, and aborts when the last has gone', async () => {
    const { inner, calls, called } = stage({ atOnce: false })
    const embedder = memoize(inner)
    const [one, two] = [new AbortController(), new AbortController()]
    const first = embedder.embed(['a', 'bb'], { signal: one.signal })
    const second = embedder.embed(['a'], { signal: two.signal })
    await called(1)
    one.abort()
    await expect(first).rejects.toMatchObject({ code: 'aborted' })
    expect(calls[0]?.signal?.aborted).toBe(false)
    two.abort()
    await expect(second).rejects.toMatchObject({ code: 'aborted' })
    expect(calls[0]?.signal?.aborted).toBe(true)
    const third = embedder.embed(['a'])
    await called(2)
    calls[1]?.answer()
    expect(await third).toEqual([vectorOf('a')])
  })

  it('does not embed a text whose caller has gone before it was sent', async () => {
    const { inner, calls } = stage()
    const embedder = memoize(inner)
    const leaving = new AbortController()
    const gone = embedder.embed(['a'], { signal: leaving.signal })
    const staying = embedder.embed(['bb'])
    leaving.abort()
    await expect(gone).rejects.toMatchObject({ code: 'aborted' })
    await staying
    expect(calls.map(({ texts }) => texts)).toEqual([['bb']])
  })

  it('passes a failure on to all who waited for it, and tries again for the next', async () => {
    const { inner, calls, called } = stage({ atOnce: false })
    const embedder = memoize(inner)
    const waiting = Promise.allSettled([embedder.embed(['a']), embedder.embed(['bb'])])
    await called(1)
    calls[0]?.fail(new Error('gone'))
    for (const outcome of await waiting)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'gone' } })
    const again = embedder.embed(['a'])
    await called(2)
    calls[1]?.answer()
    expect(await again).toEqual([vectorOf('a')])
  })

  it('refuses an embedder that gives more or fewer vectors than there are texts', async () => {
    const { inner } = stage()
    const embedder = memoize({ ...inner, embed: async () => [] })
    await expect(embedder.embed(['a'])).rejects.toMatchObject({ code: 'provider-malformed' })
  })

  it('forgets what was used least recently', async () => {
    const { inner, calls } = stage()
    // A vector of two numbers takes some 300 bytes.
    const embedder = memoize(inner, undefined, { maxBytes: 700 })
    for (const text of ['a', 'bb', 'a', 'ccc', 'a', 'bb']) await embedder.embed([text])
    expect(calls.map(({ texts }) => texts[0])).toEqual(['a', 'bb', 'ccc', 'bb'])
  })

  it.each([{ maxBytes: 0 }, { windowMs: -1 }, { windowMs: 0.5 }, { batchSize: 0 }])('refuses %j', (options) => {
    const name = Object.keys(options)[0] ?? ''
    expect(() => memoize(stage().inner, undefined, options)).toThrow(`${name}: expected a whole number`)
  })
})

describe("memoize's memory", () => {
  it('is asked before the embedder, by another process too', async () => {
    const memory = memoryOf()
    await memoize(stage().inner, memory).embed(['a', 'bb'])
    expect(memory.held.size).toBe(2)
    const { inner, calls } = stage()
    expect(await memoize(inner, memory).embed(['bb', 'a'])).toEqual(['bb', 'a'].map(vectorOf))
    expect(calls).toHaveLength(0)
  })

  it('knows models apart', async () => {
    const memory = memoryOf()
    await memoize(stage().inner, memory).embed(['a'])
    const { inner, calls } = stage({ model: 'two' })
    await memoize(inner, memory).embed(['a'])
    expect(calls).toHaveLength(1)
    expect([...memory.held.keys()].every((key) => /^[0-9a-f]{64}$/.test(key))).toBe(true)
  })

  it('may fail, in whatever way, and is then passed by', async () => {
    const { inner, calls } = stage()
    const broken: VectorMemory = {
      get: () => {
        throw new Error('gone')
      },
      set: () => Promise.reject(new Error('gone'))
    }
    const embedder = memoize(inner, broken)
    expect(await embedder.embed(['a'])).toEqual([vectorOf('a')])
    expect(await embedder.embed(['a'])).toEqual([vectorOf('a')])
    expect(calls).toHaveLength(1)
  })

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['half a number', Buffer.alloc(3)],
    ['zeros', Buffer.alloc(8)],
    ['what is not of length one', Buffer.from(Float32Array.of(1, 1).buffer)],
    ['no numbers', Buffer.from(Float32Array.of(Number.NaN, 1).buffer)]
  ])('is not believed when it holds %s', async (_, bytes) => {
    const { inner, calls } = stage()
    const embedder = memoize(inner, { get: async () => bytes, set: async () => {} })
    expect(await embedder.embed(['a'])).toEqual([vectorOf('a')])
    expect(calls).toHaveLength(1)
  })

  it('takes bytes that begin anywhere', async () => {
    const { inner, calls } = stage()
    const bytes = Buffer.concat([Buffer.alloc(1), Buffer.from(vectorOf('a').buffer)]).subarray(1)
    expect(await memoize(inner, { get: async () => bytes, set: async () => {} }).embed(['a'])).toEqual([vectorOf('a')])
    expect(calls).toHaveLength(0)
  })

  it('is not told of a text of which nothing is known', async () => {
    const memory = memoryOf()
    const embedder = memoize({ ...stage().inner, embed: async (texts) => texts.map(() => new Float32Array(0)) }, memory)
    expect(await embedder.embed(['?'])).toEqual([new Float32Array(0)])
    expect(memory.held.size).toBe(0)
  })
})
