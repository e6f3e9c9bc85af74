import fc from 'fast-check'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import { beforeAll, describe, expect, it } from 'vitest'
import { anyJson } from '../../test/support/arbitrary-json.ts'
import type { JsonObject } from '../core/json.ts'
import { estimator } from './estimate.ts'
import { loadTokenizer } from './token-count.ts'

const text = 'Tell me in a few words what a cache is good for. '

function chat(words: string, more: JsonObject = {}): JsonObject {
  return { model: 'gpt-4o', messages: [{ role: 'user', content: words }], ...more }
}

beforeAll(async () => {
  await loadTokenizer()
})

describe('without a history', () => {
  it('expects as many input tokens as the text has, and a few more', () => {
    const { inputTokens } = estimator().expect('a/b', chat(text.repeat(20)))
    const truth = countTokens(text.repeat(20))
    expect(inputTokens).toBeGreaterThan(truth)
    expect(inputTokens).toBeLessThan(truth + 20)
  })

  it('expects 4,096 output tokens, or what the request allows', () => {
    const expected = (more: JsonObject): number => estimator().expect('a/b', chat(text, more)).outputTokens
    expect(expected({})).toBe(4096)
    expect(expected({ max_tokens: 5000 })).toBe(4096)
    expect(expected({ max_tokens: 50 })).toBe(50)
    expect(expected({ max_completion_tokens: 60, max_tokens: 70 })).toBe(60)
    expect(expected({ max_output_tokens: 80 })).toBe(80)
    expect(expected({ max_tokens: null })).toBe(4096)
    expect(expected({ n: 3 })).toBe(3 * 4096)
    expect(expected({ n: 3, max_tokens: 50 })).toBe(150)
    expect(expected({ n: 'many' })).toBe(4096)
  })
})

describe('of several answers in one', () => {
  it('expects so many times the output, and learns what one of them is', () => {
    const expects = estimator()
    expect(expects.expect('a/b', chat(text), 5).outputTokens).toBe(5 * 4096)
    expect(expects.expect('a/b', chat(text, { max_tokens: 700 }), 5).outputTokens).toBe(700)
    expect(expects.modestly('a/b', chat(text), 5)?.outputTokens).toBe(5000)
    for (let call = 0; call < 100; call++) expects.learn('a/b', chat(text), { inputTokens: 20, outputTokens: 500 }, 5)
    expect(expects.expect('a/b', chat(text)).outputTokens).toBeLessThan(120)
    expect(expects.expect('a/b', chat(text), 5).outputTokens).toBeGreaterThanOrEqual(500)
  })
})

