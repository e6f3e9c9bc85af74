import assert from 'node:assert/strict'
import type { Deletions, Selector, SetOptions, Store } from '../stores/store.ts'
import {
  bytes,
  type Cases,
  eventually,
  lasting,
  present,
  replaceNow,
  setAll,
  shortMs,
  text,
  within
} from './contract-tools.ts'

/** How a store must keep a log of deletions, so that nothing comes back that was made before one of them. */
export const deletionCases: Cases = {
  async 'has a mark before anything was deleted: microseconds since 1970, or more'({ store }) {
    const mark = await store.mark()
    assert.ok(Number.isSafeInteger(mark), `${mark} is not whole`)
    // Of the year 2001, in case a clock stands still somewhere.
    assert.ok(mark > 1_000_000_000_000_000, `${mark} are no microseconds since 1970`)
    assert.ok((await store.mark()) >= mark)
    assert.deepEqual(await own(store, mark, 'nobody has such a key'), [])
  },

  async 'gives each deletion a greater mark, one that found nothing too'({ store, prefix }) {
    const marks = [await store.mark()]
    for (const selector of selectorsOf(prefix)) {
      await store.delete(selector)
      marks.push(await store.mark())
    }
    for (const [at, mark] of marks.entries()) assert.ok(at === 0 || mark > (marks[at - 1] ?? mark), `${marks}`)
  },

  async 'tells what has been deleted after a mark, in order'({ store, prefix }) {
    const selectors = selectorsOf(prefix)
    const marks = [await store.mark()]
    for (const selector of selectors) {
      await store.delete(selector)
      marks.push(await store.mark())
    }
    for (const [at, mark] of marks.entries()) {
      assert.deepEqual(await own(store, mark, prefix), selectors.slice(at), `after ${at}`)
    }
    const { mark } = await store.deletedSince(marks[0] ?? 0)
    assert.ok(mark >= (marks.at(-1) ?? mark) && mark <= (await store.mark()))
  },

  async 'gives a mark of its own to each of many deletions at once'({ store, prefix }) {
    const mark = await store.mark()
    const tags = Array.from({ length: 60 }, (_, index) => `${prefix}${index}`)
    const marks = await Promise.all(
      tags.map(async (tag) => {
        await store.delete({ tag })
        return store.mark()
      })
    )
    const told = await own(store, mark, prefix)
    const tagOf = (selector: Selector): string => ('tag' in selector ? selector.tag : '')
    assert.deepEqual(told.map(tagOf).sort(), [...tags].sort())
    assert.ok(Math.max(...marks) - mark >= tags.length, 'marks that two have')
  },

  async 'does not know what was deleted after a mark that it never gave'({ store, prefix }) {
    for (const mark of [0, 1, -5, (await store.mark()) + 60_000_000]) {
      const deletions = await store.deletedSince(mark)
      assert.equal(deletions.selectors, undefined, `after ${mark}`)
      assert.ok(Number.isSafeInteger(deletions.mark))
      const refused = await store.set(`${prefix}a`, bytes('x'), { ...lasting(), since: mark })
      assert.ok(refused !== undefined && refused.selectors === undefined, `since ${mark}`)
      assert.equal(await store.get(`${prefix}a`), undefined)
    }
  },

  async 'remembers thousands of deletions, and says when it no longer knows them all'({ store, prefix }) {
    const first = await store.mark()
    const deleteSome = async (from: number, to: number): Promise<void> => {
      const numbers = Array.from({ length: to - from }, (_, index) => from + index)
      await Promise.all(numbers.map((number) => store.delete({ key: `${prefix}${number}` })))
    }
    await deleteSome(0, 7000)
    const middle = await store.mark()
    await deleteSome(7000, 10_500)
    assert.equal((await own(store, middle, prefix)).length, 3500)
    const { selectors } = await store.deletedSince(first)
    // All or nothing: with a part of them somebody would take for valid what is not.
    assert.ok(selectors === undefined || selectors.length >= 10_500, `${selectors?.length} of 10,500`)
  },

  async 'stores what began after a deletion'({ store, prefix }) {
    for (const [name, options] of Object.entries(optionsOf(prefix))) {
      await store.set(`${prefix}${name}`, bytes('old'), lasting())
      await store.delete({ prefix })
      await setSince(store, `${prefix}${name}`, 'new', options)
      assert.equal(text(await store.get(`${prefix}${name}`)), 'new', name)
    }
    assert.equal(await store.delete({ tag: `${prefix}tag` }), 1)
  },

  async 'refuses what began before a deletion, tells what was deleted, and leaves what is there as it is'({
    store,
    prefix
  }) {
    const key = `${prefix}a`
    for (const [name, options] of Object.entries(optionsOf(prefix))) {
      for (const selector of selectorsOf(`${prefix}unlike:`)) {
        const since = await store.mark()
        await store.delete(selector)
        if (!('all' in selector)) await store.set(key, bytes('as it was'), lasting([`${prefix}old`]))
        const refused = await store.set(key, bytes('from before'), { ...options, since })
        const what = `${name} ${JSON.stringify(selector)}`
        assert.ok(refused !== undefined && refused.mark > since, what)
        assert.deepEqual(ownOf(refused, `${prefix}unlike:`), [selector], what)
        assert.equal(text(await store.get(key)), 'all' in selector ? undefined : 'as it was', what)
        assert.equal(await store.delete({ tag: `${prefix}tag` }), 0, what)
        assert.equal(await store.delete({ tag: `${prefix}old` }), 'all' in selector ? 0 : 1, what)
        assert.equal(await store.vectors?.get(`${prefix}p`, key), undefined, what)
      }
    }
  },

  async 'stores without a mark whatever has been deleted'({ store, prefix }) {
    await store.delete({ prefix })
    assert.equal(await store.set(`${prefix}a`, bytes('x'), lasting()), undefined)
    assert.equal(text(await store.get(`${prefix}a`)), 'x')
  },

  async 'leaves nothing behind of what began before a deletion, however they race'({ store, prefix }) {
    const names = Array.from({ length: 24 }, (_, index) => `${index}`)
    const selectors: readonly Selector[] = [
      { tag: `${prefix}tag` },
      { prefix },
      { pattern: `${prefix}*` },
      { key: `${prefix}7` },
      { all: true }
    ]
    for (const selector of [...selectors, ...selectors]) {
      const since = await store.mark()
      const setOne = (name: string) =>
        store.set(prefix + name, bytes(name), { ...lasting(Number(name) % 2 ? [`${prefix}tag`] : []), since })
      const early = names.slice(0, 12).map(setOne)
      const deleting = store.delete(selector)
      await Promise.all([...early, deleting, ...names.slice(12).map(setOne)])
      const left = await present(store, prefix, names)
      const hit = left.filter((name) =>
        'key' in selector ? selector.key === prefix + name : 'tag' in selector ? Number(name) % 2 === 1 : true
      )
      assert.deepEqual(hit, [], JSON.stringify(selector))
      await store.delete({ prefix })
    }
  },

  async 'does not take for a deletion that an entry was set, replaced or has expired'({ store, prefix }) {
    const mark = await store.mark()
    await store.set(`${prefix}brief`, bytes('x'), { ttlMs: shortMs, tags: [`${prefix}tag`] })
    await store.set(`${prefix}a`, bytes('x'), lasting())
    await store.set(`${prefix}a`, bytes('y'), lasting())
    assert.equal(await replaceNow(store, `${prefix}a`, bytes('z'), [], bytes('y')), true)
    await eventually(async () => (await store.get(`${prefix}brief`)) === undefined, 'the entry has expired')
    assert.deepEqual(await own(store, mark, prefix), [])
  },

  async 'tells the key of each live entry that it deletes, once'({ store, prefix }) {
    const many = Array.from({ length: 700 }, (_, index) => `${prefix}many:${index}`)
    const selectors: readonly Selector[] = [
      { key: many[7] ?? '' },
      { tag: `${prefix}tag` },
      { prefix: `${prefix}many:` },
      { pattern: `${prefix}m*:*` },
      { all: true }
    ]
    for (const selector of selectors) {
      await setAll(store, many, [`${prefix}tag`])
      await setAll(store, [`${prefix}bystander`])
      await store.set(`${prefix}many:brief`, bytes('x'), { ttlMs: shortMs, tags: [`${prefix}tag`] })
      await eventually(async () => (await store.get(`${prefix}many:brief`)) === undefined, 'it has expired')
      const told: string[] = []
      const count = await store.delete(selector, (key) => told.push(key))
      assert.equal(told.length, count, JSON.stringify(selector))
      const expected = 'key' in selector ? [selector.key] : 'all' in selector ? [...many, `${prefix}bystander`] : many
      // Others may be at work in the same store.
      const mine = told.filter((key) => key.startsWith(prefix))
      assert.deepEqual(mine.sort(), [...expected].sort(), JSON.stringify(selector))
    }
  },

  async 'refuses marks that are not whole numbers, and selectors that are too long'({ store, prefix }) {
    for (const mark of [0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(store.deletedSince(mark), { code: 'invalid-option' }, `${mark}`)
      const setting = store.set(`${prefix}a`, bytes('x'), { ...lasting(), since: mark })
      await assert.rejects(setting, { code: 'invalid-option' }, `${mark}`)
    }
    // Each is remembered among thousands of others.
    const long = `${prefix}${'l'.repeat(4097 - prefix.length)}`
    for (const selector of [{ key: long }, { prefix: long }, { pattern: long }, { tag: long }]) {
      await assert.rejects(store.delete(selector), { code: 'invalid-option' }, Object.keys(selector)[0])
    }
    const longest = long.slice(0, 4096)
    for (const selector of [{ key: longest }, { prefix: longest }, { pattern: longest }, { tag: longest }]) {
      assert.equal(await store.delete(selector), 0, Object.keys(selector)[0])
    }
    assert.equal(await store.get(`${prefix}a`), undefined)
  },

  async 'ends a deletion that is under way when it is closed, or says that it has not been done'({ store, prefix }) {
    await setAll(
      store,
      Array.from({ length: 1500 }, (_, index) => `${prefix}${index}`),
      [`${prefix}tag`]
    )
    const told: string[] = []
    const deleting = [{ tag: `${prefix}tag` }, { prefix }].map((selector) =>
      store.delete(selector, (key) => told.push(key))
    )
    await store.close()
    let count = 0
    for (const outcome of await Promise.allSettled(deleting)) {
      if (outcome.status === 'fulfilled') count += outcome.value
      else assert.match(String((outcome.reason as { code?: unknown }).code), /^store-(closed|unavailable)$/)
    }
    assert.ok(count <= told.length && told.length <= 1500, `${count} of ${told.length}`)
  },

  async 'says nothing of deletions once it is closed'({ store, prefix }) {
    const since = await store.mark()
    await store.close()
    await assert.rejects(store.mark(), { code: 'store-closed' })
    await assert.rejects(store.deletedSince(since), { code: 'store-closed' })
    await assert.rejects(store.set(`${prefix}a`, bytes('x'), { ...lasting(), since }), { code: 'store-closed' })
  }
}

function selectorsOf(prefix: string): readonly Selector[] {
  return [
    { key: `${prefix}key` },
    { prefix: `${prefix}pre:` },
    { pattern: `${prefix}p*t?rn 日本 "\\` },
    { tag: `${prefix}tag:é` },
    { all: true },
    { tag: `${prefix}tag:é` }
  ]
}

/** An entry may be stored in different ways, as bare as it can be or with all that there is. */
function optionsOf(prefix: string): Readonly<Record<string, SetOptions>> {
  return {
    bare: lasting(),
    tagged: lasting([`${prefix}tag`]),
    found: within(`${prefix}p`, bytes('1'), [`${prefix}tag`])
  }
}

/** What a store says of deletions, without those of others who are at work in it. */
async function own(store: Store, mark: number, prefix: string): Promise<readonly Selector[]> {
  return ownOf(await store.deletedSince(mark), prefix)
}

function ownOf({ selectors }: Deletions, prefix: string): readonly Selector[] {
  assert.ok(selectors !== undefined, 'nobody knows what was deleted')
  return selectors.filter(
    (selector) => 'all' in selector || Object.values(selector).some((value) => String(value).startsWith(prefix))
  )
}

/** Sets as one who has just begun, again and again where others delete meanwhile. */
async function setSince(store: Store, key: string, value: string, options: SetOptions): Promise<void> {
  await eventually(async () => {
    const since = await store.mark()
    return (await store.set(key, bytes(value), { ...options, since })) === undefined
  }, 'nobody deletes')
}
