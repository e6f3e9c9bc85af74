import assert from 'node:assert/strict'
import type { Selector, Store } from '../stores/store.ts'
import { bytes, type Cases, eventually, lasting, replaceNow, setAll, shortMs } from './contract-tools.ts'

/** How a store must list keys, and say how much is in it. */
export const listingCases: Cases = {
  async 'lists each live key that is selected once, in batches, and no others'({ store, prefix }) {
    const many = Array.from({ length: 1300 }, (_, index) => `${prefix}many:${index}`)
    const others = [`${prefix}other:1`, `${prefix}other:日`]
    await Promise.all([setAll(store, many, [`${prefix}tag`, `${prefix}too`]), setAll(store, others, [`${prefix}too`])])
    await store.set(`${prefix}many:brief`, bytes('x'), { ttlMs: shortMs, tags: [`${prefix}tag`] })
    await eventually(async () => (await store.get(`${prefix}many:brief`)) === undefined, 'it has expired')
    const expected: readonly (readonly [Selector, readonly string[]])[] = [
      [{ key: many[3] ?? '' }, many.slice(3, 4)],
      [{ key: `${prefix}many:brief` }, []],
      [{ key: `${prefix}never` }, []],
      [{ tag: `${prefix}tag` }, many],
      [{ tag: `${prefix}too` }, [...many, ...others]],
      [{ tag: `${prefix}unknown` }, []],
      [{ prefix: `${prefix}many:` }, many],
      [{ prefix: `${prefix}none` }, []],
      [{ pattern: `${prefix}*:?` }, [...many.slice(0, 10), ...others]],
      [{ pattern: `${prefix}many:1299` }, many.slice(1299)],
      [{ all: true }, [...many, ...others]]
    ]
    for (const [selector, keys] of expected) {
      const batches = await batchesOf(store, selector)
      // Others may be at work in the same store.
      const mine = batches.flat().filter((key) => key.startsWith(prefix))
      assert.deepEqual(mine.sort(), [...keys].sort(), JSON.stringify(selector))
      for (const { length } of batches) assert.ok(length > 0 && length <= 1000, `a batch of ${length}`)
    }
    assert.ok((await batchesOf(store, { tag: `${prefix}tag` })).length > 1, 'all in one batch')
  },

  async 'lists by the tags that an entry has now'({ store, prefix }) {
    await store.set(`${prefix}a`, bytes('x'), lasting([`${prefix}old`]))
    await store.set(`${prefix}a`, bytes('x'), lasting([`${prefix}new`]))
    assert.deepEqual(await batchesOf(store, { tag: `${prefix}old` }), [])
    assert.deepEqual(await batchesOf(store, { tag: `${prefix}new` }), [[`${prefix}a`]])
    await replaceNow(store, `${prefix}a`, bytes('y'), [`${prefix}newest`], bytes('x'))
    assert.deepEqual(await batchesOf(store, { tag: `${prefix}new` }), [])
    assert.deepEqual(await batchesOf(store, { tag: `${prefix}newest` }), [[`${prefix}a`]])
  },

  async 'takes every other character of a selector for itself when it lists'({ store, prefix }) {
    const names = ['[ab]', 'a', '\\x', 'x', '{a,b}', '^a', '%', "'", '"', ' ', '\n']
    await Promise.all(names.map((name) => setAll(store, [`${prefix}${name}!`], [`${prefix}${name}`])))
    for (const name of names) {
      for (const selector of [
        { prefix: `${prefix}${name}!` },
        { pattern: `${prefix}${name}?` },
        { tag: prefix + name }
      ])
        assert.deepEqual(await batchesOf(store, selector), [[`${prefix}${name}!`]], JSON.stringify(selector))
    }
  },

  async 'goes on listing while entries come and go, and misses none that stays'({ store, prefix }) {
    const staying = Array.from({ length: 1000 }, (_, index) => `${prefix}stays:${index}`)
    const going = Array.from({ length: 400 }, (_, index) => `${prefix}goes:${index}`)
    for (const selector of [
      { tag: `${prefix}tag` },
      { prefix },
      { pattern: `${prefix}*s:*` },
      { all: true as const }
    ]) {
      await setAll(store, [...staying, ...going], [`${prefix}tag`])
      const seen = new Set<string>()
      let turn = 0
      for await (const batch of store.keys(selector)) {
        for (const key of batch) seen.add(key)
        const gone = going.slice(100 * turn, 100 * ++turn)
        await Promise.all(gone.map((key) => store.delete({ key })))
        await setAll(store, [`${prefix}comes:${turn}`, `${prefix}comes too:${turn}`], [`${prefix}tag`])
      }
      assert.deepEqual(
        staying.filter((key) => !seen.has(key)),
        [],
        JSON.stringify(selector)
      )
      await store.delete({ prefix })
    }
  },

  async 'lets what it lists be deleted, and need not be listened to until the end'({ store, prefix }) {
    const keys = Array.from({ length: 1200 }, (_, index) => `${prefix}${index}`)
    await setAll(store, keys, [`${prefix}tag`])
    for await (const [first] of store.keys({ tag: `${prefix}tag` })) {
      assert.ok(first !== undefined && keys.includes(first))
      break
    }
    let count = 0
    for await (const batch of store.keys({ tag: `${prefix}tag` }))
      for (const gone of await Promise.all(batch.map((key) => store.delete({ key })))) count += gone
    assert.equal(count, keys.length)
    assert.deepEqual(await batchesOf(store, { prefix }), [])
  },

  async 'says how much is in it, as far as it can, and what there is room for'({ store, prefix }) {
    const before = await store.size()
    const keys = Array.from({ length: 200 }, (_, index) => `${prefix}${index}`)
    const value = new Uint8Array(10_000).fill(7)
    await Promise.all(keys.map((key) => store.set(key, value, lasting([`${prefix}tag`]))))
    const grown = await store.size()
    for (const [name, number] of Object.entries(grown)) assert.ok(Number.isSafeInteger(number) && number >= 0, name)
    assert.deepEqual(Object.keys(grown).sort(), Object.keys(before).sort())
    // Others may be at work in the same store; but not that much.
    if (grown.entries !== undefined) assert.ok(grown.entries >= (before.entries ?? 0) + 150, `${grown.entries} entries`)
    if (grown.bytes !== undefined) assert.ok(grown.bytes >= (before.bytes ?? 0) + 1_000_000, `${grown.bytes} bytes`)
    if (grown.maxBytes !== undefined) assert.ok(grown.maxBytes >= (grown.bytes ?? 0), `${grown.maxBytes} at most`)
    await store.delete({ tag: `${prefix}tag` })
    await eventually(async () => {
      const { entries = 0, bytes = 0 } = await store.size()
      const hasFewer = grown.entries === undefined || entries <= grown.entries - 150
      return hasFewer && (grown.bytes === undefined || bytes <= grown.bytes - 1_000_000)
    }, 'it is smaller again')
  },

  async 'lists nothing and has no size once it is closed'({ store, prefix }) {
    await setAll(store, [`${prefix}a`])
    await store.close()
    await assert.rejects(() => batchesOf(store, { prefix }), { code: 'store-closed' })
    await assert.rejects(() => batchesOf(store, { key: `${prefix}a` }), { code: 'store-closed' })
    await assert.rejects(store.size(), { code: 'store-closed' })
  }
}

async function batchesOf(store: Store, selector: Selector): Promise<string[][]> {
  const batches: string[][] = []
  for await (const batch of store.keys(selector)) batches.push([...batch])
  return batches
}
