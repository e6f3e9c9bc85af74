import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Usage } from '../core/kind.ts'
import { costShares, estimatedTokens, type PartSize, usageShares, wholeShares } from './shared-usage.ts'

const count = fc.oneof(fc.nat(50), fc.nat(200_000))
const sizes: fc.Arbitrary<readonly PartSize[]> = fc.array(
  fc.record({ input: fc.nat(5000).map((tokens) => tokens / 4), output: fc.nat(5000).map((tokens) => tokens / 4) }),
  { minLength: 1, maxLength: 9 }
)

function sumOf(shares: readonly Usage[], field: keyof Usage): number {
  return shares.reduce((sum, share) => sum + (share[field] ?? Number.NaN), 0)
}

describe('usage', () => {
  it('adds up in each field, whole numbers all, and no part of a field is more than the field', () => {
    const usage = fc.tuple(
      count,
      count,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true })
    )
    fc.assert(
      fc.property(usage, sizes, ([inputTokens, outputTokens, first, second], parts) => {
        const cachedInputTokens = Math.floor(inputTokens * first)
        const cacheWriteTokens = Math.floor((inputTokens - cachedInputTokens) * second)
        const reasoningTokens = Math.floor(outputTokens * second)
        const total = { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens }
        const shares = usageShares(total, parts)
        for (const [field, tokens] of Object.entries(total)) expect(sumOf(shares, field as keyof Usage)).toBe(tokens)
        for (const share of shares) {
          for (const tokens of Object.values(share)) expect(Number.isInteger(tokens) && tokens >= 0).toBe(true)
          const { cachedInputTokens: cached = 0, cacheWriteTokens: written = 0, reasoningTokens: thought = 0 } = share
          expect(cached + written).toBeLessThanOrEqual(share.inputTokens)
          expect(thought).toBeLessThanOrEqual(share.outputTokens)
        }
      })
    )
  })

  it('gives each what it has brought, and an equal share of what all have in common', () => {
    const shares = usageShares({ inputTokens: 130, outputTokens: 40 }, [
      { input: 10, output: 30 },
      { input: 20, output: 10 }
    ])
    expect(shares).toEqual([
      { inputTokens: 60, outputTokens: 30 },
      { inputTokens: 70, outputTokens: 10 }
    ])
  })

  it('shares equally what nobody has brought, and says nothing of what nobody counted', () => {
    const silent = { input: 0, output: 0 }
    expect(usageShares({ inputTokens: 7, outputTokens: 2 }, [silent, silent, silent])).toEqual([
      { inputTokens: 3, outputTokens: 1 },
      { inputTokens: 2, outputTokens: 1 },
      { inputTokens: 2, outputTokens: 0 }
    ])
  })

  it('writes nothing to a cache that was read from it', () => {
    const total = { inputTokens: 10, outputTokens: 0, cachedInputTokens: 3, cacheWriteTokens: 7 }
    const parts = [
      { input: 1, output: 0 },
      { input: 1, output: 0 }
    ]
    expect(usageShares(total, parts)).toEqual([
      { inputTokens: 5, outputTokens: 0, cachedInputTokens: 2, cacheWriteTokens: 3 },
      { inputTokens: 5, outputTokens: 0, cachedInputTokens: 1, cacheWriteTokens: 4 }
    ])
  })

  it('loses nothing of counts that no provider gives', () => {
    for (const total of [2.5, 1e300, Number.MAX_SAFE_INTEGER]) {
      const shares = wholeShares(total, [1, 2, 3])
      expect(shares.reduce((sum, share) => sum + share, 0)).toBe(total)
    }
  })
})

describe('cost', () => {
  it('adds up, and is never below nothing', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 50, noNaN: true }), sizes, (total, parts) => {
        const shares = costShares(total, parts)
        expect(Math.abs(shares.reduce((sum, share) => sum + share, -total))).toBeLessThan(1e-12)
        for (const share of shares) expect(share).toBeGreaterThanOrEqual(0)
      })
    )
  })

  it('counts a token of output as four of input', () => {
    expect(
      costShares(1, [
        { input: 40, output: 10 },
        { input: 20, output: 0 }
      ])
    ).toEqual([0.8, expect.closeTo(0.2)])
  })
})

describe('an estimate', () => {
  it('takes four bytes of UTF-8 for a token', () => {
    expect([estimatedTokens(''), estimatedTokens('word'), estimatedTokens('日本語版')]).toEqual([0, 1, 3])
  })
})
