import { describe, expect, it } from 'vitest'
import {
  breaks,
  type Reply,
  refuses,
  requestOf,
  routerOver,
  says,
  saysBody,
  streams,
  target
} from '../../test/support/routed.ts'
import { ProviderError, RepriseError } from '../core/errors.ts'
import type { Delta } from '../core/handler.ts'
import type { Json } from '../core/json.ts'
import type { Crossing } from '../wires/crossing.ts'
import { WireContent } from '../wires/wire-request.ts'

/** A crossing that can be seen to have been at work. */
const toy: Crossing = {
  from: 'openai-chat',
  to: 'anthropic-messages',
  request({ messages, stream, ...rest }, model) {
    if (rest['seed'] !== undefined) return { unsuitable: 'the field seed has no counterpart' }
    if (rest['user'] === 'bad') return { request: { model } }
    return {
      request: { model, max_tokens: 1, ...(messages === undefined ? {} : { messages }), stream: stream ?? false }
    }
  },
  answer(answer) {
    if (answer['content'] === 'senseless') throw new RepriseError('provider-malformed', 'it makes no sense')
    return { carried: answer }
  },
  stream: () => ({
    add: ({ data }) => (data === 'nothing' ? [] : [{ data: `${data}, carried` }, { data: 'and more' }]),
    end: () => []
  })
}

const message = { type: 'message', content: [{ type: 'text', text: 'hello' }], stop_reason: 'end_turn' }

function crossing(replies: readonly Reply[], others: Readonly<Record<string, readonly Reply[]>> = {}) {
  return routerOver({
    providers: { a: replies, ...others },
    wires: { a: ['anthropic-messages'] },
    plan: {
      targets: [target('a', { model: 'theirs' }), ...Object.keys(others).map((name) => target(name))],
      retry: { attempts: 0, onStatusCodes: [], maxWaitMs: 0 }
    },
    parts: {
      crossingBetween: (from, to) => (from.name === toy.from && to.name === toy.to ? toy : undefined)
    }
  })
}

describe('a request to a provider of another dialect', () => {
  it('is carried over with nothing of the caller left on it that is not the other one’s business', async () => {
    const { ask, provider } = crossing([saysBody(message)])
    const headers = {
      authorization: 'Bearer secret',
      'x-api-key': 'secret',
      'openai-organization': 'mine',
      'openai-beta': 'x',
      'x-stainless-os': 'Linux',
      'content-type': 'application/json',
      'user-agent': 'test/1',
      traceparent: '00-1'
    }
    await ask({}, requestOf({}, undefined, headers))
    const [request] = provider('a').requests
    expect(request?.content.wire.name).toBe('anthropic-messages')
    expect(request?.content.json).toEqual({
      model: 'theirs',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'hi' }],
      stream: false
    })
    expect(request?.headers).toEqual({
      'user-agent': 'test/1',
      traceparent: '00-1',
      'anthropic-version': '2023-06-01'
    })
  })

  it('leaves its query and its dialect’s versions behind', async () => {
    const { ask, provider } = crossing([saysBody(message)])
    const { content } = requestOf()
    const asked = new WireContent(content.wire, content.raw, '?key=secret', { 'openai-beta': 'x' })
    await ask({}, { content: asked, headers: {} })
    expect(provider('a').requests[0]?.content).toMatchObject({ query: '', versions: {} })
  })

  it('gets its answer back in its own dialect, with what headers mean the same in both', async () => {
    const { ask } = crossing([saysBody(message)])
    const { value, origin } = await ask()
    expect(value.json).toEqual({ carried: message })
    expect(origin).toMatchObject({ provider: 'a', model: 'said', costUsd: 0.5, usage: { inputTokens: 10 } })
    expect(origin.headers).toEqual({ 'content-type': 'application/json', 'x-request-id': 'r-1', 'request-id': 'r-1' })
  })

  it('gets a stream back event by event, and the whole of it too', async () => {
    const deltas: Delta[] = []
    const headers = { 'content-type': 'text/event-stream', 'request-id': 'r-1', 'anthropic-ratelimit': '1' }
    const { ask } = crossing([
      streams(
        [
          { data: 'nothing', headers },
          { event: 'e', data: 'one' },
          { comment: true, data: 'alive' }
        ],
        saysBody(message)
      )
    ])
    const { value } = await ask({ onDelta: (delta) => deltas.push(delta) }, requestOf({ stream: true }))
    expect(deltas).toEqual([
      {
        data: 'one, carried',
        headers: { 'content-type': 'text/event-stream; charset=utf-8', 'x-request-id': 'r-1', 'request-id': 'r-1' },
        provider: 'a'
      },
      { data: 'and more' },
      { comment: true, data: 'alive' }
    ])
    expect(value.json).toEqual({ carried: message })
  })

  it('may still go elsewhere as long as nothing of its stream was worth telling', async () => {
    const deltas: Delta[] = []
    const { ask } = crossing([streams([{ data: 'nothing' }], breaks('ECONNRESET'))], {
      b: [streams([{ data: 'b' }], says('b'))]
    })
    await ask({ onDelta: (delta) => deltas.push(delta) }, requestOf({ stream: true }))
    expect(deltas).toEqual([{ data: 'b', provider: 'b' }])
  })

  it('gets a refusal in its own form: the status, the words, and when to come back', async () => {
    const { ask } = crossing([refuses(429, { 'retry-after': '7', 'anthropic-ratelimit': '1' })])
    const error = await ask().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ProviderError)
    const { status, headers, body } = error as ProviderError
    expect(status).toBe(429)
    expect(headers).toEqual({ 'retry-after': '7', 'content-type': 'application/json' })
    expect(JSON.parse(Buffer.from(body).toString())).toEqual({
      error: { message: 'fake: status 429', type: 'rate_limit_error', param: null, code: 'some_error' }
    })
  })

  it('goes to the next target when the answer cannot be carried back', async () => {
    const { ask } = crossing([saysBody({ ...message, content: [] })], { b: [says('from b')] })
    expect((await ask()).origin.provider).toBe('a')
    const senseless = crossing([saysBody({ type: 'message', content: 'senseless' })], { b: [says('from b')] })
    expect((await senseless.ask()).origin.provider).toBe('b')
  })

  it.each<[string, Json, string]>([
    ['that has no counterpart', { seed: 1 }, 'the field seed has no counterpart'],
    ['that makes no sense there', { user: 'bad' }, 'the request cannot be carried over: messages: expected']
  ])('is not made of one %s', async (_name, body, reason) => {
    const { ask, provider } = crossing([], { b: [says('from b')] })
    const skipped: string[] = []
    const { origin } = await ask(
      { observe: (event) => event.type === 'skipped' && skipped.push(event.detail) },
      requestOf(body)
    )
    expect(origin.provider).toBe('b')
    expect(skipped).toEqual([expect.stringContaining(reason)])
    expect(provider('a').requests).toHaveLength(0)
  })

  it('is not made of one whose numbers would come out as others', async () => {
    const { ask, provider } = crossing([])
    const { content } = requestOf()
    const raw = Buffer.from(content.raw.toString().replace('{', '{"metadata":{"id":12345678901234567890},'))
    const exact = new WireContent(content.wire, raw)
    await expect(ask({}, { content: exact, headers: {} })).rejects.toThrow('12345678901234567890')
    expect(provider('a').requests).toHaveLength(0)
  })
})
