import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Options, type SimulatedProvider, simulatedProvider } from '../simulated-provider.ts'

let provider: SimulatedProvider
afterEach(() => provider.close())

async function start(options: Options = {}) {
  provider = await simulatedProvider(options)
  const openai = new OpenAI({ apiKey: 'key', baseURL: provider.openaiUrl, maxRetries: 0 })
  const anthropic = new Anthropic({ apiKey: 'key', baseURL: provider.anthropicUrl, maxRetries: 0 })
  return { openai, anthropic }
}

function chat(content: string): { model: string; messages: OpenAI.ChatCompletionMessageParam[] } {
  return { model: 'gpt-4o-mini', messages: [{ role: 'user', content }] }
}
function message(content: string): Anthropic.MessageCreateParamsNonStreaming {
  return { model: 'claude-haiku-4-5', max_tokens: 1000, messages: [{ role: 'user', content }] }
}
function thrown(promise: PromiseLike<unknown>): Promise<unknown> {
  return Promise.resolve(promise).then(
    () => undefined,
    (error: unknown) => error
  )
}
async function drain(stream: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of stream) count += 1
  return count
}

describe('a fault', () => {
  it('is met once, in order, or by every request', async () => {
    const { openai } = await start()
    const status = async () =>
      ((await thrown(openai.chat.completions.create(chat('x')))) as { status?: number } | undefined)?.status
    provider.fail({ status: 429 }, 'none', { status: 503 })
    expect([await status(), await status(), await status(), await status()]).toEqual([429, undefined, 503, undefined])
    provider.fail({ every: { status: 500 } }, { status: 529 })
    expect([await status(), await status(), await status()]).toEqual([529, 500, 500])
  })

  it('with a status comes out as the error of the SDK', async () => {
    const { openai, anthropic } = await start()
    provider.fail({ status: 429, headers: { 'retry-after': '7' } }, { status: 500 }, { status: 429 }, { status: 529 })
    const limited = await thrown(openai.chat.completions.create(chat('x')))
    expect(limited).toBeInstanceOf(OpenAI.RateLimitError)
    expect((limited as InstanceType<typeof OpenAI.APIError>).headers?.get('retry-after')).toBe('7')
    expect(await thrown(openai.chat.completions.create(chat('x')))).toBeInstanceOf(OpenAI.InternalServerError)
    expect(await thrown(anthropic.messages.create(message('x')))).toBeInstanceOf(Anthropic.RateLimitError)
    const overloaded = await thrown(anthropic.messages.create(message('x')))
    expect(overloaded).toMatchObject({ status: 529, type: 'overloaded_error' })
    expect(provider.calls.every((call) => call.outcome === 'failed')).toBe(true)
  })

  it('can say what it likes', async () => {
    const { openai } = await start()
    provider.fail({ status: 403, body: { error: { message: 'No.', type: 'policy', param: null, code: 'no' } } })
    expect(await thrown(openai.chat.completions.create(chat('x')))).toMatchObject({
      status: 403,
      code: 'no',
      type: 'policy'
    })
  })

  it('cuts a stream off after so many events', async () => {
    const { openai, anthropic } = await start()
    provider.fail({ cut: 5 }, 'cut')
    let seen = 0
    const error = await thrown(
      (async () => {
        for await (const _ of await openai.chat.completions.create({ ...chat('x'), stream: true })) seen += 1
      })()
    )
    expect(error).toBeInstanceOf(Error)
    expect(seen).toBe(5)
    expect(await thrown(anthropic.messages.stream(message('x')).finalMessage())).toBeInstanceOf(
      Anthropic.AnthropicError
    )
    expect(provider.calls.map((call) => call.outcome)).toEqual(['failed', 'failed'])
  })

  it('cuts a plain answer off in the middle', async () => {
    const { openai } = await start()
    provider.fail('cut-plain')
    const response = await openai.chat.completions.create(chat('x')).asResponse()
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(200)
    expect(await thrown(response.text())).toBeInstanceOf(Error)
    expect(provider.calls).toMatchObject([{ outcome: 'failed' }])
  })

  it('breaks the JSON, plain and in a stream', async () => {
    const { openai } = await start()
    provider.fail('malformed', 'malformed')
    expect(await thrown(openai.chat.completions.create(chat('x')))).toBeInstanceOf(SyntaxError)
    const silent = openai.withOptions({ logLevel: 'off' })
    const error = await thrown(silent.chat.completions.stream(chat('x')).finalChatCompletion())
    expect(error).toMatchObject({ cause: expect.any(SyntaxError) })
  })

  it('tells of an error in mid-stream, in the dialect', async () => {
    const { openai, anthropic } = await start()
    provider.fail('stream-error', 'stream-error', 'stream-error')
    const stream = await openai.chat.completions.create({ ...chat('x'), stream: true })
    expect(await thrown(drain(stream))).toMatchObject({ type: 'server_error' })
    const messages = await anthropic.messages.create({ ...message('x'), stream: true })
    expect(await thrown(drain(messages))).toMatchObject({ type: 'overloaded_error' })
    expect(await thrown(openai.chat.completions.create(chat('x')))).toMatchObject({ status: 500 })
  })

  it('truncates, filters or empties an answer', async () => {
    const { openai, anthropic } = await start()
    provider.fail('truncate', 'filter', 'empty', 'truncate', 'filter', 'empty')
    const finishes = []
    for (let index = 0; index < 3; index++) {
      const { choices } = await openai.chat.completions.create(chat('x'))
      finishes.push([choices[0]?.finish_reason, choices[0]?.message.content === ''])
    }
    for (let index = 0; index < 3; index++) {
      const { stop_reason, content } = await anthropic.messages.stream(message('x')).finalMessage()
      finishes.push([stop_reason, content.length === 0])
    }
    expect(finishes).toEqual([
      ['length', false],
      ['content_filter', false],
      ['stop', true],
      ['max_tokens', false],
      ['refusal', false],
      ['end_turn', true]
    ])
  })

  it('hangs until the caller gives up', async () => {
    const { openai } = await start()
    provider.fail('hang')
    const error = await thrown(openai.chat.completions.create(chat('x'), { timeout: 50 }))
    expect(error).toBeInstanceOf(OpenAI.APIConnectionTimeoutError)
    await vi.waitFor(() => expect(provider.calls).toMatchObject([{ outcome: 'aborted' }]))
  })
})

