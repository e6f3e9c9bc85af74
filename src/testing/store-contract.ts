import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Selector, SetOptions, Store } from '../stores/store.ts'

export interface ContractCase {
  /** What a store must do, in a sentence. */
  readonly name: string
  /** Rejects when the store does not. */
  run(): Promise<void>
}

/** Long enough to be there when it is looked for, on a machine that is busy. */
const longMs = 60_000
const shortMs = 60

/** What a case has at hand: a store, and a prefix that no other case has. */
interface Stage {
  readonly store: Store
  readonly prefix: string
}

/**
 * What every {@link Store} must do, as cases for any test runner: `for (const { name, run } of storeContract(open))
 * it(name, run)`. Each case opens a store, uses keys of its own, and closes it. `open` must give back a store that is
 * ready; it may be empty or full of others' entries, shared or not. All cases together take some ten seconds at most.
 */
export function storeContract(open: () => Promise<Store> | Store): readonly ContractCase[] {
  return Object.entries(cases).map(([name, check]) => ({
    name,
    async run() {
      const store = await open()
      try {
        await check({ store, prefix: `contract:${randomUUID()}:` })
      } finally {
        await store.close()
      }
    }
  }))
}

const cases: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
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
    await setAll(store, Array.from({ length: 1200 }, (_, index) => `${prefix}many:${index}`))
    assert.equal(await store.delete({ prefix: `${prefix}many:` }), 1200)
    assert.equal(await store.delete({ prefix: `${prefix}many:` }), 0)
  },

  async 'deletes what a pattern matches: * any run, ? one character'({ store, prefix }) {
    const names = ['cat', 'cart', 'ct', 'dog', 'cät', 'c😀t']
    const sets = (): Promise<void> => setAll(store, names.map((name) => prefix + name))
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
    await setAll(store, names.map((name) => `${prefix}${name}!`))
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
  },

  async 'keeps entries, counters and leases of one name apart'({ store, prefix }) {
    const name = `${prefix}name`
    await store.set(name, bytes('entry'), lasting())
    assert.equal(await store.increment(name, 1, longMs), 1)
    const lease = await store.lease(name, longMs)
    assert.notEqual(lease, undefined)
    assert.equal(text(await store.get(name)), 'entry')
    assert.equal(await store.delete({ key: name }), 1)
    assert.equal(await store.increment(name, 1, longMs), 2)
    await lease?.release()
  },

  async 'never tears a value that several set at once, and ends with the last'({ store, prefix }) {
    const writers = Array.from({ length: 20 }, (_, writer) => {
      const value = new Uint8Array(20_000).fill(writer)
      return store.set(`${prefix}fought`, value, lasting([`${prefix}by:${writer % 3}`]))
    })
    const reads = Array.from({ length: 20 }, () => store.get(`${prefix}fought`))
    await Promise.all(writers)
    const values = [...(await Promise.all(reads)), await store.get(`${prefix}fought`)]
    for (const value of values) assert.ok(value === undefined || value.every((byte) => byte === value[0]), 'torn')
    await store.set(`${prefix}fought`, bytes('last'), lasting())
    assert.equal(text(await store.get(`${prefix}fought`)), 'last')
  },

  async 'sees what it has acknowledged, among many that write and read at once'({ store, prefix }) {
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        await store.set(`${prefix}${index}`, bytes(`value ${index}`), lasting(index % 2 === 0 ? [] : [`${prefix}odd`]))
        assert.equal(text(await store.get(`${prefix}${index}`)), `value ${index}`)
      })
    )
    assert.equal(await store.delete({ tag: `${prefix}odd` }), 100)
  },

  async 'adds up increments that come at once, and goes down too'({ store, prefix }) {
    const counts = await Promise.all(
      Array.from({ length: 100 }, (_, index) => store.increment(`${prefix}sum`, index, longMs))
    )
    assert.equal(Math.max(...counts), 4950)
    assert.equal(await store.increment(`${prefix}sum`, 0, longMs), 4950)
    assert.equal(await store.increment(`${prefix}sum`, -5000, longMs), -50)
    const large = 2 ** 52
    assert.equal(await store.increment(`${prefix}large`, large, longMs), large)
    assert.equal(await store.increment(`${prefix}large`, 1, longMs), large + 1)
  },

  async 'counts from the beginning when a counter has expired, however often it was increased'({ store, prefix }) {
    assert.equal(await store.increment(`${prefix}brief`, 7, 4 * shortMs), 7)
    // Each of these asks for a longer life, and must not have it.
    let last = 7
    await eventually(async () => {
      const count = await store.increment(`${prefix}brief`, 1, longMs)
      const hasBegunAnew = count < last
      last = count
      return hasBegunAnew
    }, 'the counter has expired')
    assert.equal(last, 1)
  },

  async 'gives a lease to one holder'({ store, prefix }) {
    const leases = await Promise.all(Array.from({ length: 10 }, () => store.lease(`${prefix}one`, longMs)))
    const held = leases.filter((lease) => lease !== undefined)
    assert.equal(held.length, 1)
    assert.notEqual(await store.lease(`${prefix}another`, longMs), undefined)
    await held[0]?.release()
    assert.notEqual(await store.lease(`${prefix}one`, longMs), undefined)
  },

  async 'takes a lease back that has run out, and lets its holder know'({ store, prefix }) {
    const first = await store.lease(`${prefix}brief`, shortMs)
    assert.notEqual(first, undefined)
    let second: Awaited<ReturnType<Store['lease']>>
    await eventually(async () => {
      second = await store.lease(`${prefix}brief`, longMs)
      return second !== undefined
    }, 'the lease has run out')
    assert.equal(await first?.renew(longMs), false)
    // Not the first one's to give up any more.
    await first?.release()
    assert.equal(await store.lease(`${prefix}brief`, longMs), undefined)
    assert.equal(await second?.renew(longMs), true)
    await second?.release()
    assert.equal(await second?.renew(longMs), false)
  },

  async 'holds on to a lease that is renewed'({ store, prefix }) {
    const lease = await store.lease(`${prefix}renewed`, 10 * shortMs)
    assert.equal(await lease?.renew(longMs), true)
    await delay(12 * shortMs)
    assert.equal(await store.lease(`${prefix}renewed`, longMs), undefined)
    assert.equal(await lease?.renew(longMs), true)
    await lease?.release()
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
    assert.deepEqual(outcomes.filter(({ status }) => status === 'rejected'), [])
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

function lasting(tags: readonly string[] = []): SetOptions {
  return { ttlMs: longMs, tags }
}

function bytes(value: string): Uint8Array {
  return Uint8Array.from(Buffer.from(value))
}

function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString()
}

/** A comparison that does not print a megabyte when it fails. */
function assertBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  assert.equal(actual?.length, expected.length)
  assert.ok(Buffer.from(expected).equals(actual ?? new Uint8Array()), 'the bytes differ')
}

/** Sets each key to itself. */
async function setAll(store: Store, keys: readonly string[], tags: readonly string[] = []): Promise<void> {
  await Promise.all(keys.map((key) => store.set(key, bytes(key), lasting(tags))))
}

/** The names that are there. */
async function present(store: Store, prefix: string, names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map((name) => store.get(prefix + name)))
  return names.filter((_, index) => found[index] !== undefined)
}

async function eventually(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (const untilMs = Date.now() + 10_000; Date.now() < untilMs; await delay(5)) {
    if (await isSo()) return
  }
  assert.fail(`within ten seconds, not so: ${what}`)
}
