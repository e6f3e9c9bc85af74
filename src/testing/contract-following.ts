import assert from 'node:assert/strict'
import { bytes, type Cases, eventually, heard, lasting, longMs, within, withVectors } from './contract-tools.ts'

/** How a store must tell of vectors to those who follow it. */
export const followingCases: Cases = withVectors({
  async 'tells those who follow what is stored from now on, and not what was before'({ store, vectors, prefix }) {
    await store.set(`${prefix}before`, bytes('x'), within(`${prefix}p`, bytes('0')))
    const [one, other] = [heard(prefix), heard(prefix)]
    const [stopOne, stopOther] = [vectors.follow(one), vectors.follow(other)]
    const fromMs = Date.now()
    await store.set(`${prefix}bare`, bytes('x'), lasting())
    await store.set(`${prefix}a`, bytes('x'), within(`${prefix}p`, bytes('1')))
    await Promise.all([
      store.set(`${prefix}b`, bytes('x'), within(`${prefix}q:é`, bytes('2'), [`${prefix}tag`])),
      store.set(`${prefix}c`, bytes('x'), within(`${prefix}p`, bytes('3')))
    ])
    const expected = [`p a`, `p c`, `q:é b`]
    for (const { names, expiries } of [one, other]) {
      await eventually(async () => names().length >= 3, 'all have been told')
      assert.deepEqual(names(), expected)
      for (const expiresAtMs of expiries()) assert.ok(Math.abs(expiresAtMs - fromMs - longMs) < 8000, 'expiry')
    }
    stopOne()
    stopOne()
    await store.set(`${prefix}d`, bytes('x'), within(`${prefix}p`, bytes('4')))
    await eventually(async () => other.names().length >= 4, 'the other one has been told')
    assert.deepEqual(one.names(), expected)
    stopOther()
    // Whoever begins anew hears on.
    const stopThird = vectors.follow(one)
    await store.set(`${prefix}e`, bytes('x'), within(`${prefix}p`, bytes('5')))
    await eventually(async () => one.names().length >= 4, 'the third one has been told')
    assert.deepEqual(one.names(), [...expected.slice(0, 2), 'p e', expected[2]])
    assert.deepEqual(other.names(), [`p a`, `p c`, `p d`, `q:é b`])
    stopThird()
  },

  async 'tells of a thousand at once'({ store, vectors, prefix }) {
    const listener = heard(prefix)
    const stop = vectors.follow(listener)
    const names = Array.from({ length: 1000 }, (_, index) => `${index}`)
    await Promise.all(names.map((name) => store.set(prefix + name, bytes('x'), within(`${prefix}p`, bytes('1')))))
    await eventually(async () => listener.names().length >= 1000, 'all have been told')
    assert.deepEqual(listener.names(), names.map((name) => `p ${name}`).sort())
    stop()
  },

  async 'loses nothing to one who follows first and reads then, while others store'({ store, vectors, prefix }) {
    const known = new Set<string>()
    const setAt = (index: number) => store.set(`${prefix}${index}`, bytes('x'), within(`${prefix}p`, bytes('1')))
    let stored = 0
    const storing = (async () => {
      for (; stored < 400; stored += 4) await Promise.all([0, 1, 2, 3].map((next) => setAt(stored + next)))
    })()
    await eventually(async () => stored > 100, 'some are there')
    const stop = vectors.follow({ stored: (_, key) => void known.add(key), lost: () => {} })
    for await (const batch of vectors.read(`${prefix}p`)) for (const { key } of batch) known.add(key)
    await storing
    const all = Array.from({ length: stored }, (_, index) => `${prefix}${index}`)
    await eventually(async () => all.every((key) => known.has(key)), 'all are known')
    stop()
  }
})
