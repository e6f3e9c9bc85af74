import { calcPrice, findProvider } from '@pydantic/genai-prices'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Usage } from '../core/kind.ts'
import { listPrices, type PriceTable, pricesWith } from './prices.ts'

const openai = { url: 'https://api.openai.com/v1', name: 'openai' }
const elsewhere = { url: 'http://127.0.0.1:9/v1', name: 'mine' }
const million: Usage = { inputTokens: 1e6, outputTokens: 1e6 }
const nothing = (): undefined => undefined

afterEach(() => {
  vi.useRealTimers()
})

describe('the list', () => {
  const list = listPrices()

  it('knows a model at an address that it knows, else by whose prices they are', () => {
    const usage = { inputTokens: 1000, outputTokens: 500 }
    expect(list('gpt-4o-mini', usage, openai)).toBeCloseTo(0.00045, 12)
    expect(list('gpt-4o-mini', usage, { ...elsewhere, name: 'openai' })).toBeCloseTo(0.00045, 12)
    expect(list('claude-opus-4-5', usage, { url: 'https://api.anthropic.com/v1', name: '' })).toBeCloseTo(0.0175, 12)
  })

  it('does not know what it does not have, and never says 0 for it', () => {
    expect(list('gpt-4o-mini', million, elsewhere)).toBeUndefined()
    expect(list('no-such-model', million, openai)).toBeUndefined()
    // Sold by the hour, and with an empty row.
    expect(list('whisper-1', million, openai)).toBeUndefined()
    expect(list('gemma-3', million, { url: '', name: 'google' })).toBeUndefined()
  })

  it('takes what is called free for free', () => {
    expect(list('mistral-nemo:free', million, { url: '', name: 'mistral' })).toBe(0)
  })

  it('prices what was read from a prompt cache or written to it as such', () => {
    const usage = { inputTokens: 1e6, outputTokens: 0, cachedInputTokens: 6e5, cacheWriteTokens: 4e5 }
    expect(list('claude-opus-4-5', usage, { url: '', name: 'anthropic' })).toBeCloseTo(0.6 * 0.5 + 0.4 * 6.25, 9)
  })

  it('prices a long prompt by its tier', () => {
    const of = (inputTokens: number): number | undefined => list('gpt-5.4', { inputTokens, outputTokens: 1000 }, openai)
    expect(of(271_999)).toBeCloseTo((271_999 * 2.5 + 1000 * 15) / 1e6, 9)
    expect(of(272_000)).toBeCloseTo((272_000 * 5 + 1000 * 22.5) / 1e6, 9)
  })

  it('prices tokens spent on thinking by themselves where the model has a price for them', () => {
    const usage = { inputTokens: 0, outputTokens: 1000, reasoningTokens: 400 }
    const perplexity = { url: '', name: 'perplexity' }
    const row = calcPrice({ input_tokens: 0, output_tokens: 0 }, 'sonar-deep-research', { providerId: 'perplexity' })
    const { output_mtok: output, output_reasoning_mtok: reasoning } = row?.model_price ?? {}
    expect(reasoning).not.toBe(output)
    expect(list('sonar-deep-research', usage, perplexity)).toBeCloseTo(
      (600 * Number(output) + 400 * Number(reasoning)) / 1e6,
      12
    )
    expect(list('gpt-4o-mini', usage, openai)).toBe(list('gpt-4o-mini', { ...usage, reasoningTokens: 0 }, openai))
  })

  it('does not know the price of a usage that contradicts itself', () => {
    expect(list('gpt-4o', { inputTokens: 10, outputTokens: 0, cachedInputTokens: 11 }, openai)).toBeUndefined()
    expect(list('gpt-4o', { inputTokens: 10, outputTokens: 5, reasoningTokens: 6 }, openai)).toBeUndefined()
    expect(list('gpt-4o', { inputTokens: Number.NaN, outputTokens: 5 }, openai)).toBeUndefined()
  })

  it('halves a batch where the provider does, and knows none elsewhere', () => {
    expect(list('gpt-4o', million, openai, { batch: true })).toBe(Number(list('gpt-4o', million, openai)) / 2)
    const openrouter = { url: 'https://openrouter.ai/api/v1', name: '' }
    expect(list('openai/gpt-4o', million, openrouter)).toBeGreaterThan(0)
    expect(list('openai/gpt-4o', million, openrouter, { batch: true })).toBeUndefined()
  })

  it('changes a price on the day that it changes', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2025-06-09T23:59:59Z') })
    const prices = listPrices()
    const before = prices('o3', million, openai)
    vi.setSystemTime(new Date('2025-06-10T00:00:00Z'))
    expect(prices('o3', million, openai)).toBeLessThan(Number(before))
  })

  it('changes a price at the hour that it changes', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2025-06-09T12:00:00Z') })
    const prices = listPrices()
    const deepseek = { url: 'https://api.deepseek.com', name: 'deepseek' }
    const before = prices('deepseek-chat', million, deepseek)
    vi.setSystemTime(new Date('2025-06-09T20:00:00Z'))
    expect(prices('deepseek-chat', million, deepseek)).not.toBe(before)
  })

  it('says what the package says, for all its models of a dozen providers and any usage', () => {
    const names = [
      'openai',
      'anthropic',
      'google',
      'azure',
      'groq',
      'mistral',
      'x-ai',
      'deepseek',
      'cohere',
      'perplexity'
    ]
    const known = names.flatMap((name) =>
      (findProvider({ providerId: name })?.models ?? []).map(({ id }) => ({ name, id }))
    )
    const part = fc.double({ min: 0, max: 0.5, noNaN: true })
    const usages = fc
      .record({ input: fc.nat({ max: 2_000_000 }), output: fc.nat({ max: 100_000 }), cached: part, thought: part })
      .map(
        ({ input, output, cached, thought }): Usage => ({
          inputTokens: input,
          outputTokens: output,
          cachedInputTokens: Math.floor(input * cached),
          reasoningTokens: Math.floor(output * thought)
        })
      )
    let compared = 0
    fc.assert(
      fc.property(fc.constantFrom(...known), usages, ({ name, id }, usage) => {
        const said = list(id, usage, { url: '', name })
        if (said === undefined) return
        compared++
        const tokens = {
          input_tokens: usage.inputTokens,
          output_tokens: usage.outputTokens,
          cache_read_tokens: usage.cachedInputTokens,
          output_reasoning_tokens: usage.reasoningTokens
        }
        const { total_price: expected = Number.NaN } = calcPrice(tokens, id, { providerId: name }) ?? {}
        expect(Math.abs(said - expected)).toBeLessThanOrEqual(expected * 1e-9)
      }),
      { numRuns: 2000 }
    )
    expect(compared).toBeGreaterThan(1000)
  })
})