describe('a caller who leaves', () => {
  it('ends a stream that is being made', async () => {
    const { openai } = await start({ delay: { firstTokenMs: 1, perTokenMs: 5 } })
    let seen = 0
    for await (const _ of await openai.chat.completions.create({ ...chat('x'), stream: true })) {
      seen += 1
      if (seen === 3) break
    }
    await vi.waitFor(() => expect(provider.calls).toMatchObject([{ outcome: 'aborted' }]))
  })

  it('ends a plain answer that is being made', async () => {
    const { anthropic } = await start({ delay: { firstTokenMs: 60_000, perTokenMs: 0 } })
    const leaving = new AbortController()
    const answer = thrown(anthropic.messages.create(message('x'), { signal: leaving.signal }))
    await vi.waitFor(() => expect(provider.count()).toBe(1))
    leaving.abort()
    expect(await answer).toBeInstanceOf(Anthropic.APIUserAbortError)
    await vi.waitFor(() => expect(provider.calls).toMatchObject([{ outcome: 'aborted' }]))
  })

  it('is not there when the provider closes', async () => {
    const { openai } = await start()
    provider.fail('hang')
    const answer = thrown(openai.chat.completions.create(chat('x')))
    await vi.waitFor(() => expect(provider.count()).toBe(1))
    await provider.close()
    expect(await answer).toBeInstanceOf(OpenAI.APIConnectionError)
  })
})
