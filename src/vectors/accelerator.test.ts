import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { fakeStoredVectors, inAnHour } from '../../test/support/fake-stored-vectors.ts'
import { randomUnit, seeded } from '../../test/support/unit-vectors.ts'
import type { Event } from '../core/events.ts'
import { cosine } from '../core/vector-bytes.ts'
import type { Accelerator } from './accelerator.ts'
import { type LocalVectors, type LocalVectorsOptions, localVectors } from './local.ts'
import { checkUsearchVersion, usearchAccelerator } from './usearch.ts'

const opened: LocalVectors[] = []

function open(options: LocalVectorsOptions): LocalVectors {
  const index = localVectors({ accelerateAbove: 100, ...options })
  opened.push(index)
  return index
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((index) => index.close()))
})

function keyOf(value: number): string {
  return `llm:m:${createHash('sha256').update(String(value)).digest('hex')}`
}

const random = seeded(1)
const vectors = Array.from({ length: 400 }, () => randomUnit(random, 24))

function vectorAt(at: number): Float32Array {
  return vectors[at] ?? new Float32Array()
}

/** An accelerator that looks through everything, and how often it was asked. */
class Slow implements Accelerator {
  readonly held = new Map<string, Float32Array>()
  asked = 0
  failure: Error | undefined

  put(key: string, vector: Float32Array): void {
    if (this.failure !== undefined) throw this.failure
    this.held.set(key, vector)
  }

  remove(key: string): void {
    this.held.delete(key)
  }

  has(key: string): boolean {
    return this.held.has(key)
  }

  nearest(vector: Float32Array, count: number): { key: string; similarity: number }[] {
    this.asked += 1
    return [...this.held]
      .map(([key, other]) => ({ key, similarity: cosine(vector, other) }))
      .sort((a, b) => b.similarity - a.similarity)
      .slice(0, count)
  }
}

describe('an accelerated partition', () => {
  it('is looked through until the accelerator is complete, which is what the partition is from then on', async () => {
    const slow = new Slow()
    const index = open({ accelerator: async () => slow })
    for (let at = 0; at < 200; at++) await index.add('p', keyOf(at), vectorAt(at), inAnHour)
    // While it is being built.
    await vi.waitFor(() => expect(slow.held.size).toBeGreaterThan(0), { interval: 1 })
    for (let at = 0; at < 20; at++) await index.remove('p', [keyOf(at)])
    for (let at = 200; at < 300; at++) await index.add('p', keyOf(at), vectorAt(at), inAnHour)
    await index.add('p', keyOf(50), vectorAt(350), inAnHour)
    expect((await index.nearest('p', vectorAt(210), 0.99, 1))[0]?.key).toBe(keyOf(210))
    await vi.waitFor(async () => {
      await index.nearest('p', vectorAt(60), 0.9, 1)
      expect(slow.asked).toBeGreaterThan(0)
    })
    // And afterwards.
    await index.remove('p', [keyOf(60)])
    await index.add('p', keyOf(301), vectorAt(301), inAnHour)
    const expected = Array.from({ length: 302 }, (_, at) => at).filter((at) => at >= 20 && at !== 60 && at !== 300)
    expect([...slow.held.keys()].sort()).toEqual(expected.map(keyOf).sort())
    expect((await index.nearest('p', vectorAt(301), 0.99, 1))[0]?.key).toBe(keyOf(301))
    expect((await index.nearest('p', vectorAt(350), 0.99, 1))[0]?.key).toBe(keyOf(50))
    expect(await index.nearest('p', vectorAt(60), 0.99, 1)).toEqual([])
  })

  it('is looked through when all that the accelerator finds has gone', async () => {
    const slow = new Slow()
    const stored = fakeStoredVectors()
    const index = open({ accelerator: async () => slow, vectors: stored, hydrateWithinMs: 60_000 })
    // All that is near to one direction, in order.
    const near = (at: number): Float32Array => Float32Array.of(Math.cos(at / 1000), Math.sin(at / 1000))
    for (let at = 0; at < 200; at++) stored.setSilently('p', keyOf(at), near(at))
    await vi.waitFor(async () => {
      await index.nearest('p', near(0), 0.5, 1)
      expect(slow.asked).toBeGreaterThan(0)
    })
    for (let at = 0; at < 100; at++) stored.delete('p', keyOf(at))
    expect((await index.nearest('p', near(0), 0.5, 1))[0]?.key).toBe(keyOf(100))
  })

  it('says that its accelerator failed, and is looked through', async () => {
    for (const when of ['opening', 'building', 'later'] as const) {
      const events: Event[] = []
      const slow = new Slow()
      const failure = new Error(`broken when ${when}`)
      if (when === 'building') slow.failure = failure
      const accelerator = async (): Promise<Accelerator> => {
        if (when === 'opening') throw failure
        return slow
      }
      const index = open({ accelerator, observe: (event) => events.push(event) })
      for (let at = 0; at < 200; at++) await index.add('p', keyOf(at), vectorAt(at), inAnHour)
      if (when === 'later') {
        await vi.waitFor(async () => {
          await index.nearest('p', vectorAt(1), 0.5, 1)
          expect(slow.asked).toBeGreaterThan(0)
        })
        slow.failure = failure
        await index.add('p', keyOf(200), vectorAt(200), inAnHour)
      }
      await vi.waitFor(() =>
        expect(events).toMatchObject([{ type: 'failed', part: 'vectors', operation: 'accelerate', error: failure }])
      )
      expect((await index.nearest('p', vectorAt(7), 0.99, 1))[0]?.key).toBe(keyOf(7))
    }
  })

  it('is looked through where there is no accelerator, without a word', async () => {
    const events: Event[] = []
    let opens = 0
    const accelerator = async (): Promise<undefined> => {
      opens += 1
    }
    const index = open({ accelerator, observe: (event) => events.push(event) })
    for (let at = 0; at < 200; at++) await index.add('p', keyOf(at), vectorAt(at), inAnHour)
    expect((await index.nearest('p', vectorAt(7), 0.99, 1))[0]?.key).toBe(keyOf(7))
    expect(opens).toBe(1)
    expect(events).toEqual([])
  })
})

