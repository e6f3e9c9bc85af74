import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Event } from '../core/events.ts'
import { Entries } from './entries.ts'
import type { Entry } from './entry.ts'
import { memoryStore } from './memory.ts'
import { createSeal, type Seal } from './seal.ts'
import type { Store } from './store.ts'

const keys = [1, 2].map((byte) => ({ id: `key-${byte}`, key: new Uint8Array(32).fill(byte) }))
const [one, two] = keys.map((key) => createSeal([key]))

let store: Store
let events: Event[]

beforeEach(() => {
  store = memoryStore()
  events = []
})
afterEach(() => store.close())

/** The entries as one process sees them. */
function entries(seal: Seal | undefined, namespace = 'default'): Entries {
  const observe = (event: Event): void => void events.push(event)
  return new Entries(store, { namespace, observe, ...(seal === undefined ? {} : { seal }) })
}

function entry(body = 'a secret answer'): Entry {
  const nowMs = Date.now()
  return {
    key: 'llm:m:0',
    kind: 'llm',
    storedAtMs: nowMs,
    freshUntilMs: nowMs + 60_000,
    expiresAtMs: nowMs + 60_000,
    tags: ['tag'],
    mark: 0,
    text: 'a secret question',
    body: Buffer.from(body)
  }
}

const vector = { partition: 'partition', bytes: Buffer.from('a secret meaning') }

/** What a process finds, with and without waiting. */
async function found(by: Entries, key = 'llm:m:0'): Promise<string[]> {
  return [await by.get(key), by.peek(key)].map((one) => (one === undefined ? 'nothing' : String(one.body)))
}

const failures = (): Event[] => events.filter(({ type }) => type === 'failed')

describe('sealed entries', () => {
  it('are found by all who have the key, and show the store nothing', async () => {
    await entries(one).put(entry(), { vector })
    expect(await found(entries(one))).toEqual(['a secret answer', 'a secret answer'])
    expect(String(await entries(one).vectors?.get('partition', 'llm:m:0'))).toBe('a secret meaning')
    for (const bytes of [
      await store.get('default:llm:m:0'),
      await store.vectors?.get('default:partition', 'default:llm:m:0')
    ]) {
      expect(bytes?.length).toBeGreaterThan(50)
      expect(Buffer.from(bytes ?? []).includes('secret')).toBe(false)
    }
  })

  it.each([
    ['another key', one, two],
    ['no key', one, undefined],
    ['a key, and find one that is not sealed', undefined, one]
  ])('are not there for those with %s, who leave them to the others', async (_, theirs, ours) => {
    await entries(theirs).put(entry())
    expect(await found(entries(ours))).toEqual(['nothing', 'nothing'])
    expect(failures()).toEqual([])
    expect(await found(entries(theirs))).toEqual(['a secret answer', 'a secret answer'])
    // The next answer takes its place.
    expect(await entries(ours).put(entry('another answer'))).toBe(true)
    expect(await found(entries(ours))).toEqual(['another answer', 'another answer'])
  })

  it('go on being found while the key changes, in one process after the other', async () => {
    const [old, new_] = keys as [(typeof keys)[0], (typeof keys)[0]]
    const stages = [createSeal([old]), createSeal([old, new_]), createSeal([new_, old]), createSeal([new_])]
    for (const [index, writer] of stages.entries()) {
      // Whoever is one step behind or ahead.
      for (const reader of stages.slice(Math.max(0, index - 1), index + 2)) {
        await entries(writer).put(entry(`answer ${index}`))
        expect(await found(entries(reader))).toEqual([`answer ${index}`, `answer ${index}`])
      }
    }
  })

  it('that were changed are corrupt: deleted, and told of', async () => {
    await entries(one).put(entry())
    const bytes = Buffer.from((await store.get('default:llm:m:0')) ?? [])
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
    await store.set('default:llm:m:0', bytes, { ttlMs: 60_000, tags: [] })
    expect(await found(entries(one))).toEqual(['nothing', 'nothing'])
    expect(failures()).toMatchObject([{ part: 'store', operation: 'decode' }])
    expect(await store.get('default:llm:m:0')).toBeUndefined()
  })

  it('that were put in another place or another namespace are none', async () => {
    await entries(one).put(entry())
    const bytes = (await store.get('default:llm:m:0')) ?? new Uint8Array()
    for (const [namespace, key] of [
      ['default', 'llm:m:1'],
      ['other', 'llm:m:0']
    ] as const) {
      await store.set(`${namespace}:${key}`, bytes, { ttlMs: 60_000, tags: [] })
      expect(await found(entries(one, namespace), key)).toEqual(['nothing', 'nothing'])
    }
  })

  it('are opened once, however often they are found', async () => {
    let opened = 0
    if (one === undefined) throw new Error('no seal')
    const counting: Seal = {
      ...one,
      open(sealed, about) {
        opened += 1
        return one.open(sealed, about)
      }
    }
    await entries(one).put(entry())
    const its = entries(counting)
    for (let round = 0; round < 5; round++) await found(its)
    expect(opened).toBe(1)
    await entries(one).put(entry('the next answer'))
    expect(await found(its)).toEqual(['the next answer', 'the next answer'])
    expect(opened).toBe(2)
  })

  it('take on tags and stay sealed', async () => {
    const its = entries(one)
    await its.put({ ...entry(), mark: await store.mark() })
    const stored = await its.get('llm:m:0')
    if (stored === undefined) throw new Error('no entry')
    expect((await its.claim(stored, ['secret-tag']))?.tags).toEqual(['tag', 'secret-tag'])
    expect((await entries(one).get('llm:m:0'))?.tags).toEqual(['tag', 'secret-tag'])
    expect(Buffer.from((await store.get('default:llm:m:0')) ?? []).includes('secret')).toBe(false)
    expect(await its.invalidate({ tag: 'secret-tag' })).toBe(1)
  })
})