describe('with a history', () => {
  it('corrects how many input tokens there are by how the provider counts', () => {
    const expects = estimator()
    const short = chat(text)
    const before = expects.expect('a/b', short).inputTokens
    for (let call = 0; call < 20; call++) {
      const long = chat(text.repeat(10 + call))
      expects.learn('a/b', long, { inputTokens: expects.expect('other', long).inputTokens * 2, outputTokens: 5 })
    }
    const { inputTokens } = expects.expect('a/b', short)
    expect(inputTokens / before).toBeGreaterThan(1.9)
    expect(inputTokens / before).toBeLessThan(2.2)
    expect(expects.expect('other', short).inputTokens).toBe(before)
  })

  it('expects more output where the calls differ', () => {
    const expects = estimator()
    for (let call = 0; call < 100; call++) {
      expects.learn('even', chat(text), { inputTokens: 20, outputTokens: 100 })
      expects.learn('uneven', chat(text), { inputTokens: 20, outputTokens: call % 2 === 0 ? 10 : 190 })
    }
    expect(expects.expect('even', chat(text)).outputTokens).toBeLessThan(110)
    expect(expects.expect('uneven', chat(text)).outputTokens).toBeGreaterThan(250)
  })

  it('follows a target that has changed', () => {
    const expects = estimator()
    for (let call = 0; call < 100; call++) expects.learn('a/b', chat(text), { inputTokens: 20, outputTokens: 1000 })
    for (let call = 0; call < 100; call++) expects.learn('a/b', chat(text), { inputTokens: 20, outputTokens: 10 })
    expect(expects.expect('a/b', chat(text)).outputTokens).toBeLessThan(30)
  })

  it('learns of one choice what several have used together', () => {
    const expects = estimator()
    for (let call = 0; call < 100; call++)
      expects.learn('a/b', chat(text, { n: 4 }), { inputTokens: 20, outputTokens: 400 })
    expect(expects.expect('a/b', chat(text)).outputTokens).toBeLessThan(110)
    expect(expects.expect('a/b', chat(text, { n: 2 })).outputTokens).toBeGreaterThanOrEqual(200)
  })

  it('does not learn from a usage that makes no sense', () => {
    const expects = estimator()
    const before = expects.expect('a/b', chat(text))
    for (const wrong of [Number.NaN, -1, Number.POSITIVE_INFINITY])
      expects.learn('a/b', chat(text), { inputTokens: wrong, outputTokens: wrong })
    expect(expects.expect('a/b', chat(text))).toEqual(before)
    expects.learn('a/b', chat(text), { inputTokens: 0, outputTokens: 10 })
    expect(expects.expect('a/b', chat(text)).inputTokens).toBe(before.inputTokens)
  })

  it('forgets the target that was used least recently', () => {
    const expects = estimator({ maxTargets: 2 })
    for (const target of ['first', 'second', 'third'])
      expects.learn(target, chat(text), { inputTokens: 20, outputTokens: 10 })
    expect(expects.expect('first', chat(text)).outputTokens).toBe(4096)
    expect(expects.expect('third', chat(text)).outputTokens).toBeLessThan(4096)
  })

  it('is refused without room for one', () => {
    expect(() => estimator({ maxTargets: 0 })).toThrow('maxTargets: expected a whole number of at least 1, got 0')
  })
})

describe('whatever is asked and used', () => {
  const count = fc.nat({ max: 100_000 })
  const limit = fc.oneof(fc.nat({ max: 5000 }), anyJson)
  const request = fc.record(
    { messages: anyJson, tools: anyJson, max_tokens: limit, max_output_tokens: limit, n: limit },
    { requiredKeys: [] }
  )

  it('expects whole numbers from 0 on, and never more output than is allowed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(request, fc.double(), fc.double()), { maxLength: 10 }), request, (calls, asked) => {
        const expects = estimator()
        for (const [made, inputTokens, outputTokens] of calls) expects.learn('a/b', made, { inputTokens, outputTokens })
        const { inputTokens, outputTokens } = expects.expect('a/b', asked)
        for (const tokens of [inputTokens, outputTokens]) {
          expect(Number.isFinite(tokens)).toBe(true)
          expect(tokens).toBeGreaterThanOrEqual(0)
        }
        const { max_tokens: most, n } = asked
        if (typeof most === 'number' && most >= 0 && n === undefined)
          expect(outputTokens).toBeLessThanOrEqual(Math.ceil(most))
      })
    )
  })

  it('comes, after many equal calls, to what they use or a little more', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.double({ min: 0.2, max: 8, noNaN: true }),
        count,
        count,
        (repeated, ratio, other, outputTokens) => {
          const expects = estimator()
          const asked = chat(text.repeat(repeated))
          const inputTokens = Math.round(expects.expect('new', asked).inputTokens * ratio)
          expects.learn('a/b', asked, { inputTokens, outputTokens: other })
          for (let call = 0; call < 200; call++) expects.learn('a/b', asked, { inputTokens, outputTokens })
          const expected = expects.expect('a/b', asked)
          expect(expected.inputTokens).toBeGreaterThanOrEqual(inputTokens)
          expect(expected.inputTokens).toBeLessThanOrEqual(inputTokens + 1)
          expect(expected.outputTokens).toBeGreaterThanOrEqual(outputTokens)
          expect(expected.outputTokens).toBeLessThanOrEqual(outputTokens * 1.02 + 2 + other * 0.02)
        }
      ),
      { numRuns: 50 }
    )
  })
})
