import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import {
  assertBytes,
  bytes,
  type Cases,
  eventually,
  lasting,
  readAll,
  replaceNow,
  shortMs,
  text,
  within,
  withVectors
} from './contract-tools.ts'

const replacing: Cases = {
  async 'replaces the value and the tags of an entry that begins as expected'({ store, prefix }) {
    const key = `${prefix}a`
    await store.set(key, bytes('head:old'), lasting([`${prefix}gone`, `${prefix}both`]))
    const given = bytes('head:new, and longer')
    const since = await store.mark()
    const replacing = store.replace(
      key,
      given,
      [`${prefix}both`, `${prefix}new`, `${prefix}new`],
      bytes('head:'),
      since
    )
    given.fill(0)
    assert.equal(await replacing, true)
    assert.equal(text(await store.get(key)), 'head:new, and longer')
    assert.equal(await store.delete({ tag: `${prefix}gone` }), 0)
    for (const tag of [`${prefix}new`, `${prefix}both`]) {
      await store.set(key, bytes('head:old'), lasting([`${prefix}gone`, `${prefix}both`]))
      assert.equal(await replaceNow(store, key, bytes('2'), [`${prefix}both`, `${prefix}new`], bytes('head:old')), true)
      assert.equal(await store.delete({ tag }), 1)
      assert.equal(await store.get(key), undefined)
    }
    await store.set(key, bytes('head:old'), lasting([`${prefix}gone`]))
    assert.equal(await replaceNow(store, key, bytes(''), [], bytes('')), true)
    assert.equal(await store.delete({ tag: `${prefix}gone` }), 0)
    assert.equal(text(await store.get(key)), '')
  },

  async 'replaces large values by small ones, and the other way round'({ store, prefix }) {
    const megabyte = Uint8Array.from({ length: 1024 ** 2 }, (_, index) => (index * 31 + (index >> 8)) & 255)
    const tags = Array.from({ length: 100 }, (_, index) => `${prefix}${index}`)
    await store.set(`${prefix}a`, bytes('small'), lasting())
    assert.equal(await replaceNow(store, `${prefix}a`, megabyte, tags, bytes('small')), true)
    assertBytes(await store.get(`${prefix}a`), megabyte)
    assert.equal(await replaceNow(store, `${prefix}a`, bytes('small'), tags.slice(50), megabyte), true)
    assert.equal(text(await store.get(`${prefix}a`)), 'small')
    assert.equal(await store.delete({ tag: tags[49] ?? '' }), 0)
    assert.equal(await store.delete({ tag: tags[50] ?? '' }), 1)
  },

  async 'leaves an entry as it is that begins otherwise'({ store, prefix }) {
    await store.set(`${prefix}a`, bytes('other'), lasting([`${prefix}tag`]))
    for (const beginning of ['head:', 'Other', 'others', 'other ', '\0'])
      assert.equal(await replaceNow(store, `${prefix}a`, bytes('new'), [`${prefix}new`], bytes(beginning)), false)
    assert.equal(text(await store.get(`${prefix}a`)), 'other')
    assert.equal(await store.delete({ tag: `${prefix}new` }), 0)
    assert.equal(await store.delete({ tag: `${prefix}tag` }), 1)
  },

  async 'replaces nothing that is not there: never set, deleted, expired'({ store, prefix }) {
    await store.set(`${prefix}deleted`, bytes('x'), lasting())
    await store.delete({ key: `${prefix}deleted` })
    await store.set(`${prefix}brief`, bytes('x'), { ttlMs: shortMs, tags: [] })
    await eventually(async () => (await store.get(`${prefix}brief`)) === undefined, 'the entry has expired')
    for (const name of ['never', 'deleted', 'brief']) {
      assert.equal(await replaceNow(store, prefix + name, bytes('new'), [`${prefix}tag`], bytes('')), false, name)
      assert.equal(await store.get(prefix + name), undefined, name)
    }
    assert.equal(await store.delete({ tag: `${prefix}tag` }), 0)
  },

  async 'leaves an entry that is replaced the time that it had'({ store, prefix }) {
    await store.set(`${prefix}brief`, bytes('old'), { ttlMs: 5 * shortMs, tags: [] })
    await store.set(`${prefix}long`, bytes('old'), lasting())
    // Where the machine is busy it may have gone already.
    const isReplaced = await replaceNow(store, `${prefix}brief`, bytes('new'), [`${prefix}tag`], bytes('old'))
    assert.ok(isReplaced || (await store.get(`${prefix}brief`)) === undefined)
    assert.equal(await replaceNow(store, `${prefix}long`, bytes('new'), [`${prefix}tag`], bytes('old')), true)
    await eventually(async () => (await store.get(`${prefix}brief`)) === undefined, 'the entry has expired')
    await delay(shortMs)
    assert.equal(text(await store.get(`${prefix}long`)), 'new')
    assert.equal(await store.delete({ tag: `${prefix}tag` }), 1)
  },

  async 'lets one of those replace an entry who come at once with the same expectation'({ store, prefix }) {
    await store.set(`${prefix}a`, bytes('0: none'), lasting())
    const since = await store.mark()
    const replaced = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        store.replace(`${prefix}a`, bytes(`1: ${index}`), [`${prefix}${index}`], bytes('0:'), since)
      )
    )
    assert.equal(replaced.filter(Boolean).length, 1)
    const winner = replaced.indexOf(true)
    assert.equal(text(await store.get(`${prefix}a`)), `1: ${winner}`)
    for (const index of replaced.keys())
      assert.equal(await store.delete({ tag: `${prefix}${index}` }), index === winner ? 1 : 0)
  },

  async 'never brings back by replacing what is deleted meanwhile'({ store, prefix }) {
    for (const selector of [{ key: `${prefix}a` }, { tag: `${prefix}tag` }, { prefix }]) {
      for (let round = 0; round < 5; round++) {
        await store.set(`${prefix}a`, bytes('x'), lasting([`${prefix}tag`]))
        const since = await store.mark()
        const replace = () => store.replace(`${prefix}a`, bytes('xx'), [`${prefix}tag`], bytes('x'), since)
        const early = [replace(), replace()]
        const deleting = store.delete(selector)
        await Promise.all([...early, deleting, replace(), replace()])
        assert.equal(await deleting, 1)
        assert.equal(await store.get(`${prefix}a`), undefined)
      }
    }
  },

  async 'replaces nothing once anything has been deleted after the mark, nor with a mark that it never gave'({
    store,
    prefix
  }) {
    const key = `${prefix}a`
    await store.set(key, bytes('old'), lasting([`${prefix}old`]))
    const since = await store.mark()
    await store.delete({ tag: `${prefix}new` })
    for (const mark of [since, 0, (await store.mark()) + 60_000_000])
      assert.equal(await store.replace(key, bytes('new'), [`${prefix}new`], bytes('old'), mark), false)
    assert.equal(text(await store.get(key)), 'old')
    assert.equal(await store.delete({ tag: `${prefix}new` }), 0)
    assert.equal(await replaceNow(store, key, bytes('new'), [`${prefix}new`], bytes('old')), true)
    assert.equal(await store.delete({ tag: `${prefix}old` }), 0)
    assert.equal(await store.delete({ tag: `${prefix}new` }), 1)
  },

  async 'refuses to replace what not every store could keep'({ store, prefix }) {
    const value = bytes('x')
    const since = await store.mark()
    await store.set(`${prefix}a`, bytes('old'), lasting())
    const refused: Readonly<Record<string, () => Promise<unknown>>> = {
      'an empty key': () => store.replace('', value, [], value, since),
      'a key of 1,025 bytes': () => store.replace('k'.repeat(1025), value, [], value, since),
      'an empty tag': () => store.replace(`${prefix}a`, value, [''], bytes('old'), since),
      'half a mark': () => store.replace(`${prefix}a`, value, [], bytes('old'), 0.5),
      'a tag of 1,025 bytes': () => store.replace(`${prefix}a`, value, ['t'.repeat(1025)], bytes('old'), since)
    }
    for (const [what, call] of Object.entries(refused)) {
      await assert.rejects(call, { code: 'invalid-option' }, what)
    }
    assert.equal(text(await store.get(`${prefix}a`)), 'old')
    await store.close()
    await assert.rejects(() => store.replace(`${prefix}a`, value, [], value, since), { code: 'store-closed' })
  }
}

