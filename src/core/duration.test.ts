import { describe, expect, it } from 'vitest'
import { parseBytes, parseDuration } from './duration.ts'

describe('durations and sizes', () => {
  it.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['60', 60_000],
    [60, 60_000],
    [0, 0]
  ])('reads the duration %s', (text, expected) => {
    expect(parseDuration(text)).toBe(expected)
  })

  it.each([
    ['512kb', 524_288],
    ['1 GB', 1_073_741_824],
    ['100', 100]
  ])('reads the size %s', (text, expected) => {
    expect(parseBytes(text)).toBe(expected)
  })

  it.each(['', 'soon', '-1s', '1y', '1e400', 'NaN', '1 h 2', '99999999999999999d'])(
    'refuses %j and says what it expected',
    (text) => {
      expect(() => parseDuration(text, 'ttl')).toThrow(
        `ttl: expected a duration such as 30s, 5m, 24h or 7d, or a number of seconds, got ${JSON.stringify(text)}`
      )
    }
  )
})
