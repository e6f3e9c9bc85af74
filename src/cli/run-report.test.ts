import { describe, expect, it } from 'vitest'
import { SpendingLimit } from '../jobs/spending-limit.ts'
import type { AtomSettled, PlanOutcome } from '../plans/plan-event.ts'
import { type Ran, runJson, runReport } from './run-report.ts'

const outcome: PlanOutcome = {
  end: 'finished',
  atoms: 10,
  done: 10,
  hits: 4,
  failed: 0,
  skipped: 0,
  resumed: 3,
  left: 0,
  costUsd: 0.012,
  unpriced: 0,
  savedUsd: 0.03,
  answers: new Map()
}

function ran(more: Partial<PlanOutcome> = {}, failures: readonly AtomSettled[] = []): Ran {
  const layers = new Map([
    ['exact', 3],
    ['semantic', 1],
    ['provider', 3]
  ])
  const budget = new SpendingLimit(0.02)
  const resultsFile = 'plan.results.jsonl'
  return {
    plan: 'book',
    outcome: { ...outcome, ...more },
    layers,
    failures,
    batches: undefined,
    budget,
    seconds: 61,
    waves: 3,
    resultsFile
  }
}

function failure(at: number): AtomSettled {
  return { type: 'atom-settled', atom: `a${at}`, wave: 1, outcome: 'failed', status: 400, error: 'no\nsuch model' }
}

describe('runReport', () => {
  it('says what is answered, by whom, for how much, and where it is', () => {
    expect(runReport(ran())).toEqual([
      'book: 10 of 10 atoms answered in 1 min 1 s',
      '  by runs before this one  3',
      '  now                      7 (3 the same was asked before, 1 something alike was, 3 by a provider)',
      '  cost                     $0.0120, saved $0.0300',
      '  results                  plan.results.jsonl'
    ])
  })

  it('says what failed, on a line each and not all of many, and what to do', () => {
    const failures = Array.from({ length: 12 }, (_, at) => failure(at))
    const lines = runReport(ran({ done: 5, failed: 12, skipped: 2, left: 1, end: 'failing', unpriced: 1 }, failures))
    expect(lines).toContain('failed: a0 (400): no such model')
    expect(lines).toContain('and 2 more')
    expect(lines.some((line) => line.includes('a10'))).toBe(false)
    expect(lines).toContain('1 answer has no known price, and is not in the sum')
    expect(lines).toContain('  left out                 2, for lack of what has failed')
    expect(lines).toContain('  not reached              1')
    expect(lines.slice(-2)).toEqual([
      'stopped: too many failed in a row for a reason that concerns all of them',
      'the same command asks for what is missing, and for nothing else'
    ])
  })
})

describe('runReport of batches', () => {
  it('adds up what they and what was asked have cost', () => {
    const lines = runReport({ ...ran(), batches: { stored: 6, costUsd: 0.008, unpriced: 2 } })
    expect(lines).toContain('  batches                  6 answers for $0.0080')
    expect(lines).toContain('  cost                     $0.0200, saved $0.0220')
    expect(lines).toContain('2 answers have no known price, and are not in the sum')
  })
})

describe('runJson', () => {
  it('has all counts, and each failure, but not the answers', () => {
    expect(JSON.parse(JSON.stringify(runJson(ran({ failed: 1 }, [failure(0)]))))).toEqual({
      plan: 'book',
      end: 'finished',
      atoms: 10,
      done: 10,
      hits: 4,
      failed: 1,
      skipped: 0,
      resumed: 3,
      left: 0,
      costUsd: 0.012,
      unpriced: 0,
      savedUsd: 0.03,
      waves: 3,
      layers: { exact: 3, semantic: 1, provider: 3 },
      seconds: 61,
      results: 'plan.results.jsonl',
      failures: [{ atom: 'a0', status: 400, message: 'no\nsuch model' }]
    })
  })
})
