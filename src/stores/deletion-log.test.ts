import { describe, expect, it } from 'vitest'
import { DeletionLog, maxDeletions, nextMark } from './deletion-log.ts'

describe('the log of deletions', () => {
  it('gives marks that only grow, whatever the clock does', () => {
    const fromMs = Date.now()
    const first = nextMark(0)
    expect(first).toBeGreaterThanOrEqual(fromMs * 1000)
    expect(nextMark(first)).toBeGreaterThan(first)
    // The clock was set back a year.
    const ahead = first + 365 * 86_400_000_000
    expect(nextMark(ahead)).toBe(ahead + 1)
  })

  it('tells what was deleted after a mark, also one between two others', () => {
    const log = new DeletionLog(100)
    expect(log.since(100)).toEqual({ mark: 100, selectors: [] })
    log.add(110, { tag: 'a' })
    log.add(120, { all: true })
    expect(log.since(100)).toEqual({ mark: 120, selectors: [{ tag: 'a' }, { all: true }] })
    expect(log.since(115)).toEqual({ mark: 120, selectors: [{ all: true }] })
    expect(log.since(120)).toEqual({ mark: 120, selectors: [] })
  })

  it('does not know what was before its beginning, nor after its end', () => {
    const log = new DeletionLog(100)
    log.add(110, { tag: 'a' })
    for (const mark of [99, 0, -1, 111]) expect(log.since(mark)).toEqual({ mark: 110, selectors: undefined })
  })

  it('remembers the last ten thousand', () => {
    const log = new DeletionLog(0)
    for (let mark = 1; mark <= 25_000; mark++) log.add(mark, { key: `${mark}` })
    expect(log.since(25_000 - maxDeletions).selectors).toHaveLength(maxDeletions)
    expect(log.since(25_000 - maxDeletions).selectors?.[0]).toEqual({ key: `${25_001 - maxDeletions}` })
    expect(log.since(25_000 - maxDeletions - 1).selectors).toBeUndefined()
    log.forgetUpTo(24_990)
    expect(log.since(24_989).selectors).toBeUndefined()
    expect(log.since(24_990).selectors).toHaveLength(10)
  })
})
