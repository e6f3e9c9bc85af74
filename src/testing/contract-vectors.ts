import assert from 'node:assert/strict'
import type { StoredVector } from '../core/stored-vectors.ts'
import type { Selector } from '../stores/store.ts'
import {
  assertBytes,
  bytes,
  type Cases,
  eventually,
  heard,
  lasting,
  longMs,
  readAll,
  shortMs,
  text,
  within,
  withVectors
} from './contract-tools.ts'

/** What a store must do that keeps vectors with its entries. */
export const vectorCases: Cases = withVectors({
  async 'keeps a vector with its entry, byte for byte, and none where none was given'({ store, vectors, prefix }) {
    const all = Uint8Array.from({ length: 65_536 }, (_, index) => index & 255)
    for (const [name, value] of Object.entries({ empty: new Uint8Array(0), short: all.subarray(3, 9), all })) {
      await store.set(prefix + name, bytes('entry'), within(`${prefix}p`, value))
      assertBytes(await vectors.get(`${prefix}p`, prefix + name), value)
      if (vectors.peek !== undefined) assertBytes(vectors.peek(`${prefix}p`, prefix + name), value)
      assert.equal(text(await store.get(prefix + name)), 'entry')
      assert.equal(await vectors.get(`${prefix}other`, prefix + name), undefined)
    }
    await store.set(`${prefix}bare`, bytes('entry'), lasting())
    assert.equal(await vectors.get(`${prefix}p`, `${prefix}bare`), undefined)
    assert.equal(vectors.peek?.(`${prefix}p`, `${prefix}bare`), undefined)
    assert.equal(await vectors.get(`${prefix}p`, `${prefix}never`), undefined)
  },

  async 'does not mind what a caller does to the bytes of a vector later'({ store, vectors, prefix }) {
    const given = bytes('as it was')
    const setting = store.set(`${prefix}a`, bytes('x'), within(`${prefix}p`, given))
    given.fill(0)
    await setting
    const got = await vectors.get(`${prefix}p`, `${prefix}a`)
    const [read] = await readAll(vectors, `${prefix}p`)
    await store.set(`${prefix}a`, bytes('x'), within(`${prefix}p`, bytes('as it is!')))
    assert.deepEqual([text(got), text(read?.bytes)], ['as it was', 'as it was'])
    got?.fill(0)
    assert.equal(text(await vectors.get(`${prefix}p`, `${prefix}a`)), 'as it is!')
  },

  async 'replaces a vector with its entry: by another, in another partition, by none'({ store, vectors, prefix }) {
    const key = `${prefix}a`
    const seen = async (): Promise<unknown> =>
      Promise.all(
        ['one', 'two'].map(async (name) => [
          text(await vectors.get(prefix + name, key)),
          (await readAll(vectors, prefix + name)).map((vector) => text(vector.bytes)).join()
        ])
      )
    for (const tags of [[], [`${prefix}tag`]]) {
      await store.set(key, bytes('x'), within(`${prefix}one`, bytes('1'), tags))
      assert.deepEqual(await seen(), [
        ['1', '1'],
        [undefined, '']
      ])
      await store.set(key, bytes('x'), within(`${prefix}one`, bytes('1, and longer')))
      assert.deepEqual(await seen(), [
        ['1, and longer', '1, and longer'],
        [undefined, '']
      ])
      await store.set(key, bytes('x'), within(`${prefix}two`, bytes('2'), tags))
      assert.deepEqual(await seen(), [
        [undefined, ''],
        ['2', '2']
      ])
      await store.set(key, bytes('x'), lasting(tags))
      assert.deepEqual(await seen(), [
        [undefined, ''],
        [undefined, '']
      ])
      assert.equal(text(await store.get(key)), 'x')
    }
  },

  async 'deletes a vector with its entry, however that is selected, and counts entries only'({
    store,
    vectors,
    prefix
  }) {
    const selectors: readonly Selector[] = [
      { key: `${prefix}a` },
      { tag: `${prefix}tag` },
      { prefix },
      { pattern: `${prefix}?` },
      { all: true }
    ]
    for (const selector of selectors) {
      const what = JSON.stringify(selector)
      await store.set(`${prefix}a`, bytes('x'), within(`${prefix}p`, bytes('1'), [`${prefix}tag`]))
      const count = await store.delete(selector)
      // Others may be at work in the same store.
      if ('all' in selector) assert.ok(count >= 1, what)
      else assert.equal(count, 1, what)
      assert.equal(await vectors.get(`${prefix}p`, `${prefix}a`), undefined, what)
      assert.deepEqual(await readAll(vectors, `${prefix}p`), [], what)
      assert.equal(await store.delete(selector), 0, what)
      // Nor does it come back with an entry of the same key.
      await store.set(`${prefix}a`, bytes('x'), lasting([`${prefix}tag`]))
      assert.equal(await vectors.get(`${prefix}p`, `${prefix}a`), undefined, what)
    }
  },

  async 'lets a vector expire with its entry, and live on with one that is renewed'({ store, vectors, prefix }) {
    await store.set(`${prefix}brief`, bytes('x'), { ...within(`${prefix}p`, bytes('1')), ttlMs: shortMs })
    await store.set(`${prefix}renewed`, bytes('x'), { ...within(`${prefix}p`, bytes('2')), ttlMs: shortMs })
    await store.set(`${prefix}renewed`, bytes('x'), within(`${prefix}p`, bytes('2')))
    await eventually(async () => (await store.get(`${prefix}brief`)) === undefined, 'the entry has expired')
    assert.equal(await vectors.get(`${prefix}p`, `${prefix}brief`), undefined)
    assert.equal(vectors.peek?.(`${prefix}p`, `${prefix}brief`), undefined)
    const left = await readAll(vectors, `${prefix}p`)
    assert.deepEqual(
      left.map(({ key, bytes }) => [key, text(bytes)]),
      [[`${prefix}renewed`, '2']]
    )
  },

  async 'reads all vectors of a partition, in batches, with their expiry, and no others'({ store, vectors, prefix }) {
    const count = 1300
    const names = Array.from({ length: count }, (_, index) => `${prefix}${index}`)
    const fromMs = Date.now()
    await Promise.all(
      names.map((name, index) =>
        store.set(name, bytes('x'), within(`${prefix}p${index % 13 === 0 ? 1 : 2}`, bytes(name)))
      )
    )
    const untilMs = Date.now()
    await store.delete({ key: `${prefix}7` })
    for (const [partition, wanted] of [
      [`${prefix}p1`, names.filter((_, index) => index % 13 === 0)],
      [`${prefix}p2`, names.filter((_, index) => index % 13 !== 0 && index !== 7)],
      [`${prefix}p3`, []]
    ] as const) {
      const found = await readAll(vectors, partition)
      assert.deepEqual(found.map(({ key }) => key).sort(), [...wanted].sort())
      for (const vector of found) assert.equal(text(vector.bytes), vector.key)
      // Clocks of other machines may differ a little.
      const isInTime = ({ expiresAtMs }: StoredVector): boolean =>
        expiresAtMs > fromMs + longMs - 5000 && expiresAtMs < untilMs + longMs + 5000
      assert.ok(found.every(isInTime), 'expiries')
    }
    let batches = 0
    for await (const batch of vectors.read(`${prefix}p2`)) {
      batches++
      assert.ok(batch.length > 0 && batch.length <= 1000, `a batch of ${batch.length}`)
    }
    assert.ok(batches > 1, 'all in one batch')
  },

  async 'keeps partitions of any script, and of up to 512 bytes, with keys of up to 1,024'({ store, vectors, prefix }) {
    const long = (letter: string, most: number): string =>
      prefix + letter.repeat(Math.floor((most - prefix.length) / Buffer.byteLength(letter)))
    const partitions = [
      `${prefix}日本語:🧠 *?[]`,
      `${prefix}a`,
      `${prefix}aa`,
      long('p', 512),
      long('é', 512),
      long('😀', 512)
    ]
    const key = long('k', 1024)
    for (const partition of partitions) {
      await store.set(key, bytes('x'), within(partition, bytes(partition)))
      for (const other of partitions) {
        const expected = other === partition ? partition : undefined
        assert.equal(text(await vectors.get(other, key)), expected)
        assert.equal((await readAll(vectors, other)).length, expected === undefined ? 0 : 1)
      }
    }
  },

  async 'ends with the vector of the entry that was set last, among many at once'({ store, vectors, prefix }) {
    const key = `${prefix}fought`
    await Promise.all(
      Array.from({ length: 30 }, (_, writer) =>
        store.set(
          key,
          bytes(`${writer}`),
          writer % 5 === 4 ? lasting() : within(`${prefix}${writer}`, bytes(`${writer}`))
        )
      )
    )
    const last = text(await store.get(key))
    for (let writer = 0; writer < 30; writer++) {
      const expected = String(writer) === last && writer % 5 !== 4 ? last : undefined
      assert.equal(text(await vectors.get(`${prefix}${writer}`, key)), expected)
    }
  },

  async 'refuses vectors and partitions that not every store could keep'({ store, vectors, prefix }) {
    const value = bytes('x')
    const refused: Readonly<Record<string, () => Promise<unknown>>> = {
      'an empty partition': () => store.set(`${prefix}a`, value, within('', value)),
      'a partition of 513 bytes': () => store.set(`${prefix}a`, value, within('p'.repeat(513), value)),
      'a partition of 514 bytes in fewer characters': () =>
        store.set(`${prefix}a`, value, within('é'.repeat(257), value)),
      'a partition with NUL': () => store.set(`${prefix}a`, value, within(`${prefix}\0`, value)),
      'a vector of 65,537 bytes': () => store.set(`${prefix}a`, value, within(`${prefix}p`, new Uint8Array(65_537))),
      'asking for an empty partition': () => vectors.get('', `${prefix}a`),
      'asking for an empty key': () => vectors.get(`${prefix}p`, ''),
      'reading an empty partition': () => readAll(vectors, '')
    }
    for (const [what, call] of Object.entries(refused)) {
      await assert.rejects(call, { code: 'invalid-option' }, what)
    }
    assert.equal(await store.get(`${prefix}a`), undefined)
  },

  async 'gives and tells no more vectors once it is closed'({ store, vectors, prefix }) {
    await store.set(`${prefix}a`, bytes('x'), within(`${prefix}p`, bytes('1')))
    const listener = heard(prefix)
    const stop = vectors.follow(listener)
    await store.close()
    await assert.rejects(() => vectors.get(`${prefix}p`, `${prefix}a`), { code: 'store-closed' })
    await assert.rejects(() => readAll(vectors, `${prefix}p`), { code: 'store-closed' })
    assert.throws(() => vectors.follow(listener), { code: 'store-closed' })
    if (vectors.peek !== undefined) {
      assert.throws(() => vectors.peek?.(`${prefix}p`, `${prefix}a`), { code: 'store-closed' })
    }
    stop()
    assert.deepEqual(listener.names(), [])
  }
})
