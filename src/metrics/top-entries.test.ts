import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TopEntries } from './top-entries.ts'

function add(top: TopEntries, key: string, savedUsd: number): void {
  top.add(key, 'llm', undefined, savedUsd, 1, 7)
}

describe('the top entries', () => {
  it('are those that have saved most, then those that have answered most', () => {
    const top = new TopEntries()
    top.add('a', 'llm', 'gpt-4o', 0, 10, 1)
    top.add('a', 'llm', 'gpt-4o', 0, 20, 2)
    top.add('b', 'value', undefined, 0, 0, 3)
    top.add('c', 'llm', 'gpt-4o', 0.5, 0, 4)
    expect(top.snapshot()).toEqual([
      { key: 'c', kind: 'llm', model: 'gpt-4o', hits: 1, savedUsd: 0.5, savedMs: 0, lastHitAtMs: 4 },
      { key: 'a', kind: 'llm', model: 'gpt-4o', hits: 2, savedUsd: 0, savedMs: 30, lastHitAtMs: 2 },
      { key: 'b', kind: 'value', hits: 1, savedUsd: 0, savedMs: 0, lastHitAtMs: 3 }
    ])
  })

  it('are a hundred at most', () => {
    const top = new TopEntries()
    for (let number = 0; number < 1000; number++) add(top, `key-${number}`, number)
    const keys = top.snapshot().map(({ key }) => key)
    expect(keys).toEqual(Array.from({ length: 100 }, (_, index) => `key-${999 - index}`))
  })

  it('are found among a hundred thousand that answer once, and counted in full when they are worth it', () => {
    const top = new TopEntries()
    for (let number = 0; number < 100_000; number++) {
      add(top, `once-${number}`, 0.001)
      if (number % 1000 === 0) add(top, 'often', 1)
    }
    expect(top.snapshot()[0]).toMatchObject({ key: 'often', hits: 100, savedUsd: 100 })
  })

  it('are counted when nobody knows a price', () => {
    const top = new TopEntries()
    for (let number = 0; number < 50_000; number++) {
      add(top, `once-${number}`, 0)
      add(top, `often-${number % 10}`, 0)
    }
    const best = top.snapshot().slice(0, 10)
    expect(best.map(({ key }) => key).toSorted()).toEqual(Array.from({ length: 10 }, (_, index) => `often-${index}`))
    expect(best.map(({ hits }) => hits)).toEqual(Array.from({ length: 10 }, () => 5000))
  })

  it('never say more than is true, and at most a 500th of all less', () => {
    // Many keys in a few bursts, so that entries come and go and come again.
    const burst = fc.record({ from: fc.nat(2000), keys: fc.integer({ min: 1, max: 1500 }), parts: fc.nat(1000) })
    fc.assert(
      fc.property(fc.array(burst, { minLength: 1, maxLength: 12 }), (bursts) => {
        const top = new TopEntries()
        const truth = new Map<string, number>()
        let total = 0
        for (const { from, keys, parts } of bursts) {
          for (let number = from; number < from + keys; number++) {
            const savedUsd = (parts * (1 + (number % 7))) / 1024
            add(top, `key-${number}`, savedUsd)
            truth.set(`key-${number}`, (truth.get(`key-${number}`) ?? 0) + savedUsd)
            total += savedUsd + 1e-6
          }
        }
        const told = new Map(top.snapshot().map(({ key, savedUsd }) => [key, savedUsd]))
        const least = told.size < 100 ? 0 : Math.min(...told.values())
        const missing = total / 500 + 1e-9
        // Who is not told of has saved no more than the last who is, but for what may be missing.
        const wrong = [...truth].filter(([key, savedUsd]) => {
          const said = told.get(key)
          return (said ?? 0) > savedUsd || savedUsd - missing > (said ?? least)
        })
        expect(wrong).toEqual([])
      }),
      { numRuns: 30 }
    )
  })
})
