import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { openai } from './dialects.ts'
import type { StreamEvent } from './endpoint.ts'
import { Pace } from './pace.ts'
import { type Call, Visit } from './visit.ts'

describe('a visit', () => {
  it('stops drawing from a stream without end when the caller leaves', async () => {
    let drawn = 0
    function* endless(): Generator<StreamEvent> {
      for (;;) {
        drawn += 1
        yield { data: `event ${drawn}`, tokens: 1 }
      }
    }
    const call: Call = {
      endpoint: 'chat',
      method: 'GET',
      path: '/',
      model: undefined,
      stream: true,
      body: undefined,
      headers: {},
      startedAtMs: 0,
      outcome: 'pending'
    }
    const server = createServer()
    const ended = new Promise<void>((resolve) => {
      server.once('request', (request, response) => {
        const options = { call, dialect: openai, ordinal: 1, salt: 'x', compress: false, pieceBytes: undefined }
        const visit = new Visit(request, response, 'none', options)
        const pace = new Pace(undefined, Math.random, visit.signal)
        const spoken = { body: {}, outputTokens: 0, events: endless, failure: () => [] }
        visit.stream(spoken, pace).then(resolve)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

    const leaving = new AbortController()
    const { port } = server.address() as AddressInfo
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: leaving.signal })
    await response.body?.getReader().read()
    leaving.abort()

    await ended
    const atTheEnd = drawn
    await new Promise((resolve) => setImmediate(resolve))
    expect(drawn).toBe(atTheEnd)
    expect(call.outcome).toBe('aborted')
    server.close()
  })
})
