import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProviderError } from '../core/errors.ts'
import { Failure, failureOf } from './failure.ts'
import { decideRetry, type RetryState } from './retry.ts'

const rules = { attempts: 1, onStatusCodes: [429, 500, 503], maxWaitMs: 5000 }
const state: RetryState = { made: 1, leftMs: 60_000, hasNext: false, hasSpare: false, random: () => 0.5 }

function refused(status: number, retryAfterS?: number): Failure {
  const headers = retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) }
  return failureOf(new ProviderError('p', status, headers, Buffer.from('{}')), false, false)
}

describe('whether a target is asked again', () => {
  it('waits as long as the provider asks for, where that is not too long', () => {
    expect(decideRetry(refused(429, 3), rules, state)).toEqual({ again: 'now', waitMs: 3000 })
    expect(decideRetry(refused(429, 6), rules, state)).toEqual({ again: 'later', waitMs: 6000 })
  })

  it('goes to the next at once where the provider wants more than a second, and waits for a shorter time', () => {
    const beside = { ...state, hasNext: true }
    expect(decideRetry(refused(429, 2), rules, beside)).toEqual({ again: 'later', waitMs: 2000 })
    expect(decideRetry(refused(429, 1), rules, beside)).toEqual({ again: 'now', waitMs: 1000 })
    expect(decideRetry(refused(500), rules, beside).again).toBe('now')
  })

  it('doubles its wait from 250 ms on, with full jitter, up to the longest that is allowed', () => {
    const many = { ...rules, attempts: 20 }
    const waits = [1, 2, 3, 4].map((made) => decideRetry(refused(500), many, { ...state, made }).waitMs)
    expect(waits).toEqual([125, 250, 500, 1000])
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (made, drawn) => {
        const { waitMs } = decideRetry(refused(500), many, { ...state, made, random: () => drawn })
        expect(waitMs).toBeGreaterThanOrEqual(0)
        expect(waitMs).toBeLessThanOrEqual(Math.min(5000, 250 * 2 ** (made - 1)))
      })
    )
  })

  it('does not wait beyond the deadline, nor at all with an older answer at hand', () => {
    expect(decideRetry(refused(500), rules, { ...state, leftMs: 125 }).again).toBe('later')
    expect(decideRetry(refused(500), rules, { ...state, leftMs: 126 }).again).toBe('now')
    expect(decideRetry(refused(500), rules, { ...state, hasSpare: true }).again).toBe('later')
    expect(decideRetry(refused(429, 0), rules, { ...state, hasSpare: true }).again).toBe('now')
  })

  it('does not ask again after other statuses, after a timeout, or more often than it may', () => {
    expect(decideRetry(refused(400), rules, state).again).toBe('no')
    expect(decideRetry(new Failure('timeout', new Error('late')), rules, state).again).toBe('no')
    expect(decideRetry(new Failure('unreachable', new Error('gone')), rules, state).again).toBe('now')
    expect(decideRetry(refused(500), rules, { ...state, made: 2 }).again).toBe('no')
    expect(decideRetry(refused(500), { ...rules, attempts: 0 }, state).again).toBe('no')
  })
})
