import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Cache, type CacheOptions, createCache } from '../../src/cache.ts'
import type { Answer } from '../../src/core/answer.ts'
import type { Event } from '../../src/core/events.ts'
import type { Context, PeekingHandler } from '../../src/core/handler.ts'
import type { Kind } from '../../src/core/kind.ts'
import type { Selection } from '../../src/core/selection.ts'
import { HandProvider, makeContext, settle, textKind } from '../support/ask.ts'
import { ChaosStore } from '../support/chaos-store.ts'

const modelled: Kind<{ text: string }, string> = { ...textKind, model: () => 'gpt-4.1', record: ({ text }) => text }

let store: ChaosStore
let provider: HandProvider
let cache: Cache
let ask: PeekingHandler<{ text: string }, string>
let events: Event[]

async function open(options: CacheOptions = {}, kind = modelled): Promise<void> {
  events = []
  provider = new HandProvider()
  cache = await createCache({ store, deadlineMs: 10_000, observe: (event) => events.push(event), ...options })
  ask = cache.wrap(kind, provider.ask)
}

beforeEach(async () => {
  store = new ChaosStore()
  await open()
})

afterEach(() => vi.useRealTimers())

const contextFor = (own: Partial<Context>): Context => makeContext({ observe: (event) => events.push(event), ...own })

async function asking(text: string, answer: string, own: Partial<Context> = {}): Promise<Answer<string>> {
  const before = provider.asked.length
  const promise = ask({ text }, contextFor(own))
  await settle()
  provider.asked[before]?.answer(answer)
  return promise
}

describe('review', () => {
  it('B joined tags', async () => {
    const first = ask({ text: 'a' }, contextFor({ tags: ['t1'] }))
    const second = ask({ text: 'a' }, contextFor({ tags: ['t2'] }))
    await settle()
    expect(provider.asked).toHaveLength(1)
    provider.asked[0]?.answer('one')
    await Promise.all([first, second])
    expect(await cache.invalidate({ tag: 't2' })).toBe(1)
  })

  it('C unknown marks', async () => {
    store.chaos = (operation) => {
      if (operation === 'mark') throw new Error('no mark')
    }
    const first = ask({ text: 'a' }, contextFor({ tags: ['t'] }))
    await settle()
    await cache.invalidate({ tag: 't' })
    const second = ask({ text: 'a' }, contextFor({ tags: ['t'] }))
    await settle()
    expect(provider.asked).toHaveLength(2)
    provider.asked[0]?.answer('before')
    provider.asked[1]?.answer('after')
    expect((await first).value).toBe('before')
    expect((await second).value).toBe('after')
  })

  const selections: readonly [string, (entry: string) => Selection][] = [
    ['tag', () => ({ tag: 't' })],
    ['claimed tag', () => ({ tag: 'claimed' })],
    ['key', (entry) => ({ key: entry })],
    ['prefix', (entry) => ({ prefix: entry.slice(0, 20) })],
    ['whole key as prefix', (entry) => ({ prefix: entry })],
    ['pattern', (entry) => ({ pattern: `*${entry.slice(-10)}` })],
    ['whole key as pattern', (entry) => ({ pattern: entry })],
    ['question', (entry) => ({ pattern: `${entry.slice(0, -1)}?` })],
    ['star', () => ({ pattern: 'text:*' })],
    ['model', () => ({ model: 'gpt-4.1' })],
    ['kind', () => ({ kind: 'text' })],
    ['all', () => ({ all: true })]
  ]
  it.each(selections)('D/E remembered request goes by %s', async (_, of) => {
    await open({ rememberRequests: true })
    const { origin } = await asking('a', 'one', { tags: ['t'] })
    await asking('a', 'one', { tags: ['claimed'] })
    expect(store.values.size).toBe(2)
    expect(await cache.invalidate(of(origin.key ?? ''), { dryRun: true })).toBe(1)
    expect(await cache.invalidate(of(origin.key ?? ''))).toBe(1)
    expect(store.values.size).toBe(0)
  })

  it('F decode throws', async () => {
    await asking('a', 'one')
    let broken = true
    const strict: Kind<{ text: string }, string> = {
      ...modelled,
      decode(bytes) {
        if (broken) throw new Error('of an older version')
        return modelled.decode(bytes)
      }
    }
    await open({}, strict)
    const answer = asking('a', 'two')
    await settle()
    expect((await answer).value).toBe('two')
    broken = false
    expect((await asking('a', 'three')).value).toBe('two')
  })

  it('G contention', async () => {
    await asking('a', 'one', { tags: ['t'] })
    const many = Array.from({ length: 100 }, (_, index) => ask({ text: 'a' }, contextFor({ tags: [`run:${index}`] })))
    await settle()
    await settle()
    await settle()
    await settle()
    console.log(
      'asked',
      provider.asked.length,
      'replaces',
      store.calls.filter((c) => c.startsWith('replace')).length,
      'gets',
      store.calls.filter((c) => c.startsWith('get')).length
    )
    provider.asked[1]?.answer('two')
    const answers = await Promise.all(many)
    console.log(answers.filter((answer) => answer.value === 'one').length)
    expect(provider.asked).toHaveLength(1)
  })

  it('H', async () => {
    await asking('a', 'one', { tags: ['t'] })
    await asking('b', 'one', { tags: ['t'] })
  })
})
