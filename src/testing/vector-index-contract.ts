import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Match, VectorIndex } from '../vectors/vector-index.ts'
import { eventually } from './contract-tools.ts'
import type { ContractCase } from './store-contract.ts'

interface Stage {
  readonly index: VectorIndex
  /** A partition that no other case has. */
  readonly partition: string
}

const hourMs = 3_600_000
/** Not a multiple of anything that an index may like. */
const dimensions = 70

/**
 * What every {@link VectorIndex} must do, as cases for any test runner: `for (const { name, run } of
 * vectorIndexContract(open)) it(name, run)`. Each case opens an index, uses partitions of its own, and closes it.
 * Similarities may be wrong by 0.002. An index that reads a store must be given one that has what is added to it.
 */
export function vectorIndexContract(open: () => Promise<VectorIndex> | VectorIndex): readonly ContractCase[] {
  return Object.entries(cases).map(([name, check]) => ({
    name,
    async run() {
      const index = await open()
      try {
        await check({ index, partition: `contract:${randomUUID()}` })
      } finally {
        await index.close()
      }
    }
  }))
}

const cases: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  async 'finds nothing where nothing was added'({ index, partition }) {
    assert.deepEqual(await index.nearest(partition, toward(0), -1, 10), [])
    await index.remove(partition, ['never'])
  },

  async 'finds the most similar first, and says the cosine'({ index, partition }) {
    const similarities = { far: 0.3, near: 0.9, opposite: -1, same: 1, nearer: 0.95, square: 0 }
    for (const [key, similarity] of Object.entries(similarities))
      await index.add(partition, key, toward(similarity), inAnHour())
    const found = await index.nearest(partition, toward(1), -1, 10)
    assert.deepEqual(keysOf(found), ['same', 'nearer', 'near', 'far', 'square', 'opposite'])
    assertSimilarities(found, [1, 0.95, 0.9, 0.3, 0, -1])
  },

  async 'leaves out what is less similar than was asked for, and no more'({ index, partition }) {
    for (const similarity of [0.7, 0.8, 0.9])
      await index.add(partition, `${similarity}`, toward(similarity), inAnHour())
    assert.deepEqual(keysOf(await index.nearest(partition, toward(1), 0.75, 10)), ['0.9', '0.8'])
    assert.deepEqual(keysOf(await index.nearest(partition, toward(1), 0.95, 10)), [])
    // At least as similar: what an index itself says of a match is enough to find it.
    const [, second] = await index.nearest(partition, toward(1), -1, 10)
    assert.deepEqual(keysOf(await index.nearest(partition, toward(1), second?.similarity ?? 2, 10)), ['0.9', '0.8'])
  },

  async 'gives no more matches than were asked for'({ index, partition }) {
    for (const similarity of [0.5, 0.6, 0.7, 0.8, 0.9])
      await index.add(partition, `${similarity}`, toward(similarity), inAnHour())
    for (const count of [1, 2, 3])
      assert.deepEqual(
        keysOf(await index.nearest(partition, toward(1), -1, count)),
        ['0.9', '0.8', '0.7'].slice(0, count)
      )
  },

  async 'keeps partitions apart'({ index, partition }) {
    await index.add(`${partition}:1`, 'a', toward(1), inAnHour())
    await index.add(`${partition}:2`, 'a', toward(0.5), inAnHour())
    await index.add(`${partition}:3`, 'wide', unit([1, 2, 3]), inAnHour())
    assertSimilarities(await index.nearest(`${partition}:1`, toward(1), -1, 10), [1])
    assertSimilarities(await index.nearest(`${partition}:2`, toward(1), -1, 10), [0.5])
    assertSimilarities(await index.nearest(`${partition}:3`, unit([1, 2, 3]), -1, 10), [1])
    await index.remove(`${partition}:1`, ['a'])
    assert.deepEqual(await index.nearest(`${partition}:1`, toward(1), -1, 10), [])
    assert.deepEqual(keysOf(await index.nearest(`${partition}:2`, toward(1), -1, 10)), ['a'])
  },

  async 'replaces a vector of the same key'({ index, partition }) {
    await index.add(partition, 'a', toward(0.2), inAnHour())
    await index.add(partition, 'b', toward(0.5), inAnHour())
    await index.add(partition, 'a', toward(0.9), inAnHour())
    const found = await index.nearest(partition, toward(1), -1, 10)
    assert.deepEqual(keysOf(found), ['a', 'b'])
    assertSimilarities(found, [0.9, 0.5])
  },

  async 'takes out what is removed, and nothing else'({ index, partition }) {
    const keys = Array.from({ length: 50 }, (_, at) => `key ${at}`)
    for (const [at, key] of keys.entries()) await index.add(partition, key, toward(at / 50), inAnHour())
    await index.remove(partition, [...keys.filter((_, at) => at % 3 === 0), 'never'])
    const left = keys.filter((_, at) => at % 3 !== 0)
    assert.deepEqual(keysOf(await index.nearest(partition, toward(1), -1, 100)).sort(), [...left].sort())
    await index.remove(partition, left)
    assert.deepEqual(await index.nearest(partition, toward(1), -1, 100), [])
    await index.add(partition, 'key 0', toward(0.9), inAnHour())
    assert.deepEqual(keysOf(await index.nearest(partition, toward(1), -1, 100)), ['key 0'])
  },

  async 'never finds what has expired'({ index, partition }) {
    await index.add(partition, 'past', toward(1), Date.now() - 1)
    await index.add(partition, 'brief', toward(0.9), Date.now() + 60)
    await index.add(partition, 'long', toward(0.8), inAnHour())
    assert.ok(!keysOf(await index.nearest(partition, toward(1), -1, 10)).includes('past'))
    await eventually(
      async () => !keysOf(await index.nearest(partition, toward(1), -1, 10)).includes('brief'),
      'the brief one has expired'
    )
    assert.deepEqual(keysOf(await index.nearest(partition, toward(1), -1, 1)), ['long'])
    await index.add(partition, 'brief', toward(0.9), inAnHour())
    assert.deepEqual(keysOf(await index.nearest(partition, toward(1), -1, 10)), ['brief', 'long'])
  },

  async 'lasts as long as the newest one of the same key was to last'({ index, partition }) {
    await index.add(partition, 'longer', toward(0.9), Date.now() + 60)
    await index.add(partition, 'longer', toward(0.9), inAnHour())
    await index.add(partition, 'shorter', toward(0.8), inAnHour())
    await index.add(partition, 'shorter', toward(0.8), Date.now() + 60)
    await eventually(
      async () => !keysOf(await index.nearest(partition, toward(1), -1, 10)).includes('shorter'),
      'the shorter one has expired'
    )
    assert.deepEqual(keysOf(await index.nearest(partition, toward(1), -1, 10)), ['longer'])
  },

  async 'refuses what is no unit vector'({ index, partition }) {
    const bad = [[0, 0, 0], [1, 1, 1], [0.5, 0, 0], [Number.NaN, 0, 1], [Number.POSITIVE_INFINITY, 0, 0], []]
    for (const values of bad)
      await assert.rejects(
        async () => index.add(partition, 'a', Float32Array.from(values), inAnHour()),
        { code: 'invalid-option' },
        `[${values.join(', ')}]`
      )
    await index.add(partition, 'b', unit([1, 2, 2]), inAnHour())
    assert.deepEqual(keysOf(await index.nearest(partition, unit([1, 2, 2]), -1, 10)), ['b'])
  },

  async 'refuses a vector that is not as long as the others of its partition'({ index, partition }) {
    await index.add(partition, 'a', toward(1), inAnHour())
    await assert.rejects(async () => index.add(partition, 'b', unit([1, 2, 2]), inAnHour()), { code: 'invalid-option' })
    assert.deepEqual(keysOf(await index.nearest(partition, toward(1), -1, 10)), ['a'])
  },

  async 'takes any text for a key, and gives it back as it was'({ index, partition }) {
    const hash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    const keys = [
      ...[
        '0',
        '1',
        '10',
        '-1',
        '007',
        '1e3',
        '__proto__',
        'constructor',
        ' ',
        'a b',
        'ä',
        '😀',
        '\n',
        '"\'\\',
        '*',
        ':'
      ],
      ...[`llm:gpt-4o:${hash}`, `llm:gpt-4o:${hash.toUpperCase()}`, hash, `rag:${hash}`, `${hash}0`, 'x'.repeat(1000)]
    ]
    for (const [at, key] of keys.entries()) await index.add(partition, key, toward(1 - at / 50), inAnHour())
    assert.deepEqual(keysOf(await index.nearest(partition, toward(1), -1, 100)), keys)
    for (const key of keys) await index.remove(partition, [key])
    assert.deepEqual(await index.nearest(partition, toward(1), -1, 100), [])
  },

  async 'keeps its own copy of a vector'({ index, partition }) {
    const vector = toward(0.9)
    await index.add(partition, 'a', vector, inAnHour())
    vector.fill(0)
    assertSimilarities(await index.nearest(partition, toward(1), -1, 10), [0.9])
  },

  async 'finds what is nearest among many, wherever they point'({ index, partition }) {
    const random = randomOf(42)
    const vectors = Array.from({ length: 1500 }, () => unit(Array.from({ length: dimensions }, random)))
    for (let from = 0; from < vectors.length; from += 100)
      await Promise.all(
        vectors
          .slice(from, from + 100)
          .map((vector, at) => index.add(partition, `key:${from + at}`, vector, inAnHour()))
      )
    for (let at = 0; at < vectors.length; at += 50) {
      const wanted = vectors[at] ?? toward(1)
      // Much nearer to the one than to any of the others.
      const query = unit(Array.from(wanted, (value) => value + random() * 0.05))
      const [best] = await index.nearest(partition, query, 0.8, 1)
      assert.equal(best?.key, `key:${at}`)
      assert.ok(Math.abs((best?.similarity ?? 0) - product(query, wanted)) <= 0.002)
    }
  },

  async 'does many things at once'({ index, partition }) {
    const keys = Array.from({ length: 40 }, (_, at) => `key ${at}`)
    await Promise.all(keys.map((key, at) => index.add(partition, key, toward(at / 40), inAnHour())))
    await Promise.all(keys.slice(0, 20).map((key) => index.remove(partition, [key])))
    const found = await Promise.all(keys.map(() => index.nearest(partition, toward(1), 0, 1)))
    for (const matches of found) assert.deepEqual(keysOf(matches), ['key 39'])
    assert.equal((await index.nearest(partition, toward(1), -1, 100)).length, 20)
  },

  async 'can be closed twice'({ index, partition }) {
    await index.add(partition, 'a', toward(1), inAnHour())
    await index.close()
    await index.close()
  }
}

