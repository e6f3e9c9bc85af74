import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { retryAfterMs } from './retry-after.ts'

const now = Date.UTC(1994, 10, 6, 8, 49, 30)

describe('retryAfterMs', () => {
  it.each([
    [{ 'retry-after': '2' }, 2000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '0.0201' }, 21],
    [{ 'retry-after': ' 1.5 ' }, 1500],
    [{ 'retry-after': ['3', '4'] }, 3000],
    [{ 'retry-after-ms': '12.3', 'retry-after': '2' }, 13],
    [{ 'retry-after-ms': 'soon', 'retry-after': '2' }, 2000],
    [{ 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT' }, 7000],
    [{ 'retry-after': 'Sunday, 06-Nov-94 08:49:37 GMT' }, 7000],
    [{ 'retry-after': 'Sun Nov  6 08:49:37 1994' }, 7000],
    [{ 'retry-after': 'Sun, 06 Nov 1994 08:49:07 GMT' }, 0]
  ])('reads %o as %i ms', (headers, expected) => {
    expect(retryAfterMs(headers, now)).toBe(expected)
  })

  it.each([
    '',
    '-5',
    '+5',
    '1e3',
    '0x10',
    'soon',
    '2 minutes',
    'NaN',
    'Infinity',
    '9'.repeat(400),
    'Sun, 99 Foo 1994 08:49:37 GMT',
    '1994-11-06T08:49:37Z'
  ])('makes nothing of %s', (value) => {
    expect(retryAfterMs({ 'retry-after': value }, now)).toBeUndefined()
    expect(retryAfterMs({ 'retry-after': [], 'retry-after-ms': value }, now)).toBeUndefined()
  })

  it('says nothing where nothing is said', () => {
    expect(retryAfterMs({})).toBeUndefined()
  })

  it('is never negative, and a whole number, whatever the header holds', () => {
    const value = fc.oneof(
      fc.string(),
      fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
      fc.double().map(String)
    )
    fc.assert(
      fc.property(fc.constantFrom('retry-after', 'retry-after-ms'), value, (name, text) => {
        const wait = retryAfterMs({ [name]: text }, now)
        expect(wait === undefined || (Number.isInteger(wait) && wait >= 0)).toBe(true)
      }),
      { numRuns: 1000 }
    )
  })

  it('takes dates against the present time when none is given', () => {
    const inAnHour = new Date(Date.now() + 3_600_000).toUTCString()
    expect(retryAfterMs({ 'retry-after': inAnHour })).toBeGreaterThan(3_500_000)
  })

  it.each([
    ['1s', 1000],
    ['6m0s', 360_000],
    ['20ms', 20],
    ['2m59.56s', 179_560],
    ['1h0m0s', 3_600_000],
    ['1d2h', 93_600_000],
    ['12', undefined],
    ['6m0', undefined],
    ['', undefined],
    ['s', undefined]
  ])('reads that what is used up is there again in %s', (reset, expected) => {
    for (const what of ['requests', 'tokens']) {
      const headers = { [`x-ratelimit-remaining-${what}`]: '0', [`x-ratelimit-reset-${what}`]: reset }
      expect(retryAfterMs(headers, now, 429)).toBe(expected)
    }
  })

  it('looks at rate limits only where one has been reached', () => {
    const reset = { 'x-ratelimit-reset-requests': '1s', 'x-ratelimit-reset-tokens': '6m0s' }
    const left = (requests: string, tokens: string) => ({
      'x-ratelimit-remaining-requests': requests,
      'x-ratelimit-remaining-tokens': tokens
    })
    expect(retryAfterMs({ ...reset, ...left('0', '5') }, now, 429)).toBe(1000)
    expect(retryAfterMs({ ...reset, ...left('0', '0') }, now, 429)).toBe(360_000)
    expect(retryAfterMs({ ...reset, ...left('1', '5') }, now, 429)).toBeUndefined()
    expect(retryAfterMs(reset, now, 429)).toBeUndefined()
    expect(retryAfterMs({ ...reset, ...left('0', '0') }, now, 503)).toBeUndefined()
    expect(retryAfterMs({ ...reset, ...left('0', '0') }, now)).toBeUndefined()
    expect(retryAfterMs({ ...reset, ...left('0', '0'), 'retry-after': '2' }, now, 429)).toBe(2000)
  })
})