describe('a table', () => {
  const table: PriceTable = {
    'gpt-4o-mini': { input: 1, output: 2 },
    'gpt-4o*': { input: 10, output: 20, cachedInput: 5, cacheWrite: 12, reasoning: 30, batch: 0.25 },
    'free-*': { input: 0, output: 0 }
  }

  it('comes before the list, the first pattern that fits before the others', () => {
    const priceOf = pricesWith(table, (model) => (model === 'o3' ? 7 : undefined))
    expect(priceOf('gpt-4o-mini', million, openai)).toBe(3)
    expect(priceOf('gpt-4o-2024-08-06', million, openai)).toBe(30)
    expect(priceOf('o3', million, openai)).toBe(7)
    expect(priceOf('o4', million, openai)).toBeUndefined()
    expect(priceOf('free-1', million, openai)).toBe(0)
  })

  it('prices the parts of a usage by themselves, and as the whole where it does not say', () => {
    const parts = { cachedInputTokens: 2e5, cacheWriteTokens: 1e5, reasoningTokens: 5e5 }
    const priceOf = pricesWith(table, nothing)
    expect(priceOf('gpt-4o', { ...million, ...parts }, openai)).toBeCloseTo(7 + 1 + 1.2 + 10 + 15, 9)
    expect(priceOf('gpt-4o-mini', { ...million, ...parts }, openai)).toBeCloseTo(3, 9)
  })

  it('takes its factor for a batch, or half', () => {
    const priceOf = pricesWith(table, (_model, _usage, _provider, options) => (options?.batch === true ? 1 : 2))
    expect(priceOf('gpt-4o', million, openai, { batch: true })).toBe(7.5)
    expect(priceOf('gpt-4o-mini', million, openai, { batch: true })).toBe(1.5)
    expect(priceOf('o3', million, openai, { batch: true })).toBe(1)
    expect(priceOf('o3', million, openai, { batch: false })).toBe(2)
  })

  it('is not there', () => {
    expect(pricesWith(undefined, nothing)).toBe(nothing)
  })

  it('remembers no more than what it has been asked for, and not wrongly', () => {
    const priceOf = pricesWith(table, nothing)
    for (let index = 0; index < 3000; index++) priceOf(`gpt-4o-${index}`, million, openai)
    expect(priceOf('gpt-4o-1', million, openai)).toBe(30)
    expect(priceOf(`gpt-4o-${'x'.repeat(1000)}`, million, openai)).toBe(30)
  })

  it.each([
    [{ 'gpt-4o': { input: -1, output: 1 } }, 'prices.gpt-4o.input: expected a number of at least 0, got -1'],
    [{ 'gpt-4o': { input: 1, output: Number.NaN } }, 'prices.gpt-4o.output: expected a number of at least 0, got NaN'],
    [{ 'gpt-4o': { input: 1 } }, 'prices.gpt-4o.output: expected a number of at least 0, got undefined'],
    [{ 'gpt-4o': { input: 1, output: 1, batch: Number.POSITIVE_INFINITY } }, 'prices.gpt-4o.batch: expected'],
    [
      { 'gpt-4o': { input: 1, output: 1, cached: 1 } },
      'prices.gpt-4o: expected fields among input, output, cachedInput'
    ],
    [{ 'gpt-4o': 5 }, 'prices.gpt-4o: expected an object with some of input, output'],
    [{ '': { input: 1, output: 1 } }, 'prices: expected the names of models, got ""'],
    [[], 'prices: expected models and their prices, got []']
  ])('is refused: %j', (wrong, message) => {
    const open = (): unknown => pricesWith(wrong as unknown as PriceTable, nothing)
    expect(open).toThrow(expect.objectContaining({ code: 'invalid-option' }))
    expect(open).toThrow(message)
    expect(() => pricesWith(wrong as unknown as PriceTable, nothing, 'providers.mine.prices')).toThrow(
      /^providers\.mine\.prices/
    )
  })

  it('never asks for less than nothing, and for more where there are more tokens', () => {
    const price = fc.double({ min: 0, max: 1000, noNaN: true })
    const rows = fc.record(
      { input: price, output: price, cachedInput: price, reasoning: price },
      { requiredKeys: ['input', 'output'] }
    )
    const count = fc.nat({ max: 1e6 })
    fc.assert(
      fc.property(rows, count, count, count, (row, inputTokens, outputTokens, more) => {
        const priceOf = pricesWith({ m: row }, nothing)
        const usage = {
          inputTokens,
          outputTokens,
          cachedInputTokens: inputTokens >> 1,
          reasoningTokens: outputTokens >> 1
        }
        const usd = priceOf('m', usage, openai) ?? Number.NaN
        expect(usd).toBeGreaterThanOrEqual(0)
        expect(priceOf('m', { ...usage, inputTokens: inputTokens + more }, openai)).toBeGreaterThanOrEqual(usd)
      })
    )
  })
})
