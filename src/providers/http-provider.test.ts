import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type OverhearingServer, overhearingServer } from '../../test/support/overhearing-server.ts'
import { contextOf } from '../core/context.ts'
import { type Event, ignore } from '../core/events.ts'
import type { Delta } from '../core/handler.ts'
import { openaiChat } from '../wires/openai-chat.ts'
import { WireContent } from '../wires/wire-request.ts'
import { httpProvider } from './http-provider.ts'
import type { Provider } from './provider.ts'

const content = new WireContent(openaiChat, Buffer.from('{"model":"m","messages":[{"role":"user","content":"a"}]}'))
const answer =
  '{"id":"1","model":"m-1","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"a"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
const context = contextOf({}, ignore)

let server: OverhearingServer
let provider: Provider

beforeAll(async () => {
  server = await overhearingServer()
  provider = httpProvider({ name: 'mine', baseUrl: `${server.url}/v1` })
})
beforeEach(() => server.answer(answer))
afterAll(async () => {
  await provider.close()
  await server.close()
})

/** The body of the last request. */
function sent(): string {
  return server.heard.at(-1)?.split('\r\n\r\n')[1] ?? ''
}

describe('httpProvider', () => {
  it('speaks every wire, and has its own prices, when nothing else is said', () => {
    expect(provider).toMatchObject({ pricesOf: 'mine', name: 'mine' })
    expect(provider.wires).toEqual(['openai-chat', 'openai-responses', 'anthropic-messages', 'openai-embeddings'])
  })

  it('keeps a plain answer byte for byte, and says what it used', async () => {
    const events: Event[] = []
    const { value, origin } = await provider.ask(
      { content, headers: {} },
      contextOf({}, (event) => events.push(event))
    )
    expect(Buffer.from(value.bytes).toString()).toBe(answer)
    expect(origin).toMatchObject({
      layer: 'provider',
      provider: 'mine',
      model: 'm-1',
      usage: { inputTokens: 1, outputTokens: 2 }
    })
    expect(events).toEqual([
      { type: 'asked', provider: 'mine', wire: 'openai-chat', ok: true, tookMs: expect.any(Number) }
    ])
    expect(sent()).toBe(content.raw.toString())
  })

  it('passes on as it came what is no answer: whoever routes looks for itself', async () => {
    server.answer('<html>', { headers: { 'content-type': 'text/html' } })
    const { value } = await provider.ask({ content, headers: {} }, context)
    expect(Buffer.from(value.bytes).toString()).toBe('<html>')
  })

  it('sets a field where the request has it and where it has numbers that a double cannot hold', async () => {
    const raw =
      '{"model":"m", "stream_options" : {"x":1} ,"seed":9007199254740993,"stream":true,"messages":[{"role":"user"}]}'
    const stream = `data: {"id":"1","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`
    server.answer(stream, { headers: { 'content-type': 'text/event-stream' } })
    const deltas: Delta[] = []
    const asked = { ...context, onDelta: (delta: Delta) => deltas.push(delta) }
    await provider.ask({ content: new WireContent(openaiChat, Buffer.from(raw)), headers: {} }, asked)
    expect(sent()).toBe(raw.replace('{"x":1}', '{"x":1,"include_usage":true}'))
    expect(deltas.length).toBe(2)
  })

  it('says what a provider said no with, in its own words', async () => {
    server.answer('{"error":{}}', { status: 429, headers: { 'retry-after': '2' } })
    await expect(provider.ask({ content, headers: {} }, context)).rejects.toMatchObject({
      name: 'ProviderError',
      status: 429,
      headers: { 'retry-after': '2' }
    })
  })

  it('says that nobody is there', async () => {
    const gone = httpProvider({ name: 'gone', baseUrl: 'http://127.0.0.1:1' })
    await expect(gone.ask({ content, headers: {} }, context)).rejects.toMatchObject({ code: 'provider-unreachable' })
    await gone.close()
  })

  it.each([
    ['https', { connectTimeoutMs: 20 }, 'could not be reached in time'],
    ['http', { silenceTimeoutMs: 20 }, 'fell silent']
  ])('calls a silent %s server too slow', async (protocol, timeouts, words) => {
    // Takes connections and says nothing, so that neither TLS nor an answer ever comes about.
    const silent = createServer((socket) => socket.on('error', () => {}).resume())
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const slow = httpProvider({ name: 'slow', baseUrl: `${protocol}://127.0.0.1:${port}`, ...timeouts })
    try {
      const failure = slow.ask({ content, headers: {} }, context)
      await expect(failure).rejects.toMatchObject({ code: 'provider-timeout', status: 504, retryable: true })
      await expect(failure).rejects.toThrow(`slow at ${protocol}://127.0.0.1:${port} ${words}`)
    } finally {
      await slow.close()
      silent.close()
    }
  })

  it('says that the caller has gone', async () => {
    const gone = contextOf({ signal: AbortSignal.abort() }, ignore)
    await expect(provider.ask({ content, headers: {} }, gone)).rejects.toMatchObject({ code: 'aborted' })
  })
})
