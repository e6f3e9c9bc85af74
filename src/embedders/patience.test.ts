import { describe, expect, it } from 'vitest'
import { ProviderError, RepriseError } from '../core/errors.ts'
import { patienceOf, pause } from './patience.ts'

function refusal(status: number, headers: Readonly<Record<string, string>> = {}): ProviderError {
  return new ProviderError('openai', status, headers, new Uint8Array())
}

const always = (): number => 1

describe('patienceOf', () => {
  it.each([408, 409, 429, 500, 502, 503, 504, 529])('has patience with %i', (status) => {
    expect(patienceOf(refusal(status), 0)).toBeGreaterThanOrEqual(0)
  })

  it.each([400, 401, 403, 404, 413, 422])('has none with %i', (status) => {
    expect(patienceOf(refusal(status, { 'retry-after': '1' }), 0)).toBeUndefined()
  })

  it.each([
    ['provider-unreachable', true],
    ['provider-timeout', true],
    ['provider-malformed', false],
    ['aborted', false],
    ['invalid-option', false]
  ] as const)('takes %s for one that may pass: %s', (code, expected) => {
    expect(patienceOf(new RepriseError(code, 'x'), 0) !== undefined).toBe(expected)
  })

  it('has none with a mistake of our own', () => {
    expect(patienceOf(new TypeError('x'), 0)).toBeUndefined()
  })

  it('waits twice as long each time, up to eight seconds, and by chance less', () => {
    const waits = [0, 1, 2, 3, 4, 5, 60].map((attempt) => patienceOf(refusal(500), attempt, always))
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000])
    expect(patienceOf(refusal(500), 2, () => 0.25)).toBe(250)
  })

  it('waits as long as the provider says, and gives up when that is too long', () => {
    expect(patienceOf(refusal(429, { 'retry-after': '2' }), 0)).toBe(2000)
    expect(patienceOf(refusal(429, { 'retry-after': '2', 'retry-after-ms': '120' }), 0)).toBe(120)
    expect(patienceOf(refusal(429, { 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }), 0)).toBe(0)
    expect(patienceOf(refusal(429, { 'retry-after': '60' }), 0)).toBeUndefined()
    expect(
      patienceOf(refusal(429, { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() }), 0)
    ).toBeUndefined()
    expect(patienceOf(refusal(429, { 'retry-after': 'soon' }), 0, always)).toBe(250)
  })
})

describe('pause', () => {
  it('ends when nobody waits any more', async () => {
    const leaving = new AbortController()
    const waiting = pause(3_600_000, leaving.signal)
    leaving.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' })
    await expect(pause(0, undefined)).resolves.toBeUndefined()
  })
})
