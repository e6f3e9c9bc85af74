import { describe, expect, it } from 'vitest'
import { readControls } from './controls.ts'

describe("a request's controls", () => {
  it.each([
    ['no-store', { noStore: true }],
    ['No-Cache', { noCache: true }],
    ['only-if-cached, max-stale', { onlyIfCached: true, maxStaleMs: Number.MAX_SAFE_INTEGER }],
    ['max-age=60, max-stale=30', { maxAgeMs: 60_000, maxStaleMs: 30_000 }],
    ['max-age="0"', { maxAgeMs: 0 }],
    ['max-age=soon, private, x=y', {}],
    ['', {}]
  ])('reads cache-control: %s', (value, mode) => {
    expect(readControls({ 'cache-control': value }).mode).toEqual(mode)
  })

  it('reads tags, time to live and scope', () => {
    const headers = {
      'x-reprise-tags': 'masterplan:42, team:a,,team:a',
      'x-reprise-ttl': '90',
      'x-reprise-scope': 'eu'
    }
    expect(readControls(headers)).toEqual({ mode: {}, tags: ['masterplan:42', 'team:a'], ttlMs: 90_000, scope: 'eu' })
  })

  it.each([
    [{ 'x-reprise-ttl': '-1' }, 'x-reprise-ttl: expected a duration'],
    [{ 'x-reprise-tags': 'x'.repeat(257) }, 'expected tags of at most 256 characters, got one of 257'],
    [
      { 'x-reprise-tags': Array.from({ length: 65 }, (_, index) => `t${index}`).join() },
      'expected at most 64 tags, got 65'
    ]
  ])('says what is wrong with %j', (headers, message) => {
    expect(() => readControls(headers)).toThrow(message)
  })
})
