import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChaosStore } from '../../test/support/chaos-store.ts'
import { Entries } from './entries.ts'
import type { Entry } from './entry.ts'

let store: ChaosStore
let entries: Entries

beforeEach(() => {
  store = new ChaosStore()
  entries = new Entries(store, { deadlineMs: 10_000 })
})

afterEach(() => entries.close())

const key = 'llm:gpt-4o:0123'

async function stored(tags: readonly string[] = [], body = 'an answer'): Promise<Entry> {
  const mark = await entries.mark()
  if (mark === undefined) throw new Error('the store has no mark')
  const storedAtMs = Date.now()
  const until = storedAtMs + 60_000
  const times = { storedAtMs, freshUntilMs: until, expiresAtMs: until }
  await entries.put({ key, kind: 'llm', ...times, tags, mark, body: Buffer.from(body) }, { since: mark })
  return found()
}

async function found(): Promise<Entry> {
  const entry = await entries.get(key)
  if (entry === undefined) throw new Error('the entry has gone')
  return entry
}

function replaces(): number {
  return store.calls.filter((call) => call.startsWith('replace')).length
}

describe('an entry that is claimed', () => {
  it('is given the tags that it lacks, once, and goes with each of them from then on', async () => {
    const entry = await stored(['a'])
    const claimed = await entries.claim(entry, ['b', 'a', 'c'])
    expect(claimed).toMatchObject({ tags: ['a', 'b', 'c'], body: Buffer.from('an answer') })
    expect((await found()).tags).toEqual(['a', 'b', 'c'])
    expect(await entries.claim(await found(), ['c', 'b'])).toMatchObject({ tags: ['a', 'b', 'c'] })
    expect(replaces()).toBe(1)
    expect(await entries.invalidate({ tag: 'c' })).toBe(1)
    expect(await entries.get(key)).toBeUndefined()
  })

  it('is as it is for a request without tags: nothing is asked and nothing written', async () => {
    const entry = await stored(['a'])
    const calls = store.calls.length
    expect(await entries.claim(entry, [])).toBe(entry)
    expect(store.calls).toHaveLength(calls)
  })

  it('is none of a request whose tag was invalidated after the answer was asked for', async () => {
    const entry = await stored(['a'])
    await entries.invalidate({ tag: 'b' })
    expect(await entries.claim(entry, ['b'])).toBeUndefined()
    expect(await entries.claim(entry, ['a'])).toBe(entry)
    expect(await entries.claim(entry, ['c'])).toMatchObject({ tags: ['a', 'c'] })
  })

  it('answers one whose tag was invalidated before the answer was asked for', async () => {
    await entries.invalidate({ tag: 'b' })
    expect(await entries.claim(await stored(['a']), ['b'])).toMatchObject({ tags: ['a', 'b'] })
  })

  it('is none of a tag’s that goes while it is being written to the entry', async () => {
    const entry = await stored()
    store.chaos = async (operation) => {
      if (operation !== 'replace') return
      store.chaos = () => {}
      await store.delete({ tag: 'default:b' })
    }
    expect(await entries.claim(entry, ['b'])).toBeUndefined()
    expect((await found()).tags).toEqual([])
  })

  it('is claimed anew when something else goes meanwhile, or another has claimed it', async () => {
    const entry = await stored()
    store.chaos = async (operation) => {
      if (operation !== 'replace') return
      store.chaos = () => {}
      await store.delete({ tag: 'default:unlike' })
    }
    expect(await entries.claim(entry, ['b'])).toMatchObject({ tags: ['b'] })
    const other = new Entries(store, { deadlineMs: 10_000 })
    const theirs = await other.get(key)
    if (theirs === undefined) throw new Error('the entry has gone')
    await other.claim(theirs, ['theirs'])
    expect(await entries.claim(await found(), ['c'])).toMatchObject({ tags: ['b', 'theirs', 'c'] })
  })

  it('is another answer when another has taken its place', async () => {
    const entry = await stored(['a'], 'old')
    await stored(['z'], 'new')
    expect(await entries.claim(entry, ['b'])).toMatchObject({ tags: ['z', 'b'], body: Buffer.from('new') })
  })

  it('is given what another that has taken its place lacks, also what it bore itself', async () => {
    const old = await stored(['a', 'b'])
    await stored(['c'], 'another answer')
    expect(await entries.claim(old, ['b', 'd'])).toMatchObject({
      tags: ['c', 'b', 'd'],
      body: Buffer.from('another answer')
    })
    expect(await entries.invalidate({ tag: 'b' })).toBe(1)
    expect(await entries.get(key)).toBeUndefined()
  })

  it('keeps the time that it has to live', async () => {
    const entry = await stored()
    const expiry = store.values.get(`default:${key}`)?.expiresAtMs
    await entries.claim(entry, ['b'])
    expect(store.values.get(`default:${key}`)?.expiresAtMs).toBe(expiry)
  })

  it('with 32 tags is given no more, answers, and asks each time whether it may', async () => {
    const entry = await stored(Array.from({ length: 31 }, (_, index) => `t${index}`))
    const full = await entries.claim(entry, ['b'])
    expect(full?.tags).toHaveLength(32)
    expect(await entries.claim(full ?? entry, ['c'])).toBe(full)
    expect(replaces()).toBe(1)
    await entries.invalidate({ tag: 'c' })
    expect(await entries.claim(await found(), ['c'])).toBeUndefined()
  })

  it('serves all the same where the store does not take the tag, and not where it cannot say what was deleted', async () => {
    const entry = await stored(['a'])
    store.chaos = (operation) => {
      if (operation === 'replace') throw new Error('full')
    }
    expect(await entries.claim(entry, ['b'])).toBe(entry)
    store.chaos = (operation) => {
      if (operation === 'deleted-since') throw new Error('down')
    }
    expect(await entries.claim(entry, ['b'])).toBeUndefined()
    expect(await entries.claim(entry, ['a'])).toBe(entry)
  })

  it('without a mark, as entries once had none, is nobody’s but of those whose tags it bears', async () => {
    const { mark: _none, ...entry } = await stored(['a'])
    expect(await entries.claim(entry, ['b'])).toBeUndefined()
    expect(await entries.claim(entry, ['a'])).toBe(entry)
  })
})

