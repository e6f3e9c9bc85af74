import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Cache, type CacheOptions, createCache } from '../../src/cache.ts'
import { ProviderError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/events.ts'
import type { PeekingHandler } from '../../src/core/handler.ts'
import type { Kind } from '../../src/core/kind.ts'
import { makeContext, textKind } from '../support/ask.ts'
import { WordsEmbedder } from '../support/words-embedder.ts'

/** What the kind trips over: as where a new version expects more of an answer than an old one has stored. */
let broken: ReadonlySet<'decode' | 'tags' | 'record'>
const failIf = (what: 'decode' | 'tags' | 'record'): void => {
  if (broken.has(what)) throw new Error(`cannot ${what}`)
}
const strict: Kind<{ text: string }, string> = {
  ...textKind,
  likeness: ({ text }) => ({ text, within: null }),
  decode(bytes) {
    failIf('decode')
    return textKind.decode(bytes)
  },
  tags() {
    failIf('tags')
    return []
  },
  record({ text }) {
    failIf('record')
    return text
  }
}

let cache: Cache
let ask: PeekingHandler<{ text: string }, string>
let events: Event[]
let calls: number
let isDown: boolean

async function open(options: CacheOptions = {}): Promise<void> {
  cache = await createCache({ rememberRequests: true, observe: (event) => events.push(event), ...options })
  ask = cache.wrap(strict, async () => {
    if (isDown) throw new ProviderError('p', 503, {}, Buffer.from('{}'))
    return { value: `${++calls}`, origin: { layer: 'provider', provider: 'p' } }
  })
}

beforeEach(() => {
  broken = new Set()
  events = []
  calls = 0
  isDown = false
})
afterEach(async () => {
  vi.useRealTimers()
  await cache.close()
})

async function asking(text: string): Promise<string> {
  const context = makeContext({ observe: (event) => events.push(event) })
  return (ask.peek({ text }, context) ?? (await ask({ text }, context))).value
}

const told = (type: string): Event[] => events.filter((event) => event.type === type)
const password = 'How do I reset my password?'
const alike = 'How can I reset my passwords?'

describe('law 6: an answer that its kind cannot read fails nobody', () => {
  it('is a miss, told of once, and the new answer takes its place', async () => {
    await open()
    await asking('a')
    broken = new Set(['decode'])
    events = []
    expect(await asking('a')).toBe('2')
    expect(told('failed')).toMatchObject([{ part: 'exact', operation: 'decode', kind: 'text' }])
    for (const layer of ['looked-up', 'miss']) expect(told(layer)).toMatchObject([{ layer: 'exact' }])
    broken = new Set()
    expect(await asking('a')).toBe('2')
  })

  it('is none by meaning either', async () => {
    await open({ embedder: new WordsEmbedder() })
    await asking(password)
    broken = new Set(['decode'])
    expect(await asking(alike)).toBe('2')
    expect(told('hit')).toEqual([])
  })

  it('is not served in need, and the provider’s failure is told', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] })
    await open({ ttl: 60, graceMs: 3_600_000, embedder: new WordsEmbedder(), lastResortSimilarity: 0.5 })
    await asking(password)
    vi.setSystemTime(Date.now() + 61_000)
    broken = new Set(['decode'])
    isDown = true
    await expect(asking(password)).rejects.toMatchObject({ status: 503 })
    await expect(asking(alike)).rejects.toMatchObject({ status: 503 })
  })
})

describe('law 6: an answer that cannot be stored for its kind’s sake fails nobody', () => {
  it.each(['tags', 'record'] as const)('when it cannot say its %s', async (what) => {
    await open()
    broken = new Set([what])
    expect(await asking('a')).toBe('1')
    expect(told('failed')).toMatchObject([{ part: 'exact', operation: 'store', kind: 'text' }])
    broken = new Set()
    expect(await asking('a')).toBe('2')
    expect(await asking('a')).toBe('2')
  })
})
