import { describe, expect, it } from 'vitest'
import type { Event } from '../core/events.ts'
import { eventLine } from './event-line.ts'

const error = new Error('gone')

describe('what the operator is told', () => {
  it.each<[Event, string | undefined]>([
    [{ type: 'opened', part: 'store', error }, 'store does not answer, going on without it: gone'],
    [{ type: 'closed', part: 'store' }, 'store is back'],
    [{ type: 'failed', part: 'store', operation: 'decode', error }, 'gone: deleted'],
    [{ type: 'failed', part: 'switches', operation: 'decode', error }, 'gone'],
    [{ type: 'failed', part: 'store', operation: 'get', error }, undefined],
    [{ type: 'failed', part: 'budgets', operation: 'count', error }, 'budgets: gone'],
    [{ type: 'fell-back', from: 'a/m', to: 'b/m', reason: 'r' }, 'a/m did not answer, asking b/m: r'],
    [{ type: 'skipped', target: 'a/m', reason: 'over-budget', detail: 'd' }, 'a/m is not asked (over-budget): d'],
    [{ type: 'skipped', target: 'a/m', reason: 'left-out', detail: 'd' }, undefined],
    [{ type: 'switched', layer: 'exact', on: false }, 'exact is switched off'],
    [{ type: 'miss', layer: 'exact', kind: 'llm', key: 'k', tookMs: 1 }, undefined]
  ])('of %j is %j', (event, line) => {
    expect(eventLine(event)).toBe(line)
  })

  it.each<[Event, string]>([
    [
      { type: 'fell-back', from: 'a/m', to: 'b/m', reason: 'answered 401: no such key: sk-1' },
      'a/m did not answer, asking b/m: answered 401'
    ],
    [
      { type: 'opened', part: 'a/m', error: new Error('the stream began with an error: {"error":"How do I"}') },
      'a/m does not answer, going on without it: the stream began with an error'
    ],
    [
      { type: 'fell-back', from: 'a/m', to: 'b/m', reason: 'a at http://a could not be reached: connect ECONNREFUSED' },
      'a/m did not answer, asking b/m: a at http://a could not be reached: connect ECONNREFUSED'
    ]
  ])('is not what a provider may have repeated of a prompt or a key: %j', (event, line) => {
    expect(eventLine(event)).toBe(line)
  })

  it('is one line of a bearable length, whatever a caller has named its model', () => {
    const part = `openai/m\n2026-01-01T00:00:00Z store is back\r\u001b[2J${'x'.repeat(5000)}`
    const line = eventLine({ type: 'closed', part })
    expect(line).toMatch(/^openai\/m 2026-01-01T00:00:00Z store is back \[2Jx{900,}\.\.\.$/)
    expect(line?.length).toBeLessThan(1010)
  })
})
