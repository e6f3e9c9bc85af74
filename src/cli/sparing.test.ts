import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { sparing } from './sparing.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('a line that comes again and again', () => {
  it('is printed at once, and then only how often it came', () => {
    const printed: string[] = []
    const say = sparing((line) => printed.push(line))
    for (let time = 0; time < 100; time++) say('openai is down')
    say('anthropic is down')
    expect(printed).toEqual(['openai is down', 'anthropic is down'])
    vi.advanceTimersByTime(10_000)
    expect(printed.slice(2)).toEqual(['openai is down (99 more times within 10 s)'])
    say('openai is down')
    expect(printed).toHaveLength(4)
  })

  it('is the same line whatever has been spent meanwhile', () => {
    const printed: string[] = []
    const say = sparing((line) => printed.push(line))
    for (const spent of ['0.998', '1.00']) say(`gpt-4o is not asked (over-budget): $${spent} of $1 are spent`)
    say('gpt-5 is not asked (over-budget): $1.00 of $1 are spent')
    expect(printed).toHaveLength(2)
  })
})
