import { describe, expect, it } from 'vitest'
import { Reasons } from './reasons.ts'

describe('Reasons', () => {
  it('counts each, and those beyond the first twenty together', () => {
    const reasons = new Reasons()
    for (let index = 0; index < 25; index++) reasons.add(`request ${index} failed`, 2)
    reasons.add('request 0 failed')
    reasons.add('nothing', 0)
    expect(reasons.total).toBe(51)
    expect(reasons.counts.size).toBe(21)
    expect(reasons.counts.get('request 0 failed')).toBe(3)
    expect(reasons.counts.get('other reasons')).toBe(10)
  })

  it('shows no control character of who has said them, and no more than bears to be read', () => {
    const reasons = new Reasons()
    reasons.add('\u001b[2Jgone\r\n'.concat('x'.repeat(1000)))
    const [why = ''] = reasons.counts.keys()
    expect([why.slice(0, 9), why.length]).toEqual([' [2Jgone ', 300])
  })
})
