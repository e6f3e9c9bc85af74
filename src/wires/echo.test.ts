import { describe, expect, it } from 'vitest'
import { Body } from './body.ts'
import { echoed, echoedEvent } from './echo.ts'

const fields = ['metadata', 'user']

describe('fields that an answer repeats', () => {
  it("are the caller's own", () => {
    const answer = Body.fromJson({ id: 'r', metadata: { trace: '1' }, user: 'alice', output: [] })
    expect(echoed(fields, answer, { metadata: { trace: '2' } }).json).toEqual({
      id: 'r',
      metadata: { trace: '2' },
      user: null,
      output: []
    })
    expect(echoed(fields, answer, {}).json).toEqual({ id: 'r', metadata: {}, user: null, output: [] })
  })

  it('cost nothing when they are right already, and are not added where there are none', () => {
    const answer = Body.fromBytes(Buffer.from('{"id": "r",  "metadata": {"trace": "1"}}'))
    expect(echoed(fields, answer, { metadata: { trace: '1' }, user: 'bob' })).toBe(answer)
  })

  it('leave alone what is no answer', () => {
    const answer = Body.fromBytes(Buffer.from('<html>'))
    expect(echoed(fields, answer, {})).toBe(answer)
  })

  it("are the caller's own in a stream's events too", () => {
    const event = {
      event: 'response.created',
      data: '{"type":"response.created","response":{"id":"r","user":"alice"}}'
    }
    expect(echoedEvent(fields, event, { user: 'bob' }).data).toBe(
      '{"type":"response.created","response":{"id":"r","user":"bob"}}'
    )
    expect(echoedEvent(fields, event, { user: 'alice' })).toBe(event)
    for (const data of ['[DONE]', '{"response": nonsense', '{"response":1}']) {
      const other = { data }
      expect(echoedEvent(fields, other, {})).toBe(other)
    }
  })
})