/** How a store must give an entry another value and other tags, and leave the rest of it alone. */
export const replacingCases: Cases = {
  ...replacing,
  ...withVectors({
    async 'leaves an entry that is replaced its vector'({ store, vectors, prefix }) {
      const key = `${prefix}a`
      await store.set(key, bytes('old'), within(`${prefix}p`, bytes('vector'), [`${prefix}old`]))
      const before = await readAll(vectors, `${prefix}p`)
      assert.equal(await replaceNow(store, key, bytes('new'), [`${prefix}new`], bytes('old')), true)
      assert.equal(text(await vectors.get(`${prefix}p`, key)), 'vector')
      const after = await readAll(vectors, `${prefix}p`)
      assert.deepEqual(
        after.map(({ key, bytes }) => [key, text(bytes)]),
        [[key, 'vector']]
      )
      assert.ok(Math.abs((after[0]?.expiresAtMs ?? 0) - (before[0]?.expiresAtMs ?? 0)) < 1000, 'expiry')
      assert.equal(await store.delete({ tag: `${prefix}old` }), 0)
      assert.equal(await store.delete({ tag: `${prefix}new` }), 1)
      assert.equal(await vectors.get(`${prefix}p`, key), undefined)
      assert.deepEqual(await readAll(vectors, `${prefix}p`), [])
    }
  })
}
