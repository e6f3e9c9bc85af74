import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { assertBytes, bytes, type Cases, eventually, lasting, longMs, setAll, shortMs, text } from './contract-tools.ts'

/** What a store must do for single entries: keep them as they are, for as long as it was told. */
export const valueCases: Cases = {
  async 'knows nothing of a key that was never set'({ store, prefix }) {
    assert.equal(await store.get(`${prefix}never`), undefined)
  },

  async 'gives back what was set, and the newer value once it was replaced'({ store, prefix }) {
    await store.set(`${prefix}a`, bytes('first'), lasting())
    assert.equal(text(await store.get(`${prefix}a`)), 'first')
    await store.set(`${prefix}a`, bytes('second, and longer'), lasting())
    assert.equal(text(await store.get(`${prefix}a`)), 'second, and longer')
  },

  async 'keeps bytes exactly: none at all, every value of a byte, a megabyte'({ store, prefix }) {
    const all = Uint8Array.from({ length: 256 }, (_, index) => index)
    const megabyte = Uint8Array.from({ length: 1024 ** 2 }, (_, index) => (index * 31 + (index >> 8)) & 255)
    for (const [name, value] of Object.entries({ empty: new Uint8Array(0), all, megabyte })) {
      await store.set(prefix + name, value, lasting(['exact']))
      assertBytes(await store.get(prefix + name), value)
    }
  },

  async 'takes a part of a larger buffer for no more than it is'({ store, prefix }) {
    const whole = bytes('before-VALUE-after')
    await store.set(`${prefix}part`, whole.subarray(7, 12), lasting())
    assert.equal(text(await store.get(`${prefix}part`)), 'VALUE')
  },

  async 'does not mind what a caller does to its bytes later'({ store, prefix }) {
    const given = bytes('as it was')
    const setting = store.set(`${prefix}mine`, given, lasting())
    given.fill(0)
    await setting
    const got = await store.get(`${prefix}mine`)
    assert.equal(text(got), 'as it was')
    got?.fill(0)
    assert.equal(text(await store.get(`${prefix}mine`)), 'as it was')
  },

  async 'gives away bytes that no later call changes'({ store, prefix }) {
    await store.set(`${prefix}a`, bytes('aaaa'), lasting())
    await store.set(`${prefix}b`, bytes('bbbb'), lasting())
    const first = await store.get(`${prefix}a`)
    await store.get(`${prefix}b`)
    await store.set(`${prefix}a`, bytes('cccc'), lasting())
    assert.equal(text(first), 'aaaa')
  },

  async 'lets an entry expire'({ store, prefix }) {
    await store.set(`${prefix}brief`, bytes('gone soon'), { ttlMs: shortMs, tags: [] })
    await eventually(async () => (await store.get(`${prefix}brief`)) === undefined, 'the entry has expired')
  },

  async 'begins a new time to live when an entry is replaced, longer or shorter'({ store, prefix }) {
    await store.set(`${prefix}longer`, bytes('old'), { ttlMs: shortMs, tags: [] })
    await store.set(`${prefix}longer`, bytes('new'), lasting())
    await store.set(`${prefix}shorter`, bytes('old'), lasting())
    await store.set(`${prefix}shorter`, bytes('new'), { ttlMs: shortMs, tags: [] })
    await eventually(async () => (await store.get(`${prefix}shorter`)) === undefined, 'the shorter one has expired')
    await delay(shortMs)
    assert.equal(text(await store.get(`${prefix}longer`)), 'new')
  },

  async 'does not live longer for being read'({ store, prefix }) {
    await store.set(`${prefix}popular`, bytes('x'), { ttlMs: 3 * shortMs, tags: [] })
    await eventually(async () => (await store.get(`${prefix}popular`)) === undefined, 'the entry has expired')
  },

  async 'keeps keys and tags of any script, and of up to 1,024 bytes'({ store, prefix }) {
    const long = (letter: string): string => {
      const room = 1024 - Buffer.byteLength(prefix)
      return prefix + letter.repeat(Math.floor(room / Buffer.byteLength(letter)))
    }
    const keys = [`${prefix}日本語`, `${prefix}🧠`, `${prefix}ключ`, long('k'), long('é'), long('😀'), long('日')]
    for (const key of keys) await store.set(key, bytes(key), lasting([key]))
    for (const key of keys) assert.equal(text(await store.get(key)), key)
    for (const key of keys) assert.equal(await store.delete({ tag: key }), 1)
    for (const key of keys) assert.equal(await store.get(key), undefined)
  },

  async 'tells keys apart that differ in their last character only'({ store, prefix }) {
    const key = prefix + 'k'.repeat(1023 - prefix.length)
    await setAll(store, [`${key}a`, `${key}b`])
    assert.equal(await store.delete({ key: `${key}a` }), 1)
    assert.equal(text(await store.get(`${key}b`)), `${key}b`)
  },

  async 'refuses keys, tags, times and steps that not every store could keep'({ store, prefix }) {
    const value = bytes('x')
    const refused: Readonly<Record<string, () => Promise<unknown>>> = {
      'an empty key': () => store.set('', value, lasting()),
      'a key of 1,025 bytes': () => store.set('k'.repeat(1025), value, lasting()),
      'a key of 1,026 bytes in fewer characters': () => store.set('é'.repeat(513), value, lasting()),
      'a key with NUL': () => store.set(`${prefix}\0`, value, lasting()),
      'an empty tag': () => store.set(`${prefix}a`, value, lasting([''])),
      'a tag of 1,025 bytes': () => store.set(`${prefix}a`, value, lasting(['t'.repeat(1025)])),
      'no time to live': () => store.set(`${prefix}a`, value, { ttlMs: 0, tags: [] }),
      'a time to live that is past': () => store.set(`${prefix}a`, value, { ttlMs: -1, tags: [] }),
      'a time to live that is no number': () => store.set(`${prefix}a`, value, { ttlMs: Number.NaN, tags: [] }),
      'half a step': () => store.increment(`${prefix}a`, 0.5, longMs),
      'a lease for no time': () => store.lease(`${prefix}a`, 0)
    }
    for (const [what, call] of Object.entries(refused)) {
      await assert.rejects(call, { code: 'invalid-option' }, what)
    }
    assert.equal(await store.get(`${prefix}a`), undefined)
  },

  async 'takes any time to live: a fraction of a millisecond, a thousand years'({ store, prefix }) {
    await store.set(`${prefix}brief`, bytes('x'), { ttlMs: 0.2, tags: [`${prefix}tag`] })
    await eventually(async () => (await store.get(`${prefix}brief`)) === undefined, 'the entry has expired')
    await store.set(`${prefix}long`, bytes('x'), { ttlMs: 31_557_600_000_000, tags: [`${prefix}tag`] })
    assert.equal(text(await store.get(`${prefix}long`)), 'x')
    assert.equal(await store.delete({ tag: `${prefix}tag` }), 1)
  },

  async 'writes what it has taken before it closes, and then refuses every call'({ store, prefix }) {
    const lease = await store.lease(`${prefix}lease`, shortMs)
    const writing = Array.from({ length: 50 }, (_, index) => store.set(`${prefix}${index}`, bytes('x'), lasting()))
    await store.close()
    const outcomes = await Promise.allSettled(writing)
    assert.deepEqual(
      outcomes.filter(({ status }) => status === 'rejected'),
      []
    )
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      get: () => store.get(`${prefix}1`),
      set: () => store.set(`${prefix}1`, bytes('x'), lasting()),
      delete: () => store.delete({ key: `${prefix}1` }),
      'delete by tag': () => store.delete({ tag: `${prefix}1` }),
      increment: () => store.increment(`${prefix}1`, 1, longMs),
      lease: () => store.lease(`${prefix}1`, longMs),
      renew: async () => lease?.renew(longMs)
    }
    for (const [what, call] of Object.entries(calls)) await assert.rejects(call, { code: 'store-closed' }, what)
    // Closing twice is no mistake: whoever cleans up need not know who else did.
    await store.close()
  }
}
