import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Store } from '../stores/store.ts'
import { bytes, type Cases, eventually, lasting, longMs, shortMs, text } from './contract-tools.ts'

/** What a store must do for those who use it at the same time: counters and leases among them. */
export const sharingCases: Cases = {
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
    assert.equal(Math.max(...counts.map(Number)), 4950)
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
      const count = Number(await store.increment(`${prefix}brief`, 1, longMs))
      const hasBegunAnew = count < last
      last = count
      return hasBegunAnew
    }, 'the counter has expired')
    assert.equal(last, 1)
  },

  async 'adds nothing that would take a counter beyond its bound'({ store, prefix }) {
    const add = (by: number, atMost?: number) => store.increment(`${prefix}bound`, by, longMs, atMost)
    assert.equal(await add(1, 0), undefined)
    assert.equal(await add(0), 0)
    assert.equal(await add(10, 10), 10)
    assert.equal(await add(1, 10), undefined)
    assert.equal(await add(-4, 10), 6)
    assert.equal(await add(5, 10), undefined)
    assert.equal(await add(4, 10), 10)
    // Beyond its bound already: it may go down, not up.
    assert.equal(await add(90), 100)
    assert.equal(await add(0, 10), 100)
    assert.equal(await add(-1, 10), 99)
    assert.equal(await add(1, 10), undefined)
    assert.equal(await add(-200, 10), -101)
    assert.equal(await add(1, -101), undefined)
    assert.equal(await add(1, -100), -100)
    for (const atMost of [0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(add(1, atMost), { code: 'invalid-option' }, String(atMost))
    }
    assert.equal(await add(0), -100)
  },

  async 'lets exactly as many of those who add at once as fit'({ store, prefix }) {
    // What comes and goes besides never makes room for more than there is.
    const key = `${prefix}crowd`
    assert.equal(await store.increment(key, 3, longMs), 3)
    const counts = await Promise.all(Array.from({ length: 300 }, () => store.increment(key, 7, longMs, 1000)))
    const added = counts.filter((count) => count !== undefined)
    assert.equal(added.length, 142)
    assert.equal(Math.max(...added), 997)
    const others = await Promise.all(
      Array.from({ length: 300 }, (_, index) => store.increment(key, index % 3 === 0 ? -7 : 7, longMs, 1000))
    )
    for (const count of others) assert.ok(count === undefined || count <= 997, `${count} is more than fits`)
    const net = others.reduce<number>(
      (sum, count, index) => sum + (index % 3 === 0 ? -7 : count === undefined ? 0 : 7),
      997
    )
    assert.equal(await store.increment(key, 0, longMs), net)
  },

  async 'holds a counter to its bound up to the largest numbers that are whole'({ store, prefix }) {
    const most = Number.MAX_SAFE_INTEGER
    const add = (by: number, atMost?: number) => store.increment(`${prefix}huge`, by, longMs, atMost)
    assert.equal(await add(most - 1, most), most - 1)
    assert.equal(await add(2, most), undefined)
    assert.equal(await add(most, most), undefined)
    assert.equal(await add(1, most), most)
    assert.equal(await add(1, most), undefined)
    assert.equal(await add(1 - most, most), 1)
    assert.equal(await add(4_503_599_627_370_497, 4_503_599_627_370_498), 4_503_599_627_370_498)
    assert.equal(await add(1, 4_503_599_627_370_498), undefined)
  },

  async 'has room again when a counter with a bound has expired, and begins no life for what it refuses'({
    store,
    prefix
  }) {
    assert.equal(await store.increment(`${prefix}brief`, 5, 4 * shortMs, 5), 5)
    let count: number | undefined
    await eventually(async () => {
      count = await store.increment(`${prefix}brief`, 2, longMs, 5)
      return count !== undefined
    }, 'the counter has expired')
    assert.equal(count, 2)
    // Had a refusal made the counter, it would live as briefly as that asked for.
    assert.equal(await store.increment(`${prefix}refused`, 2, 1, 1), undefined)
    assert.equal(await store.increment(`${prefix}refused`, 1, longMs, 1), 1)
    await delay(shortMs)
    assert.equal(await store.increment(`${prefix}refused`, 0, longMs), 1)
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
  }
}
