import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arbitraryEvents } from '../../test/support/arbitrary-events.ts'
import { merged } from './merged.ts'
import type { Snapshot } from './snapshot.ts'
import { Statistics } from './statistics.ts'

const arbitrarySnapshot = fc.record({ events: arbitraryEvents, startMs: fc.nat(1e9) }).map(({ events, startMs }) => {
  let atMs = startMs
  const statistics = new Statistics({ now: () => atMs++ })
  for (const event of events) statistics.note(event)
  return statistics.snapshot()
})

const few = { numRuns: 60 }

describe('merged', () => {
  it('of one snapshot is that snapshot', () => {
    fc.assert(
      fc.property(arbitrarySnapshot, (snapshot) => {
        expect(merged([snapshot])).toEqual(snapshot)
      }),
      few
    )
  })

  it('of none has nothing, and adds nothing', () => {
    expect(merged([])).toMatchObject({
      version: 1,
      sinceMs: 0,
      processes: 0,
      layers: {},
      top: [],
      refreshes: { ok: 0 }
    })
    fc.assert(
      fc.property(arbitrarySnapshot, (snapshot) => {
        expect(merged([snapshot, merged([])])).toEqual(snapshot)
      }),
      few
    )
  })

  it('is the same in any order and however it is put together', () => {
    fc.assert(
      fc.property(arbitrarySnapshot, arbitrarySnapshot, arbitrarySnapshot, (a, b, c) => {
        const all = merged([a, b, c])
        expect(merged([c, a, b])).toEqual(all)
        expect(merged([merged([a, b]), c])).toEqual(all)
        expect(merged([a, merged([c, b])])).toEqual(all)
      }),
      few
    )
  })

  it('loses no count', () => {
    fc.assert(
      fc.property(fc.array(arbitrarySnapshot, { maxLength: 4 }), (snapshots) => {
        expect(total(merged(snapshots))).toBe(snapshots.reduce((sum, snapshot) => sum + total(snapshot), 0))
      }),
      few
    )
  })

  it('counts several processes as what one would have counted', () => {
    fc.assert(
      fc.property(arbitraryEvents, arbitraryEvents, (first, second) => {
        const counted = (...parts: (typeof first)[]): Snapshot => {
          const statistics = new Statistics({ now: () => 1000 })
          for (const event of parts.flat()) statistics.note(event)
          return statistics.snapshot()
        }
        expect(merged([counted(first), counted(second)])).toEqual({ ...counted(first, second), processes: 2 })
      }),
      few
    )
  })

  it('adds up entries by key, and keeps the latest near misses of all', () => {
    const near = { kind: 'llm', key: 'k', similarity: 0.9, by: 'numbers', reason: '4 is not 5', text: 'a' }
    const snapshotAt = (startMs: number, usd: number): Snapshot => {
      const statistics = new Statistics({ now: () => startMs })
      for (let number = 0; number < 40; number++) statistics.note({ type: 'refuted', layer: 'semantic', ...near })
      const origin = { layer: 'exact', key: 'llm:m:1', savedUsd: usd }
      const request = { kind: 'llm', model: 'm', layer: 'exact', tookMs: 1, tags: [], tenant: undefined, origin }
      statistics.note({ type: 'answered', outcome: 'hit', ...request })
      return statistics.snapshot()
    }
    const { top, nearMisses, sinceMs, processes } = merged([snapshotAt(5, 0.25), snapshotAt(3, 0.5)])
    expect(top).toEqual([
      { key: 'llm:m:1', kind: 'llm', model: 'm', hits: 2, savedUsd: 0.75, savedMs: 0, lastHitAtMs: 5 }
    ])
    expect(nearMisses).toHaveLength(50)
    expect(nearMisses.map(({ atMs }) => atMs)).toEqual([
      ...Array.from({ length: 40 }, () => 5),
      ...Array.from({ length: 10 }, () => 3)
    ])
    expect({ sinceMs, processes }).toEqual({ sinceMs: 3, processes: 2 })
  })
})

/** All numbers in it, but those that are not counted: times, and the near misses of which only the latest are kept. */
function total({ version, sinceMs, atMs, nearMisses, top, ...counts }: Snapshot): number {
  const entries = top.map(({ hits, savedUsd, savedMs }) => ({ hits, savedUsd, savedMs }))
  return numbersIn({ counts, entries })
}

function numbersIn(tree: unknown): number {
  if (typeof tree === 'number') return tree
  return Object.values(tree as object).reduce((sum: number, each) => sum + numbersIn(each), 0)
}
