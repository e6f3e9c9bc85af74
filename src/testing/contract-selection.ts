import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Selector } from '../stores/store.ts'
import { bytes, type Cases, eventually, lasting, longMs, present, setAll, shortMs, text } from './contract-tools.ts'

/** How a store must delete: by key, prefix, pattern and tag. */
export const selectionCases: Cases = {
  async 'deletes one key, and says whether it was there'({ store, prefix }) {
    await store.set(`${prefix}one`, bytes('1'), lasting())
    await store.set(`${prefix}other`, bytes('2'), lasting())
    assert.equal(await store.delete({ key: `${prefix}one` }), 1)
    assert.equal(await store.delete({ key: `${prefix}one` }), 0)
    assert.equal(await store.get(`${prefix}one`), undefined)
    assert.equal(text(await store.get(`${prefix}other`)), '2')
  },

  async 'deletes all keys with a prefix, and no others'({ store, prefix }) {
    await setAll(store, [`${prefix}a:1`, `${prefix}a:2`, `${prefix}a`, `${prefix}b:1`, `${prefix}ab`])
    assert.equal(await store.delete({ prefix: `${prefix}a:` }), 2)
    assert.deepEqual(await present(store, prefix, ['a:1', 'a:2', 'a', 'b:1', 'ab']), ['a', 'b:1', 'ab'])
  },

  async 'deletes a prefix of many keys'({ store, prefix }) {
    await setAll(
      store,
      Array.from({ length: 1200 }, (_, index) => `${prefix}many:${index}`)
    )
    assert.equal(await store.delete({ prefix: `${prefix}many:` }), 1200)
    assert.equal(await store.delete({ prefix: `${prefix}many:` }), 0)
  },

  async 'deletes what a pattern matches: * any run, ? one character'({ store, prefix }) {
    const names = ['cat', 'cart', 'ct', 'dog', 'cät', 'c😀t']
    const sets = (): Promise<void> =>
      setAll(
        store,
        names.map((name) => prefix + name)
      )
    await sets()
    assert.equal(await store.delete({ pattern: `${prefix}c?t` }), 3)
    assert.deepEqual(await present(store, prefix, names), ['cart', 'ct', 'dog'])
    await sets()
    assert.equal(await store.delete({ pattern: `${prefix}c*t` }), 5)
    assert.deepEqual(await present(store, prefix, names), ['dog'])
    await sets()
    assert.equal(await store.delete({ pattern: `*${prefix.slice(9)}d*` }), 1)
    assert.equal(await store.delete({ pattern: `${prefix}cat` }), 1)
    assert.deepEqual(await present(store, prefix, names), ['cart', 'ct', 'cät', 'c😀t'])
  },

  async 'takes every other character for itself, in keys, prefixes, patterns and tags'({ store, prefix }) {
    const names = ['[ab]', 'a', '\\x', 'x', '*', '?', '{a,b}', '^a', 'a\\*', '%', "'", '"', ' ', '\n']
    await setAll(
      store,
      names.map((name) => `${prefix}${name}!`)
    )
    for (const name of names) {
      assert.equal(text(await store.get(`${prefix}${name}!`)), `${prefix}${name}!`, `key ${name}`)
      assert.equal(await store.delete({ prefix: `${prefix}${name}!` }), 1, `prefix ${name}`)
      await store.set(`${prefix}${name}!`, bytes('again'), lasting([`${prefix}${name}`]))
      if (!/[*?]/.test(name)) {
        assert.equal(await store.delete({ pattern: `${prefix}${name}?` }), 1, `pattern ${name}`)
        await store.set(`${prefix}${name}!`, bytes('again'), lasting([`${prefix}${name}`]))
      }
    }
    for (const name of names) assert.equal(await store.delete({ tag: `${prefix}${name}` }), 1, `tag ${name}`)
  },

  async 'deletes all entries with a tag, and no others'({ store, prefix }) {
    await store.set(`${prefix}1`, bytes('1'), lasting([`${prefix}red`]))
    await store.set(`${prefix}2`, bytes('2'), lasting([`${prefix}red`, `${prefix}round`]))
    await store.set(`${prefix}3`, bytes('3'), lasting([`${prefix}round`]))
    await store.set(`${prefix}4`, bytes('4'), lasting())
    assert.equal(await store.delete({ tag: `${prefix}red` }), 2)
    assert.deepEqual(await present(store, prefix, ['1', '2', '3', '4']), ['3', '4'])
    assert.equal(await store.delete({ tag: `${prefix}red` }), 0)
    assert.equal(await store.delete({ tag: `${prefix}round` }), 1)
    assert.equal(await store.delete({ tag: `${prefix}unknown` }), 0)
  },

  async 'finds an entry by each of its many tags, and counts a tag given twice once'({ store, prefix }) {
    const tags = Array.from({ length: 200 }, (_, index) => `${prefix}tag:${index}`)
    for (const tag of [tags[0], tags[99], tags[199]]) {
      await store.set(`${prefix}tagged`, bytes('x'), lasting([...tags, ...tags]))
      assert.equal(await store.delete({ tag: tag ?? '' }), 1)
      assert.equal(await store.get(`${prefix}tagged`), undefined)
    }
    for (const tag of tags) assert.equal(await store.delete({ tag }), 0)
  },

  async 'deletes a tag that many entries share'({ store, prefix }) {
    const keys = Array.from({ length: 1200 }, (_, index) => `${prefix}shared:${index}`)
    await setAll(store, keys, [`${prefix}shared`])
    assert.equal(await store.delete({ tag: `${prefix}shared` }), 1200)
    assert.deepEqual(await present(store, '', keys), [])
  },

  async 'forgets the tags of an entry that was replaced or deleted'({ store, prefix }) {
    await store.set(`${prefix}a`, bytes('old'), lasting([`${prefix}old`, `${prefix}both`]))
    await store.set(`${prefix}a`, bytes('new'), lasting([`${prefix}both`, `${prefix}new`]))
    assert.equal(await store.delete({ tag: `${prefix}old` }), 0)
    assert.equal(text(await store.get(`${prefix}a`)), 'new')
    await store.set(`${prefix}a`, bytes('bare'), lasting())
    assert.equal(await store.delete({ tag: `${prefix}both` }), 0)
    assert.equal(text(await store.get(`${prefix}a`)), 'bare')
    await store.set(`${prefix}a`, bytes('tagged'), lasting([`${prefix}new`]))
    await store.delete({ key: `${prefix}a` })
    await store.set(`${prefix}a`, bytes('bare'), lasting())
    assert.equal(await store.delete({ tag: `${prefix}new` }), 0)
    assert.equal(text(await store.get(`${prefix}a`)), 'bare')
  },

  async 'finds an entry by a tag that it lost and has again'({ store, prefix }) {
    await store.set(`${prefix}a`, bytes('1'), lasting([`${prefix}tag`]))
    await store.set(`${prefix}a`, bytes('2'), lasting())
    assert.equal(await store.delete({ tag: `${prefix}tag` }), 0)
    await store.set(`${prefix}a`, bytes('3'), lasting([`${prefix}tag`]))
    assert.equal(await store.delete({ tag: `${prefix}tag` }), 1)
    assert.equal(await store.get(`${prefix}a`), undefined)
  },

  async 'keeps a tag for as long as its longest-lived entry'({ store, prefix }) {
    await store.set(`${prefix}long`, bytes('x'), lasting([`${prefix}tag`]))
    await store.set(`${prefix}short`, bytes('x'), { ttlMs: shortMs, tags: [`${prefix}tag`] })
    await eventually(async () => (await store.get(`${prefix}short`)) === undefined, 'the short one has expired')
    await delay(shortMs)
    assert.equal(await store.delete({ tag: `${prefix}tag` }), 1)
  },

  async 'counts live entries only'({ store, prefix }) {
    const selectors: readonly Selector[] = [
      { key: `${prefix}brief` },
      { tag: `${prefix}tag` },
      { prefix },
      { pattern: `${prefix}*` }
    ]
    for (const selector of selectors) {
      await store.set(`${prefix}brief`, bytes('x'), { ttlMs: shortMs, tags: [`${prefix}tag`] })
      await eventually(async () => (await store.get(`${prefix}brief`)) === undefined, 'the entry has expired')
      assert.equal(await store.delete(selector), 0, JSON.stringify(selector))
    }
  },

  async 'deletes everything, and leaves counters and leases alone'({ store, prefix }) {
    await setAll(store, [`${prefix}1`, `${prefix}2`])
    assert.equal(await store.increment(`${prefix}count`, 5, longMs), 5)
    const lease = await store.lease(`${prefix}lease`, longMs)
    // Others may be at work in the same store.
    assert.ok((await store.delete({ all: true })) >= 2)
    assert.deepEqual(await present(store, prefix, ['1', '2']), [])
    assert.equal(await store.increment(`${prefix}count`, 1, longMs), 6)
    assert.equal(await store.lease(`${prefix}lease`, longMs), undefined)
    await lease?.release()
  }
}