describe('usearch', () => {
  it('finds what was added and not removed', async () => {
    const usearch = await usearchAccelerator(24)
    if (usearch === undefined) throw new Error('usearch is not installed')
    expect(usearch.nearest(vectorAt(0), 3)).toEqual([])
    for (let at = 0; at < 400; at++) usearch.put(`key ${at}`, vectorAt(at))
    for (let at = 0; at < 200; at++) {
      usearch.remove(`key ${at}`)
      usearch.remove(`key ${at}`)
    }
    usearch.put('key 300', vectorAt(5))
    for (let at = 0; at < 400; at++) {
      const [best] = usearch.nearest(vectorAt(at), 1)
      if (at === 5) expect(best?.key).toBe('key 300')
      else if (at < 200 || at === 300) expect(best?.similarity).toBeLessThan(0.98)
      else expect(best?.key).toBe(`key ${at}`)
    }
    expect(usearch.has('key 300')).toBe(true)
    expect(usearch.has('key 5')).toBe(false)
    expect(usearch.nearest(vectorAt(0), 1000).length).toBe(200)
  })

  it('accelerates a partition', async () => {
    let asked = 0
    const index = open({
      async accelerator(dimensions) {
        const usearch = await usearchAccelerator(dimensions)
        const nearest = usearch?.nearest.bind(usearch)
        return (
          usearch &&
          Object.assign(usearch, {
            nearest(...args: Parameters<Accelerator['nearest']>) {
              asked += 1
              return nearest?.(...args) ?? []
            }
          })
        )
      }
    })
    for (let at = 0; at < 400; at++) await index.add('p', keyOf(at), vectorAt(at), inAnHour)
    await vi.waitFor(async () => {
      await index.nearest('p', vectorAt(0), 0.99, 1)
      expect(asked).toBeGreaterThan(0)
    })
    for (let at = 0; at < 400; at++)
      expect((await index.nearest('p', vectorAt(at), 0.99, 1))[0]).toEqual({ key: keyOf(at), similarity: 1 })
  })

  it('is refused in versions that lose deletions', () => {
    for (const version of ['2.25.3', '2.26.1', '1.99.99']) expect(() => checkUsearchVersion(version)).toThrow(version)
    for (const version of ['2.26.2', '2.26.10', '2.30.0', '3.0.0']) checkUsearchVersion(version)
  })
})