describe('whether something has been invalidated since', () => {
  it('is told by its key, its tags, and any tag where its own are not known', async () => {
    const mark = await entries.mark()
    const since = (tags: readonly string[], anyTag = false): Promise<boolean> =>
      entries.isInvalidated(mark, key, tags, anyTag)
    expect(await since(['a'])).toBe(false)
    await entries.invalidate({ tag: 'b' })
    expect([await since(['a']), await since(['a', 'b']), await since([], true)]).toEqual([false, true, true])
    await entries.invalidate({ key })
    expect(await since([])).toBe(true)
  })

  it('is assumed where nobody can say', async () => {
    const mark = await entries.mark()
    expect(await entries.isInvalidated(undefined, key, [])).toBe(true)
    store.chaos = () => {
      throw new Error('down')
    }
    expect(await entries.isInvalidated(mark, key, [])).toBe(true)
  })
})

describe('an entry that many claim at once', () => {
  it('is written once for the first and once for all who came meanwhile', async () => {
    const entry = await stored(['a'])
    const claims = Array.from({ length: 20 }, (_, index) => entries.claim(entry, [`t${index}`]))
    const tags = (await Promise.all(claims)).map((claimed) => claimed?.tags)
    expect(tags[0]).toEqual(['a', 't0'])
    expect(tags.slice(1).every((own, index) => own?.includes(`t${index + 1}`))).toBe(true)
    expect(replaces()).toBe(2)
    for (const tag of ['t0', 't7', 't19']) {
      await stored(['a'])
      const again = await found()
      await Promise.all(Array.from({ length: 20 }, (_, index) => entries.claim(again, [`t${index}`])))
      expect(await entries.invalidate({ tag })).toBe(1)
    }
  })

  it('is given no more than 32 tags, and answers the others all the same', async () => {
    const entry = await stored()
    const claims = Array.from({ length: 100 }, (_, index) => entries.claim(entry, [`t${index}`]))
    expect((await Promise.all(claims)).every((claimed) => claimed?.body.toString() === 'an answer')).toBe(true)
    expect((await found()).tags).toHaveLength(32)
    expect(replaces()).toBe(2)
  })

  it('is denied to those of them whose tag was invalidated, and to nobody else', async () => {
    const entry = await stored()
    await entries.invalidate({ tag: 't3' })
    const claims = Array.from({ length: 6 }, (_, index) => entries.claim(entry, [`t${index}`]))
    const answered = (await Promise.all(claims)).map((claimed) => claimed !== undefined)
    expect(answered).toEqual([true, true, true, false, true, true])
    expect((await found()).tags).toEqual(['t0', 't1', 't2', 't4', 't5'])
  })

  it('is denied to all who wait for it when it goes meanwhile', async () => {
    const entry = await stored(['a'])
    store.chaos = async (operation) => {
      if (operation !== 'replace') return
      store.chaos = () => {}
      await store.delete({ tag: 'default:a' })
    }
    const claims = Array.from({ length: 3 }, (_, index) => entries.claim(entry, [`t${index}`]))
    expect(await Promise.all(claims)).toEqual([undefined, undefined, undefined])
  })

  it('is none of theirs while others delete without end: what answers a tag goes with it', async () => {
    const entry = await stored(['a'])
    store.chaos = async (operation) => {
      if (operation === 'replace') await store.delete({ tag: 'default:unlike' })
    }
    expect(await entries.claim(entry, ['b'])).toBeUndefined()
    expect(replaces()).toBeLessThan(20)
  })
})