function inAnHour(): number {
  return Date.now() + hourMs
}

function keysOf(matches: readonly Match[]): string[] {
  return matches.map(({ key }) => key)
}

function assertSimilarities(matches: readonly Match[], expected: readonly number[]): void {
  assert.equal(matches.length, expected.length)
  for (const [at, { similarity }] of matches.entries())
    assert.ok(Math.abs(similarity - (expected[at] ?? 2)) <= 0.002, `${similarity} is not ${expected[at]}`)
}

function unit(values: readonly number[]): Float32Array {
  const length = Math.hypot(...values)
  return Float32Array.from(values, (value) => value / length)
}

/** A vector that is so similar to `toward(1)`, and not only in its first components. */
function toward(similarity: number): Float32Array {
  const one = unit(Array.from({ length: dimensions }, (_, at) => Math.cos(at)))
  const other = Array.from({ length: dimensions }, (_, at) => Math.sin(at * 3))
  const shared = product(one, Float32Array.from(other))
  const square = unit(other.map((value, at) => value - shared * (one[at] ?? 0)))
  const rest = Math.sqrt(1 - similarity ** 2)
  return unit(Array.from(one, (value, at) => value * similarity + (square[at] ?? 0) * rest))
}

function product(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0)
}

/** Numbers from -1 to 1 that look like chance, the same each time. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return state / 2 ** 31
  }
}
